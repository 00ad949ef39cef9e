"""A fake that lies is worse than none."""

from __future__ import annotations

import inspect

import pytest

from storeorch.orchestrator import Orchestrator

from .fake import FakeOrchestrator

METHODS = [
    name
    for name, value in vars(FakeOrchestrator).items()
    if inspect.isfunction(value) and (not name.startswith("_") or name.startswith("__a"))
]


@pytest.mark.parametrize("name", METHODS)
def test_it_is_called_like_the_real_one(name: str) -> None:
    real = inspect.signature(getattr(Orchestrator, name))
    fake = inspect.signature(getattr(FakeOrchestrator, name))
    given = [one for key, one in real.parameters.items() if key != "self"]
    taken = [one for key, one in fake.parameters.items() if key != "self"]
    assert [(one.name, one.kind) for one in taken] == [(one.name, one.kind) for one in given]
    assert [one.default is one.empty for one in taken] == [
        one.default is one.empty for one in given
    ]


@pytest.mark.parametrize("name", METHODS)
def test_it_is_awaited_like_the_real_one(name: str) -> None:
    real, fake = getattr(Orchestrator, name), getattr(FakeOrchestrator, name)
    assert inspect.iscoroutinefunction(fake) == inspect.iscoroutinefunction(real)
    assert inspect.isasyncgenfunction(fake) == inspect.isasyncgenfunction(real)
