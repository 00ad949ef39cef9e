"""The charts as they travel: packaged, and within a release's Secret."""

from __future__ import annotations

import tarfile
from pathlib import Path

import yaml

from .rendering import CHARTS, Helm

LARGEST_PACKAGE = 100 * 1024


def test_the_package_is_small_and_complete(helm: Helm, chart: str, tmp_path: Path) -> None:
    done = helm.run("package", str(CHARTS / chart), f"--destination={tmp_path}")
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.iterdir()

    with tarfile.open(package) as archive:
        names = {name.removeprefix(f"{chart}/") for name in archive.getnames()}
    assert package.stat().st_size < LARGEST_PACKAGE
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "README.md"} <= names
    assert {f"files/{f.name}" for f in (CHARTS / chart / "files").iterdir()} <= names


def test_the_chart_says_what_it_is(chart: str) -> None:
    about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())

    assert about["apiVersion"] == "v2"
    assert about["type"] == "application"
    assert about["name"] == chart
    assert isinstance(about["version"], str)
    assert isinstance(about["appVersion"], str)
    assert "dependencies" not in about


def test_a_packaged_chart_renders_like_the_folder(helm: Helm, chart: str, tmp_path: Path) -> None:
    helm.run("package", str(CHARTS / chart), f"--destination={tmp_path}")
    (package,) = tmp_path.iterdir()
    arguments = ("--set=storeorch.credentialsSecret=store-credentials",)

    packed = helm.run("template", "my-store", str(package), *arguments)
    folder = helm.run("template", "my-store", str(CHARTS / chart), *arguments)
    assert packed.returncode == 0
    assert packed.stdout == folder.stdout
