"""Where the development cluster keeps things.

Reading this module is cheap: the command line asks it at every start whether
the cache holds ``helm``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import platformdirs

CACHE_VARIABLE = "STOREORCH_DEV_CACHE"
"""Environment variable that overrides the folder of built programs."""

HOME_VARIABLE = "STOREORCH_DEV_HOME"
"""Environment variable that overrides the folder of the cluster's state."""

TOOLS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "helm": "helm.sh/helm/v4/cmd/helm",
}
"""Every program of the cluster, and the Go package it is built from."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Programs that are built together, from one pinned set of Go modules.

    Attributes:
        title: What they are, in the middle of a sentence.
        folder: Folder of this package that holds ``go.mod`` and ``go.sum``.
        tools: Each program, and the Go package it is built from.
        named_after: Module whose version names the folder in the cache.
        prefix: Put before that version.
        stamps: Variables that hold a module's version, by name.
        disk: Bytes of free disk that a build needs at its peak.
        tags: Build tags.
        folders: What is kept of modules as it is, beside the programs: by a name
            in the cache, the module and the folder in it.
    """

    title: str
    folder: str
    tools: Mapping[str, str] = field(hash=False)
    named_after: str
    stamps: Mapping[str, str] = field(hash=False)
    disk: int
    prefix: str = ""
    tags: tuple[str, ...] = ()
    folders: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)


CLUSTER: Final = Recipe(
    title="the cluster's programs",
    folder="gomod",
    tools=TOOLS,
    named_after="k8s.io/kubernetes",
    stamps={"helm.sh/helm/v4/internal/version.version": "helm.sh/helm/v4"},
    disk=6 * 1024**3,
)
"""The control plane, kubectl and the Helm that the cluster brings."""

HELM3: Final = Recipe(
    title="Helm 3",
    folder="gomod_helm3",
    tools={"helm": "helm.sh/helm/v3/cmd/helm"},
    named_after="helm.sh/helm/v3",
    prefix="helm-",
    stamps={"helm.sh/helm/v3/internal/version.version": "helm.sh/helm/v3"},
    disk=2 * 1024**3,
)
"""Helm 3 alone: its modules and those of the cluster cannot be resolved together."""

