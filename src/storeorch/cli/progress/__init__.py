"""Show stores while they become what they were declared to be.

`follow_stores` shows any number of stores side by side until all are settled:
as a live picture on a terminal, as plain lines elsewhere.
"""

from __future__ import annotations

from storeorch.cli.progress.follow import WatchesStores, follow_stores
from storeorch.cli.progress.view import StepState, StepView, StoreView, settled

__all__ = [
    "StepState",
    "StepView",
    "StoreView",
    "WatchesStores",
    "follow_stores",
    "settled",
]
