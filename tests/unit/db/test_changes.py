"""Who is told of which commit, and how often."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from storeorch.db import SqlRepository
from storeorch.db.changes import ChangeHub, Flag, Kind, Look, Mark, Notice
from storeorch.db.watch_file import FileWatch
from storeorch.errors import DatabaseUnavailable
from storeorch.lifecycle import Declaration
from storeorch.testing.contracts.samples import (
    DELETED_EVENT,
    LONG,
    STEP_EVENT,
    new_store,
    observation,
    take,
)

SAFETY = 10.0
"""Far longer than what is waited for can take, in seconds."""

DELETER = """
import asyncio, sys
from storeorch.db import SqlRepository
from storeorch.lifecycle import Declaration

async def main():
    async with SqlRepository.open(sys.argv[1]) as repository:
        print("ready", flush=True)
        sys.stdin.readline()
        await repository.declare(sys.argv[2], Declaration.DELETE, actor="another process")

asyncio.run(main())
"""


class ScriptedLook:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.firsts = 0
        self.first = Look(Mark(100, 1))
        self.marks: list[Mark] = []
        self.answer = Look(Mark(0, 0))
        self.error: Exception | None = None

    async def __call__(self, since: Mark | None) -> Look:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if since is None:
            self.firsts += 1
            return self.first
        self.marks.append(since)
        return self.answer


@pytest.fixture
def look() -> ScriptedLook:
    return ScriptedLook()


@pytest.fixture
async def quiet() -> AsyncIterator[ChangeHub]:
    """A hub that has no source to ask."""
    hub = ChangeHub(None)
    yield hub
    await hub.close()


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    path = tmp_path / "watched.db"
    path.touch()
    return path


@pytest.fixture
async def hub(watched: Path) -> AsyncIterator[ChangeHub]:
    hub = ChangeHub(FileWatch(watched))
    yield hub
    await hub.close()


def write(path: Path) -> None:
    path.write_text("x")


async def raised(flag: Flag) -> bool:
    return await flag.wait(timeout=0)


# -- which stores -------------------------------------------------------------


async def test_flag_names_the_stores_it_was_raised_for() -> None:
    """Once each; who cannot know which says that it may be any."""
    flag = Flag()
    assert flag.taken() == frozenset()
    for store_id in ("a", "b", "a"):
        flag.raise_(store_id)
    assert flag.taken() == frozenset({"a", "b"})
    assert flag.taken() == frozenset()
    flag.raise_("a")
    flag.raise_()
    flag.raise_("b")
    assert flag.taken() is None
    assert flag.taken() == frozenset()


# -- commits of this process --------------------------------------------------


async def test_commit_is_told_at_once_to_whom_it_concerns(
    quiet: ChangeHub, look: ScriptedLook
) -> None:
    async with (
        quiet.subscribe(look, store_id="a") as of_a,
        quiet.subscribe(look, store_id="b") as of_b,
        quiet.subscribe(look) as of_any,
        quiet.subscribe(look, work=True) as for_work,
    ):
        flags = (of_a, of_b, of_any, for_work)
        quiet.changed("a", 1, work=True)
        assert [await raised(flag) for flag in flags] == [True, False, True, True]
        quiet.changed("b", 2, work=False)
        assert [await raised(flag) for flag in flags] == [False, True, True, False]
        quiet.changed("a", None, work=False)
        assert [await raised(flag) for flag in flags] == [True, False, True, False]
        assert [await raised(flag) for flag in flags] == [False] * 4
    assert look.firsts == 0, "without a file there is nothing to look at"


async def test_all_who_wait_for_one_store_are_told(quiet: ChangeHub, look: ScriptedLook) -> None:
    async with quiet.subscribe(look, store_id="a") as first:
        async with quiet.subscribe(look, store_id="a") as second:
            quiet.changed("a", 1, work=False)
            assert await raised(first)
            assert await raised(second)
        quiet.changed("a", 2, work=False)
        assert await raised(first), "although another one has left"
        assert not await raised(second), "who has left is told no more"


async def test_flag_that_was_raised_before_the_wait(quiet: ChangeHub, look: ScriptedLook) -> None:
    async with quiet.subscribe(look) as flag:
        waiting = asyncio.create_task(flag.wait())
        quiet.changed("a", 1, work=False)
        assert await waiting


# -- commits of other processes -----------------------------------------------


@pytest.mark.parametrize("name", ["watched.db", "watched.db-wal"])
async def test_write_to_the_file_is_looked_at(
    hub: ChangeHub, look: ScriptedLook, watched: Path, name: str
) -> None:
    async with (
        hub.subscribe(look, store_id="a") as of_a,
        hub.subscribe(look, store_id="b") as of_b,
        hub.subscribe(look) as of_any,
        hub.subscribe(look, work=True) as for_work,
    ):
        look.answer = Look(Mark(200, 2), {"a": 200})
        write(watched.parent / name)
        assert await of_a.wait(SAFETY)
        assert await raised(of_any)
        assert await raised(for_work)
        assert not await raised(of_b)
    assert look.marks[0] == Mark(100, 1), "it looks on from where it began"


async def test_other_files_are_not_looked_at(
    hub: ChangeHub, look: ScriptedLook, watched: Path
) -> None:
    async with hub.subscribe(look) as flag:
        write(watched.parent / "another.db")
        look.answer = Look(Mark(200, 2), {"a": 200})
        write(watched)
        assert await flag.wait(SAFETY)
    assert look.marks == [Mark(100, 1)]


async def test_own_commit_is_not_told_again(
    hub: ChangeHub, look: ScriptedLook, watched: Path
) -> None:
    """What the file's notification tells of it is known already."""
    async with (
        hub.subscribe(look, store_id="ours") as ours,
        hub.subscribe(look, store_id="theirs") as theirs,
    ):
        hub.changed("ours", 150, work=False)
        assert await raised(ours)
        look.answer = Look(Mark(150, 2), {"ours": 150, "theirs": 140})
        write(watched)
        assert await theirs.wait(SAFETY)
        assert not await raised(ours)
        look.answer = Look(Mark(160, 3), {"theirs": 155, "ours": 160})
        write(watched)
        assert await ours.wait(SAFETY), "what another one wrote after ours is news"


