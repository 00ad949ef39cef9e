from __future__ import annotations

import os
from pathlib import Path

import pytest

from storeorch.errors import ReleaseFailed
from storeorch.helm.chart import LOOK_AGAIN, ChartDigests
from storeorch.testing import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def digests(clock: VirtualClock) -> ChartDigests:
    return ChartDigests(clock)


def test_digest_is_that_of_another_process(digests: ChartDigests, chart: Path) -> None:
    before = digests.digest(chart)
    assert digests.digest(chart) == before == ChartDigests(VirtualClock()).digest(chart)


def test_change_is_seen_at_the_next_look(
    digests: ChartDigests, chart: Path, clock: VirtualClock
) -> None:
    before = digests.digest(chart)
    (chart / "templates" / "web.yaml").write_text("kind: Job\n")
    clock.advance(LOOK_AGAIN / 2)
    assert digests.digest(chart) == before
    clock.advance(LOOK_AGAIN / 2)
    assert digests.digest(chart) != before


@pytest.mark.parametrize("how", ["add", "remove", "rename", "swap"])
def test_every_change_counts(
    digests: ChartDigests, chart: Path, clock: VirtualClock, how: str
) -> None:
    before = digests.digest(chart)
    web = chart / "templates" / "web.yaml"
    match how:
        case "add":
            (chart / "another.txt").write_text("more")
        case "remove":
            web.unlink()
        case "rename":
            web.rename(web.with_name("site.yaml"))
        case _:
            # Of the same length, and with the old time of change.
            stat = web.stat()
            web.write_text("kind: DaemonSets\n")
            os.utime(web, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    clock.advance(LOOK_AGAIN)
    assert digests.digest(chart) != before


def test_time_alone_changes_nothing(
    digests: ChartDigests, chart: Path, clock: VirtualClock
) -> None:
    before = digests.digest(chart)
    os.utime(chart / "Chart.yaml", (1, 1))
    clock.advance(LOOK_AGAIN)
    assert digests.digest(chart) == before


def test_names_and_contents_are_kept_apart(digests: ChartDigests, tmp_path: Path) -> None:
    charts = {"one": {"ab": "c"}, "two": {"a": "bc"}, "three": {"a": "b", "c": ""}}
    for name, files in charts.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content)
    assert len({digests.digest(tmp_path / name) for name in charts}) == len(charts)


def test_linked_folder_is_part_of_the_chart(
    digests: ChartDigests, chart: Path, tmp_path: Path, clock: VirtualClock
) -> None:
    before = digests.digest(chart)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.yaml").write_text("kind: Job\n")
    (chart / "linked").symlink_to(elsewhere)
    (chart / "circle").symlink_to(chart)
    clock.advance(LOOK_AGAIN)
    linked = digests.digest(chart)
    assert linked != before
    (chart / "circle").unlink()
    clock.advance(LOOK_AGAIN)
    assert digests.digest(chart) == linked


@pytest.mark.parametrize(("ignored", "counts"), [("image/", False), ("im*ge/", True)])
def test_folders_that_helm_leaves_out_do_not_count(
    digests: ChartDigests, chart: Path, clock: VirtualClock, ignored: str, counts: bool
) -> None:
    """A pattern may: what it matches is counted rather than guessed."""
    (chart / ".helmignore").write_text(f"# Not for Helm\n*.tmp\n{ignored}\n")
    before = digests.digest(chart)
    sources = chart / "image" / "sources"
    sources.mkdir(parents=True)
    (sources / "main.ts").write_text("new")
    clock.advance(LOOK_AGAIN)
    assert (digests.digest(chart) != before) is counts


def test_archive(digests: ChartDigests, tmp_path: Path) -> None:
    for name, content in {"a.tgz": b"1", "b.tgz": b"1", "c.tgz": b"2"}.items():
        (tmp_path / name).write_bytes(content)
    one, same, other = (digests.digest(tmp_path / f"{name}.tgz") for name in "abc")
    assert one == same != other


@pytest.mark.parametrize("empty", [False, True])
def test_no_chart(digests: ChartDigests, tmp_path: Path, empty: bool) -> None:
    if empty:
        (tmp_path / "chart").mkdir()
    with pytest.raises(ReleaseFailed, match="missing") as failed:
        digests.digest(tmp_path / "chart")
    assert str(tmp_path) not in f"{failed.value} {failed.value.hint}"
