from __future__ import annotations

from typing import Any, Literal

import pytest

from storeorch_devcluster.errors import ProviderConflict
from storeorch_devcluster.existing import ExistingCluster
from storeorch_devcluster.kind import KindCluster
from storeorch_devcluster.progress import Progress
from storeorch_devcluster.provider import Embedded, choose, remembered
from storeorch_devcluster.state import State, StateFolder


@pytest.mark.parametrize(
    ("present", "choice", "expected"),
    [
        ({}, "auto", Embedded),
        ({"docker": "sys.exit(1)", "kind": ""}, "auto", Embedded),
        ({"docker": ""}, "auto", Embedded),
        ({"docker": "", "kind": ""}, "auto", KindCluster),
        ({"docker": "", "kind": ""}, "embedded", Embedded),
        ({}, "kind", KindCluster),
    ],
)
def test_who_runs_the_cluster(
    programs: Any,
    folder: StateFolder,
    present: dict[str, str],
    choice: Literal["auto", "kind", "embedded"],
    expected: type,
) -> None:
    for name, body in present.items():
        programs.add(name, body)
    assert isinstance(choose(folder, choice=choice), expected)


def test_kind_that_is_missing_is_said(programs: Any, folder: StateFolder) -> None:
    programs.add("docker", "")
    said: list[Progress] = []
    choose(folder, report=said.append)
    assert "kind is not installed" in said[0].message


def test_no_question_is_asked_where_the_answer_is_known(programs: Any, folder: StateFolder) -> None:
    programs.add("docker", "")
    choose(folder, choice="embedded")
    choose(folder, context="play")
    assert programs.calls() == []


def test_an_existing_cluster_only_by_name(
    programs: Any, folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somebodys/production")
    assert not isinstance(choose(folder), ExistingCluster)
    assert isinstance(choose(folder, context="play"), ExistingCluster)


@pytest.mark.parametrize(
    ("state", "choice", "context", "fits"),
    [
        (State(provider="embedded"), "auto", None, True),
        (State(provider="embedded"), "embedded", None, True),
        (State(provider="embedded"), "kind", None, False),
        (State(provider="embedded"), "auto", "play", False),
        (State(provider="kind"), "auto", None, True),
        (State(provider="kind"), "embedded", None, False),
        (State(provider="context", context="play"), "auto", "play", True),
        (State(provider="context", context="play"), "auto", "other", False),
        (State(provider="context", context="play"), "auto", None, False),
    ],
)
def test_a_cluster_that_is_known_stays_what_it_is(
    folder: StateFolder,
    state: State,
    choice: Literal["auto", "kind", "embedded"],
    context: str | None,
    fits: bool,
) -> None:
    folder.write(state)
    if fits:
        chosen = choose(folder, choice=choice, context=context)
        assert type(chosen) is type(remembered(folder))
    else:
        with pytest.raises(ProviderConflict) as caught:
            choose(folder, choice=choice, context=context)
        assert "storeorch dev down" in (caught.value.hint or "")


def test_real_nodes_are_chosen_and_stay(programs: Any, folder: StateFolder) -> None:
    programs.add("docker", "")
    programs.add("kind", "")
    chosen = choose(folder, nodes="real")
    assert isinstance(chosen, Embedded)
    assert not chosen.status().simulated
    folder.write(State(provider="embedded", nodes="real"))
    again = choose(folder)
    assert isinstance(again, Embedded)
    assert not again.status().simulated
    with pytest.raises(ProviderConflict, match="real nodes"):
        choose(folder, nodes="simulated")


def test_nothing_is_remembered_at_first(folder: StateFolder) -> None:
    assert remembered(folder) is None
