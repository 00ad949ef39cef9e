"""The crash matrix: one crash at each point of create, update and delete, for shipped types."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shops import MEDUSA, WOOCOMMERCE
from storeorch.testing.simulation import Shop
from storeorch.testing.simulation.crashes import Phase, crash_matrix


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("shop", [WOOCOMMERCE, MEDUSA], ids=["woocommerce", "medusa"])
def test_crash_at_every_point(
    shop: Shop, phase: Phase, record_property: Callable[[str, object], None]
) -> None:
    points = set()
    crashes = 0
    for point, history in crash_matrix(shop, phase):
        assert history.breaches == [], point
        # One that dies while it says farewell is not needed any more.
        assert history.lives == 2 or phase is Phase.DELETE, point
        points.add(point)
        crashes += 1
    record_property("crashes", crashes)
    assert any("repository.claim:after-commit" in point for point in points)
    assert any("repository.finish:before-commit" in point for point in points) or (
        phase is Phase.DELETE
    )
    assert crashes > 50
