"""What the containers run, as far as it runs without them: the shell scripts, and PHP's syntax."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .rendering import CHARTS, CREDENTIALS, Helm, find, merged, pod_spec

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


def test_the_wait_for_the_setup_ends_when_it_is_done(tmp_path: Path) -> None:
    program(tmp_path, "sleep", 'echo sleep >>"$CALLS"')
    program(
        tmp_path,
        "psql",
        'for last in "$@"; do :; done; echo "$last" >>"$CALLS"\n'
        'case "$(grep -c SELECT "$CALLS")" in\n'
        "  1) echo 'relation \"storeorch_setup\" does not exist' >&2; exit 1 ;;\n"
        "  2) exit 0 ;;\n"
        "  *) echo 1 ;;\n"
        "esac",
    )

    done = run("wait-for-setup.sh", tmp_path, SETUP_REVISION="0123456789")

    asked = "--command=SELECT 1 FROM storeorch_setup WHERE part = '0123456789'"
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == [asked, "sleep", asked, "sleep", asked]
    assert done.stdout.splitlines() == ["waiting for the setup", "the setup is done"]


def test_the_wait_for_the_setup_gives_up_on_refused_credentials(tmp_path: Path) -> None:
    program(tmp_path, "psql", "echo 'FATAL:  password authentication failed' >&2; exit 2")

    done = run("wait-for-setup.sh", tmp_path, SETUP_REVISION="0123456789")

    assert done.returncode == 1
    assert done.stderr == "the database refuses the credentials\n"


def medusa(folder: Path, *, migrate: str = "exit 0", setup: str = "exit 0") -> None:
    program(
        folder,
        "medusa",
        f'echo "$*" >>"$CALLS"\ncase "$1" in db:migrate) {migrate} ;; exec) {setup} ;; esac',
    )


def test_the_setup_migrates_first_and_asks_nobody(tmp_path: Path) -> None:
    medusa(tmp_path)

    assert run("setup.sh", tmp_path).returncode == 0
    assert calls(tmp_path) == [
        "db:migrate --execute-safe-links --execute-safe-search",
        "exec ./src/scripts/setup.js",
    ]


def test_a_failed_migration_sets_nothing_up(tmp_path: Path) -> None:
    medusa(tmp_path, migrate="exit 1")

    assert run("setup.sh", tmp_path).returncode != 0
    assert len(calls(tmp_path)) == 1


def test_a_failed_setup_is_a_failure(tmp_path: Path) -> None:
    medusa(tmp_path, setup="exit 3")

    assert run("setup.sh", tmp_path).returncode == 3


def test_redis_is_told_its_password_where_no_list_of_processes_shows_it(tmp_path: Path) -> None:
    program(tmp_path, "redis-server", 'echo "$*" >>"$CALLS"; cat >>"$CALLS"')

    assert run("redis.sh", tmp_path, REDIS_PASSWORD="s3cret").returncode == 0
    arguments, *configuration = calls(tmp_path)
    assert arguments == "-"
    assert "requirepass s3cret" in configuration
    assert "appendonly yes" in configuration


def test_scripts_reach_the_containers_as_they_are(helm: Helm) -> None:
    manifests = helm.template("medusa", merged(CREDENTIALS, {"redis": {"enabled": True}}))
    (job,) = (m for m in manifests if m["kind"] == "Job")
    (wait,) = pod_spec(job)["initContainers"]
    (wait_for_setup,) = pod_spec(find(manifests, "Deployment", "medusa"))["initContainers"]
    (setup,) = pod_spec(job)["containers"]
    (redis,) = pod_spec(find(manifests, "StatefulSet", "redis"))["containers"]

    for container, script in (
        (wait, "wait-for-database.sh"),
        (wait_for_setup, "wait-for-setup.sh"),
        (setup, "setup.sh"),
        (redis, "redis.sh"),
    ):
        assert container["command"] == ["sh", "-c", (SCRIPTS / script).read_text()]


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
