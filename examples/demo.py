"""From an empty machine to two shops and back: the whole way through storeorch.

Brings up a development cluster, creates one WooCommerce and one Medusa store
side by side, shows their steps live, lists what stands in their namespaces,
deletes both and proves that nothing is left. ``--keep`` leaves the cluster, an
engine and the stores in place and says how to go on. ``--web`` serves the web app,
API and dashboard, on a cluster of its own until it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import platformdirs
from kubernetes.aio import client, config
from rich.console import Console
from rich.table import Table

from storeorch import Orchestrator, Settings, Status, Store, StoreorchError
from storeorch.cli.progress import follow_stores

STORES = {"shirts": "woocommerce", "coffee": "medusa"}
OWNED = "app.kubernetes.io/managed-by=storeorch"
ENGINE_STARTS_WITHIN = 30.0
"""Seconds that the engine of ``--keep`` may take to give its first sign of life."""

console = Console(highlight=False)


class DemoFailed(Exception):
    """The demo did not show what it promises."""


def dev(*arguments: str) -> str:
    """Run ``storeorch dev``; progress goes to the terminal, the answer is returned."""
    command = [sys.executable, "-m", "storeorch", "dev", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"'storeorch dev {' '.join(arguments)}' failed.")
    return done.stdout.strip()


def cluster_is_up() -> bool:
    """Whether a development cluster ran before the demo; then it is not ours to take down."""
    command = [sys.executable, "-m", "storeorch", "dev", "status"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def create(o: Orchestrator, settings: Settings) -> list[Store]:
    """Create the stores side by side and return them ready."""
    console.rule("create")
    for name, kind in STORES.items():
        await o.create(name, type=kind)
    settled = await follow_stores(o, list(STORES), console, settings.provision_timeout)
    stores = [store for store in settled.values() if store is not None]
    for store in stores:
        if store.status is not Status.READY:
            failed = next((c for c in store.conditions if not c.status), None)
            step = failed.type if failed else "?"
            raise DemoFailed(f"{store.name} is {store.status}: {step}: {store.error_message}")
        console.print(f"[green]{store.name} is ready[/] at [bold]{store.url}[/]")
    if len(stores) != len(STORES):
        raise DemoFailed("A store vanished while it was being created.")
    return stores


async def show(stores: Sequence[Store]) -> None:
    """List what stands in the stores' namespaces."""
    console.rule("what stands in their namespaces")
    async with client.ApiClient() as api:
        core: Any = client.CoreV1Api(api)
        apps: Any = client.AppsV1Api(api)
        networking: Any = client.NetworkingV1Api(api)
        kinds = {
            "statefulset": apps.list_namespaced_stateful_set,
            "deployment": apps.list_namespaced_deployment,
            "pod": core.list_namespaced_pod,
            "service": core.list_namespaced_service,
            "ingress": networking.list_namespaced_ingress,
            "claim": core.list_namespaced_persistent_volume_claim,
            "secret": core.list_namespaced_secret,
            "networkpolicy": networking.list_namespaced_network_policy,
            "quota": core.list_namespaced_resource_quota,
            "limitrange": core.list_namespaced_limit_range,
        }
        table = Table("kind", *(store.namespace for store in stores), box=None)
        for kind, list_of in kinds.items():
            found = [await list_of(store.namespace) for store in stores]
            table.add_row(kind, *(", ".join(o.metadata.name for o in f.items) for f in found))
    console.print(table)


async def delete(o: Orchestrator, stores: Sequence[Store]) -> None:
    """Delete the stores side by side."""
    console.rule("delete")
    for store in stores:
        await o.delete(store.id)
    await follow_stores(o, [store.id for store in stores], console, 300)


async def prove(stores: Sequence[Store], hosts: str) -> None:
    """Prove that no namespace, release or hosts entry is left."""
    console.rule("what is left")
    async with client.ApiClient() as api:
        core: Any = client.CoreV1Api(api)
        namespaces = (await core.list_namespace(label_selector=OWNED)).items
        releases = (await core.list_secret_for_all_namespaces(label_selector="owner=helm")).items
    ours = {store.namespace for store in stores}
    left = {
        "namespaces": [n.metadata.name for n in namespaces if n.metadata.name in ours],
        "releases": [r.metadata.name for r in releases if r.metadata.namespace in ours],
        "hosts entries": [store.host for store in stores if store.host in hosts],
    }
    for what, names in left.items():
        console.print(f"{what}: {', '.join(names) or 'none'}")
    if any(left.values()):
        raise DemoFailed("Something was left behind.")


