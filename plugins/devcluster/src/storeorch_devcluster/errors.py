"""Errors of the development cluster.

```
EnvironmentNotReady                (storeorch.errors, exit code 4)
└── DevClusterError
    ├── GoMissing                  no Go toolchain, and none could be installed
    ├── BuildFailed                the cluster's programs could not be built
    ├── ClusterStartFailed         the cluster did not become ready
    ├── NodeUnsupported            this machine cannot run a real node
    ├── ImageRefused               an image archive could not be loaded
    ├── NoDevCluster               no development cluster is up
    ├── ProviderMissing            the wanted provider cannot be used here
    ├── ProviderConflict           another development cluster is in the way
    ├── ContextUnusable            the named kubeconfig context cannot be used
    └── StateUnusable              the state folder cannot be used
```

Each hint names the log file where there is one: the text of foreign errors
stays in the log.
"""

from __future__ import annotations

from storeorch.errors import EnvironmentNotReady


class DevClusterError(EnvironmentNotReady):
    """The development cluster is not usable."""

    code = "dev-cluster-error"
    default_hint = "Look at it with: storeorch dev status"


class GoMissing(DevClusterError):
    """No Go toolchain was found, and none could be installed."""

    code = "go-missing"
    default_hint = "Install Go 1.26 or newer, then run this again."


class BuildFailed(DevClusterError):
    """The programs of the development cluster could not be built."""

    code = "dev-build-failed"


class ClusterStartFailed(DevClusterError):
    """The development cluster did not become ready."""

    code = "dev-start-failed"


class NodeUnsupported(DevClusterError):
    """This machine cannot run a real node."""

    code = "dev-node-unsupported"
    default_hint = "Use simulated nodes with: storeorch dev up"


class ImageRefused(DevClusterError):
    """The image archive could not be loaded."""

    code = "dev-image-refused"
    retryable = False
    default_hint = "An archive is a tar file as 'docker save' or 'buildah push' write it."


class NoDevCluster(DevClusterError):
    """No development cluster is up."""

    code = "no-dev-cluster"
    default_hint = "Start one with: storeorch dev up"


class ProviderMissing(DevClusterError):
    """The provider of the development cluster cannot be used on this machine."""

    code = "dev-provider-missing"
    default_hint = "Use the embedded cluster with: storeorch dev up --provider embedded"


class ProviderConflict(DevClusterError):
    """Another development cluster is in the way."""

    code = "dev-provider-conflict"
    retryable = False
    default_hint = "Remove it first with: storeorch dev down"


class ContextUnusable(DevClusterError):
    """The kubeconfig context cannot be used."""

    code = "dev-context-unusable"
    default_hint = "See the contexts with: kubectl config get-contexts"


class StateUnusable(DevClusterError):
    """The state folder of the development cluster cannot be used."""

    code = "dev-state-unusable"
    default_hint = "Set STOREORCH_DEV_HOME to a folder that you may write to."
