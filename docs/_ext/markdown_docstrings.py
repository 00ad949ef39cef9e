"""Lets docstrings use Markdown's fences and code spans where Sphinx reads reStructuredText."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_FENCE = re.compile(r"^(\s*)```(\w*)\s*$")
_CODE_SPAN = re.compile(r"(?<![`:\\])`([^`]+)`(?![`_])")


def to_restructured_text(lines: list[str]) -> list[str]:
    """Return the lines with fences as code blocks and single backticks doubled."""
    result: list[str] = []
    inside = False
    for line in lines:
        fence = _FENCE.match(line)
        if fence and not inside:
            inside = True
            result += ["", f"{fence[1]}.. code-block:: {fence[2] or 'text'}", ""]
        elif fence:
            inside = False
            result.append("")
        elif inside:
            result.append(f"   {line}" if line else line)
        else:
            result.append(_CODE_SPAN.sub(r"``\1``", line))
    return result


def _process(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    lines[:] = to_restructured_text(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True}
