"""Plugins are found, kept apart from each other, and what is wrong with one is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from typing_extensions import override

from storeorch.errors import PluginError, UnknownStoreType
from storeorch.hookspecs import hookimpl
from storeorch.plugins import Plugins, load_plugins
from storeorch.storetype import Step, StoreType


class Shop(StoreType):
    name = "shop"

    @override
    def steps(self) -> Sequence[Step]:
        return ()


class Kiosk(Shop):
    name = "kiosk"


class Offers:
    """A plugin that offers what it is given."""

    def __init__(self, *types: object) -> None:
        self._types = types

    @hookimpl
    def storeorch_store_types(self) -> Sequence[object]:
        return self._types


class Source(EntryPoint):
    """An entry point that loads a plugin of the test's."""

    def __init__(self, name: str, plugin: object, distribution: Distribution | None = None) -> None:
        super().__init__(name, "nothing", "storeorch.plugins")
        vars(self).update(plugin=plugin, dist=distribution)

    @override
    def load(self) -> object:
        plugin = vars(self)["plugin"]
        if isinstance(plugin, BaseException):
            raise plugin
        return plugin


class Installed(Distribution):
    """A distribution that is not there."""

    @override
    def read_text(self, filename: str) -> str | None:
        return "Name: storeorch-shop\nVersion: 1.2.3\n" if filename == "METADATA" else None

    @override
    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


def commands(*names: str) -> SimpleNamespace:
    def storeorch_cli_commands() -> Sequence[click.Command]:
        return [click.Command(name) for name in names]

    return SimpleNamespace(storeorch_cli_commands=hookimpl(storeorch_cli_commands))


def executables(**paths: str) -> SimpleNamespace:
    def storeorch_executable(name: str) -> Path | None:
        return Path(paths[name]) if name in paths else None

    return SimpleNamespace(storeorch_executable=hookimpl(storeorch_executable))


# -- what is found ------------------------------------------------------------


def test_types_of_all_plugins() -> None:
    plugins = Plugins([Source("b", Offers(Shop())), Source("a", Offers(Kiosk()))])
    assert set(plugins.types) == {"shop", "kiosk"}
    assert isinstance(plugins.type("shop"), Shop)
    assert [(info.name, info.types, info.error) for info in plugins.infos] == [
        ("a", ("kiosk",), None),
        ("b", ("shop",), None),
    ]


def test_distribution_is_named() -> None:
    plugins = Plugins([Source("a", Offers(), Installed()), Source("b", Offers())])
    assert [(info.distribution, info.version) for info in plugins.infos] == [
        ("storeorch-shop", "1.2.3"),
        ("b", "0"),
    ]


@pytest.mark.parametrize(
    ("types", "hint"),
    [((Shop(), Kiosk()), "kiosk, shop."), ((), "none; install storeorch-woocommerce.")],
)
def test_unknown_type(types: Sequence[StoreType], hint: str) -> None:
    plugins = Plugins([Source("a", Offers(*types))])
    with pytest.raises(UnknownStoreType) as unknown:
        plugins.type("sh\nop")
    assert unknown.value.message == "There is no store type 'sh\\nop'."
    assert unknown.value.hint == f"Installed types: {hint}"


def test_installed_plugins_are_loaded() -> None:
    """Those of this checkout are, with their types."""
    plugins = load_plugins()
    assert [info for info in plugins.infos if info.error] == []
    assert {"woocommerce", "medusa"} <= set(plugins.types)


# -- what is wrong with one ---------------------------------------------------


def test_broken_plugin_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    broken = Source("a", ImportError("f0reign text"))
    plugins = Plugins([broken, Source("b", Offers(Shop()))])
    first, second = plugins.infos
    assert first.types == ()
    assert first.error is not None
    assert first.error.startswith("It cannot be loaded. (error id e-")
    assert "f0reign" not in first.error
    assert (second.types, second.error) == (("shop",), None)
    (record,) = caplog.records
    assert vars(record)["error_id"] in first.error
    assert record.exc_info is not None
    assert "f0reign text" in str(record.exc_info[1])


@pytest.mark.parametrize("error", [SystemExit(1), RecursionError(), ValueError("x")])
def test_whatever_the_import_raises(error: BaseException) -> None:
    plugins = Plugins([Source("a", error), Source("b", Offers(Shop()))])
    assert [info.error is None for info in plugins.infos] == [False, True]


def test_interrupt_is_not_the_plugins_fault() -> None:
    with pytest.raises(KeyboardInterrupt):
        Plugins([Source("a", KeyboardInterrupt())])


class Raises:
    @hookimpl
    def storeorch_store_types(self) -> Sequence[StoreType]:
        raise RuntimeError("f0reign text")

    @hookimpl
    def storeorch_executable(self, name: str) -> Path | None:
        return Path("/from/the/broken/one")


class AsksForTooMuch:
    @hookimpl
    def storeorch_executable(self, name: str) -> Path | None:
        return Path("/from/the/broken/one")

    @hookimpl
    def storeorch_store_types(self, settings: object) -> Sequence[StoreType]:
        return [Shop()]


class UnknownHook:
    @hookimpl
    def storeorch_executable(self, name: str) -> Path | None:
        return Path("/from/the/broken/one")

    @hookimpl
    def storeorch_store_typse(self) -> Sequence[StoreType]:
        return [Shop()]


