from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storeorch.cli.assignments import merge, parse_assignments

KEYS = st.text("abcdefg_", min_size=1, max_size=4)
TEXTS = st.text(max_size=20).filter(lambda text: not text.startswith(("[", "{")))
TREES = st.recursive(TEXTS, lambda below: st.dictionaries(KEYS, below, min_size=1, max_size=4))


def spell(tree: Any, path: tuple[str, ...] = ()) -> list[str]:
    if not isinstance(tree, dict):
        return [f"{'.'.join(path)}={tree}"]
    return [text for key, below in tree.items() for text in spell(below, (*path, key))]


@settings(deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=5))
def test_what_is_spelled_out_is_read_back(tree: dict[str, Any]) -> None:
    assert parse_assignments(spell(tree)) == tree


@settings(deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=5), st.randoms())
def test_the_order_does_not_matter(tree: dict[str, Any], random: Any) -> None:
    spelled = spell(tree)
    random.shuffle(spelled)
    assert parse_assignments(spelled) == tree


@settings(deadline=None)
@given(st.lists(st.integers() | st.text() | st.none()) | st.dictionaries(st.text(), st.booleans()))
def test_json_values_are_read(value: Any) -> None:
    assert parse_assignments([f"a.b={json.dumps(value)}"]) == {"a": {"b": value}}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("a=1", {"a": "1"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("a= x ", {"a": " x "}),
        ("a=true", {"a": "true"}),
        ('a="quoted"', {"a": '"quoted"'}),
        ("a.b=1,2", {"a": {"b": "1,2"}}),
    ],
)
def test_values_stay_text(given_: str, expected: dict[str, Any]) -> None:
    assert parse_assignments([given_]) == expected


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        (["a"], "no '='"),
        (["=1"], "empty"),
        ([".a=1"], "empty"),
        (["a..b=1"], "empty"),
        (["a.=1"], "empty"),
        (["a=1", "a=2"], "set twice"),
        (["a=1", "a.b=2"], "contradicts"),
        (["a.b=2", "a=1"], "contradicts"),
        (["a.b.c=2", "a.b=1"], "contradicts"),
        (["a={"], "not valid JSON"),
        (["a=[1,"], "not valid JSON"),
        (["a=" + "[" * 100_000], "not valid JSON"),
    ],
)
def test_what_is_no_assignment_is_refused(given_: list[str], sentence: str) -> None:
    with pytest.raises(click.BadParameter, match=sentence):
        parse_assignments(given_)


def test_a_value_without_a_key_is_not_repeated() -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_assignments(["hunter2"])
    assert "hunter2" not in caught.value.message


def test_siblings_do_not_contradict() -> None:
    assert parse_assignments(["a.b=1", "a.c=2", "ab=3"]) == {"a": {"b": "1", "c": "2"}, "ab": "3"}


def test_merging_keeps_what_is_not_named() -> None:
    present = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(present, {"a": {"c": 4}, "e": 5}) == {"a": {"b": 1, "c": 4}, "d": 3, "e": 5}
    assert present == {"a": {"b": 1, "c": 2}, "d": 3}


def test_merging_replaces_a_branch_by_a_value() -> None:
    assert merge({"a": {"b": 1}}, {"a": "x"}) == {"a": "x"}
