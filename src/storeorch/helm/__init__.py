"""The adapter to Helm: the only place that knows its command line, its storage and its errors."""

from storeorch.helm.releases import HelmReleases

__all__ = ["HelmReleases"]
