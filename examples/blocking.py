"""The blocking API, for programs without an event loop."""

from storeorch.errors import StoreFailed
from storeorch.sync import Orchestrator


def main() -> None:
    """Create a store, say how it went, and delete it."""
    with Orchestrator.from_settings() as o:
        store = o.create("my-store", type="woocommerce")
        try:
            ready = o.wait(store.id, timeout=600)
            print(ready.url if ready else "It was deleted meanwhile.")
        except StoreFailed as error:
            print(error.message, error.hint or "")
        o.delete(store.id)
        o.wait(store.id)


if __name__ == "__main__":
    main()
