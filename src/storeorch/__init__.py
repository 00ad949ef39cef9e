"""storeorch provisions e-commerce stores on Kubernetes.

Someone asks for a store, a name and a type, and minutes later has a running
shop with its own namespace, quota, database, Helm release and address; it is
kept running, repaired, and removed without a trace when no longer wanted.

```python
from storeorch import Orchestrator

async with Orchestrator.from_settings() as o:
    store = await o.create("my-store", type="woocommerce")
    await o.wait(store.id)
```

What stands here is the public API; ``storeorch.sync`` has the blocking one,
``storeorch.errors`` the errors, ``storeorch.testing`` the kit for authors of
store types. Names are imported when they are used, so that importing storeorch
is cheap.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storeorch.environment import Check
    from storeorch.errors import StoreorchError
    from storeorch.hookspecs import hookimpl
    from storeorch.models import (
        Condition,
        Credentials,
        Delta,
        Event,
        EventKind,
        Fault,
        FieldProblem,
        OwnerLimits,
        Page,
        Status,
        Store,
        StoreFilter,
        StoreOrder,
    )
    from storeorch.operatorlog import operator_log, report_error
    from storeorch.orchestrator import Orchestrator
    from storeorch.parameters import Parameters
    from storeorch.plugins import PluginInfo
    from storeorch.ports import LogLine
    from storeorch.settings import Settings
    from storeorch.steps import HelmStoreType, Quota, ServedPage
    from storeorch.storetype import (
        AdminAccess,
        Done,
        Outcome,
        Step,
        StoreContext,
        StoreType,
        Waiting,
    )

__version__ = "0.1.0"

# Without a handler of the program's own, logging would print tracebacks to standard error.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_HOMES = {
    "AdminAccess": "storetype",
    "Check": "environment",
    "Condition": "models",
    "Credentials": "models",
    "Delta": "models",
    "Done": "storetype",
    "Event": "models",
    "EventKind": "models",
    "Fault": "models",
    "FieldProblem": "models",
    "HelmStoreType": "steps",
    "LogLine": "ports",
    "Orchestrator": "orchestrator",
    "Outcome": "storetype",
    "OwnerLimits": "models",
    "Page": "models",
    "Parameters": "parameters",
    "PluginInfo": "plugins",
    "Quota": "steps",
    "ServedPage": "steps",
    "Settings": "settings",
    "Status": "models",
    "Step": "storetype",
    "Store": "models",
    "StoreContext": "storetype",
    "StoreFilter": "models",
    "StoreOrder": "models",
    "StoreType": "storetype",
    "StoreorchError": "errors",
    "Waiting": "storetype",
    "hookimpl": "hookspecs",
    "operator_log": "operatorlog",
    "report_error": "operatorlog",
}

__all__ = [
    "AdminAccess",
    "Check",
    "Condition",
    "Credentials",
    "Delta",
    "Done",
    "Event",
    "EventKind",
    "Fault",
    "FieldProblem",
    "HelmStoreType",
    "LogLine",
    "Orchestrator",
    "Outcome",
    "OwnerLimits",
    "Page",
    "Parameters",
    "PluginInfo",
    "Quota",
    "ServedPage",
    "Settings",
    "Status",
    "Step",
    "Store",
    "StoreContext",
    "StoreFilter",
    "StoreOrder",
    "StoreType",
    "StoreorchError",
    "Waiting",
    "__version__",
    "hookimpl",
    "operator_log",
    "report_error",
]


def __getattr__(name: str) -> object:
    """Import a public name from the module it lives in."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
