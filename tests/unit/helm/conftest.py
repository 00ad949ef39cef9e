"""A Helm of shell and Secrets in memory."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from storeorch.errors import ClusterRefused
from storeorch.helm import storage
from storeorch.ports import ReleaseSecret

MANIFEST = """\
---
# Source: chart/templates/db.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: mysql
---
# Source: chart/templates/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wordpress
"""


def release(status: str = "deployed", version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "version": version,
        "info": {"status": status, "description": "as Helm says"},
        "manifest": MANIFEST,
        "config": {"big": 2**60, "none": None, "text": "ä"},
        **more,
    }


@dataclass
class MemorySecrets:
    """Satisfies ``ports.SecretStore``, for one namespace."""

    kept: dict[str, tuple[ReleaseSecret, Mapping[str, bytes]]] = field(default_factory=dict)
    reads: int = 0
    seen: list[ReleaseSecret] | None = None

    def lag(self) -> None:
        """Have the watch see nothing from now on."""
        self.seen = [secret for secret, _ in self.kept.values()]

    def put(self, content: Mapping[str, Any], digest: str | None = None) -> None:
        version = content["version"]
        name = f"sh.helm.release.v1.shop.v{version}"
        labels = {"name": "shop", "status": content["info"]["status"], "version": str(version)}
        if digest:
            labels[storage.LABEL_DIGEST] = digest
        stamp = str(len(self.kept) + 1)
        self.kept[name] = (ReleaseSecret(name, labels, stamp), storage.encode(content))

    async def list_release_labels(
        self, namespace: str, release: str, *, live: bool
    ) -> Sequence[ReleaseSecret]:
        if self.seen is not None and not live:
            return self.seen
        return [secret for secret, _ in self.kept.values()]

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        self.reads += 1
        return self.kept[name][1] if name in self.kept else None

    async def replace_secret_data(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        labels: Mapping[str, str],
        *,
        resource_version: str | None,
    ) -> None:
        secret, _ = self.kept[name]
        if resource_version not in {None, secret.resource_version}:
            raise ClusterRefused
        changed = replace(secret, labels=labels, resource_version=f"{resource_version}+")
        self.kept[name] = (changed, data)


@pytest.fixture
def secrets() -> MemorySecrets:
    return MemorySecrets()


@dataclass
class Call:
    """One start of the stand-in for Helm."""

    arguments: list[str]
    stdin: str
    environment: dict[str, str]

    def option(self, name: str) -> str | None:
        for at, argument in enumerate(self.arguments):
            if argument == name:
                return self.arguments[at + 1]
            if argument.startswith(f"{name}="):
                return argument.partition("=")[2]
        return None


class FakeHelm:
    """A program that answers as told, and keeps how it was called."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "helm"
        self._calls = folder / "calls"
        self._calls.mkdir()
        self.answers("v4.3.1", {})

    def answers(
        self,
        version: str,
        installed: Mapping[str, Any] | str,
        *,
        fails: Sequence[str] = (),
        rendered: str = "",
    ) -> None:
        """Answer so from now on; each failure is used up by one call, versions aside."""
        calls = shlex.quote(str(self._calls))
        text = installed if isinstance(installed, str) else json.dumps(installed)
        lines = [
            "#!/bin/sh",
            f'if [ "$1" = version ]; then echo {shlex.quote(version)}; exit; fi',
            f"n=$(ls -d {calls}/*.d 2>/dev/null | wc -l); d={calls}/$n.d; mkdir $d",
            'printf "%s\\0" "$@" > $d/arguments; cat > $d/stdin; env -0 > $d/environment',
        ]
        first = len(self.calls())
        for at, failure in enumerate(fails, first):
            lines.append(f'[ $n = {at} ] && {{ printf "%s" {shlex.quote(failure)} >&2; exit 1; }}')
        lines.append(f'[ "$1" = template ] && printf "%s" {shlex.quote(rendered)}')
        lines.append(f'[ "$1" = upgrade ] && printf "%s" {shlex.quote(text)}; exit 0')
        self.program.write_text("\n".join(lines))
        self.program.chmod(0o755)

    def calls(self) -> list[Call]:
        folders = sorted(self._calls.glob("*.d"), key=lambda each: int(each.stem))
        return [
            Call(
                (folder / "arguments").read_text().split("\0")[:-1],
                (folder / "stdin").read_text(),
                dict(
                    pair.split("=", 1)
                    for pair in (folder / "environment").read_text().split("\0")
                    if pair
                ),
            )
            for folder in folders
        ]


@pytest.fixture
def fake_helm(tmp_path: Path) -> FakeHelm:
    return FakeHelm(tmp_path)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (chart / "templates" / "web.yaml").write_text("kind: Deployment\n")
    return chart
