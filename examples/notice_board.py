"""A store type without Helm: ready-made steps, and one of its own."""

from collections.abc import Sequence

from storeorch import Done, Outcome, Step, StoreContext, StoreType, hookimpl
from storeorch.steps import AddressStep, NamespaceStep


class NoticeStep(Step):
    name = "notice"
    condition = "NoticePosted"

    async def apply(self, ctx: StoreContext) -> Outcome:
        notice = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "notice", "labels": ctx.labels},
            "data": {"notice": f"{ctx.store.name} opens soon at {ctx.url}"},
        }
        changed = await ctx.cluster.apply(ctx.namespace, [notice], ctx.owner)
        return Done("The notice is posted.", changed=changed > 0)

    async def remove(self, ctx: StoreContext) -> Outcome:
        # The namespace takes the ConfigMap along.
        return Done("The notice goes with the namespace.")


class NoticeBoard(StoreType):
    name = "notice-board"
    title = "Notice board"
    description = "A namespace with a notice: the smallest store there is."

    def steps(self) -> Sequence[Step]:
        return (NamespaceStep(), NoticeStep(), AddressStep())


@hookimpl
def storeorch_store_types() -> Sequence[StoreType]:
    return [NoticeBoard()]
