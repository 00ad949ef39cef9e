from __future__ import annotations

from collections import Counter

import pytest
from tests.chaos.script import Fault, Kind, Options, Verb, write


def test_the_same_seed_draws_the_same_run() -> None:
    assert write(Options(seed=4)) == write(Options(seed=4))
    assert write(Options(seed=4)) != write(Options(seed=5))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("stores", "kills"), [(60, 100), (12, 15), (1, 1)])
def test_a_run_makes_sense(seed: int, stores: int, kills: int) -> None:
    options = Options(stores=stores, kills=kills, seed=seed)
    script = write(options)
    assert len(script.disturbances) == kills
    stops = [each for each in script.disturbances if each.kind is Kind.STOP]
    assert all(each.hold > options.lease for each in stops)
    assert {each.victim for each in script.disturbances} <= set(range(options.workers))
    alive: dict[str, str] = {}
    for each in script.declarations:
        if each.verb is Verb.CREATE:
            assert each.name not in alive
            alive[each.name] = each.type
        else:
            assert alive[each.name] == each.type
        if each.verb is Verb.DELETE:
            del alive[each.name]
        assert 0 <= each.at < max(kills, 2)
    verbs = Counter(each.verb for each in script.declarations)
    assert verbs[Verb.CREATE] >= stores
    when = [each.at for each in script.declarations]
    assert when == sorted(when)
    assert len({each.tag for each in script.declarations}) == len(script.declarations)


def test_every_server_ends_as_often_as_asked() -> None:
    faults = Counter(each.fault for each in write(Options(restarts=2)).faults)
    assert faults == dict.fromkeys(Fault, 1)
    assert write(Options(restarts=0)).faults == []
