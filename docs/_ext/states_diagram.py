"""Draws the states of a store from the one table that the engine obeys.

The places of the states are chosen by hand; the arrows are not. A status
without a place fails the build.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from typing_extensions import override

from storeorch.lifecycle import TRANSITIONS
from storeorch.models import Status

if TYPE_CHECKING:
    from docutils.parsers.rst import Directive
    from sphinx.application import Sphinx

WIDTH: Final = 120
HEIGHT: Final = 40
BEND: Final = 8
"""How far an arrow bows aside, so that there and back can be told apart."""

GONE: Final = "gone"
"""What follows the last status: the store has no row any more."""

FRAME: Final = (20, 20, 600, 200)
"""Left, top, width and height of the frame around what may be left from anywhere."""

PLACES: Final = {
    "provisioning": (110, 170),
    "failed": (110, 70),
    "updating": (320, 70),
    "ready": (320, 170),
    "degraded": (530, 120),
    "deleting": (720, 120),
    GONE: (720, 190),
}


def from_everywhere() -> frozenset[Status]:
    """Return the statuses that may follow every other."""
    return frozenset(
        after
        for after in Status
        if all(after in TRANSITIONS[before] for before in Status if before is not after)
    )


def arrows() -> list[tuple[str, str]]:
    """Return every transition of the table, and the one that leaves it."""
    listed = [(before.value, after.value) for before in Status for after in TRANSITIONS[before]]
    return [*sorted(listed), (Status.DELETING.value, GONE)]


def _border(centre: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    scale = min(
        WIDTH / 2 / abs(dx) if dx else math.inf,
        HEIGHT / 2 / abs(dy) if dy else math.inf,
    )
    return centre[0] + dx * scale, centre[1] + dy * scale


def _arrow(before: str, after: str) -> str:
    start, end = PLACES[before], PLACES[after]
    length = math.dist(start, end)
    side = (-(end[1] - start[1]) / length, (end[0] - start[0]) / length)
    bend = BEND + length / 16 if (after, before) in arrows() else 0
    middle = (
        (start[0] + end[0]) / 2 + side[0] * bend,
        (start[1] + end[1]) / 2 + side[1] * bend,
    )
    (x1, y1), (x2, y2) = _border(start, middle), _border(end, middle)
    return (
        f'<path d="M{x1:.1f} {y1:.1f} Q{middle[0]:.1f} {middle[1]:.1f} {x2:.1f} {y2:.1f}" '
        f'marker-end="url(#tip)"><title>{before} to {after}</title></path>'
    )


def _box(name: str) -> str:
    x, y = PLACES[name]
    kind = "outside" if name == GONE else "status"
    return (
        f'<g class="{kind}"><rect x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" '
        f'height="{HEIGHT}" rx="8"/><text x="{x}" y="{y}">{name}</text></g>'
    )


def _arrow_from_frame(after: str) -> str:
    left, _, width, _ = FRAME
    x, y = PLACES[after]
    return (
        f'<path d="M{left + width} {y} H{x - WIDTH / 2}" marker-end="url(#tip)">'
        f"<title>every other status to {after}</title></path>"
    )


def draw() -> str:
    """Return the diagram as SVG.

    A status that may follow every other has one arrow, from the frame around them.

    Raises:
        LookupError: A status has no place.
    """
    shared = from_everywhere()
    left, top, width, height = FRAME
    frame = f'x="{left}" y="{top}" width="{width}" height="{height}" rx="12"'
    parts = [f'<g class="outside"><rect {frame}/></g>']
    parts += [_arrow_from_frame(after) for after in sorted(shared)]
    parts += [_arrow(before, after) for before, after in arrows() if after not in shared]
    parts += [_box(name) for name in (*(status.value for status in Status), GONE)]
    label = "; ".join(f"{before} to {after}" for before, after in arrows())
    return (
        f'<svg viewBox="0 0 800 240" role="img" aria-label="Transitions: {label}">'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
        'markerHeight="8" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker></defs>'
        f"{''.join(parts)}</svg>"
    )


class StatesDiagram(SphinxDirective):
    """``{states-diagram}``: the picture."""

    has_content: ClassVar[bool] = False

    @override
    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", f'<div class="states-diagram">{draw()}</div>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    directive: type[Directive] = StatesDiagram
    app.add_directive("states-diagram", directive)
    return {"parallel_read_safe": True}
