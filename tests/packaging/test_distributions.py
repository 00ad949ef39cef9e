"""The five distributions hold what they need, and work where nothing else is."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from importlib.metadata import entry_points, packages_distributions
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {
    "storeorch": ROOT,
    "storeorch-woocommerce": ROOT / "plugins/woocommerce",
    "storeorch-medusa": ROOT / "plugins/medusa",
    "storeorch-devcluster": ROOT / "plugins/devcluster",
    "storeorch-webapp": ROOT / "examples/webapp",
}
PLUGINS = ("storeorch-woocommerce", "storeorch-medusa", "storeorch-devcluster")
DASHBOARD = ROOT / "examples/webapp/dashboard/dist"
EXPECTED = {
    "storeorch": ("db/migrations/env.py", "db/migrations/versions/"),
    "storeorch-woocommerce": ("chart/Chart.yaml", "chart/values.schema.json", "chart/templates/"),
    "storeorch-medusa": ("chart/Chart.yaml", "chart/values.schema.json", "chart/templates/"),
    "storeorch-devcluster": (
        "gomod/go.mod",
        "gomod/go.sum",
        "gomod_traefik/go.sum",
        "realnode/manifests/",
        "realnode/pause.c",
        "stages/",
    ),
    "storeorch-webapp": ("migrations/env.py", "migrations/versions/", "dashboard/index.html"),
}

LOADED_BY_NAME = {"aiosqlite"}
"""Dependencies that no code imports: SQLAlchemy loads the driver that a URL names."""


@dataclass(frozen=True)
class Built:
    """What building one distribution gave."""

    name: str
    sdist: Path
    wheel_from_sdist: Path
    wheel_from_checkout: Path

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    def checkout_files(self) -> dict[str, bytes]:
        """Return the files of the module in the checkout, links followed.

        What images are built from is for the checkout alone.
        """
        folder = PROJECTS[self.name] / "src"
        images = folder / self.module / "chart" / "image"
        return {
            (Path(parent) / name).relative_to(folder).as_posix(): (Path(parent) / name).read_bytes()
            for parent, _, names in os.walk(folder / self.module, followlinks=True)
            if Path(parent).name != "__pycache__" and not Path(parent).is_relative_to(images)
            for name in names
        }

    def built_files(self) -> dict[str, bytes]:
        """Return the files of the module that are made by a build: the dashboard."""
        if self.name != "storeorch-webapp":
            return {}
        return {
            f"{self.module}/dashboard/{path.relative_to(DASHBOARD).as_posix()}": path.read_bytes()
            for path in DASHBOARD.rglob("*")
            if path.is_file()
        }


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a program that must succeed, and return what it printed."""
    process = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(sdist: Path) -> dict[str, bytes]:
    """Return the files of a source archive, without its top folder."""
    found: dict[str, bytes] = {}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            assert member.isfile(), f"{member.name} is no plain file"
            content = archive.extractfile(member)
            if content is not None:
                found[member.name.partition("/")[2]] = content.read()
    return found


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    built = {}
    for name, project in PROJECTS.items():
        target = tmp_path_factory.mktemp(name)
        build = (sys.executable, "-m", "build", "--no-isolation")
        # Without a choice, build makes the wheel from the source archive.
        run(*build, "--outdir", target, project, cwd=target)
        run(*build, "--wheel", "--outdir", target / "direct", project, cwd=target)
        (sdist,), (wheel,) = target.glob("*.tar.gz"), target.glob("*.whl")
        (direct,) = (target / "direct").glob("*.whl")
        built[name] = Built(name, sdist, wheel, direct)
    return built


@pytest.fixture(params=PROJECTS)
def built(request: pytest.FixtureRequest, distributions: dict[str, Built]) -> Built:
    return distributions[request.param]


def test_wheel_holds_the_module_and_nothing_else(built: Built) -> None:
    content = wheel_files(built.wheel_from_checkout)
    info = f"{built.module}-0.1.0.dist-info/"
    own = {name: data for name, data in content.items() if not name.startswith(info)}
    assert own == built.checkout_files() | built.built_files()
    assert f"{info}licenses/LICENSE" in content


def test_wheel_from_source_archive_is_the_same(built: Built) -> None:
    assert wheel_files(built.wheel_from_sdist) == wheel_files(built.wheel_from_checkout)


def test_source_archive_holds_the_module(built: Built) -> None:
    content = sdist_files(built.sdist)
    own = {name: data for name, data in content.items() if name.startswith("src/")}
    assert own == {f"src/{name}": data for name, data in built.checkout_files().items()}
    assert {"LICENSE", "README.md", "pyproject.toml"} <= content.keys()
    assert not [name for name in content if "tests/" in name]


def test_package_data_travels(built: Built) -> None:
    names = wheel_files(built.wheel_from_sdist).keys()
    for wanted in ("py.typed", *EXPECTED[built.name]):
        assert [name for name in names if name.startswith(f"{built.module}/{wanted}")], wanted


def test_no_path_of_this_machine_travels(built: Built) -> None:
    here = [str(path).encode() for path in (ROOT, Path.home())]
    for content in (wheel_files(built.wheel_from_sdist), sdist_files(built.sdist)):
        for name, data in content.items():
            assert not [path for path in here if path + b"/" in data], name


@pytest.mark.parametrize("name", PROJECTS)
def test_metadata_agrees(name: str) -> None:
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for key in ("version", "requires-python", "license", "authors"):
        assert project[key] == core[key], key
    if name != "storeorch":
        needed = {Requirement(text).name: Requirement(text) for text in project["dependencies"]}
        assert core["version"] in needed["storeorch"].specifier
    if name in PLUGINS:
        assert project["entry-points"]["storeorch.plugins"] == {
            name.removeprefix("storeorch-"): f"{name.replace('-', '_')}.plugin"
        }
    license_text = (PROJECTS[name] / "LICENSE").read_text()
    assert license_text == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("name", ["woocommerce", "medusa"])
