from __future__ import annotations

import pytest

from plan import E2E, FULLY_COVERED, ROOT, plan
from storeorch_devcluster.paths import HELM3, module_version


def test_every_folder_of_tests_belongs_to_a_check() -> None:
    words = {word for check in plan() for command in check.commands for word in command}
    words |= set(E2E)  # on a real node, by a command of its own
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("tests/**/test_*.py")}
    for folder in folders:
        assert words & {str(folder), *map(str, folder.parents)}, folder


@pytest.mark.parametrize("path", FULLY_COVERED)
def test_modules_that_must_be_covered_exist(path: str) -> None:
    assert (ROOT / path).is_file()


def test_checks_depend_on_each_other_without_circles() -> None:
    waiting = {check.name: {*check.needs, *check.after} for check in plan()}
    ended: set[str] = set()
    while waiting:
        free = {name for name, before in waiting.items() if before <= ended}
        assert free, waiting
        ended |= free
        waiting = {name: before for name, before in waiting.items() if name not in free}


def test_both_helms_are_built_before_they_are_needed() -> None:
    checks = {check.name: check for check in plan()}
    (command,) = checks["cluster"].commands
    assert "ensure_binaries(" in command[-1]
    assert "ensure_helm3(" in command[-1]
    assert "cluster" in checks["integration"].needs


def test_the_documentation_names_the_helms_that_are_tested() -> None:
    text = " ".join((ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8").split())
    versions = module_version("helm.sh/helm/v3", HELM3), module_version("helm.sh/helm/v4")
    three, four = (version.removeprefix("v").rpartition(".")[0] for version in versions)
    assert f"tested with Helm {three} and Helm {four}" in text
