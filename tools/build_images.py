"""Build container images from Debian's packages, without a registry and without an engine.

Usage: python tools/build_images.py [--refresh] [--include NAME=PATH] IMAGE ...

A recipe is a folder under ``charts/*/image/local`` with two files. ``image.json``
says what the image is made of::

    {"name": "storeorch.local/example",      name of the image, which starts with a host
     "tag": "1",                             its tag
     "packages": ["nginx-light"],            Debian's packages in its root
     "context": "..",                        folder the Dockerfile copies from; default: its own
     "include": {"app": "examples/app"}}     more for that folder: name in it, path in the checkout

``Dockerfile`` begins with ``FROM scratch`` and ``ADD root.tar /``: the tool makes
``root.tar`` of the packages (mmdebstrap) and puts it beside what the context
holds. An IMAGE is the last part of a name, here ``example``. ``--include`` puts
another file or folder in the place of one that the recipe includes.

Images are kept as OCI archives in the user's cache folder, under a digest of recipe, context,
Debian's release and processor. The version of Debian's packages is no part of it: ``--refresh``
takes what Debian has now. The archives' paths go to standard output.

Needs root on Debian; missing tools (mmdebstrap, buildah) are installed by apt.
This module must not know what is in an image, nor any cluster.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import platformdirs

ROOT: Final = Path(__file__).resolve().parent.parent

CACHE_VARIABLE: Final = "STOREORCH_IMAGE_CACHE"
"""Environment variable that overrides the folder of built images."""

TOOLS: Final = ("mmdebstrap", "buildah")

CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
"""Whom this machine trusts; builds that fetch packages trust the same, images do not."""

FORMAT: Final = "1"
"""Part of every digest: raised when this tool builds something else of the same recipe."""

LEFT_OUT: Final = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
)
"""What an image has no use for; copyright files stay."""

WITHOUT_CACHES: Final = (
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log "$1"/var/log/apt'
)


class BuildError(Exception):
    """The image cannot be built; the message is for whoever builds it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is made of.

    Attributes:
        folder: Where ``image.json`` and ``Dockerfile`` are.
        name: Name of the image without its tag.
        tag: Its tag.
        packages: Debian's packages in its root.
        context: Folder that the Dockerfile copies from.
        include: Files and folders put into the context, by their name there.
    """

    folder: Path
    name: str
    tag: str
    packages: tuple[str, ...]
    context: Path
    include: Mapping[str, Path] = field(default_factory=dict)

    @property
    def short_name(self) -> str:
        """The last part of the image's name."""
        return self.name.rpartition("/")[2]

    @property
    def reference(self) -> str:
        """Name and tag."""
        return f"{self.name}:{self.tag}"


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def read_recipe(file: Path) -> Recipe:
    """Read an ``image.json``.

    Raises:
        BuildError: It is not a recipe.
    """
    known = {"name", "tag", "packages", "context", "include"}
    content = json.loads(file.read_text(encoding="utf-8"))
    if unknown := set(content) - known:
        raise BuildError(f"{file} says {', '.join(sorted(unknown))}, which means nothing.")
    if missing := {"name", "tag", "packages"} - set(content):
        raise BuildError(f"{file} does not say {', '.join(sorted(missing))}.")
    return Recipe(
        folder=file.parent,
        name=content["name"],
        tag=content["tag"],
        packages=tuple(sorted(content["packages"])),
        context=(file.parent / content.get("context", ".")).resolve(),
        include={name: ROOT / path for name, path in content.get("include", {}).items()},
    )


def recipes(root: Path = ROOT) -> dict[str, Recipe]:
    """Find every recipe, by the short name of its image."""
    found = [read_recipe(file) for file in sorted(root.glob("charts/*/image/local/**/image.json"))]
    return {recipe.short_name: recipe for recipe in found}


def find(name: str) -> Recipe:
    """Find the recipe of an image by the last part of its name.

    Raises:
        BuildError: There is none.
    """
    known = recipes()
    if name not in known:
        raise BuildError(f"No recipe for {name}; there are: {', '.join(sorted(known))}.")
    return known[name]


def files_in(path: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """Yield every file under a path with its name relative to it, in a fixed order."""
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from files_in(child, f"{name}/{child.name}" if name else child.name)
    elif path.is_file():
        yield name, path
    else:
        raise BuildError(f"{path} is missing.")


def root_digest(recipe: Recipe, release: str) -> str:
    """Return the digest of what the root is made of."""
    made_of = (FORMAT, release, platform.machine(), *LEFT_OUT, *recipe.packages)
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:20]


def image_digest(recipe: Recipe, release: str) -> str:
    """Return the digest of all that goes into an image; modification times do not."""
    digest = hashlib.sha256(f"{root_digest(recipe, release)}\n{recipe.reference}\n".encode())
    parts = [("Dockerfile", recipe.folder / "Dockerfile"), ("", recipe.context)]
    parts += sorted(recipe.include.items())
    for above, path in parts:
        for name, file in files_in(path):
            executable = os.access(file, os.X_OK)
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{above}\0{name}\0{executable:d}\0{content}\n".encode())
    return digest.hexdigest()[:20]


def cache() -> Path:
    """Return the folder of built images."""
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).expanduser().absolute()
    return platformdirs.user_cache_path("storeorch") / "images"


def debian_release() -> str:
    """Return the code name of the Debian that runs here.

    Raises:
        BuildError: It is no Debian.
    """
    about = platform.freedesktop_os_release()
    if about.get("ID") != "debian" or "VERSION_CODENAME" not in about:
        raise BuildError("Images are built on Debian only; on others use image/Dockerfile.")
    return about["VERSION_CODENAME"]


