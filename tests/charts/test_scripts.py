"""What the containers run, as far as it runs without them: the shell scripts, and PHP's syntax."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .rendering import CHARTS, Helm, find, pod_spec

SCRIPTS = CHARTS / "medusa" / "files"
PHP_FILES = sorted((CHARTS / "woocommerce" / "files").glob("*.php"))


def program(folder: Path, name: str, body: str) -> None:
    """A stand-in for a program of the image."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPTS / script)],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(folder / "calls"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_the_wait_ends_with_the_first_answer(tmp_path: Path) -> None:
    program(tmp_path, "sleep", 'echo sleep >>"$CALLS"')
    program(
        tmp_path,
        "psql",
        'echo psql >>"$CALLS"\n'
        '[ "$(grep -c psql "$CALLS")" -ge 20 ] && exit 0\n'
        "echo 'connection refused' >&2; exit 2",
    )

    done = run("wait-for-database.sh", tmp_path)

    assert done.returncode == 0
    assert calls(tmp_path) == ["psql", "sleep"] * 19 + ["psql"]
    assert done.stdout.splitlines() == ["waiting for the database"] * 2 + ["the database answers"]


def test_the_wait_gives_up_on_refused_credentials(tmp_path: Path) -> None:
    program(
        tmp_path,
        "psql",
        "echo 'FATAL:  password authentication failed for user \"medusa\"' >&2; exit 2",
    )

    done = run("wait-for-database.sh", tmp_path)

    assert done.returncode == 1
    assert done.stderr == "the database refuses the credentials\n"


ADMIN = {"MEDUSA_ADMIN_EMAIL": "admin@example.com", "MEDUSA_ADMIN_PASSWORD": "pass"}


def npx(folder: Path, *, migrate: str, user: str) -> None:
    program(
        folder,
        "npx",
        f'echo "$*" >>"$CALLS"\ncase "$2" in db:migrate) {migrate} ;; user) {user} ;; esac',
    )


@pytest.mark.parametrize(
    "user", ["exit 0", "echo 'User with email: admin@example.com, already exists' >&2; exit 1"]
)
def test_migrating_twice_is_fine(tmp_path: Path, user: str) -> None:
    npx(tmp_path, migrate="exit 0", user=user)

    assert run("migrate.sh", tmp_path, **ADMIN).returncode == 0
    assert calls(tmp_path) == [
        "medusa db:migrate",
        "medusa user --email admin@example.com --password pass",
    ]


def test_a_failed_migration_creates_no_user(tmp_path: Path) -> None:
    npx(tmp_path, migrate="exit 1", user="exit 0")

    assert run("migrate.sh", tmp_path, **ADMIN).returncode != 0
    assert calls(tmp_path) == ["medusa db:migrate"]


def test_a_user_that_cannot_be_created_is_a_failure(tmp_path: Path) -> None:
    npx(tmp_path, migrate="exit 0", user="echo 'out of memory' >&2; exit 1")

    done = run("migrate.sh", tmp_path, **ADMIN)

    assert done.returncode == 1
    assert "out of memory" in done.stderr
    assert ADMIN["MEDUSA_ADMIN_PASSWORD"] not in done.stdout + done.stderr


def test_scripts_reach_the_containers_as_they_are(helm: Helm) -> None:
    deployment = find(helm.template("medusa"), "Deployment", "medusa")
    wait, migrate = pod_spec(deployment)["initContainers"]

    assert wait["command"] == ["sh", "-c", (SCRIPTS / "wait-for-database.sh").read_text()]
    assert migrate["command"] == ["sh", "-c", (SCRIPTS / "migrate.sh").read_text()]


def test_php_reaches_the_containers_as_it_is(helm: Helm) -> None:
    data = find(helm.template("woocommerce"), "ConfigMap", "wordpress-php")["data"]
    files = (CHARTS / "woocommerce" / "files").iterdir()

    assert data == {path.name: path.read_text() for path in files}


@pytest.mark.skipif(shutil.which("php") is None, reason="needs php")
@pytest.mark.parametrize("path", PHP_FILES, ids=lambda path: path.name)
def test_php_is_php(path: Path) -> None:
    done = subprocess.run(["php", "-l", str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_new_php_means_new_pods(helm: Helm, tmp_path: Path) -> None:
    copy = shutil.copytree(CHARTS / "woocommerce", tmp_path / "woocommerce")

    def checksum() -> str:
        text = helm.run("template", "s", str(copy), "--set=storeorch.credentialsSecret=x").stdout
        (line,) = (line for line in text.splitlines() if "checksum/php:" in line)
        return line

    before = checksum()
    with (copy / "files" / "ready.php").open("a") as file:
        file.write("// changed\n")
    assert checksum() != before
