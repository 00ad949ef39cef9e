from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from storeorch import errors
from storeorch.errors import StoreorchError, WorkloadFailed

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, StoreorchError)
]


def drawn_tree() -> dict[str, str | None]:
    """Read the tree in the module's docstring: parent by class."""
    docstring = inspect.getdoc(errors) or ""
    lines = docstring.split("```")[1].strip().splitlines()
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in lines:
        match = re.match(r"(?P<indent>[│├└─ ]*)(?P<name>\w+)", line)
        assert match, line
        depth = len(match["indent"]) // 4
        path = [*path[:depth], match["name"]]
        parents[match["name"]] = path[-2] if depth else None
    return parents


def test_tree_in_the_docstring_is_the_hierarchy() -> None:
    hierarchy = {
        cls.__name__: None if cls is StoreorchError else cls.__bases__[0].__name__
        for cls in CLASSES
    }
    assert drawn_tree() == hierarchy


def test_codes_are_unique_and_kebab_case() -> None:
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)] == []


@pytest.mark.parametrize("cls", CLASSES)
def test_first_line_of_the_docstring_is_the_message(cls: type[StoreorchError]) -> None:
    assert cls.__doc__
    assert "code" in vars(cls), "every error has a code of its own"
    error = cls()
    assert error.message == str(error) == cls.__doc__.splitlines()[0]
    assert error.message.endswith(".")
    assert error.hint == (cls.default_hint or None)


@pytest.mark.parametrize("cls", CLASSES)
def test_message_and_hint_can_be_given(cls: type[StoreorchError]) -> None:
    error = cls("Something else.", hint="Do that.")
    assert (error.message, str(error), error.hint) == (
        "Something else.",
        "Something else.",
        "Do that.",
    )


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_errors_survive_pickling(cls: type[StoreorchError], duplicate: object) -> None:
    error = cls("Something else.", hint="Do that.")
    again = duplicate(error)  # type: ignore[operator]
    assert type(again) is cls
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_reason_of_a_failed_workload() -> None:
    assert WorkloadFailed().reason == "WorkloadFailed"
    error = WorkloadFailed("No room.", reason="QuotaExceeded")
    assert pickle.loads(pickle.dumps(error)).reason == "QuotaExceeded"


def test_exit_codes_are_those_of_the_command_line() -> None:
    by_code: dict[int, set[str]] = {}
    for cls in CLASSES:
        by_code.setdefault(cls.exit_code, set()).add(cls.code)
    assert by_code.keys() == {1, 2, 3, 4}
    assert by_code[3] == {"wait-timeout"}
    for cls in CLASSES:
        if issubclass(cls, errors.EnvironmentNotReady):
            assert cls.exit_code == 4
        if issubclass(cls, errors.InvalidDeclaration):
            assert cls.exit_code == 2


def test_error_of_an_author_without_a_docstring() -> None:
    class Undocumented(StoreorchError):
        code = "undocumented"

    assert Undocumented().message == "undocumented"
