"""The process that holds a node's namespaces: ``python -m`` this module.

It makes them, prepares them and then waits to be ended. In the mount namespace
the folders that a node's programs write to by habit (`COVERED`) are folders of
the state folder, and the kernel settings that a kubelet insists on (`SETTINGS`)
are plain files that say what it wants to read: those settings are the whole
machine's, and stay as they are.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from storeorch_devcluster.realnode import linux

COVERED: Final = ("run", "tmp", "var/lib", "var/log", "var/tmp", "opt")
"""Folders of the machine in whose place the node sees folders of its own."""

SETTINGS: Final = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet sets where it is otherwise (``pkg/kubelet/cm/container_manager_linux.go``)."""

NETWORK_SETTINGS: Final = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "1",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
}
"""Settings of the network namespace: the node routes, no pod may use another's address,
and nobody goes round the policies by IPv6."""


def command(root: Path, ready: Path, kept: list[Path], address: str, services: str) -> list[str]:
    """Return the command line of a holder.

    Args:
        root: Folder for what the node's programs write, in the state folder.
        ready: File that it writes when the namespaces are prepared.
        kept: Folders that stay visible wherever they are.
        address: The node's own address, on the loopback interface of its namespace.
        services: The range of the services' addresses.
    """
    module = f"{__package__}.holder"
    shown = [argument for path in kept for argument in ("--keep", str(path))]
    options = ("--root", str(root), "--ready", str(ready))
    network = ("--address", address, "--services", services)
    return [sys.executable, "-I", "-m", module, *options, *network, *shown]


def main(arguments: list[str]) -> None:
    """Make and prepare the namespaces, then wait."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--services", required=True)
    parser.add_argument("--keep", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET)
    linux.make_private()
    _cover(options.root, [path.resolve() for path in options.keep])
    _pretend(options.root)
    _network(options.address, options.services)
    options.ready.write_text(str(os.getpid()))
    while True:
        signal.pause()


def _cover(root: Path, kept: list[Path]) -> None:
    covers = {}
    for name in COVERED:
        target = Path("/", name)
        if target.is_dir() and not target.is_symlink():
            own = root / name
            own.mkdir(parents=True, exist_ok=True)
            # /tmp and /var/tmp are everybody's.
            own.chmod(0o1777 if name.endswith("tmp") else 0o755)
            covers[target] = os.open(own, os.O_PATH)
    # Held open, all of them are found also where one covers the way to another.
    shown = {path: os.open(path, os.O_PATH) for path in kept}
    for target, descriptor in covers.items():
        linux.bind(f"/proc/self/fd/{descriptor}", str(target))
    for path, descriptor in shown.items():
        if not path.is_dir() or not os.path.samestat(path.stat(), os.fstat(descriptor)):
            path.mkdir(parents=True, exist_ok=True)
            linux.bind(f"/proc/self/fd/{descriptor}", str(path))
    for descriptor in (*covers.values(), *shown.values()):
        os.close(descriptor)


def _pretend(root: Path) -> None:
    for name, value in SETTINGS.items():
        setting = Path("/proc/sys", name)
        if setting.exists() and setting.read_text().strip() != value:
            own = root / "settings" / name.replace("/", ".")
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(f"{value}\n")
            linux.bind(str(own), str(setting))


def _network(address: str, services: str) -> None:
    for command_line in (
        ("ip", "link", "set", "lo", "up"),
        ("ip", "address", "add", f"{address}/32", "dev", "lo"),
        # Without a route the node's own connections to services fail before they are translated.
        ("ip", "route", "add", services, "dev", "lo", "src", address),
    ):
        subprocess.run(command_line, check=True)
    for name, value in NETWORK_SETTINGS.items():
        setting = Path("/proc/sys/net", name)
        if setting.exists():
            setting.write_text(value)


if __name__ == "__main__":
    main(sys.argv[1:])
