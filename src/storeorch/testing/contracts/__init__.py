"""One contract suite for each port, for doubles and adapters alike.

Subclass a suite, give its fixtures, and collect it under pytest with
``asyncio_mode = "auto"``. A fake that passes them can be trusted; an adapter that
passes them can be swapped in.

Needs ``storeorch[testing]``.
"""

from storeorch.testing.contracts.cluster import ClusterContract
from storeorch.testing.contracts.hosts import HostsContract
from storeorch.testing.contracts.releases import ReleasesContract
from storeorch.testing.contracts.repository import RepositoryContract
from storeorch.testing.contracts.repository_leases import LeaseContract
from storeorch.testing.contracts.repository_owners import OwnerContract

__all__ = [
    "ClusterContract",
    "HostsContract",
    "LeaseContract",
    "OwnerContract",
    "ReleasesContract",
    "RepositoryContract",
]
