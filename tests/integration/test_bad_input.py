"""Bad input: one clear sentence, a hint, the right exit status, and nothing written."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .api import Api, Json
from .limited import EVERYTHING, altered, everything_but, limited_user
from .workplace import Ended, Workplace

pytestmark = pytest.mark.cluster

WRONG_USAGE = 2
NOT_READY = 4

CREATE = ("store", "create", "my-store", "--type", "woocommerce")


def assert_refused(ended: Ended, code: int, sentence: str, *, hint: str = "") -> None:
    """Check that a command said one sentence and a hint, and nothing else."""
    assert (ended.code, ended.out) == (code, "")
    lines = ended.sentences()
    assert lines[0].startswith("Error: ")
    assert sentence in lines[0]
    assert lines[0].endswith(".")
    assert lines[1].startswith("Hint: ")
    assert hint in lines[1]
    assert len(lines) == 2 or (len(lines) == 3 and lines[2].startswith("Error id: e-"))


class Untouched:
    """What stood in database and cluster before, to be found there afterwards."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._before = self._look()

    def check(self) -> None:
        rows, events, namespaces = self._look()
        assert (rows, events) == self._before[:2]
        # Those of earlier tests may be going meanwhile.
        assert namespaces <= self._before[2]

    def _look(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], set[str]]:
        found = self._workplace.api.items("/api/v1/namespaces")
        names = {each["metadata"]["name"] for each in found}
        if not self._workplace.database.exists():
            return [], [], names
        rows = self._workplace.rows("SELECT * FROM stores")
        return rows, self._workplace.rows("SELECT * FROM events"), names


@pytest.fixture
async def untouched(workplace: Workplace) -> Untouched:
    """A database that holds a store named ``taken``."""
    async with workplace.orchestrator(engine=False) as o:
        await o.create("taken", type="woocommerce")
    return Untouched(workplace)


# -- what was asked for -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "The store name is empty."),
        ("a" * 41, "The store name has 41 characters; at most 40 are possible."),
        ("My-Store", "The store name 'My-Store' is not a lower-case DNS label."),
        ("a.b", "The store name 'a.b' is not a lower-case DNS label."),
        ("a;rm -rf", "The store name 'a;rm -rf' is not a lower-case DNS label."),
        ("a-", "The store name 'a-' is not a lower-case DNS label."),
        ("käse", "The store name 'k\\xe4se' is not a lower-case DNS label."),
        ("店", "The store name '\\u5e97' is not a lower-case DNS label."),
    ],
)
async def test_names_that_are_not_possible(
    name: str, sentence: str, workplace: Workplace, untouched: Untouched
) -> None:
    ended = await workplace.cli("store", "create", name, "--type", "woocommerce", "--wait")
    assert_refused(ended, WRONG_USAGE, sentence, hint="for example my-store")
    untouched.check()


async def test_a_name_that_begins_like_an_option(
    workplace: Workplace, untouched: Untouched
) -> None:
    as_option = await workplace.cli("store", "create", "-a", "--type", "woocommerce")
    assert_refused(as_option, WRONG_USAGE, "No such option '-a'.", hint="store create --help")
    as_name = await workplace.cli("store", "create", "--type", "woocommerce", "--", "-a")
    assert_refused(as_name, WRONG_USAGE, "'-a' is not a lower-case DNS label.", hint="my-store")
    untouched.check()


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (("--type", "shopify"), "There is no store type 'shopify'.", "medusa, woocommerce"),
        (("--type", "woocommerce", "--set", "colour=red"), "no parameter 'colour'", "mysql"),
        (
            ("--type", "woocommerce", "--set", "mysql.imag=mysql:8.4"),
            "The type woocommerce has no parameter 'mysql.imag'.",
            "storeorch type show woocommerce",
        ),
        (
            ("--type", "woocommerce", "--set", "mysql.run_as_user=mysql"),
            "The parameter mysql.run_as_user of the type woocommerce is not valid",
            "storeorch type show woocommerce",
        ),
        (
            ("--type", "woocommerce", "--set", "mysql.storage_size=ten"),
            "The parameter mysql.storage_size of the type woocommerce is not valid",
            "storeorch type show woocommerce",
        ),
        (("--type", "woocommerce", "--set", "mysql=8"), "The parameter mysql of the type", ""),
        (("--type", "woocommerce", "--set", "mysql"), "An assignment has no '='", "--help"),
        ((), "Missing option '-t' / '--type'", "store create --help"),
    ],
)
async def test_types_and_parameters_that_are_not_possible(
    arguments: Sequence[str],
    sentence: str,
    hint: str,
    workplace: Workplace,
    untouched: Untouched,
) -> None:
    ended = await workplace.cli("store", "create", "my-store", *arguments)
    assert_refused(ended, WRONG_USAGE, sentence, hint=hint)
    untouched.check()