async def test_commit_that_is_seen_twice_is_told_once(
    hub: ChangeHub, look: ScriptedLook, watched: Path
) -> None:
    """A look begins where the last one ended, and sees that place again."""
    async with (
        hub.subscribe(look, store_id="a") as of_a,
        hub.subscribe(look, store_id="b") as of_b,
    ):
        look.answer = Look(Mark(200, 2), {"a": 200})
        write(watched)
        assert await of_a.wait(SAFETY)
        look.answer = Look(Mark(210, 3), {"a": 200, "b": 210})
        write(watched)
        assert await of_b.wait(SAFETY)
        assert not await raised(of_a)
    assert Mark(200, 2) in look.marks


async def test_store_that_is_gone(hub: ChangeHub, look: ScriptedLook, watched: Path) -> None:
    async with (
        hub.subscribe(look, store_id="a") as of_a,
        hub.subscribe(look, work=True) as for_work,
    ):
        look.answer = Look(Mark(100, 2), gone=frozenset({"a"}))
        write(watched)
        assert await of_a.wait(SAFETY)
        assert not await raised(for_work), "there is nothing left to claim"


async def test_look_that_fails_tells_everyone(
    hub: ChangeHub, look: ScriptedLook, watched: Path
) -> None:
    """Who is told too much looks in vain; who is told too little waits for ever."""
    async with (
        hub.subscribe(look, store_id="a") as of_a,
        hub.subscribe(look) as of_any,
        hub.subscribe(look, work=True) as for_work,
    ):
        look.error = DatabaseUnavailable()
        write(watched)
        assert await of_a.wait(SAFETY)
        assert await raised(of_any)
        assert await raised(for_work)
        look.error = None
        look.answer = Look(Mark(200, 2), {"a": 200})
        write(watched)
        assert await of_a.wait(SAFETY), "and the watch goes on"


# -- commits that are announced -----------------------------------------------


class Idle:
    """A source that has nothing to tell."""

    async def run(self, told: object) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def listening() -> AsyncIterator[ChangeHub]:
    hub = ChangeHub(Idle())
    yield hub
    await hub.close()


@pytest.mark.parametrize(
    ("kind", "is_work"), [(Kind.WORK, True), (Kind.OBSERVATION, False), (Kind.GONE, False)]
)
async def test_what_an_announcement_means(
    listening: ChangeHub, look: ScriptedLook, kind: Kind, is_work: bool
) -> None:
    async with (
        listening.subscribe(look, store_id="a") as of_a,
        listening.subscribe(look, store_id="b") as of_b,
        listening.subscribe(look, work=True) as for_work,
    ):
        listening.hear(Notice("another", kind, "a", 150))
        assert [await raised(flag) for flag in (of_a, of_b)] == [True, False]
        assert await raised(for_work) is is_work


