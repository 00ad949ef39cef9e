"""Writes the tables of settings, errors, transitions, hooks and public names from the code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from typing_extensions import override

import storeorch
from storeorch import errors, hookspecs
from storeorch.lifecycle import TRANSITIONS
from storeorch.models import Status
from storeorch.settings import Settings

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PREFIX: Final = "STOREORCH_"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    titles = list(head)
    return "\n".join([line(titles), line("---" for _ in titles), *map(line, rows)])


def error_classes(
    root: type[errors.StoreorchError] | None = None,
) -> Iterator[type[errors.StoreorchError]]:
    """Yield every error class of ``storeorch.errors``, parents before children."""
    root = root or errors.StoreorchError
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def hook_functions() -> dict[str, Callable[..., object]]:
    """Return the specified hooks by name."""
    return {
        name: function
        for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
        if name.startswith("storeorch_")
    }


def settings_table() -> str:
    """Return every setting with its variable and description."""
    rows = (
        (f"`{PREFIX}{name.upper()}`", f"`{name}`", Settings.describe(name))
        for name in Settings.model_fields
    )
    return _table(("Variable", "Field", "What it sets"), rows)


def errors_table() -> str:
    """Return every error with code, exit status and advice."""
    rows = (
        (
            f"{{py:class}}`{cls.__name__} <storeorch.errors.{cls.__name__}>`",
            f"`{cls.code}`",
            str(cls.exit_code),
            "yes" if cls.retryable else "no",
            (cls.__doc__ or "").strip().splitlines()[0],
            cls.default_hint or "",
        )
        for cls in error_classes()
    )
    return _table(("Error", "Code", "Exit", "Retryable", "Meaning", "What to do"), rows)


def transitions_table() -> str:
    """Return which status may follow which."""
    rows = (
        (
            f"`{before}`",
            ", ".join(f"`{after}`" for after in sorted(TRANSITIONS[before])) or "(gone)",
        )
        for before in Status
    )
    return _table(("From", "To"), rows)


def hooks_text() -> str:
    """Return every hook with its signature and documentation."""
    return "\n\n".join(
        f"```{{eval-rst}}\n.. autofunction:: storeorch.hookspecs.{name}\n```"
        for name in hook_functions()
    )


def public_table() -> str:
    """Return every name that ``import storeorch`` offers, and where its description is."""
    rows = []
    for name in sorted(storeorch.__all__):
        if name.startswith("_"):
            continue
        found = getattr(storeorch, name)
        link = f"{{py:obj}}`{name} <{storeorch.__name__}.{storeorch._HOMES[name]}.{name}>`"
        rows.append((link, (inspect.getdoc(found) or "").partition("\n")[0]))
    return _table(("Name", "What it is"), rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "settings-table": settings_table,
    "errors-table": errors_table,
    "transitions-table": transitions_table,
    "hooks-reference": hooks_text,
    "public-names": public_table,
}


class Generated(SphinxDirective):
    """A directive that is replaced by text made from the code."""

    @override
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(TABLES[self.name]())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for name in TABLES:
        app.add_directive(name, Generated)
    return {"parallel_read_safe": True}
