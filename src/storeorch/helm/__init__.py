"""The adapter to Helm: the only place that knows its command line, its storage and its errors."""

from storeorch.helm.admission import ChartPolicy
from storeorch.helm.releases import HelmReleases
from storeorch.helm.watchdog import Watchdog

__all__ = ["ChartPolicy", "HelmReleases", "Watchdog"]