async def test_announcement_is_not_told_again_by_a_look(
    listening: ChangeHub, look: ScriptedLook
) -> None:
    async with listening.subscribe(look) as flag:
        listening.hear(Notice("another", Kind.OBSERVATION, "a", 150))
        assert await raised(flag)
        look.answer = Look(Mark(100, 2), {"a": 150})
        await listening.look()
        assert not await raised(flag)


async def test_own_commit_that_a_look_sees_first(listening: ChangeHub, look: ScriptedLook) -> None:
    """It is told once, by whoever committed it, as what it is."""
    async with listening.subscribe(look) as flag, listening.subscribe(look, work=True) as for_work:
        listening.announced("a", 150)
        look.answer = Look(Mark(100, 2), {"a": 150})
        await listening.look()
        listening.hear(Notice(listening.name, Kind.WORK, "a", 150))
        assert not await raised(flag)
        listening.changed("a", 150, work=False)
        listening.hear(Notice(listening.name, Kind.WORK, "a", 150))
        assert await raised(flag)
        assert not await raised(flag)
        assert not await raised(for_work)


async def test_own_commit_that_a_look_sees_late(listening: ChangeHub, look: ScriptedLook) -> None:
    """What it read has been overwritten by us since; what others wrote in between is told."""
    async with listening.subscribe(look) as flag:
        for at in (150, 160):
            listening.announced("a", at)
            listening.changed("a", at, work=False)
        assert await raised(flag)
        look.answer = Look(Mark(100, 2), {"a": 150})
        await listening.look()
        assert not await raised(flag)
        look.answer = Look(Mark(100, 2), {"a": 155})
        await listening.look()
        assert await raised(flag)


async def test_announcements_keep_nothing_for_ever(
    listening: ChangeHub, look: ScriptedLook
) -> None:
    """What was heard of is known, but what is older than it cannot come any more."""
    async with listening.subscribe(look) as flag:
        for at in (150, 160):
            listening.changed("a", at, work=False)
        listening.hear(Notice("another", Kind.OBSERVATION, "a", 155))
        assert await raised(flag)
        listening.hear(Notice(listening.name, Kind.OBSERVATION, "a", 160))
        assert not await raised(flag)
        look.answer = Look(Mark(100, 2), {"a": 150})
        await listening.look()
        assert await raised(flag), "nobody remembers it"


async def test_own_commit_of_unknown_outcome(listening: ChangeHub, look: ScriptedLook) -> None:
    """Its writer does not know that it was committed, so the look has to tell."""
    async with listening.subscribe(look) as flag:
        listening.announced("a", 150)
        listening.doubt()
        look.answer = Look(Mark(100, 2), {"a": 150})
        await listening.look()
        assert await raised(flag)
        listening.announced("b", 160)
        listening.doubt()
        listening.hear(Notice(listening.name, Kind.OBSERVATION, "b", 160))
        assert await raised(flag)


async def test_own_removal(listening: ChangeHub, look: ScriptedLook) -> None:
    async with listening.subscribe(look) as flag:
        listening.changed("a", None, work=False)
        assert await raised(flag)
        listening.hear(Notice(listening.name, Kind.GONE, "a", 150))
        assert not await raised(flag)


# -- beginning and end --------------------------------------------------------


async def test_file_is_watched_once(hub: ChangeHub, look: ScriptedLook) -> None:
    """However many subscribe at the same time."""

    async def subscribe() -> None:
        async with hub.subscribe(look):
            pass

    await asyncio.gather(*(subscribe() for _ in range(5)))
    assert look.firsts == 1
    watchers = [task for task in asyncio.all_tasks() if task.get_name() == "db-changes"]
    assert len(watchers) == 1


async def test_first_look_that_fails(hub: ChangeHub, look: ScriptedLook) -> None:
    """Whoever asked is told, and may ask again."""
    look.error = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        async with hub.subscribe(look):
            pass
    look.error = None
    async with hub.subscribe(look) as flag:
        hub.changed("a", 1, work=False)
        assert await raised(flag)


