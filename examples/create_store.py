"""Create a store and wait until it is ready; an engine runs inside meanwhile."""

import asyncio

from storeorch import Orchestrator


async def main() -> None:
    """Declare one WooCommerce shop and print its address."""
    async with Orchestrator.from_settings() as o:
        store = await o.create("my-store", type="woocommerce")
        ready = await o.wait(store.id, timeout=600)
        print(ready.url if ready else "It was deleted meanwhile.")


if __name__ == "__main__":
    asyncio.run(main())