class Renamed:
    @hookimpl(specname="storeorch_store_types")
    def types(self) -> Sequence[StoreType]:
        return [Shop()]


@pytest.mark.parametrize(
    ("plugin", "sentence"),
    [
        (Raises(), "It cannot be loaded."),
        (Offers(None), "It offers a store type that is not a StoreType."),
        (Offers(Shop), "It offers a store type that is not a StoreType."),
        (Offers(Kiosk(), Kiosk()), "It offers two store types of one name."),
        (Offers(Kiosk(), Shop()), "Its store type 'shop' is offered by another plugin."),
        (AsksForTooMuch(), "It takes arguments that its hooks do not have."),
        (UnknownHook(), "It implements the hook 'storeorch_store_typse', which does not exist."),
    ],
)
def test_sentences_for_users(
    plugin: object, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin that is told to be broken takes part in nothing."""
    plugins = Plugins([Source("a", Offers(Shop())), Source("b", plugin)])
    info = plugins.infos[1]
    assert info.error == f"{sentence} (error id {vars(caplog.records[0])['error_id']})"
    assert info.types == ()
    assert set(plugins.types) == {"shop"}
    assert plugins.executable("helm") is None


def test_two_plugins_of_one_name() -> None:
    """As two distributions may bring them; the first one stays as it is."""
    plugins = Plugins([Source("a", Offers(Shop())), Source("a", Offers(Kiosk()))])
    assert set(plugins.types) == {"shop"}
    assert plugins.infos[0].error is None
    assert "Another plugin has the name 'a'." in str(plugins.infos[1].error)


def test_one_plugin_under_two_names() -> None:
    plugin = Offers(Shop())
    plugins = Plugins([Source("a", plugin), Source("b", plugin)])
    assert set(plugins.types) == {"shop"}
    assert "under another name" in str(plugins.infos[1].error)


# -- registering by hand ------------------------------------------------------


def test_registered_plugin() -> None:
    plugins = Plugins([])
    info = plugins.register(Offers(Shop()), "mine")
    assert (info.name, info.types, info.error) == ("mine", ("shop",), None)
    assert list(plugins.infos) == [info]
    assert plugins.type("shop").name == "shop"


def test_hook_of_another_function_name() -> None:
    plugins = Plugins([])
    assert plugins.register(Renamed(), "mine").types == ("shop",)


@pytest.mark.parametrize("plugin", [UnknownHook(), AsksForTooMuch(), Offers(Shop()), Offers(1)])
def test_what_cannot_be_registered(plugin: object) -> None:
    """And may be, under the same name, once it is mended."""
    plugins = Plugins([Source("a", Offers(Shop()))])
    with pytest.raises(PluginError):
        plugins.register(plugin, "mine")
    assert len(plugins.infos) == 1
    assert plugins.register(Offers(Kiosk()), "mine").types == ("kiosk",)


def test_name_that_is_taken() -> None:
    plugins = Plugins([Source("a", Offers(Shop()))])
    with pytest.raises(PluginError):
        plugins.register(Offers(Kiosk()), "a")
    assert set(plugins.types) == {"shop"}


# -- commands and programs ----------------------------------------------------


def faulty_list() -> Iterator[click.Command]:
    yield click.Command("half")
    raise RuntimeError("f0reign text")


def test_commands_of_all_plugins(caplog: pytest.LogCaptureFixture) -> None:
    """One that raises, at once or half-way, or answers nonsense, takes no other along."""
    plugins = Plugins([Source("a", commands("one", "two")), Source("b", commands("three"))])
    for number, answer in enumerate([faulty_list, lambda: 7, lambda: 1 / 0, lambda: None]):
        hook = hookimpl(lambda answer=answer: answer())
        plugins.register(SimpleNamespace(storeorch_cli_commands=hook), f"faulty-{number}")
    assert sorted(str(command.name) for command in plugins.cli_commands()) == [
        "one",
        "three",
        "two",
    ]
    assert len(caplog.records) == 3


def test_first_program_that_is_offered() -> None:
    """Of several plugins the last one registered is asked first; one that raises is skipped."""
    plugins = Plugins(
        [
            Source("a", executables(helm="/a/helm", kubectl="/a/kubectl")),
            Source("b", executables(helm="/b/helm")),
        ]
    )
    assert plugins.executable("helm") == Path("/b/helm")
    assert plugins.executable("kubectl") == Path("/a/kubectl")
    assert plugins.executable("etcd") is None


def test_plugin_that_raises_when_it_is_asked_for_a_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def storeorch_executable(name: str) -> Path | None:
        raise RuntimeError("f0reign text")

    faulty = SimpleNamespace(storeorch_executable=hookimpl(storeorch_executable))
    plugins = Plugins([Source("a", executables(helm="/a/helm")), Source("b", faulty)])
    assert plugins.executable("helm") == Path("/a/helm")
    (record,) = caplog.records
    assert vars(record)["error_id"].startswith("e-")


def test_finding_plugins_does_not_import_click() -> None:
    """``import storeorch.plugins`` stands on the way of every start."""
    import subprocess

    code = "import sys, storeorch.plugins; print('click' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"False"
