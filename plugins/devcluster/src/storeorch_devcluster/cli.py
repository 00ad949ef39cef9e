"""The commands ``storeorch dev up | status | kubeconfig | load | down``.

Data goes to standard output, everything else to standard error. Whatever is
heavy is imported inside the commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from storeorch_devcluster.state import StateFolder

NOT_UP = 4
"""Exit code of ``status`` where no cluster is up: the environment is not ready."""

SIMULATED = (
    "Its nodes are simulated: pods become ready without running, and the addresses of stores "
    "do not open."
)


@click.group()
def dev() -> None:
    """Run a Kubernetes cluster for development and tests.

    Its state is kept in one folder, $STOREORCH_DEV_HOME; programs that had to
    be built are kept in $STOREORCH_DEV_CACHE.
    """


@dev.command()
@click.option(
    "--context",
    metavar="NAME",
    help="Use the existing cluster of this kubeconfig context. An existing cluster is never "
    "used unless it is named here; no environment variable does it.",
)
@click.option(
    "--provider",
    type=click.Choice(["auto", "kind", "embedded"]),
    default="auto",
    show_default=True,
    envvar="STOREORCH_DEV_PROVIDER",
    show_envvar=True,
    help="Who runs the cluster: 'kind' needs Docker, 'embedded' nothing; 'auto' takes kind "
    "where a Docker engine answers and kind is installed.",
)
@click.option(
    "--nodes",
    type=click.Choice(["simulated", "real"]),
    envvar="STOREORCH_DEV_NODES",
    show_envvar=True,
    help="Nodes of the embedded cluster: 'simulated' ones run everywhere and run no pods; a "
    "'real' one runs containers and needs Linux and root. By default as it was, or simulated.",
)
def up(
    context: str | None,
    provider: Literal["auto", "kind", "embedded"],
    nodes: Literal["simulated", "real"] | None,
) -> None:
    """Bring a cluster up and return when it is ready.

    The first time this builds the embedded cluster's programs, which takes 6
    to 9 minutes, and with --nodes real as long again; after that it takes
    seconds.
    """
    from storeorch_devcluster.display import Display  # noqa: PLC0415
    from storeorch_devcluster.provider import choose  # noqa: PLC0415

    if context is not None and provider != "auto":
        raise click.UsageError("Use either --context or --provider, not both.")
    if nodes == "real" and (context is not None or provider == "kind"):
        raise click.UsageError("Real nodes are the embedded cluster's.")
    folder = _folder()
    with Display() as display:
        cluster = choose(
            folder, choice=provider, context=context, nodes=nodes, report=display.report
        )
        was_up = cluster.status().up
        if not was_up:
            cluster.up(display.report)
    status = cluster.status()
    already = "already " if was_up else ""
    click.echo(
        f"The cluster ({status.provider}) is {already}up: {status.server}, "
        f"Kubernetes {status.version}.",
        err=True,
    )
    if status.simulated:
        click.echo(SIMULATED, err=True)
    if status.ingress is not None:
        click.echo(f"The ingress answers at {status.ingress}.", err=True)
        places = [place for place in (status.ingress, status.ingress_tls) if place is not None]
        # An engine looks for the usual ports at the address that stores have.
        if not all(place.endswith((":80", ":443")) for place in places):
            told = ",".join(places)
            click.echo(f"Tell engines: export STOREORCH_PROBE_ADDRESS={told}", err=True)
    if status.gateway is not None:
        namespace, _, name = status.gateway.partition("/")
        click.echo(
            "So does a Gateway: storeorch store create NAME --type woocommerce "
            f"--set gateway.name={name} --set gateway.namespace={namespace}",
            err=True,
        )
    click.echo("Go on with: export KUBECONFIG=$(storeorch dev kubeconfig)", err=True)


@dev.command()
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    envvar="STOREORCH_OUTPUT",
    show_envvar=True,
    help="Form of the output.",
)
@click.pass_context
def status(context: click.Context, output: str) -> None:
    """Say what runs; exit code 0 if the cluster is up, else 4."""
    from storeorch_devcluster.display import print_status  # noqa: PLC0415
    from storeorch_devcluster.provider import remembered  # noqa: PLC0415
    from storeorch_devcluster.status import Status  # noqa: PLC0415

    cluster = remembered(_folder())
    found = Status() if cluster is None else cluster.status()
    if output == "json":
        click.echo(found.model_dump_json(indent=2))
    else:
        print_status(found)
    if not found.up:
        context.exit(NOT_UP)


@dev.command()
def kubeconfig() -> None:
    """Print the path of the cluster's kubeconfig."""
    from storeorch_devcluster.errors import NoDevCluster  # noqa: PLC0415

    folder = _folder()
    state = folder.read()
    if state is None or not folder.kubeconfig.is_file():
        raise NoDevCluster
    if state.provider == "embedded":
        from storeorch_devcluster.provider import Embedded  # noqa: PLC0415

        if not Embedded(folder, state.nodes).running():
            raise NoDevCluster("The development cluster is not running.")
    click.echo(str(folder.kubeconfig))


@dev.command()
@click.argument(
    "archives",
    metavar="ARCHIVE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
def load(archives: tuple[Path, ...]) -> None:
    """Load images into a real node.

    An ARCHIVE is a tar file as 'docker save' or 'buildah push' write it, in
    OCI's or Docker's format. A pod uses such an image by its full name, and
    with imagePullPolicy IfNotPresent.
    """
    from storeorch_devcluster.display import Display  # noqa: PLC0415
    from storeorch_devcluster.errors import NoDevCluster  # noqa: PLC0415
    from storeorch_devcluster.realnode.cluster import RealNodeCluster  # noqa: PLC0415

    folder = _folder()
    state = folder.read()
    if state is None or state.nodes != "real":
        raise NoDevCluster(
            "No development cluster with a real node is up.",
            hint="Start one with: storeorch dev up --nodes real",
        )
    with Display() as display:
        RealNodeCluster(folder.path, progress=display.report).load_images(archives)
    click.echo(f"Loaded {len(archives)} archive(s).", err=True)


@dev.command()
@click.option(
    "--keep-data",
    is_flag=True,
    envvar="STOREORCH_DEV_KEEP_DATA",
    show_envvar=True,
    help="Keep what is stored in the cluster for the next 'up'.",
)
def down(*, keep_data: bool) -> None:
    """Take the cluster down; an existing cluster that was named is only forgotten."""
    from storeorch_devcluster.display import Display  # noqa: PLC0415
    from storeorch_devcluster.progress import Progress  # noqa: PLC0415
    from storeorch_devcluster.provider import remembered  # noqa: PLC0415

    cluster = remembered(_folder())
    if cluster is None:
        click.echo("No development cluster is up.", err=True)
        return
    with Display() as display:
        display.report(Progress("Taking the cluster down"))
        cluster.down(keep_data=keep_data)
    click.echo("The cluster is down.", err=True)


def _folder() -> StateFolder:
    from storeorch_devcluster.paths import state_home  # noqa: PLC0415
    from storeorch_devcluster.state import StateFolder  # noqa: PLC0415

    return StateFolder(state_home())