def run(*command: str | Path, given: str = "") -> str:
    """Run a program and return what it prints; what it says goes to standard error.

    Raises:
        BuildError: It failed.
    """
    done = subprocess.run(
        [str(word) for word in command], input=given, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{command[0]} failed with exit code {done.returncode}; see above.")
    return done.stdout


def install_tools() -> None:
    """Install what is missing of mmdebstrap and buildah.

    Raises:
        BuildError: Not root, or apt failed.
    """
    if os.geteuid() != 0:
        raise BuildError("Images are built by root only: run this with sudo.")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        say(f"installing {' and '.join(missing)}")
        run("apt-get", "update", "-qq")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "install", "-qq", "--no-install-recommends", *missing)


def sources(release: str) -> str:
    """Return the machine's own sources of Debian's packages, in one-line form.

    Raises:
        BuildError: apt knows none.
    """
    shape = "$(ORIGIN) $(SITE) $(CODENAME) $(COMPONENT)"
    command = ("apt-get", "indextargets", "--format", shape, "Created-By: Packages")
    found = run(*command).splitlines()
    if not found:
        run("apt-get", "update", "-qq")
        found = run(*command).splitlines()
    lines = []
    for line in found:
        origin, *source = line.split()
        if origin == "Debian" and source[1].partition("-")[0] == release:
            lines.append(f"deb {' '.join(source)}")
    if not lines:
        raise BuildError("apt knows no source of Debian's packages.")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def make_root(recipe: Recipe, release: str, *, refresh: bool) -> Path:
    """Make, or find, the root file system of an image as a tar archive."""
    archive = cache() / "roots" / f"{root_digest(recipe, release)}.tar"
    with locked(archive):
        if archive.exists() and not refresh:
            return archive
        say(f"{recipe.reference}: making a root of {len(recipe.packages)} Debian packages")
        options = [f"--aptopt={line}" for line in run("apt-config", "dump", "Acquire").splitlines()]
        options += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
        options += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        if recipe.packages:
            options += [f"--include={','.join(recipe.packages)}"]
        with replacing(archive) as unfinished:
            run(
                *("mmdebstrap", "--quiet", "--variant=apt", "--format=tar", *options),
                *('--aptopt=Apt::Install-Recommends "false"', f"--customize-hook={WITHOUT_CACHES}"),
                *(release, unfinished, "-"),
                given=sources(release),
            )
        return archive


def build(recipe: Recipe, *, refresh: bool = False) -> Path:
    """Build an image, or find it built.

    Args:
        recipe: What it is made of.
        refresh: Build it anew even if it is there.

    Returns:
        The OCI archive.

    Raises:
        BuildError: It cannot be built.
    """
    release = debian_release()
    name = f"{recipe.short_name}-{recipe.tag}-{image_digest(recipe, release)}.tar"
    archive = cache() / name
    with locked(archive):
        if archive.exists() and not refresh:
            return archive
        install_tools()
        started = time.monotonic()
        root = make_root(recipe, release, refresh=refresh)
        with tempfile.TemporaryDirectory(prefix="storeorch-image-", dir=cache()) as scratch:
            context = Path(scratch) / "context"
            lay_out(recipe, root, context)
            say(f"{recipe.reference}: building on it")
            with replacing(archive) as unfinished:
                _bud(recipe, context, Path(scratch), unfinished)
        seconds, size = time.monotonic() - started, archive.stat().st_size
        say(f"{recipe.reference}: built in {seconds:.0f} s, {size / 2**20:.0f} MiB")
        return archive


def lay_out(recipe: Recipe, root: Path, context: Path) -> None:
    """Fill the folder that the Dockerfile copies from."""
    shutil.copytree(recipe.context, context, symlinks=True)
    for name, path in recipe.include.items():
        target = context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)
    shutil.copyfile(root, context / "root.tar")


def _bud(recipe: Recipe, context: Path, scratch: Path, archive: Path) -> None:
    store = ("--storage-driver=vfs", f"--root={scratch / 'store'}", f"--runroot={scratch / 'run'}")
    tag = f"--tag={recipe.reference}"
    certificates = f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"
    trust = (certificates,) if CERTIFICATES.exists() else ()
    run(
        *("buildah", *store, "bud", "--quiet", "--isolation=chroot", "--squash", "--timestamp=0"),
        *trust,
        *(tag, f"--file={recipe.folder / 'Dockerfile'}", context),
    )
    run(
        "buildah",
        *store,
        "push",
        "--quiet",
        recipe.reference,
        f"oci-archive:{archive}:{recipe.reference}",
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep others from making the same file at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside a path to write to; it takes the path's place if all went well."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    try:
        yield unfinished
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def with_includes(recipe: Recipe, given: Sequence[str]) -> Recipe:
    """Put other files and folders in the place of those that the recipe includes.

    Args:
        recipe: The recipe.
        given: ``NAME=PATH`` each; names that the recipe does not include are left out.

    Raises:
        BuildError: One of them is not of that form.
    """
    include = dict(recipe.include)
    for entry in given:
        name, found, path = entry.partition("=")
        if not found or not path:
            raise BuildError(f"--include {entry} is not of the form NAME=PATH.")
        if name in include:
            include[name] = Path(path).expanduser().absolute()
    return replace(recipe, include=include)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the images that were asked for and print the paths of their archives."""
    about = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="last part of an image's name")
    parser.add_argument("--refresh", action="store_true", help="build anew, with Debian's latest")
    parser.add_argument("--include", action="append", default=[], metavar="NAME=PATH")
    options = parser.parse_args(arguments)
    try:
        wanted = [with_includes(find(name), options.include) for name in options.images]
        for recipe in wanted:
            print(build(recipe, refresh=options.refresh), flush=True)
    except (BuildError, OSError) as error:
        say(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
