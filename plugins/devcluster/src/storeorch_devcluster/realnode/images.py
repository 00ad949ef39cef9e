"""Container images of single static programs, as OCI archives, made without any registry.

The layout is that of the OCI image specification 1.1: ``oci-layout``,
``index.json`` and blobs named by their digests, in one tar file.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock

from storeorch_devcluster.errors import BuildFailed
from storeorch_devcluster.paths import cache_root
from storeorch_devcluster.progress import Progress, Report, silent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAUSE_IMAGE: Final = "localhost/storeorch/pause:1"
COREDNS_IMAGE: Final = "localhost/storeorch/coredns:1"
TRAEFIK_IMAGE: Final = "localhost/storeorch/traefik:1"
"""Names of the images that a node brings; nobody can pull them from anywhere."""

NOBODY: Final = 65534
"""User that the programs run as."""

EXECUTABLE: Final = 0o755
PLAIN: Final = 0o644

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"


def write_archive(
    path: Path,
    *,
    name: str,
    contents: Mapping[str, Path | bytes],
    links: Mapping[str, str] | None = None,
    entrypoint: Sequence[str] = (),
    user: str = str(NOBODY),
) -> None:
    """Write an image of a few files as an OCI archive.

    Args:
        path: The archive; replaced atomically.
        name: The image's full name, with registry and tag.
        contents: What is in it: a program of this machine, executable there
            too, or the bytes of a plain file, by path without a leading slash.
        links: Symbolic links by path.
        entrypoint: What a container runs by default.
        user: Whom it runs as by default.

    Raises:
        OSError: A program cannot be read or the archive cannot be written.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        layer = Path(folder, "layer.tar")
        _write_layer(layer, contents, links or {})
        with layer.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        config = _json(
            {
                "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
                "os": "linux",
                "config": {
                    "User": user,
                    "Entrypoint": list(entrypoint),
                    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    "WorkingDir": "/",
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIG, config),
                "layers": [
                    {
                        "mediaType": _LAYER,
                        "digest": f"sha256:{digest}",
                        "size": layer.stat().st_size,
                    }
                ],
            }
        )
        annotations = {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [_descriptor(_MANIFEST, manifest) | {"annotations": annotations}],
        }
        scratch = Path(folder, "archive.tar")
        with tarfile.open(scratch, "w") as archive:
            _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
            _add(archive, "index.json", _json(index))
            for blob in (config, manifest):
                _add(archive, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
            archive.add(layer, f"blobs/sha256/{digest}", filter=_anonymous)
        scratch.replace(path)


def ensure_images(binaries: Mapping[str, Path], progress: Report = silent) -> dict[str, Path]:
    """Return the archives of the images that a node needs, and make them first if need be.

    Args:
        binaries: The node's programs; see `storeorch_devcluster.build.ensure_node_binaries`.
        progress: Receives reports.

    Returns:
        Archives by image name.

    Raises:
        BuildFailed: The pause program could not be built, or the cache cannot be written.
    """
    source = (files(__package__) / "pause.c").read_bytes()
    key = hashlib.sha256(source)
    for program in ("coredns", "traefik"):
        key.update(str(binaries[program]).encode())
    folder = cache_root() / f"images-{key.hexdigest()[:16]}"
    archives = {
        PAUSE_IMAGE: folder / "pause.tar",
        COREDNS_IMAGE: folder / "coredns.tar",
        TRAEFIK_IMAGE: folder / "traefik.tar",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "build.lock"):
            if not archives[PAUSE_IMAGE].exists():
                progress(Progress("Making the pause image"))
                _make_pause(archives[PAUSE_IMAGE])
            for name in ("coredns", "traefik"):
                image = {"coredns": COREDNS_IMAGE, "traefik": TRAEFIK_IMAGE}[name]
                if not archives[image].exists():
                    progress(Progress(f"Making the {name} image"))
                    write_archive(
                        archives[image],
                        name=image,
                        contents={name: binaries[name]},
                        entrypoint=[f"/{name}"],
                    )
    except OSError as error:
        raise BuildFailed(
            "The images of the development cluster could not be written.",
            hint="Set STOREORCH_DEV_CACHE to a folder with room that you may write to.",
        ) from error
    return archives


def _make_pause(archive: Path) -> None:
    with TemporaryDirectory() as folder, as_file(files(__package__) / "pause.c") as source:
        program = Path(folder, "pause")
        flags = ("-Os", "-static", "-s")
        try:
            subprocess.run(
                ["cc", *flags, "-o", str(program), str(source)],
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except subprocess.CalledProcessError as error:
            raise BuildFailed(
                "The C compiler of this machine cannot build a static program.",
                hint="Install the packages gcc and libc6-dev.",
            ) from error
        write_archive(archive, name=PAUSE_IMAGE, contents={"pause": program}, entrypoint=["/pause"])


def _write_layer(
    path: Path, contents: Mapping[str, Path | bytes], links: Mapping[str, str]
) -> None:
    parents = {
        str(parent)
        for name in (*contents, *links)
        for parent in Path(name).parents
        if str(parent) != "."
    }
    with tarfile.open(path, "w") as layer:
        for folder in sorted({*parents, "tmp"}):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else EXECUTABLE
            layer.addfile(entry)
        for name, content in contents.items():
            if isinstance(content, bytes):
                _add(layer, name, content)
            else:
                layer.add(content, name, filter=_executable)
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            layer.addfile(entry)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _executable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = EXECUTABLE
    return _anonymous(entry)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), PLAIN
    archive.addfile(entry, io.BytesIO(content))


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }
