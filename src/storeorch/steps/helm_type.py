"""Base class of store types that are a Helm chart: name the chart, give the values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from typing_extensions import override

from storeorch.parameters import Parameters
from storeorch.ports import STORE_VALUES, ReleaseRequest
from storeorch.steps.address import AddressStep
from storeorch.steps.credentials import CREDENTIALS_SECRET, CredentialsStep
from storeorch.steps.guardrails import GuardrailsStep, Quota
from storeorch.steps.namespace import NamespaceStep
from storeorch.steps.release import ReleaseStep
from storeorch.steps.storefront import ServedPage, StorefrontStep
from storeorch.steps.workloads import WorkloadsStep
from storeorch.storetype import Step, StoreContext, StoreType

_DIGEST_LENGTH: Final = 40
"""Characters of the SHA-256 that are kept: a label holds 63, and 160 bits do not collide."""


class HelmStoreType(StoreType):
    """A store type whose stores are Helm releases of one chart.

    The chart is given, beside the type's own values, ``storeorch.storeId``,
    ``storeName``, ``host``, ``url``, ``labels`` (for every object and pod
    template) and ``credentialsSecret`` (a Secret with the keys of ``credentials``),
    and ``ingress.className``.

    Attributes:
        chart: Folder of the chart.
        credentials: Length in characters of each generated credential, by key.
        http_port: Port on which the store's pods take traffic from the ingress.
        quota: What one store may take of the cluster.
        pages: What a store has to serve through the ingress before it is ready.
    """

    chart: ClassVar[Path]
    credentials: ClassVar[Mapping[str, int]] = {}
    http_port: ClassVar[int] = 80
    quota: ClassVar[Quota] = Quota()
    pages: ClassVar[Sequence[ServedPage]] = (ServedPage("/"),)

    def values(self, ctx: StoreContext) -> Mapping[str, Any]:
        """Return the chart's values for a store; they must hold no secret.

        Unless overridden, the parameters are the values, with camelCase keys.

        Args:
            ctx: The store; ``ctx.parameters`` is an instance of ``parameters``.
        """
        if isinstance(ctx.parameters, Parameters):
            return ctx.parameters.chart_values()
        return ctx.parameters.model_dump(mode="json")

    def public_egress(self, ctx: StoreContext) -> bool:
        """Say whether a store's pods may reach public addresses, for example to take payments.

        Unless overridden, the parameter ``egress`` says it, and without one they may not.
        """
        return getattr(ctx.parameters, "egress", "none") == "public"

    @override
    def steps(self) -> Sequence[Step]:
        return (
            NamespaceStep(),
            GuardrailsStep(
                quota=self.quota, http_port=self.http_port, public_egress=self.public_egress
            ),
            CredentialsStep(self.credentials),
            ReleaseStep(self.release_request),
            WorkloadsStep(self.release_request),
            AddressStep(),
            StorefrontStep(*self.pages),
        )

    def release_request(self, ctx: StoreContext) -> ReleaseRequest:
        """Return what to install for a store: chart, values, and the digest of both."""
        values = {
            **self.values(ctx),
            STORE_VALUES: {
                "storeId": ctx.store.id,
                "storeName": ctx.store.name,
                "host": ctx.store.host,
                "url": ctx.url,
                "labels": ctx.labels,
                "credentialsSecret": CREDENTIALS_SECRET,
            },
        }
        ingress = dict(values.get("ingress", {}))
        ingress["className"] = ingress.get("className") or ctx.settings.ingress_class
        values["ingress"] = ingress
        content = json.dumps(values, sort_keys=True, separators=(",", ":"))
        made_from = f"{ctx.releases.chart_digest(self.chart)}\n{content}"
        return ReleaseRequest(
            namespace=ctx.namespace,
            name=ctx.store.helm_release,
            chart=self.chart,
            values=values,
            digest=hashlib.sha256(made_from.encode()).hexdigest()[:_DIGEST_LENGTH],
        )
