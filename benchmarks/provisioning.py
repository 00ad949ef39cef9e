"""How long 40 stores declared at once take until all are ready, beside raw Helm.

Both sides use the same cluster, the same chart and the same values, one after
the other in turns, so that a noisy machine disturbs both alike. Raw Helm is eight
``helm upgrade --install`` at a time and then a wait for all workloads.

Prints, for each round and in sum: both times, their ratio, CPU seconds of our own
process per store (without Helm's), and the number of Helm processes started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kubernetes.aio import client, config

from storeorch import Orchestrator, Settings, Status
from storeorch.clock import SystemClock
from storeorch.names import store_labels
from storeorch.plugins import load_plugins
from storeorch.wiring import Adapters, connect
from storeorch_devcluster import EmbeddedCluster, ensure_binaries
from storeorch_woocommerce import WooCommerce, WooCommerceParameters

RAW_AT_ONCE = 8
POLL_SECONDS = 0.05
"""How often the raw side asks whether all is ready: finer than what it measures."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured.

    Attributes:
        ours: Seconds from the first declaration until the last store is ready.
        raw: Seconds that raw Helm took for the same.
        cpu: CPU seconds of our own process per store, children not counted.
        helm_processes: Helm processes that our side started.
    """

    ours: float
    raw: float
    cpu: float
    helm_processes: int


async def measure_ours(settings: Settings, count: int) -> tuple[float, float, int]:
    """Declare the stores at once and wait until all are ready, then delete them."""
    plugins = load_plugins()
    made: list[Adapters] = []

    def adapters() -> Adapters:
        made.append(connect(settings, plugins.executable, SystemClock()))
        return made[0]

    async with Orchestrator(settings, plugins, adapters=adapters) as o:
        names = [f"bench-{number:03}" for number in range(count)]
        cpu, started = time.process_time(), time.perf_counter()
        await asyncio.gather(*(o.create(name, type="woocommerce") for name in names))
        stores = await asyncio.gather(*(o.wait(name, timeout=600) for name in names))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        assert all(store is not None and store.status is Status.READY for store in stores)
        helm_processes: int = getattr(made[0].releases, "started", 0)
        await asyncio.gather(*(o.delete(name) for name in names))
        await asyncio.gather(*(o.wait(name, timeout=600) for name in names))
    return seconds, cpu / count, helm_processes


def raw_values(name: str) -> str:
    """Return the values that storeorch would give, for a store of that name."""
    store_id = str(uuid.uuid4())
    values = WooCommerceParameters().chart_values()
    values["storeorch"] = {
        "storeId": store_id,
        "storeName": name,
        "host": f"{name}.local.test",
        "url": f"http://{name}.local.test",
        "labels": store_labels(name, store_id),
        "credentialsSecret": "store-credentials",
    }
    return json.dumps(values)


async def raw_install(helm: Path, name: str, limit: asyncio.Semaphore) -> None:
    """Run one ``helm upgrade --install``, as a script would."""
    async with limit:
        process = await asyncio.create_subprocess_exec(
            *(str(helm), "upgrade", "--install", name, str(WooCommerce.chart)),
            *("--namespace", name, "--create-namespace", "--values", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await process.communicate(raw_values(name).encode())
        if process.returncode != 0:
            raise RuntimeError(f"helm failed for {name}")


async def all_ready(apps: Any, names: Sequence[str]) -> bool:
    """Whether all Deployments and StatefulSets of the raw side are ready."""
    wanted = set(names)
    ready = 0
    for listed in (
        await apps.list_deployment_for_all_namespaces(),
        await apps.list_stateful_set_for_all_namespaces(),
    ):
        ready += sum(
            1
            for item in listed.items
            if item.metadata.namespace in wanted
            and (item.status.ready_replicas or 0) >= item.spec.replicas
        )
    return ready == 2 * len(names)


async def measure_raw(helm: Path, count: int) -> float:
    """Install the same chart by Helm alone, eight at a time, and wait for all."""
    names = [f"raw-{number:03}" for number in range(count)]
    limit = asyncio.Semaphore(RAW_AT_ONCE)
    async with client.ApiClient() as api:
        core: Any = client.CoreV1Api(api)
        apps: Any = client.AppsV1Api(api)
        started = time.perf_counter()
        await asyncio.gather(*(raw_install(helm, name, limit) for name in names))
        while not await all_ready(apps, names):  # noqa: ASYNC110 - as a script would
            await asyncio.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        await asyncio.gather(*(core.delete_namespace(name) for name in names))
        while any(  # noqa: ASYNC110 - not measured
            n.metadata.name in names for n in (await core.list_namespace()).items
        ):
            await asyncio.sleep(POLL_SECONDS)
    return seconds


async def measure(options: argparse.Namespace, folder: Path, helm: Path) -> list[Round]:
    """Run the rounds; which side goes first alternates."""
    await cast("Any", config).load_kube_config(os.environ["KUBECONFIG"])
    rounds: list[Round] = []
    for number in range(options.rounds):
        settings = Settings.load(
            database_url=f"sqlite:///{folder / f'{number}.db'}", helm=helm, log_file=None
        )
        if number % 2:
            raw = await measure_raw(helm, options.stores)
            ours, cpu, processes = await measure_ours(settings, options.stores)
        else:
            ours, cpu, processes = await measure_ours(settings, options.stores)
            raw = await measure_raw(helm, options.stores)
        rounds.append(Round(ours, raw, cpu, processes))
        report(f"round {number + 1}", [rounds[-1]], options.stores)
    return rounds


def report(title: str, rounds: Sequence[Round], stores: int) -> None:
    """Print the medians of some rounds."""
    ours = statistics.median(r.ours for r in rounds)
    raw = statistics.median(r.raw for r in rounds)
    ratio = statistics.median(r.ours / r.raw for r in rounds)
    cpu = statistics.median(r.cpu for r in rounds)
    processes = statistics.median(r.helm_processes for r in rounds)
    print(
        f"{title}: {stores} stores: storeorch {ours:.2f} s, raw helm {raw:.2f} s, "
        f"ratio {ratio:.2f}, own CPU {cpu * 1000:.1f} ms per store, "
        f"{processes:g} helm processes",
        flush=True,
    )


def main() -> int:
    """Start a cluster, run the rounds, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=40, help="stores declared at once")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, both sides each")
    options = parser.parse_args()
    helm = ensure_binaries() / "helm"
    with (
        tempfile.TemporaryDirectory(prefix="storeorch-bench-") as folder,
        EmbeddedCluster(Path(folder) / "cluster") as cluster,
    ):
        os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
        rounds = asyncio.run(measure(options, Path(folder), helm))
    report("median", rounds, options.stores)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of our process: {peak:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
