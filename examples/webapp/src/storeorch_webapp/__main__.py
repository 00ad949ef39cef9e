"""``python -m storeorch_webapp``."""

from storeorch_webapp.cli import main

if __name__ == "__main__":
    main()
