"""``python -m storeorch_webapp``: serve the app, and make the tokens that it asks for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

import click

from storeorch import Orchestrator, StoreorchError, operator_log, report_error
from storeorch.errors import InternalError
from storeorch_webapp.app import create_app
from storeorch_webapp.server import listen, serve
from storeorch_webapp.settings import Auth, EnginePlace, WebSettings
from storeorch_webapp.tokens import Role, Token, TokenStore

T = TypeVar("T")

_DAY: Final = 86_400
_OWNER_AT_MOST: Final = 200


@click.group(invoke_without_command=True)
@click.pass_context
def cli(context: click.Context) -> None:
    """Serve the API and the dashboard; with a command: manage its tokens.

    All settings are environment variables, see the documentation.
    """
    if context.invoked_subcommand is None:
        context.invoke(serve_app)


@cli.command("serve")
def serve_app() -> None:
    """Serve the API and the dashboard until told to stop (the default)."""
    settings = WebSettings.load()
    with operator_log(settings.library().log_file, _note):
        if settings.auth is Auth.OFF:
            _note("Authentication is off: everyone on this machine is an admin.")
        if settings.engine is EnginePlace.OUTSIDE:
            _note("No engine runs inside; start one with: storeorch run")
        serve(
            create_app(settings),
            listen(settings),
            lambda address: click.echo(f"The web app is at {address}"),
        )
    _note("The web app has stopped.")


@cli.group()
def token() -> None:
    """Make, list and revoke the tokens that users show."""


@token.command("create")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What it allows.",
)
@click.option("--owner", required=True, help="Whose stores it is about, for example a team.")
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True), help="Days after which it ends."
)
def create_token(role: str, owner: str, days: float | None) -> None:
    """Make a token and print it; it cannot be shown again."""
    if not owner.isprintable() or not owner.strip() or len(owner) > _OWNER_AT_MOST:
        raise click.BadParameter("It has 1 to 200 printable characters.", param_hint="--owner")
    lasts = None if days is None else days * _DAY
    made = _with_tokens(lambda store: store.create(role=Role(role), owner=owner, lasts=lasts))
    click.echo(made)


@token.command("list")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form.")
def list_tokens(output: str) -> None:
    """List the tokens, without their secrets."""
    found = _with_tokens(lambda store: store.list())
    if output == "json":
        click.echo(json.dumps([_shown(each) for each in found], indent=2))
        return
    for each in found:
        click.echo("  ".join(str(value or "-") for value in _shown(each).values()))


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """End a token at once, by its id."""
    if not _with_tokens(lambda store: store.revoke(token_id)):
        raise StoreorchError(
            "There is no such token that could be revoked.",
            hint="See the ids with: python -m storeorch_webapp token list",
        )


@cli.command("openapi")
def print_openapi() -> None:
    """Print the OpenAPI document of the API."""
    click.echo(json.dumps(create_app().openapi(), indent=2))


def main() -> None:
    """Run the command line; errors are one sentence, a hint and the exit status."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except StoreorchError as error:
        _note(f"Error: {error.message}")
        if error.hint:
            _note(f"Hint: {error.hint}")
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - its text is for operators alone
        error_id = report_error("command failed", error)
        _note(f"Error: {InternalError().message} (error id {error_id})")
        sys.exit(1)


def _with_tokens(do: Callable[[TokenStore], Awaitable[T]]) -> T:
    """Open the database that the settings name, and do something with its tokens."""

    async def run() -> T:
        settings = WebSettings.load().library()
        await Orchestrator.upgrade_database(settings)
        async with TokenStore.open(settings.database_url) as tokens:
            return await do(tokens)

    return asyncio.run(run())


def _shown(found: Token) -> dict[str, str | None]:
    return {
        "id": found.id,
        "role": found.role.value,
        "owner": found.owner,
        "created_at": found.created_at.isoformat(),
        "expires_at": found.expires_at.isoformat() if found.expires_at else None,
        "revoked_at": found.revoked_at.isoformat() if found.revoked_at else None,
    }


def _note(sentence: str) -> None:
    with suppress(OSError):
        click.echo(sentence, err=True)
