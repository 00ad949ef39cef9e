"""An image as an unpacked folder, and programs that run in it without a cluster.

What the container runtime would do is done by the kernel directly: a mount namespace, bind mounts
for volumes, the image's user. The network is the machine's own, so servers listen on loopback
only. Needs root on Linux.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Rootfs:
    """One unpacked image.

    Attributes:
        folder: Its root.
        uid: Uid and gid that programs run as.
        volumes: What is mounted, by its place in the image.
        environment: Variables of every program.
    """

    folder: Path
    uid: int
    volumes: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, words: Sequence[str]) -> list[str]:
        """The command that runs a command in here."""
        mounts = {"/dev": Path("/dev"), "/proc": Path("/proc"), **self.volumes}
        script = [
            f"mount --rbind {shlex.quote(str(source))} {shlex.quote(f'{self.folder}{place}')}"
            for place, source in mounts.items()
        ]
        variables = {"PATH": PATH, "TMPDIR": "/tmp", **self.environment}
        inside = [
            "/usr/bin/env",
            "-i",
            *(f"{name}={value}" for name, value in variables.items()),
            *words,
        ]
        script.append(
            f"exec chroot --userspec={self.uid}:{self.uid} "
            f"{shlex.quote(str(self.folder))} {shlex.join(inside)}"
        )
        return ["unshare", "--mount", "sh", "-ec", "\n".join(script)]

    def run(
        self, *words: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it said, errors included."""
        done = subprocess.run(
            self.command(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, done.stdout
        return done

    @contextmanager
    def running(self, *words: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server; it is told to end, and waited for, on leaving."""
        with log.open("ab") as out:
            # As runc does, so that /dev/stderr can be opened anew.
            os.fchown(out.fileno(), self.uid, self.uid)
            with subprocess.Popen(
                self.command(words), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            ) as process:
                try:
                    yield process
                finally:
                    process.terminate()
                    try:
                        process.wait(30)
                    except subprocess.TimeoutExpired:
                        process.kill()


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an image from its OCI archive; its layers hold no whiteouts, as it is squashed."""
    layout = folder / ".oci"
    with tarfile.open(archive) as image:
        image.extractall(layout, filter="fully_trusted")

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    def read(path: Path) -> Any:
        return json.loads(path.read_text())

    (entry,) = read(layout / "index.json")["manifests"]
    root = folder / "root"
    root.mkdir()
    for layer in read(blob(entry["digest"]))["layers"]:
        with tarfile.open(blob(layer["digest"])) as content:
            content.extractall(root, filter="fully_trusted")
    return root
