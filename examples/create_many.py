"""Create several stores side by side and print what happens to each."""

import asyncio
import sys

from storeorch import Orchestrator


async def follow(o: Orchestrator, name: str, type_name: str) -> None:
    """Create one store and print every step until it is settled."""
    store = await o.create(name, type=type_name)
    async for seen in o.watch(store.id):
        waiting = next((c.message for c in seen.conditions if not c.status), "")
        print(f"{seen.name}: {seen.status}, {seen.progress:.0%}. {waiting}")
        if seen.observed_generation == seen.generation and seen.status in {"ready", "failed"}:
            return


async def main(names: list[str], type_name: str = "woocommerce") -> None:
    """Create all stores at once."""
    async with Orchestrator.from_settings() as o, asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(follow(o, name, type_name))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["north", "south", "west"]))
