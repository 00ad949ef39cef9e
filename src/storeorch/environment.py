"""Whether an engine could work here, and the fix of what is missing.

Knows ports alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from storeorch.errors import StoreorchError
from storeorch.ports import Cluster, Releases


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that ``doctor`` looked at.

    Attributes:
        name: What was looked at.
        ok: Whether an engine can work like this.
        detail: One sentence.
        hint: The fix where it is not, or what should be known where it is.
        code: The error's stable code, where it is not.
    """

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    code: str | None = None


class Surroundings(Protocol):
    """What an engine needs around it."""

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        ...

    @property
    def releases(self) -> Releases:
        """Helm."""
        ...


async def check_all(around: Surroundings) -> Sequence[Check]:
    """Look at everything, and name the fix of what is missing."""
    checks = [await _check(name, look) for name, look in _looks(around).items()]
    return [*checks, await _network(around)]


async def require_all(around: Surroundings) -> None:
    """Look at everything.

    Raises:
        EnvironmentNotReady: The first thing that is missing.
    """
    for look in _looks(around).values():
        await look()


def _looks(around: Surroundings) -> Mapping[str, Callable[[], Awaitable[str]]]:
    async def helm() -> str:
        return f"Helm {await around.releases.check()}"

    async def cluster() -> str:
        await around.cluster.check_access()
        return "The cluster answers and permits what is needed."

    return {"helm": helm, "cluster": cluster}


async def _network(around: Surroundings) -> Check:
    """Say whether stores are kept apart: a cluster takes policies that nobody enforces."""
    try:
        if not await around.cluster.runs_containers():
            return Check(
                "network policies",
                ok=True,
                detail="Pods do not run here, so there is no traffic to keep apart.",
            )
        agent = await around.cluster.policy_agent()
    except StoreorchError as error:
        return _failed("network policies", error)
    if agent is not None:
        return Check("network policies", ok=True, detail=f"They are enforced by {agent}.")
    return Check(
        "network policies",
        ok=True,
        detail="Nothing in the cluster is known to enforce them: stores may reach each other.",
        hint="Use a network that does, for example Cilium or Calico, before strangers get stores.",
    )


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name, ok=True, detail=await look())
    except StoreorchError as error:
        return _failed(name, error)


def _failed(name: str, error: StoreorchError) -> Check:
    return Check(name, ok=False, detail=error.message, hint=error.hint, code=error.code)
