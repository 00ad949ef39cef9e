"""Whether this machine can run a real node, and Debian's packages that it needs for that.

Nothing is installed that is there already, whoever brought it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from storeorch_devcluster.errors import NodeUnsupported
from storeorch_devcluster.progress import Progress, Report, silent
from storeorch_devcluster.realnode import cgroups

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Search path of a node's programs."""

PROGRAMS: Final = {
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "ip": "iproute2",
    "mount": "mount",
    "cc": "gcc",
}
"""Programs that a node calls, and the Debian package of each."""

FILES: Final = {
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "/usr/include/stdlib.h": "libc6-dev",
}
"""Files that a node needs, and the Debian package of each."""

CONTROLLERS: Final = ("cpu", "cpuacct", "memory", "pids", "devices", "cpuset")
"""Controllers of control groups, version 1, that a kubelet does not start without."""

INSTALL_TIMEOUT: Final = 900.0
"""Seconds for one call of Debian's installer."""


def check() -> None:
    """Make sure that a node can run here.

    Raises:
        NodeUnsupported: It cannot; the message says why.
    """
    if sys.platform != "linux":
        raise NodeUnsupported("A real node needs Linux.")
    if os.geteuid() != 0:
        raise NodeUnsupported("A real node needs root: it makes namespaces and mounts.")
    missing = missing_features(Path("/proc"), cgroups.ROOT)
    if missing:
        raise NodeUnsupported(f"This kernel does not offer what a node needs: {missing[0]}.")


def missing_features(proc: Path, cgroup_root: Path) -> list[str]:
    """Return what the kernel lacks, in words.

    Args:
        proc: Where procfs is mounted.
        cgroup_root: Where control groups are mounted.
    """
    missing = [
        f"{kind} namespaces"
        for kind, name in (("network", "net"), ("mount", "mnt"), ("process", "pid"), ("ipc", "ipc"))
        if not (proc / "self" / "ns" / name).exists()
    ]
    listed = (proc / "filesystems").read_text().split() if (proc / "filesystems").exists() else []
    # A module's file system is listed only once it is loaded, which mounting does.
    if "overlay" not in listed and not shutil.which("modprobe", path=SYSTEM_PATH):
        missing.append("the overlay file system")
    if not (cgroup_root / "cgroup.controllers").exists():
        missing.extend(
            f"the control group '{name}'"
            for name in CONTROLLERS
            if not (cgroup_root / name / "cgroup.procs").exists()
        )
    return missing


def missing_packages() -> list[str]:
    """Return the Debian packages whose programs are not there, in alphabetical order."""
    programs = {
        package
        for name, package in PROGRAMS.items()
        if shutil.which(name, path=SYSTEM_PATH) is None
    }
    return sorted(
        programs | {package for path, package in FILES.items() if not Path(path).exists()}
    )


def install_packages(log: Path, report: Report = silent) -> None:
    """Install what is missing with Debian's installer.

    Args:
        log: File for what the installer says.
        report: Receives reports of progress.

    Raises:
        NodeUnsupported: Something is missing and could not be installed; the
            hint names it.
    """
    if not (packages := missing_packages()):
        return
    wanted = " ".join(packages)
    hint = f"Install these packages yourself: {wanted}."
    if shutil.which("apt-get", path=SYSTEM_PATH) is None:
        raise NodeUnsupported("Programs that a node needs are missing.", hint=hint)
    options = ("--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600")
    calls = (
        ("Reading Debian's package lists", ("apt-get", "update")),
        (f"Installing {wanted}", ("apt-get", "install", *options, *packages)),
    )
    with log.open("ab") as output:
        for message, argv in calls:
            report(Progress(message))
            _call(argv, output.fileno())
    if missing_packages():
        raise NodeUnsupported(
            "Programs that a node needs could not be installed.", hint=f"{hint} See the log: {log}"
        )


def _call(argv: tuple[str, ...], output: int) -> None:
    # What counts is what is there afterwards: lists may be old and packages be found all the same.
    subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        timeout=INSTALL_TIMEOUT,
        check=False,
    )