async def test_a_name_that_is_taken(workplace: Workplace, untouched: Untouched) -> None:
    ended = await workplace.cli("store", "create", "taken", "--type", "medusa", "--wait")
    assert_refused(ended, 1, "A store named taken exists already.", hint="Choose another name")
    untouched.check()


# -- the cluster --------------------------------------------------------------


async def test_no_kubeconfig(workplace: Workplace, untouched: Untouched) -> None:
    ended = await workplace.cli(*CREATE, KUBECONFIG=str(workplace.folder / "nowhere"))
    assert_refused(ended, NOT_READY, "KUBECONFIG names no file that exists.", hint="dev up")
    ended = await workplace.cli(
        *CREATE, KUBECONFIG="", HOME=str(workplace.folder), STOREORCH_HELM=str(workplace.helm)
    )
    assert_refused(ended, NOT_READY, "There is no kubeconfig.", hint="dev up")
    untouched.check()


async def test_a_kubeconfig_that_cannot_be_read(workplace: Workplace, untouched: Untouched) -> None:
    broken = workplace.folder / "broken"
    broken.write_text("clusters: [")
    ended = await workplace.cli(*CREATE, KUBECONFIG=str(broken))
    assert_refused(ended, NOT_READY, "kubeconfig", hint="kubectl config view")
    untouched.check()


async def test_a_cluster_that_does_not_answer(
    workplace: Workplace, untouched: Untouched, cluster_kubeconfig: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    away = altered(
        cluster_kubeconfig, workplace.folder / "away", server=f"https://127.0.0.1:{port}"
    )
    ended = await workplace.cli(*CREATE, "--wait", KUBECONFIG=str(away))
    assert_refused(ended, NOT_READY, "The Kubernetes cluster cannot be reached.", hint="dev up")
    assert str(port) not in ended.err
    untouched.check()


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([], "does not permit to get namespaces, list namespaces, watch namespaces, "),
        (everything_but("secrets", ["create"]), "does not permit to create secrets."),
        (
            everything_but("resourcequotas", ["create", "patch"]),
            "does not permit to create resourcequotas, patch resourcequotas.",
        ),
    ],
)
async def test_a_user_without_rights_is_told_which(
    *,
    rules: list[Json],
    sentence: str,
    workplace: Workplace,
    untouched: Untouched,
    api: Api,
    cluster_kubeconfig: Path,
) -> None:
    with limited_user(api, cluster_kubeconfig, workplace.folder, rules) as user:
        ended = await workplace.cli(*CREATE, KUBECONFIG=str(user.kubeconfig))
        assert_refused(ended, NOT_READY, sentence, hint="Give these rights")
        untouched.check()


async def test_credentials_that_are_not_accepted(
    workplace: Workplace, untouched: Untouched, cluster_kubeconfig: Path
) -> None:
    stale = altered(cluster_kubeconfig, workplace.folder / "stale", token="stale-canary-token")
    ended = await workplace.cli(*CREATE, KUBECONFIG=str(stale))
    assert_refused(ended, NOT_READY, "The cluster does not accept the credentials", hint="Log in")
    assert "stale-canary-token" not in ended.err + workplace.log.read_text()
    untouched.check()


# -- Helm ---------------------------------------------------------------------


async def test_no_helm(workplace: Workplace, untouched: Untouched) -> None:
    missing = str(workplace.folder / "missing")
    ended = await workplace.cli(*CREATE, STOREORCH_HELM=missing)
    assert_refused(ended, NOT_READY, "The helm command was not found.", hint="Install Helm")
    ended = await workplace.cli(
        *CREATE, STOREORCH_HELM="", STOREORCH_DEV_CACHE=missing, PATH=missing
    )
    assert_refused(ended, NOT_READY, "The helm command was not found.", hint="Install Helm")
    untouched.check()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo canary-of-helm >&2; exit 1", "The helm command does not work."),
        ("echo v3.9.0", "Helm 3.9 is too old; 3.14 or newer is needed."),
        ("echo hello", "The helm command does not tell its version."),
    ],
)
async def test_a_helm_that_does_not_do(
    script: str, sentence: str, workplace: Workplace, untouched: Untouched
) -> None:
    helm = workplace.folder / "helm"
    helm.write_text(f"#!/bin/sh\n{script}\n")
    helm.chmod(0o755)
    ended = await workplace.cli(*CREATE, STOREORCH_HELM=str(helm))
    assert_refused(ended, NOT_READY, sentence, hint="Install Helm")
    untouched.check()


