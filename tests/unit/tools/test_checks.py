from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import checks
from checks import Run, Verdict, count
from plan import EXCUSED, Check


def says(text: str, status: int = 0) -> tuple[str, ...]:
    return ("python", "-c", f"print({text!r}); raise SystemExit({status})")


@pytest.fixture(autouse=True)
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checks, "OUTPUT", tmp_path)
    return tmp_path


async def test_a_failure_does_not_hide_what_comes_after(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Run(
        (
            Check("bad", "fails", (says("one", 3), says("two"))),
            Check("good", "passes", (says("three"),), after=("bad",)),
        )
    )
    await run.all()
    assert run.verdicts == {"bad": Verdict.FAILED, "good": Verdict.PASSED}
    shown = capsys.readouterr().out
    assert "one\n" in shown
    assert "exit status 3" in shown
    assert "two\n" in shown
    assert "three\n" in shown


async def test_what_needs_a_failed_check_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(
        (
            Check("bad", "fails", (says("one", 1),)),
            Check("next", "needs it", (says("never"),), needs=("bad",)),
            Check("last", "needs that", (says("never"),), needs=("next",)),
        )
    )
    await run.all()
    assert run.verdicts == {
        "bad": Verdict.FAILED,
        "next": Verdict.NOT_RUN,
        "last": Verdict.NOT_RUN,
    }
    assert "never" not in capsys.readouterr().out


async def test_what_has_not_ended_in_time_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LIMIT", 0.2)
    endless = ("python", "-c", "import signal; signal.pause()")
    run = Run((Check("slow", "never ends", (endless,)),))
    await run.all()
    assert run.verdicts == {"slow": Verdict.FAILED}


async def test_a_process_that_is_left_behind_is_not_waited_for(output: Path) -> None:
    pid = output / "pid"
    code = (
        "import pathlib, subprocess, sys; "
        "left = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], "
        "start_new_session=True); "
        f"pathlib.Path({str(pid)!r}).write_text(str(left.pid)); print('done')"
    )
    run = Run((Check("daemon", "leaves one behind", (("python", "-c", code),)),))
    try:
        await run.all()
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
    assert run.verdicts == {"daemon": Verdict.PASSED}
    assert "done" in (output / "daemon.log").read_text()


def test_counts_are_added_up(output: Path) -> None:
    case = '<testcase classname="c" name="{}">{}</testcase>'
    for name, cases in (
        ("one", case.format("a", "") + case.format("b", "<failure/>")),
        ("two", case.format("c", "<skipped/>") + case.format("d", "<error/>")),
    ):
        (output / f"{name}.xml").write_text(f"<testsuites>{cases}</testsuites>")
    counts, unproven = count()
    assert (counts.passed, counts.failed, counts.skipped) == (1, 2, 1)
    assert unproven == ["c.c"]


@pytest.mark.parametrize("reason", sorted(EXCUSED))
def test_an_excused_skip_is_counted_and_no_more(output: Path, reason: str) -> None:
    (output / "one.xml").write_text(
        f'<testsuite><testcase classname="c" name="a"><skipped message="{reason}"/></testcase>'
        "</testsuite>"
    )
    counts, unproven = count()
    assert counts.skipped == 1
    assert unproven == []


def test_a_torn_report_is_no_report(output: Path) -> None:
    (output / "one.xml").write_text("")
    assert count()[0].passed == 0


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.main(["no-such-check"]) == 2
    assert "There are: cluster, lint" in capsys.readouterr().out
