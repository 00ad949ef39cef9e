"""A web API and a dashboard for storeorch, on the library's public API alone.

```console
$ python3 -m storeorch_webapp
```

serves both, with the engine inside. ``create_app`` makes the ASGI application for
servers of one's own.
"""

from storeorch_webapp.app import create_app
from storeorch_webapp.settings import WebSettings

__all__ = ["WebSettings", "create_app"]
