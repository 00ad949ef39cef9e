"""A small store type whose charts fail, hang and crash as a test wants it.

It is used in this process, and installed as a distribution of its own for
commands in other processes; so it imports nothing but storeorch's public API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from storeorch import HelmStoreType, Parameters, Quota, StoreType, hookimpl
from storeorch.parameters import ImageName, Memory, ObjectName


class ProbeParameters(Parameters):
    """What a test may set."""

    image: ImageName = "registry.example/web:1"
    """Image of the web server."""

    replicas: int = 1
    """Pods of the web server; the chart's schema refuses more than 3."""

    memory: Memory = "16Mi"
    """Memory of each pod."""

    node: ObjectName = ""
    """Name that a node must have."""

    simulate: Literal["", "missing", "crash", "slow"] = ""
    """What the simulated node does to each pod."""

    refuse: bool = False
    """Whether the chart refuses to be rendered."""

    leak: bool = False
    """Whether the chart fails with a password in what it says."""

    gate: ObjectName = ""
    """ConfigMap in the namespace default that an install hook waits for."""


class Probe(HelmStoreType):
    """One web server."""

    name = "probe"
    title = "Probe"
    description = "One web server that fails as a test wants it."
    parameters = ProbeParameters
    chart = Path(__file__).parent / "chart"
    credentials: ClassVar[Mapping[str, int]] = {"password": 32}


class CrampedProbe(Probe):
    """The same with a quota that holds one small pod only."""

    quota = Quota(hard={"limits.memory": "64Mi"})


@hookimpl
def storeorch_store_types() -> Sequence[StoreType]:
    """Offer the type."""
    return [Probe()]
