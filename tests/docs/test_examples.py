"""The examples hold what the documentation says of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from storeorch import HelmStoreType, StoreType
from storeorch.ports import WorkloadRef
from storeorch.testing.conformance import StoreTypeConformance

ROOT = Path(__file__).resolve().parents[2]
SHOP_WINDOW = ROOT / "examples/shop_window/shop_window.py"
LINES = 25


def load(path: Path) -> ModuleType:
    """Import an example from where it is."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def offered(path: Path) -> StoreType:
    """Return the store type that an example offers through its hook."""
    (store_type,) = load(path).storeorch_store_types()
    assert isinstance(store_type, StoreType)
    return store_type


class TestShopWindow(StoreTypeConformance):
    store_type = offered(SHOP_WINDOW)
    example: ClassVar = {"replicas": 2}
    workloads = (WorkloadRef("Deployment", "window"),)

    def test_is_a_chart_with_what_may_be_set(self) -> None:
        assert isinstance(self.store_type, HelmStoreType)

    def test_has_25_lines(self) -> None:
        assert len([line for line in SHOP_WINDOW.read_text().splitlines() if line]) <= LINES

    def test_stands_in_the_readme(self) -> None:
        _, _, code = SHOP_WINDOW.read_text().partition('"""\n\n')
        assert f"```python\n{code}```" in (ROOT / "README.md").read_text()


class TestNoticeBoard(StoreTypeConformance):
    store_type = offered(ROOT / "examples/notice_board.py")


def test_every_example_is_listed() -> None:
    listed = (ROOT / "examples/README.md").read_text()
    for path in ROOT.glob("examples/*.py"):
        assert f"]({path.name})" in listed, path.name
