"""``storeorch doctor``: is all that storeorch needs there?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import Exit
from rich.text import Text

from storeorch.cli.context import CliContext, pass_context
from storeorch.cli.loop import run
from storeorch.cli.options import Format, output_option
from storeorch.cli.render import console, emit, printable
from storeorch.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from storeorch.orchestrator import Orchestrator


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    ok: bool
    detail: str
    hint: str | None = None
    code: str | None = None

    @property
    def data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "hint": self.hint,
            "code": self.code,
        }


@click.command()
@output_option(Format.TABLE, Format.JSON, Format.YAML)
@pass_context
def doctor(context: CliContext, *, output: Format) -> None:
    """Check that all that storeorch needs is there, and say how to mend what is not.

    Exits with 4 when something is missing.
    """
    try:
        o = context.orchestrator()
    except EnvironmentNotReady as error:
        findings: Sequence[_Finding] = [_from_error("settings", error)]
    else:
        findings = run(_look(o))
    emit(output, [finding.data for finding in findings], table=lambda: _write(findings))
    if not all(finding.ok for finding in findings):
        raise Exit(EnvironmentNotReady.exit_code)


async def _look(o: Orchestrator) -> Sequence[_Finding]:
    findings = [_types(o)]
    findings += [
        _Finding(
            f"plugin {info.name}",
            ok=False,
            detail=info.error,
            hint="Install it anew.",
        )
        for info in o.plugins()
        if info.error
    ]
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(o)
        except EnvironmentNotReady as error:
            findings.append(_from_error("database", error))
            # Closes what the checks below open.
            stack.push_async_exit(o)
        else:
            findings.append(_Finding("database", ok=True, detail="The database answers."))
        findings += [
            _Finding(check.name, check.ok, check.detail, check.hint, check.code)
            for check in await o.check_environment()
        ]
    return findings


def _types(o: Orchestrator) -> _Finding:
    names = ", ".join(offered.name for offered in o.types())
    if names:
        return _Finding("store types", ok=True, detail=f"Installed: {names}.")
    return _Finding(
        "store types",
        ok=False,
        detail="No store type is installed.",
        hint="Install one, for example with: pip install storeorch-woocommerce",
    )


def _from_error(name: str, error: EnvironmentNotReady) -> _Finding:
    return _Finding(name, ok=False, detail=error.message, hint=error.hint, code=error.code)


def _write(findings: Sequence[_Finding]) -> None:
    target = console()
    tick, cross = ("+", "x") if target.options.ascii_only else ("✓", "✗")
    signs = {(True, False): (tick, "green"), (True, True): ("!", "yellow")}
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        line = Text(*signs.get((finding.ok, bool(finding.hint)), (cross, "red")))
        line.append(f" {printable(finding.name).ljust(width)}", "bold")
        line.append(f"  {printable(finding.detail)}", "not bold default")
        target.print(line, soft_wrap=True)
        if finding.hint:
            target.print(
                Text(f"{' ' * (width + 4)}{printable(finding.hint)}", "default"), soft_wrap=True
            )
