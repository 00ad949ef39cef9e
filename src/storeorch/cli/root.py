"""The command ``storeorch`` itself: its groups, its global options, its boundary for errors."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from storeorch.cli.context import CliContext, note
from storeorch.cli.failures import failures_shown
from storeorch.cli.lazy import LazyCommand, LazyGroup
from storeorch.cli.logs import logs
from storeorch.cli.options import EnvOption

if TYPE_CHECKING:
    from storeorch.cli.extensions import Extensions


def _in_package(package: str, attribute: str, help_: str) -> LazyCommand:
    return LazyCommand(f"storeorch.cli.{package}", attribute, help_)


_COMMANDS = {
    "store": _in_package("store", "store", "Create, watch, change and delete stores."),
    "type": _in_package("types", "types", "See the store types that are installed."),
    "plugin": _in_package("plugin", "plugin", "See the plugins that are installed."),
    "db": _in_package("db", "db", "Look after the database."),
    "settings": _in_package("settings", "settings", "See the settings and their variables."),
    "rbac": _in_package("rbac", "rbac", "Print the role that an engine needs in a cluster."),
    "run": _in_package("run", "run_engine", "Run an engine until it is told to stop."),
    "doctor": _in_package("doctor", "doctor", "Check that all that storeorch needs is there."),
}


class Root(LazyGroup):
    """The outermost group: adds the commands of plugins, and shows errors."""

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        context = kwargs.get("obj") or CliContext()
        with logs(lambda: context.settings.log_file) as context.log:
            return super().main(*args, **{**kwargs, "obj": context})

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with failures_shown(lambda: str(ctx.info_name)):
            return super().parse_args(ctx, args)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with failures_shown(lambda: f"{ctx.info_name} {ctx.invoked_subcommand}"):
            return super().invoke(ctx)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        names = super().list_commands(ctx)
        return names + sorted(set(_extensions(ctx).commands()).difference(names))

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # Plugins are asked last: a command of our own never waits for them.
        known = super().get_command(ctx, cmd_name)
        return known or _extensions(ctx).commands().get(cmd_name)

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            for name in _extensions(ctx).broken:
                note(f"Warning: The plugin {name} cannot be loaded; see: storeorch plugin list")
            raise


def _extensions(ctx: click.Context) -> Extensions:
    return ctx.ensure_object(CliContext).extensions


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if not value or ctx.resilient_parsing:
        return
    try:
        number = version("storeorch")
    except PackageNotFoundError:
        number = "unknown (not installed as a distribution)"
    click.echo(f"storeorch {number}")
    ctx.exit()


@click.group(
    cls=Root,
    lazy=_COMMANDS,
    context_settings={"auto_envvar_prefix": "STOREORCH", "help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done; 1 failed; 2 wrong usage; 3 the wait timed out, the work goes on; "
    "4 the environment is not ready; 130 interrupted. Settings are environment variables: "
    "storeorch settings list",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.option(
    "-v",
    "--verbose",
    cls=EnvOption,
    is_flag=True,
    help="Show the operator's log on standard error too.",
)
@click.pass_context
def cli(ctx: click.Context, *, verbose: bool) -> None:
    """Provision, repair and remove e-commerce stores on Kubernetes."""
    context = ctx.ensure_object(CliContext)
    if verbose and context.log is not None:
        context.log.show_everything()
