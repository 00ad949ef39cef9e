"""Looking at a cluster that this package did not start, through its kubeconfig.

Here the Kubernetes client does the work, because a kubeconfig of somebody else
may sign in by any means: tokens, programs, cloud providers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from storeorch_devcluster.status import NodeStatus, node_status

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 10.0
"""Seconds for one call."""


class View(NamedTuple):
    """What a cluster said: address, version and nodes (empty if it does not list them)."""

    server: str
    version: str
    nodes: tuple[NodeStatus, ...]


class Unreachable(Exception):
    """The cluster did not answer, or did not let us in."""


def look(kubeconfig: Path) -> View:
    """Ask a cluster for its version and its nodes.

    Args:
        kubeconfig: A file whose current context is the cluster's.

    Raises:
        Unreachable: It did not answer, or did not let us in; the cause is the
            client's own error.
    """
    # A second of imports, for those who have a foreign cluster only.
    import urllib3  # noqa: PLC0415
    from kubernetes import client, config  # noqa: PLC0415

    foreign = (
        config.ConfigException,
        client.ApiException,
        urllib3.exceptions.HTTPError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
    )
    try:
        with config.new_client_from_config(config_file=str(kubeconfig)) as api:  # type: ignore[no-untyped-call]
            # A cluster that is down shall be reported, not waited for.
            api.rest_client.pool_manager.connection_pool_kw["retries"] = False
            version = client.VersionApi(api).get_code(_request_timeout=TIMEOUT)
            server = str(api.configuration.host)
            return View(server, str(version.git_version), _nodes(client, api))
    except foreign as error:
        raise Unreachable from error


def _nodes(client: Any, api: Any) -> tuple[NodeStatus, ...]:
    try:
        nodes = client.CoreV1Api(api).list_node(_request_timeout=TIMEOUT)
    except client.ApiException:
        # Not everybody may list nodes, and storeorch does not need it.
        return ()
    return tuple(node_status(api.sanitize_for_serialization(node)) for node in nodes.items)
