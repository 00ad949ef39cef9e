from __future__ import annotations

from storeorch.kube.index import Index


def test_put_get_drop() -> None:
    index: Index[int] = Index()

    assert index.put("a", "x", 1) is None
    assert index.put("a", "x", 2) == 1
    assert index.get("a", "x") == 2
    assert index.get("a", "y") is None
    assert index.get("b", "x") is None
    assert index.drop("a", "x") == 2
    assert index.drop("a", "x") is None
    assert len(index) == 0


def test_an_empty_namespace_is_forgotten() -> None:
    index: Index[int] = Index()
    index.put("a", "x", 1)
    index.drop("a", "x")

    assert index.replace(Index()) == {}


def test_the_oldest_go_first_beyond_the_limit() -> None:
    index: Index[int] = Index(limit=2)
    for number in range(3):
        index.put("a", str(number), number)
    index.put("b", "0", 0)

    assert dict(index.of("a")) == {"1": 1, "2": 2}
    assert dict(index.of("b")) == {"0": 0}


def test_replace_tells_where_something_changed() -> None:
    index: Index[int] = Index()
    index.put("same", "x", 1)
    index.put("gone", "x", 2)
    index.put("changed", "x", 3)
    other: Index[int] = Index()
    other.put("same", "x", 1)
    other.put("changed", "x", 4)
    other.put("new", "x", 5)

    assert index.replace(other) == {"gone": 2, "changed": 3, "new": None}
    assert sorted(index) == [("changed", "x", 4), ("new", "x", 5), ("same", "x", 1)]


def test_clear() -> None:
    index: Index[int] = Index()
    index.put("a", "x", 1)
    index.clear()

    assert list(index) == []
