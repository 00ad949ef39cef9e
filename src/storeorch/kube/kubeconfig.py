"""Find the cluster as everyone finds it: KUBECONFIG, ``~/.kube/config``, or from inside a pod.

Several files are merged as client-go does it, which is what Helm follows: the
first file that says something wins. kubernetes' own merger lets the last
``current-context`` win, and so could look at another cluster than Helm does.

This module must not know what is asked of the cluster.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from storeorch.errors import ClusterUnavailable

if TYPE_CHECKING:
    from kubernetes.aio.client import Configuration

_Untyped = Callable[..., Any]
"""How the library's functions without types are seen here."""

_IN_CLUSTER: Final = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


def find(kubeconfig: Path | None, environ: Mapping[str, str]) -> Sequence[Path]:
    """Return the kubeconfig files to merge; none means: from inside a pod.

    Args:
        kubeconfig: A file that was named outright.
        environ: The environment.

    Raises:
        ClusterUnavailable: There is no kubeconfig.
    """
    if kubeconfig is not None:
        if kubeconfig.is_file():
            return [kubeconfig]
        raise ClusterUnavailable("The kubeconfig that was named does not exist.")
    if named := environ.get("KUBECONFIG"):
        paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
        if found := [path for path in paths if path.is_file()]:
            return found
        raise ClusterUnavailable("KUBECONFIG names no file that exists.")
    default = Path(environ.get("HOME") or Path.home()) / ".kube" / "config"
    if default.is_file():
        return [default]
    if all(environ.get(name) for name in _IN_CLUSTER):
        return []
    raise ClusterUnavailable(
        "There is no kubeconfig.",
        hint="Set KUBECONFIG, or start a local cluster with: storeorch dev up",
    )


async def load(
    kubeconfig: Path | None, context: str | None, environ: Mapping[str, str]
) -> Configuration:
    """Read address and credentials of the cluster.

    Args:
        kubeconfig: A file that was named outright; None means: as everyone reads it.
        context: Name of the context; None means the current one.
        environ: The environment.

    Raises:
        ClusterUnavailable: There is no kubeconfig, or it cannot be used.
    """
    paths = find(kubeconfig, environ)
    # The import costs most of a second, so only who asks a cluster pays for it.
    from kubernetes.aio import config  # noqa: PLC0415
    from kubernetes.aio.client import Configuration  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    configuration = Configuration()
    in_cluster: _Untyped = config.load_incluster_config
    try:
        if paths:
            await _load_files(paths, context, configuration)
        else:
            in_cluster(client_configuration=configuration)
    except (
        config.ConfigException,
        YAMLError,
        OSError,
        # What the library lets through for files of another shape.
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        binascii.Error,
    ) as error:
        raise unusable() from error
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    return configuration


def unusable() -> ClusterUnavailable:
    """Return the error for a kubeconfig that is there but cannot be used."""
    return ClusterUnavailable(
        "The kubeconfig cannot be used: it is damaged, incomplete, "
        "or names files that cannot be read.",
        hint="Check it with: kubectl config view --minify",
    )


async def _load_files(
    paths: Sequence[Path], context: str | None, configuration: Configuration
) -> None:
    from kubernetes.aio.config import kube_config  # noqa: PLC0415

    merge: _Untyped = kube_config.KubeConfigMerger
    choose: _Untyped = kube_config.KubeConfigLoader
    merger = merge(os.pathsep.join(str(path.absolute()) for path in paths))
    active = context or _current_context(merger.config_files.values())
    if active is None:
        raise ClusterUnavailable(
            "The kubeconfig has no current context.",
            hint="Choose one with STOREORCH_KUBE_CONTEXT, or: kubectl config use-context NAME",
        )
    if not any(entry["name"] == active for entry in merger.config.value["contexts"]):
        raise ClusterUnavailable(
            f"The kubeconfig has no context {active!a}.",
            hint="See its contexts with: kubectl config get-contexts",
        )
    loader = choose(config_dict=merger.config, active_context=active, config_base_path=None)
    await loader.load_and_set(configuration)


def _current_context(files: Any) -> str | None:
    return next(
        (str(file["current-context"]) for file in files if file.get("current-context")), None
    )


def _proxy(server: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    # aiohttp would look for proxies, and for a .netrc, in a thread at every request.
    host = urlsplit(server).hostname or ""
    return None if proxy_bypass(host) else getproxies().get(urlsplit(server).scheme)
