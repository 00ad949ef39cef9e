"""Releases through the helm command: the port ``Releases`` on pyhelm3 and Secrets.

- ``get`` starts no process: it reads labels of Helm's Secrets, and the content of
  one of them once for each revision.
- ``install`` starts one process, ``uninstall`` one, or none where nothing is there.
- At most ``max_processes`` of them run at once.

The caller holds the lease of the store that a release belongs to; nothing here
protects a release from another caller.

This module must not know stores, leases or the engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyhelm3.errors
import yaml
from typing_extensions import override

from storeorch.errors import HelmMissing, ReleaseFailed, ReleaseInterrupted
from storeorch.fencing import check_lease
from storeorch.helm import process, storage
from storeorch.helm.admission import ChartPolicy
from storeorch.helm.chart import ChartDigests
from storeorch.helm.command import OLDEST, HelmCommand, parse_version
from storeorch.helm.failures import NAMESPACE_GOING, NOT_FOUND, explain, mask_values
from storeorch.helm.inventory import Inventory, inventory, manifests
from storeorch.helm.watchdog import Watchdog
from storeorch.ports import (
    STORE_VALUES,
    Clock,
    Manifest,
    Release,
    ReleaseRequest,
    Releases,
    ReleaseSecret,
    ReleaseStatus,
    SecretStore,
)

Locate = Callable[[], Path | None]
"""Finds Helm; called until it finds one."""

INVENTORIES_KEPT: Final = 20_000
"""Inventories in memory, about 0.3 kB each: those of 10,000 idle stores, and as many again."""

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_InventoryKey = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class _Helm:
    """A Helm that was found fit for use."""

    identity: tuple[str, int, int]
    version: str
    major: int
    command: HelmCommand


class HelmReleases(Releases):
    """Helm, as the release step needs it.

    Args:
        executable: Path of Helm, or a function that finds it when it is first
            needed; None looks on ``PATH``.
        secrets: The cluster's Secrets.
        kubeconfig: The kubeconfig; None leaves it to Helm, which reads ``KUBECONFIG``.
        context: Its context; None takes the current one.
        max_processes: How many Helm processes may run at once.
        timeout: Seconds that one process may take, hooks included.
        clock: Time.
        policy: What charts may bring; None installs whatever they hold.
        watchdog: Ends Helm should this process fall silent; None leaves it.
        grace: Seconds that a Helm which is told to end has before it is killed.

    Attributes:
        started: How many Helm processes were started so far, the one that asks
            for the version included.
    """

    def __init__(
        self,
        *,
        executable: Path | Locate | None,
        secrets: SecretStore,
        kubeconfig: Path | None,
        context: str | None,
        max_processes: int,
        timeout: float,
        clock: Clock,
        policy: ChartPolicy | None = None,
        watchdog: Watchdog | None = None,
        grace: float = process.GRACE,
    ) -> None:
        self.started = 0
        self._policy = policy
        self._watchdog = watchdog
        self._grace = grace
        self._locate = executable if callable(executable) else lambda: _find(executable)
        self._secrets = secrets
        self._kubeconfig = kubeconfig
        self._context = context
        self._timeout = timeout
        self._clock = clock
        self._slots = asyncio.Semaphore(max_processes)
        self._checking = asyncio.Lock()
        self._helm: _Helm | None = None
        self._charts = ChartDigests(clock)
        self._validated: set[str] = set()
        self._admitted: set[str] = set()
        self._admitting: dict[str, asyncio.Lock] = {}
        self._inventories: OrderedDict[_InventoryKey, Inventory] = OrderedDict()

    async def close(self) -> None:
        """End the watchdog."""
        if self._watchdog is not None:
            await self._watchdog.close()

    @override
    async def check(self) -> str:
        return (await self._ready()).version

    @override
    async def get(self, namespace: str, name: str, *, live: bool = False) -> Release | None:
        secret = await self._newest(namespace, name, live=live)
        status = storage.status_from(secret.labels.get("status")) if secret else None
        if secret is None or status is None:
            return None
        digest = secret.labels.get(storage.LABEL_DIGEST)
        revision = storage.revision_of(secret)
        # Without a digest of ours, only the Secret's version tells two contents apart.
        key = (namespace, name, revision, digest or f"@{secret.resource_version}")
        parts = self._inventories.get(key)
        if parts is None:
            data = await self._secrets.read_secret(namespace, secret.name)
            if data is None:
                return None
            parts = self._keep(key, inventory(storage.decode(data), namespace))
        else:
            self._inventories.move_to_end(key)
        return Release(
            status=status,
            revision=revision,
            digest=digest,
            workloads=parts.workloads,
            objects=parts.objects,
            claims=parts.claims,
        )

    @override
    async def manifests(
        self, namespace: str, name: str, revision: int
    ) -> Sequence[Manifest] | None:
        secret = await self._newest(namespace, name, live=True)
        if secret is None or storage.revision_of(secret) != revision:
            return None
        data = await self._secrets.read_secret(namespace, secret.name)
        return None if data is None else manifests(storage.decode(data), namespace)

    @override
    async def install(self, request: ReleaseRequest) -> Release:
        helm = await self._ready()
        chart = self._charts.digest(request.chart)
        await self._admit(helm, request, chart)
        await self._take_over(request.namespace, request.name)
        # Fetching the cluster's schema costs 0.2 s of CPU and is the same for every
        # store; whoever comes while it is under way does without.
        validate = chart not in self._validated
        self._validated.add(chart)
        labels = {storage.LABEL_DIGEST: request.digest} if request.digest else {}
        try:
            async with self._process():
                answer = await helm.command.install(
                    request.name,
                    request.chart,
                    request.values,
                    namespace=request.namespace,
                    labels=labels,
                    validate=validate,
                    major=helm.major,
                )
        except BaseException as error:
            if validate:
                self._validated.discard(chart)
            if isinstance(error, pyhelm3.errors.Error):
                mask_values(error, request.values)
                raise explain(error) from error
            if isinstance(error, ValueError):
                # What Helm did stands in its Secret, where the next pass looks.
                raise ReleaseInterrupted(
                    "Helm gave an answer that storeorch does not understand.",
                    hint="Use a released version of Helm 3 or 4.",
                ) from error
            raise
        return self._release(request, answer)

    @override
    async def uninstall(self, namespace: str, name: str) -> None:
        if await self._newest(namespace, name, live=True) is not None:
            await self._uninstall(await self._ready(), namespace, name)

    @override
    def chart_digest(self, chart: Path) -> str:
        return self._charts.digest(chart)

    async def _admit(self, helm: _Helm, request: ReleaseRequest, chart: str) -> None:
        """Have the policy look at what a chart renders, once for each set of values.

        Values that only say which store it is are set aside: stores declared alike
        are looked at once, and the others of them start no process for it.
        """
        policy = self._policy
        if policy is None:
            return
        given = {key: value for key, value in request.values.items() if key != STORE_VALUES}
        content = f"{chart}\n{json.dumps(given, sort_keys=True)}"
        key = hashlib.sha256(content.encode()).hexdigest()
        # Whoever comes while another renders the same waits for what it finds.
        async with self._admitting.setdefault(key, asyncio.Lock()):
            if key not in self._admitted:
                await self._look_at(helm, policy, request)
                if len(self._admitted) >= INVENTORIES_KEPT:
                    self._admitted.clear()
                self._admitted.add(key)
        self._admitting.pop(key, None)

    async def _look_at(self, helm: _Helm, policy: ChartPolicy, request: ReleaseRequest) -> None:
        """Render the chart, and have the policy look at it.

        Raises:
            ChartRefused: The policy refuses it.
            ReleaseFailed: It cannot be rendered.
        """
        try:
            async with self._process():
                rendered = await helm.command.render(
                    request.name, request.chart, request.values, namespace=request.namespace
                )
            manifests = await asyncio.to_thread(_documents, rendered)
        except pyhelm3.errors.Error as error:
            mask_values(error, request.values)
            raise explain(error) from error
        except (yaml.YAMLError, ValueError) as error:
            raise ReleaseFailed("The chart rendered a manifest that is not YAML.") from error
        host = str(request.values.get(STORE_VALUES, {}).get("host", ""))
        policy.check(manifests, namespace=request.namespace, host=host)

    async def _take_over(self, namespace: str, name: str) -> None:
        """Bring what an interrupted Helm has left into a state that can be upgraded.

        Nothing is uninstalled here, and an uninstallation that somebody began is not
        finished: that would delete data. Helm upgrades over a failed revision, also
        over a first one, and makes again what is gone.
        """
        secret = await self._newest(namespace, name, live=True)
        if secret is None:
            return
        status = storage.status_from(secret.labels.get("status"))
        if status in {ReleaseStatus.PENDING, ReleaseStatus.UNINSTALLING}:
            await storage.mark_failed(self._secrets, namespace, secret, now=self._clock.now())

    async def _uninstall(self, helm: _Helm, namespace: str, name: str) -> None:
        for key in [key for key in self._inventories if key[:2] == (namespace, name)]:
            del self._inventories[key]
        for no_hooks in (False, True):
            try:
                async with self._process():
                    await helm.command.uninstall(name, namespace=namespace, no_hooks=no_hooks)
            except pyhelm3.errors.Error as error:
                said = error.stderr.decode(errors="replace")
                if NOT_FOUND.search(said):
                    return
                # A namespace that is being removed takes no hook's Job any more.
                if no_hooks or not NAMESPACE_GOING.search(said):
                    raise explain(error) from error
            else:
                return

    async def _newest(self, namespace: str, name: str, *, live: bool) -> ReleaseSecret | None:
        return storage.newest(await self._secrets.list_release_labels(namespace, name, live=live))

    def _release(self, request: ReleaseRequest, answer: Mapping[str, Any]) -> Release:
        info = answer.get("info") or {}
        revision = int(answer.get("version") or 0)
        parts = inventory(answer, request.namespace)
        if request.digest:
            self._keep((request.namespace, request.name, revision, request.digest), parts)
        return Release(
            status=storage.status_from(info.get("status")) or ReleaseStatus.FAILED,
            revision=revision,
            digest=request.digest or None,
            workloads=parts.workloads,
            objects=parts.objects,
            claims=parts.claims,
        )

    def _keep(self, key: _InventoryKey, parts: Inventory) -> Inventory:
        self._inventories[key] = parts
        if len(self._inventories) > INVENTORIES_KEPT:
            self._inventories.popitem(last=False)
        return parts

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[None]:
        async with self._slots:
            check_lease()
            self.started += 1
            yield

    @contextmanager
    def _guarding(self, pid: int) -> Iterator[None]:
        # We may have stood still while the process was started.
        check_lease()
        guarding = self._watchdog.guarding if self._watchdog else process.unguarded
        with guarding(pid):
            yield

    async def _ready(self) -> _Helm:
        async with self._checking:
            path = self._locate()
            if path is None or not os.access(path, os.X_OK):
                raise HelmMissing
            stat = path.stat()
            identity = (str(path), stat.st_mtime_ns, stat.st_size)
            if self._helm is None or self._helm.identity != identity:
                self._helm = await self._examine(path, identity)
            return self._helm

    async def _examine(self, path: Path, identity: tuple[str, int, int]) -> _Helm:
        await asyncio.to_thread(process.mortal_prefix)
        command = HelmCommand(
            path,
            kubeconfig=self._kubeconfig,
            context=self._context,
            deadline=self._timeout,
            grace=self._grace,
            guarding=self._guarding,
        )
        try:
            async with self._process():
                version = parse_version(await command.version())
        except pyhelm3.errors.Error as error:
            raise HelmMissing("The helm command does not work.") from error
        if version is None:
            raise HelmMissing("The helm command does not tell its version.")
        words = f"{version[0]}.{version[1]}"
        if version < OLDEST:
            raise HelmMissing(f"Helm {words} is too old; 3.14 or newer is needed.")
        return _Helm(identity, words, version[0], command)


def _documents(rendered: bytes) -> list[Any]:
    return list(yaml.load_all(rendered, Loader=_Loader))


def _find(path: Path | None) -> Path | None:
    if path is not None:
        return path
    found = shutil.which("helm")
    return Path(found) if found else None
