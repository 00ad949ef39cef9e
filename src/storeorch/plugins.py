"""Find plugins, one at a time, so that a broken one does not take the others along.

This module must not know what store types do, nor import click.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pluggy

from storeorch import hookspecs
from storeorch.errors import PluginError, UnknownStoreType
from storeorch.redaction import new_error_id
from storeorch.storetype import StoreType

if TYPE_CHECKING:
    import click

operator_log = logging.getLogger("storeorch.operator")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What is known of one plugin.

    Attributes:
        name: Name of its entry point.
        distribution: Name of the distribution that brings it.
        version: Version of that distribution.
        types: Names of the store types that it offers.
        error: For users: why it is not usable, or None.
    """

    name: str
    distribution: str
    version: str
    types: tuple[str, ...] = ()
    error: str | None = None


class Plugins:
    """The plugins that are installed, loaded and isolated from each other."""

    def __init__(self, sources: Iterable[EntryPoint]) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._types: dict[str, StoreType] = {}
        self._infos: list[PluginInfo] = []
        for entry in sorted(sources, key=lambda entry: entry.name):
            self._infos.append(self._load(entry))

    @property
    def types(self) -> Mapping[str, StoreType]:
        """The store types by name."""
        return self._types

    @property
    def infos(self) -> Sequence[PluginInfo]:
        """What is known of each plugin, broken ones included, by name."""
        return self._infos

    def type(self, name: str) -> StoreType:
        """Return the store type of that name.

        Raises:
            UnknownStoreType: No plugin offers it; the hint names those offered.
        """
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(sorted(self._types)) or "none; install storeorch-woocommerce"
            raise UnknownStoreType(
                f"There is no store type {name!a}.", hint=f"Installed types: {known}."
            ) from None

    def cli_commands(self) -> Sequence[click.Command]:
        """Return the commands that plugins add to the command line."""
        return [
            cast("click.Command", command)
            for commands in self._each("storeorch_cli_commands", list)
            for command in commands
        ]

    def executable(self, name: str) -> Path | None:
        """Return the path of a program that some plugin offers, or None."""
        return next(iter(self._each("storeorch_executable", Path, name=name)), None)

    def register(self, plugin: object, name: str) -> PluginInfo:
        """Add a plugin that is not installed as a distribution.

        Args:
            plugin: A module or object with functions marked ``@hookimpl``.
            name: A name for it.

        Raises:
            PluginError: It implements an unknown hook, or offers a type twice.
        """
        info = self._register(plugin, PluginInfo(name, name, "0"))
        self._infos.append(info)
        return info

    def _load(self, entry: EntryPoint) -> PluginInfo:
        distribution = entry.dist
        info = PluginInfo(
            entry.name,
            distribution.name if distribution else entry.name,
            distribution.version if distribution else "0",
        )
        try:
            return self._register(entry.load(), info)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - its own fault, whatever it is
            error_id = _report(error)
            sentence = error.message if isinstance(error, PluginError) else "It cannot be loaded."
            return PluginInfo(
                info.name,
                info.distribution,
                info.version,
                error=f"{sentence} (error id {error_id})",
            )

    def _register(self, plugin: object, info: PluginInfo) -> PluginInfo:
        if self._manager.has_plugin(info.name):
            raise PluginError(f"Another plugin has the name {info.name!a}.")
        if self._manager.is_registered(plugin):
            raise PluginError("It is there under another name already.")
        self._check_hooks(plugin)
        try:
            self._manager.register(plugin, info.name)
            types = self._offered(info.name)
        except BaseException as error:
            if self._manager.has_plugin(info.name):
                self._manager.unregister(name=info.name)
            if isinstance(error, pluggy.PluginValidationError):
                raise PluginError("It takes arguments that its hooks do not have.") from error
            raise
        self._types.update({offered.name: offered for offered in types})
        names = tuple(offered.name for offered in types)
        return PluginInfo(info.name, info.distribution, info.version, types=names)

    def _check_hooks(self, plugin: object) -> None:
        known = {name for name in vars(hookspecs) if name.startswith("storeorch_")}
        for name in dir(plugin):
            marked = self._manager.parse_hookimpl_opts(plugin, name)
            hook = marked.get("specname") or name if marked is not None else None
            if hook is not None and hook not in known:
                raise PluginError(f"It implements the hook {hook!a}, which does not exist.")

    def _offered(self, plugin_name: str) -> list[StoreType]:
        types = [
            offered
            for implementation in self._manager.hook.storeorch_store_types.get_hookimpls()
            if implementation.plugin_name == plugin_name
            for offered in cast("Callable[[], Sequence[StoreType]]", implementation.function)()
        ]
        for offered in types:
            if not isinstance(offered, StoreType):
                raise PluginError("It offers a store type that is not a StoreType.")
            if offered.name in self._types:
                raise PluginError(f"Its store type {offered.name!a} is offered by another plugin.")
        if len({offered.name for offered in types}) < len(types):
            raise PluginError("It offers two store types of one name.")
        return types

    def _each(self, hook: str, read: Callable[[Any], T], **arguments: object) -> Iterable[T]:
        """Call each implementation by itself, because one that raises aborts the whole call."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            call = cast("Callable[..., Any]", implementation.function)
            try:
                answer = call(*(arguments[name] for name in implementation.argnames))
                found = read(answer) if answer is not None else None
            except Exception as error:  # noqa: BLE001 - one plugin must not break another
                _report(error)
                continue
            if found is not None:
                yield found


def load_plugins() -> Plugins:
    """Load every plugin that is installed."""
    return Plugins(entry_points(group=hookspecs.ENTRY_POINT_GROUP))


def _report(error: BaseException) -> str:
    error_id = new_error_id()
    operator_log.error("plugin failed", exc_info=error, extra={"error_id": error_id})
    return error_id