# -- the database -------------------------------------------------------------


def powerless() -> list[str]:
    """Return the words before a command to which modes of files apply although we are root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root may write every file, and there is no setpriv to become less")
    powers = "-dac_override,-dac_read_search,-fowner"
    return [setpriv, f"--bounding-set={powers}", f"--inh-caps={powers}", "--"]


async def test_a_read_only_database(workplace: Workplace, untouched: Untouched) -> None:
    workplace.log.parent.mkdir()
    workplace.database.chmod(0o444)
    workplace.folder.chmod(0o555)
    try:
        ended = await workplace.cli(*CREATE, prefix=powerless())
        assert_refused(ended, NOT_READY, "The database file cannot be", hint="STOREORCH_DATABASE")
        assert str(workplace.folder) not in ended.err
    finally:
        workplace.folder.chmod(0o755)
    untouched.check()


def garbage(database: Path) -> None:
    database.write_bytes(bytes(range(256)) * 64)


def damage(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 30_000)


def directory(database: Path) -> None:
    database.unlink()
    database.mkdir()


@pytest.mark.parametrize(
    ("spoil", "sentence", "hint"),
    [
        (garbage, "The database file is not an SQLite database.", "STOREORCH_DATABASE_URL"),
        (damage, "The database file is damaged.", "backup"),
        (directory, "The database file cannot be opened.", "STOREORCH_DATABASE_URL"),
    ],
)
@pytest.mark.usefixtures("untouched")
async def test_a_database_that_is_none(
    spoil: Callable[[Path], None], sentence: str, hint: str, workplace: Workplace
) -> None:
    for side in ("-wal", "-shm"):
        workplace.database.with_name(workplace.database.name + side).unlink(missing_ok=True)
    spoil(workplace.database)
    before = workplace.database.read_bytes() if workplace.database.is_file() else None
    for arguments in (CREATE, ("store", "list"), ("run",)):
        ended = await workplace.cli(*arguments)
        assert_refused(ended, NOT_READY, sentence, hint=hint)
        assert str(workplace.folder) not in ended.err
    if before is not None:
        assert workplace.database.read_bytes() == before


async def test_a_database_of_a_newer_version(workplace: Workplace, untouched: Untouched) -> None:
    with closing(sqlite3.connect(workplace.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    ended = await workplace.cli(*CREATE)
    assert_refused(ended, NOT_READY, "newer version of storeorch", hint="Upgrade storeorch")
    untouched.check()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgres-canary-password", "STOREORCH_DATABASE_URL is not a database URL."),
        ("mysql://me:canary-password@127.0.0.1/x", "Databases of the kind 'mysql' are not"),
        ("sqlite:////dev/null/x.db", "The folder of the database cannot be made."),
    ],
)
async def test_a_database_url_that_is_not_possible(
    url: str, sentence: str, workplace: Workplace
) -> None:
    before = Untouched(workplace)
    ended = await workplace.cli(*CREATE, STOREORCH_DATABASE_URL=url)
    assert_refused(ended, NOT_READY, sentence)
    assert "canary-password" not in ended.err
    before.check()


async def test_the_error_id_leads_to_the_detail_in_the_log(
    workplace: Workplace, untouched: Untouched
) -> None:
    garbage(workplace.database)
    ended = await workplace.cli("store", "list")
    error_id = ended.sentences()[2].removeprefix("Error id: ")
    (line,) = [line for line in workplace.log.read_text().splitlines() if error_id in line]
    assert "file is not a database" in line
    assert "file is not a database" not in ended.err


def test_the_rules_of_the_users_without_rights_lack_just_these() -> None:
    (rest,) = [
        rule for rule in everything_but("secrets", ["create"]) if rule["resources"] == ["secrets"]
    ]
    assert "create" not in rest["verbs"]
    assert EVERYTHING["verbs"] == ["*"]