def read(file: Path) -> str:
    """Return what a file holds; one that does not exist holds nothing."""
    return file.read_text() if file.exists() else ""


def start_engine(log: Path) -> subprocess.Popen[bytes]:
    """Start an engine in a process and session of its own."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "storeorch", "run"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def hand_over(o: Orchestrator, home: Path, stores: Sequence[Store]) -> None:
    """Leave an engine running in a process of its own, and say how to go on."""
    log = home / "engine.log"
    engine = start_engine(log)
    async with asyncio.timeout(ENGINE_STARTS_WITHIN):
        while not await o.engine_running():
            if engine.poll() is not None:
                raise DemoFailed(f"The engine ended at once; see {log}.")
            await asyncio.sleep(0.2)
    console.rule("kept")
    console.print(
        f"The cluster, an engine (pid {engine.pid}) and the stores stay up. Go on with:\n"
    )
    for variable in ("KUBECONFIG", "STOREORCH_DATABASE_URL", "STOREORCH_HOSTS_FILE"):
        console.print(f"  export {variable}={os.environ[variable]}", soft_wrap=True)
    storeorch = shutil.which("storeorch", path=str(Path(sys.executable).parent)) or "storeorch"
    for command in ("store list", f"store get {stores[0].name}", f"store events {stores[0].name}"):
        console.print(f"  {storeorch} {command}", soft_wrap=True)
    console.print(f"\nEnd it with:\n\n  kill {engine.pid}\n  {storeorch} dev down", soft_wrap=True)


async def demo(home: Path, *, keep: bool) -> None:
    """Run the demo on the cluster that KUBECONFIG names."""
    settings = Settings.load()
    await cast("Any", config).load_kube_config(os.environ["KUBECONFIG"])
    async with Orchestrator.from_settings(settings) as o:
        await o.require_environment()
        stores = await create(o, settings)
        await show(stores)
        if keep:
            await hand_over(o, home, stores)
            return
        await delete(o, stores)
    await prove(stores, read(home / "hosts"))


def web() -> None:
    """Serve the web app, with its engine, until it is interrupted.

    Everyone on this machine may use it, and nobody else.
    """
    console.rule("web app")
    environ = {"STOREORCH_WEB_AUTH": "off", "HOST": "127.0.0.1", **os.environ}
    command = [sys.executable, "-m", "storeorch_webapp"]
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL) as app:
        # Ctrl-C reaches the app as well, and SIGTERM is passed on; either way it ends by itself.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: app.terminate())
        console.print("Create a store there; Ctrl-C ends it all.")
        if app.wait() != 0:
            raise DemoFailed("The web app has failed.")


def main() -> int:
    """Bring the cluster up, run the demo, take down what it brought up."""
    parser = argparse.ArgumentParser(description=__doc__)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--keep", action="store_true", help="leave cluster, engine and stores up")
    group.add_argument("--web", action="store_true", help="serve the web app until interrupted")
    arguments = parser.parse_args()
    keep: bool = arguments.keep
    home = platformdirs.user_state_path("storeorch") / "demo"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    found_up = cluster_is_up()
    left_up = found_up or keep
    try:
        console.rule("cluster")
        dev("up")
        os.environ["KUBECONFIG"] = dev("kubeconfig")
        os.environ["STOREORCH_DATABASE_URL"] = f"sqlite:///{home / 'storeorch.db'}"
        os.environ["STOREORCH_HOSTS_FILE"] = str(home / "hosts")
        if arguments.web:
            web()
        else:
            asyncio.run(demo(home, keep=keep))
    except (DemoFailed, StoreorchError, TimeoutError) as error:
        console.print(f"[red]The demo failed:[/] {error}", soft_wrap=True)
        hint = getattr(error, "hint", None)
        if hint:
            console.print(f"Hint: {hint}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not left_up:
            dev("down")
    console.print("[green]The demo is complete.[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