async def test_what_was_there_before_is_no_news(
    hub: ChangeHub, look: ScriptedLook, watched: Path
) -> None:
    look.first = Look(Mark(100, 1), {"a": 100})
    async with (
        hub.subscribe(look, store_id="a") as of_a,
        hub.subscribe(look, store_id="b") as of_b,
    ):
        look.answer = Look(Mark(110, 2), {"a": 100, "b": 110})
        write(watched)
        assert await of_b.wait(SAFETY)
        assert not await raised(of_a)


async def test_closing_ends_the_watch(hub: ChangeHub, look: ScriptedLook) -> None:
    async with hub.subscribe(look):
        await hub.close()
        await hub.close()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "db-changes"] == []


async def test_closing_a_hub_that_was_never_used(watched: Path) -> None:
    await ChangeHub(FileWatch(watched)).close()


async def test_file_that_cannot_be_watched(
    tmp_path: Path, look: ScriptedLook, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator is told; own commits are told of as ever."""
    hub = ChangeHub(FileWatch(tmp_path / "not-there" / "a.db"))
    async with hub.subscribe(look) as flag:
        hub.changed("a", 1, work=False)
        assert await raised(flag)
    await hub.close()
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.name == "storeorch.operator"
    assert record.exc_info


# -- over SQLite --------------------------------------------------------------


async def test_commit_by_another_process_wakes_whom_it_concerns(
    repository: SqlRepository, url: str
) -> None:
    store = await repository.create(new_store("deleted"), actor="tester")
    other = await repository.create(new_store("other"), actor="tester")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DELETER, url, store.id), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    async with (
        repository.changes(store.id) as of_store,
        repository.changes(other.id) as of_other,
        repository.work() as for_work,
    ):
        await process.communicate(b"\n")
        assert process.returncode == 0
        assert await of_store.wait(SAFETY)
        assert await for_work.wait(SAFETY)
        assert not await of_other.wait(timeout=0)


async def test_own_writes_are_told_once(repository: SqlRepository, second: SqlRepository) -> None:
    """The commit of someone else, made after ours, is the proof that ours was seen again."""
    theirs = await second.create(new_store("theirs"), actor="tester")
    async with (
        repository.changes() as changes,
        repository.work() as work,
        repository.changes(theirs.id) as of_theirs,
    ):
        ours = await repository.create(new_store("ours"), actor="tester")
        claim = await take(repository, ours.id)
        await repository.record(claim, observation(), [STEP_EVENT])
        await repository.finish(claim, observation(), [STEP_EVENT], due_in=LONG)
        async with repository.changes(ours.id) as of_ours:
            await second.declare(theirs.id, Declaration.RETRY, actor="tester")
            assert await of_theirs.wait(SAFETY)
            assert not await of_ours.wait(timeout=0)
        assert await changes.wait(timeout=0)
        assert await work.wait(timeout=0)


async def test_own_observations_are_no_work(repository: SqlRepository) -> None:
    """Whoever wrote them knows what is to be done next."""
    store = await repository.create(new_store(), actor="tester")
    claim = await take(repository, store.id)
    async with repository.work() as work, repository.changes(store.id) as changes:
        await repository.record(claim, observation(), [])
        assert await changes.wait(timeout=0)
        await repository.finish(claim, observation(), [], due_in=None)
        assert await changes.wait(timeout=0)
        assert not await work.wait(timeout=0)


async def test_removal_by_another_process(repository: SqlRepository, second: SqlRepository) -> None:
    store = await second.create(new_store(), actor="tester")
    claim = await take(second, store.id)
    async with repository.changes(store.id) as changes:
        await second.remove(claim, [DELETED_EVENT])
        assert await changes.wait(SAFETY)
    assert await repository.get(store.id) is None


async def test_clock_that_was_set_back(
    repository: SqlRepository, second: SqlRepository, engine: AsyncEngine
) -> None:
    """A declaration is noticed although another store was changed in the future."""
    await second.create(new_store("from-the-future"), actor="tester")
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE stores SET updated_at = updated_at + 3600000"))
    async with repository.work() as work:
        await second.create(new_store("now"), actor="tester")
        assert await work.wait(SAFETY)


async def test_closing_while_commits_come(url: str, second: SqlRepository) -> None:
    async with SqlRepository.open(url) as repository, repository.changes() as changes:
        await second.create(new_store(), actor="tester")
        assert await changes.wait(SAFETY)
        await second.create(new_store("another"), actor="tester")
    assert [task for task in asyncio.all_tasks() if task.get_name() == "db-changes"] == []