def test_editable_install_finds_the_chart(name: str) -> None:
    chart = files(f"storeorch_{name}") / "chart" / "Chart.yaml"
    assert chart.read_text() == (ROOT / "charts" / name / "Chart.yaml").read_text()


def test_every_dependency_is_pinned() -> None:
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "requirements/run.txt").read_text().splitlines()
        if "==" in line
    }
    for project in PROJECTS.values():
        declared = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        names = {canonicalize_name(Requirement(text).name) for text in declared["dependencies"]}
        assert names <= pinned | PROJECTS.keys()


def imported(project: Path) -> set[str]:
    """Return the distributions that the code of a project imports."""
    # An editable installation does not say which modules it brings.
    known = {**packages_distributions(), "storeorch": ["storeorch"]}
    names: set[str] = set()
    for path in (project / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            else:
                continue
            for module in modules:
                names.update(known.get(module.partition(".")[0], ()))
    return {canonicalize_name(name) for name in names}


@pytest.mark.parametrize("name", PROJECTS)
def test_dependencies_are_what_the_code_imports(name: str) -> None:
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]
    listed = list(project["dependencies"])
    optional = [
        text for texts in project.get("optional-dependencies", {}).values() for text in texts
    ]
    declared = {canonicalize_name(Requirement(text).name) for text in listed}
    offered = declared | {canonicalize_name(Requirement(text).name) for text in optional}
    used = imported(PROJECTS[name]) - {canonicalize_name(name)}
    assert used <= offered
    assert declared - used <= LOADED_BY_NAME


@pytest.mark.parametrize("name", ["run", "dev"])
def test_pins_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    entries = text.replace("\\\n", "").splitlines()
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


class Elsewhere:
    """An empty environment outside the checkout, with the five wheels installed."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        self.bin = folder / "venv" / "bin"
        pinned = ("--require-hashes", "-r", ROOT / "requirements/run.txt")
        self._install(*pinned)
        self._install("--no-deps", "--no-index", *wheels)

    def _install(self, *arguments: str | Path) -> None:
        python = self.bin / "python"
        if uv := shutil.which("uv"):
            installer: tuple[str | Path, ...] = (uv, "pip", "install", "--python", python)
        else:
            installer = (sys.executable, "-m", "pip", "--python", python, "install")
        run(*installer, "--quiet", *arguments, cwd=self.folder)

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the environment with nothing of ours around it."""
        clean = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "STOREORCH_DATABASE_URL": f"sqlite:///{self.folder / 'stores.db'}",
        }
        return run(self.bin / program, *arguments, cwd=self.folder, env=clean)


@pytest.fixture(scope="session")
def elsewhere(
    tmp_path_factory: pytest.TempPathFactory, distributions: dict[str, Built]
) -> Elsewhere:
    wheels = [built.wheel_from_sdist for built in distributions.values()]
    return Elsewhere(tmp_path_factory.mktemp("elsewhere"), wheels)


def test_installed_command_tells_its_version(elsewhere: Elsewhere) -> None:
    assert "0.1.0" in elsewhere.run("storeorch", "--version")


def test_installed_plugins_are_found(elsewhere: Elsewhere) -> None:
    types: list[dict[str, Any]] = json.loads(
        elsewhere.run("storeorch", "type", "list", "-o", "json")
    )
    assert {entry["name"] for entry in types} == {"medusa", "woocommerce"}
    assert "dev" in elsewhere.run("storeorch", "--help")


@pytest.mark.parametrize("name", ["woocommerce", "medusa"])
def test_installed_type_is_shown(elsewhere: Elsewhere, name: str) -> None:
    assert "ingress" in elsewhere.run("storeorch", "type", "show", name)


@pytest.mark.parametrize("name", ["woocommerce", "medusa"])
def test_installed_chart_is_whole(elsewhere: Elsewhere, name: str) -> None:
    code = (
        f"from importlib.resources import files; root = files('storeorch_{name}') / 'chart'; "
        "print((root / 'Chart.yaml').read_text())"
    )
    assert elsewhere.run("python", "-I", "-c", code).startswith("apiVersion: v2")


def test_installed_web_app_describes_itself_and_has_its_dashboard(elsewhere: Elsewhere) -> None:
    document = json.loads(elsewhere.run("python", "-m", "storeorch_webapp", "openapi"))
    assert "/api/stores" in document["paths"]
    code = "from storeorch_webapp.dashboard import find; print(find())"
    assert elsewhere.run("python", "-I", "-c", code).strip().endswith("storeorch_webapp/dashboard")
    assert elsewhere.run("storeorch-web", "token", "create", "--role", "viewer", "--owner", "a")


def test_every_module_imports_from_the_wheels(elsewhere: Elsewhere) -> None:
    code = """
import importlib, pkgutil, sys
for package in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        name = module.name
        # The last one is for those alone who have the extra postgresql.
        left_out = (".migrations", ".testing", "__main__", ".pgconnection")
        if not any(each in name for each in left_out):
            importlib.import_module(name)
"""
    modules = [name.replace("-", "_") for name in PROJECTS]
    elsewhere.run("python", "-I", "-W", "error::SyntaxWarning", "-c", code, *modules)


def test_this_environment_has_the_plugins() -> None:
    found = {entry.name for entry in entry_points(group="storeorch.plugins")}
    assert {"woocommerce", "medusa", "devcluster"} <= found