KUBELET: Final = Recipe(
    title="the node's Kubernetes programs",
    folder="gomod_node",
    tools={
        "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    },
    named_after="k8s.io/kubernetes",
    prefix="node-",
    stamps={},
    disk=5 * 1024**3,
)
"""What a real node runs; simulated nodes do without, so it is built when first wanted."""

SHIM: Final = "containerd-shim-runc-v2"
"""The program between containerd and a pod, which containerd finds beside itself."""

CONTAINERD: Final = Recipe(
    title="containerd",
    folder="gomod_containerd",
    tools={
        "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
        SHIM: f"github.com/containerd/containerd/v2/cmd/{SHIM}",
        "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
    },
    named_after="github.com/containerd/containerd/v2",
    prefix="containerd-",
    stamps={
        "github.com/containerd/containerd/v2/version.Version": "github.com/containerd/containerd/v2"
    },
    disk=2 * 1024**3,
    tags=("no_btrfs", "no_devmapper", "no_zfs"),
)
"""The container runtime of a real node."""

COREDNS: Final = Recipe(
    title="CoreDNS",
    folder="gomod_coredns",
    tools={"coredns": "github.com/coredns/coredns"},
    named_after="github.com/coredns/coredns",
    prefix="coredns-",
    stamps={},
    disk=3 * 1024**3,
)
"""The cluster's DNS server, where pods run."""

GATEWAY_API: Final = "gateway-api-standard"
"""The definitions of the Gateway API, in the very version that Traefik is built with."""

TRAEFIK: Final = Recipe(
    title="Traefik",
    folder="gomod_traefik",
    tools={"traefik": "github.com/traefik/traefik/v3/cmd/traefik"},
    named_after="github.com/traefik/traefik/v3",
    prefix="traefik-",
    stamps={"github.com/traefik/traefik/v3/pkg/version.Version": "github.com/traefik/traefik/v3"},
    disk=6 * 1024**3,
    folders={GATEWAY_API: ("sigs.k8s.io/gateway-api", "config/crd/standard")},
)
"""The ingress controller, where pods run."""

NODE_RECIPES: Final = (KUBELET, CONTAINERD, COREDNS, TRAEFIK)
"""All that a real node needs beside the cluster's programs."""


@cache
def module_files(recipe: Recipe = CLUSTER) -> dict[str, bytes]:
    """Return the pinned ``go.mod`` and ``go.sum`` that travel in this package."""
    folder = files(__package__) / recipe.folder
    return {name: (folder / name).read_bytes() for name in ("go.mod", "go.sum")}


def module_version(module: str, recipe: Recipe = CLUSTER) -> str:
    """Return the version of a module that go.mod pins, for example ``v1.37.2``.

    Raises:
        LookupError: go.mod does not require that module.
    """
    text = module_files(recipe)["go.mod"].decode()
    found = re.search(rf"^\t{re.escape(module)} (v\S+)", text, flags=re.MULTILINE)
    if found is None:
        raise LookupError(module)
    return found[1]


def go_directive() -> tuple[int, ...]:
    """Return the lowest version of Go that every go.mod permits, for example ``(1, 26, 6)``."""
    lowest: tuple[int, ...] = ()
    for recipe in (CLUSTER, HELM3, *NODE_RECIPES):
        text = module_files(recipe)["go.mod"].decode()
        found = re.search(r"^go (\d+(?:\.\d+)*)", text, re.MULTILINE)
        if found is None:
            raise LookupError("go")
        lowest = max(lowest, tuple(int(part) for part in found[1].split(".")))
    return lowest


def link_flags(recipe: Recipe = CLUSTER) -> str:
    """Return the linker flags: no symbol tables, and the versions the programs report."""
    stamps = {name: module_version(module, recipe) for name, module in recipe.stamps.items()}
    if recipe.named_after == "k8s.io/kubernetes":
        kubernetes = module_version("k8s.io/kubernetes", recipe)
        major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
        stamps = {
            "k8s.io/component-base/version.gitVersion": kubernetes,
            "k8s.io/component-base/version.gitMajor": major,
            "k8s.io/component-base/version.gitMinor": minor,
            **stamps,
        }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


def build_flags(recipe: Recipe = CLUSTER) -> tuple[str, ...]:
    """Return the flags of ``go build``.

    ``-mod=readonly`` keeps every module checked against go.sum; modules stay
    writable so that the temporary module cache can be removed again.
    """
    return (
        "-mod=readonly",
        "-modcacherw",
        "-trimpath",
        "-buildvcs=false",
        f"-ldflags={link_flags(recipe)}",
        *((f"-tags={','.join(recipe.tags)}",) if recipe.tags else ()),
    )


@cache
def cache_key(recipe: Recipe = CLUSTER) -> str:
    """Return the key of the built programs: modules, flags and platform decide it."""
    digest = hashlib.sha256()
    for name, content in sorted(module_files(recipe).items()):
        digest.update(name.encode() + b"\0" + content + b"\0")
    tools = recipe.tools
    for part in (
        *build_flags(recipe),
        *tools,
        *tools.values(),
        sys.platform,
        platform.machine(),
    ):
        digest.update(part.encode() + b"\0")
    version = module_version(recipe.named_after, recipe)
    return f"{recipe.prefix}{version}-{digest.hexdigest()[:16]}"


def cache_root() -> Path:
    """Return the folder of built programs: ``$STOREORCH_DEV_CACHE`` or the user's cache."""
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).expanduser().absolute()
    return platformdirs.user_cache_path("storeorch") / "devcluster"


def binaries_dir(recipe: Recipe = CLUSTER) -> Path:
    """Return the folder where the programs of this version are, or will be."""
    return cache_root() / cache_key(recipe) / "bin"


def module_folder(name: str, recipe: Recipe) -> Path:
    """Return where a folder of a module is kept, or will be; see `Recipe.folders`."""
    return cache_root() / cache_key(recipe) / name


def state_home() -> Path:
    """Return the state folder: ``$STOREORCH_DEV_HOME`` or the user's state folder."""
    override = os.environ.get(HOME_VARIABLE)
    if override:
        return Path(override).expanduser().absolute()
    return platformdirs.user_state_path("storeorch") / "devcluster"


def built_executable(name: str, recipe: Recipe = CLUSTER) -> Path | None:
    """Return the built program of this name, or None if it was not built."""
    if name not in recipe.tools:
        return None
    path = binaries_dir(recipe) / name
    return path if os.access(path, os.X_OK) else None
