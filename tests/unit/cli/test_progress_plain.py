from __future__ import annotations

import io
from datetime import timedelta

from rich.console import Console

from storeorch.cli.progress.plain import PlainScreen
from storeorch.cli.progress.view import PlannedStep
from storeorch.models import Condition, Status, Store

from .fake import FAULT, T0, condition, make_store

PLAN = (
    PlannedStep("namespace", "NamespaceReady"),
    PlannedStep("release", "ReleaseInstalled"),
)


def play(*stores: Store | None) -> list[str]:
    out = io.StringIO()
    seconds = iter(range(100))
    screen = PlainScreen(Console(file=out, width=40), lambda: T0 + timedelta(seconds=next(seconds)))
    with screen:
        for store in stores:
            if store is None:
                screen.gone("x")
            else:
                screen.update("x", store, PLAN)
    return out.getvalue().splitlines()


def namespace() -> Condition:
    return condition("NamespaceReady", holds=True, after=0.5, message="The namespace is there.")


def release(message: str, *, holds: bool = False) -> Condition:
    return condition("ReleaseInstalled", holds=holds, after=2.6, message=message)


def test_one_line_for_each_change() -> None:
    waiting = make_store(conditions=(namespace(), release("Helm is at work.")))
    done = (namespace(), release("Release my-store revision 1 is deployed.", holds=True))
    ready = make_store(status=Status.READY, conditions=done)
    assert play(make_store(), waiting, waiting, ready, ready) == [
        "my-store  namespace  waiting",
        "my-store  status  provisioning  0.0s",
        "my-store  namespace  done  0.5s  The namespace is there.",
        "my-store  release  waiting  Helm is at work.",
        "my-store  release  done  2.1s  Release my-store revision 1 is deployed.",
        "my-store  status  ready  7.0s  http://my-store.local.test",
    ]


def test_problems_are_lines_of_their_own() -> None:
    trouble = make_store(conditions=(namespace(),), fault=FAULT)
    over = make_store(conditions=(namespace(),))
    lines = play(make_store(conditions=(namespace(),)), trouble, trouble, over)
    assert lines[3:] == [
        "my-store  release  retrying",
        "my-store  problem  The image cannot be pulled.  Check the image's name.",
        "my-store  release  waiting",
    ]


def test_what_is_gone_is_deleted() -> None:
    assert play(make_store(status=Status.DELETING), None)[-1] == "my-store  status  deleted  0.0s"


def test_nothing_is_taken_for_markup() -> None:
    store = make_store(conditions=(namespace(), release("[bold]3 of 4[/bold] :smile:")))
    assert any("[bold]3 of 4[/bold] :smile:" in line for line in play(store))
