"""The journal of Helm, with a shell in Helm's place."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.chaos.helm_journal import WORKER_VARIABLE, HelmJournal, count


@pytest.fixture
def journal(tmp_path: Path) -> HelmJournal:
    helm = tmp_path / "helm"
    helm.write_text('#!/bin/sh\necho "$1 by $$"\nread -r end\necho "$end"\n')
    helm.chmod(0o755)
    return HelmJournal(tmp_path, helm)


@contextmanager
def helm(journal: HelmJournal, verb: str, namespace: str, worker: str) -> Iterator[Helm]:
    words = [str(journal.program), verb, "shop", "--namespace", namespace]
    pipe = subprocess.PIPE
    env = {**os.environ, WORKER_VARIABLE: worker}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=env, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{verb} by {process.pid}\n"
        yield process
        process.kill()


Helm = subprocess.Popen[str]


def ended(journal: HelmJournal, process: Helm) -> None:
    """Wait until a Helm is gone; what tells of its end holds its output no longer than it."""
    process.wait()
    assert process.stdout is not None
    process.stdout.read()


def test_one_after_the_other(journal: HelmJournal) -> None:
    for worker in ("w0.1", "w1.1"):
        with helm(journal, "upgrade", "store-a", worker) as process:
            assert journal.alive() == ["store-a"]
            answer, _ = process.communicate("values\n")
            assert answer == "values\n"
            assert process.returncode == 0
        assert journal.alive() == []
    counts = count([each for each in journal.entries() if each.event != "end"])
    assert (counts.upgrades, counts.overlaps, counts.most_upgrades) == (2, 0, 2)
    assert [each.worker for each in journal.entries() if each.event == "begin"] == ["w0.1", "w1.1"]


def test_two_at_once_for_one_store(journal: HelmJournal) -> None:
    with (
        helm(journal, "upgrade", "store-a", "w0.1"),
        helm(journal, "upgrade", "store-b", "w1.1"),
        helm(journal, "uninstall", "store-a", "w1.1"),
    ):
        counts = count(journal.entries())
    assert (counts.overlaps, counts.most_at_once, counts.uninstalls) == (1, 3, 1)


def test_a_helm_that_was_killed_frees_its_store_at_once(journal: HelmJournal) -> None:
    with helm(journal, "upgrade", "store-a", "w0.1") as process:
        os.kill(process.pid, signal.SIGKILL)
        ended(journal, process)
        assert journal.alive() == []
        with helm(journal, "upgrade", "store-a", "w1.1"):
            assert count(journal.entries()).overlaps == 0
