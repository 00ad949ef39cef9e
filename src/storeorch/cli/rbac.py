"""``storeorch rbac``."""

from __future__ import annotations

import click
import yaml

from storeorch.cli.options import EnvOption


@click.command()
@click.option(
    "--namespace",
    cls=EnvOption,
    default="storeorch",
    show_default=True,
    help="Namespace of the engine's service account.",
)
@click.option(
    "--service-account",
    cls=EnvOption,
    default="storeorch",
    show_default=True,
    help="Name of the service account, of its role and of its policy.",
)
def rbac(*, namespace: str, service_account: str) -> None:
    """Print the role that an engine needs in a cluster, to be applied by an administrator.

    A service account, its rights, and an admission policy that confines every
    change to the namespaces of stores. For example:

    storeorch rbac | kubectl apply -f -
    """
    from storeorch.wiring import rbac_manifests  # noqa: PLC0415 - heavy

    manifests = rbac_manifests(namespace=namespace, service_account=service_account)
    click.echo(yaml.safe_dump_all(manifests, sort_keys=False), nl=False)
