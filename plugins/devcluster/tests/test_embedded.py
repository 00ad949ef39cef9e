"""The guarantees of the embedded cluster, on a real one."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from storeorch_devcluster import EmbeddedCluster
from storeorch_devcluster.api import ApiServer
from storeorch_devcluster.certs import Pki
from storeorch_devcluster.cli import dev
from storeorch_devcluster.components import COMPONENTS
from storeorch_devcluster.errors import ClusterStartFailed, NoDevCluster, ProviderConflict
from storeorch_devcluster.state import ProcessRecord, State, StateFolder

pytestmark = pytest.mark.cluster

NOTES = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def own(binaries: Path, tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """A cluster of the test's own, not started yet."""
    cluster = EmbeddedCluster(tmp_path / "own", binaries=binaries)
    yield cluster
    cluster.stop()


def api_of(cluster: EmbeddedCluster) -> ApiServer:
    assert cluster.server is not None
    return ApiServer(cluster.server, Pki(cluster.state_dir / "pki"))


def processes_of(cluster: EmbeddedCluster) -> list[psutil.Process]:
    """Every process of this machine whose command line names the cluster's folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(cluster.state_dir) in part for part in process.info["cmdline"] or [])
        and process.pid != os.getpid()
    ]


def remember(cluster: EmbeddedCluster, name: str) -> None:
    with api_of(cluster) as api:
        assert api.call("POST", NOTES, {"metadata": {"name": name}})[0] == 201


def knows(cluster: EmbeddedCluster, name: str) -> bool:
    with api_of(cluster) as api:
        return api.exists(f"{NOTES}/{name}")


def test_it_is_ready_when_it_says_so(cluster: EmbeddedCluster, api: ApiServer) -> None:
    assert cluster.running()
    assert cluster.ready()
    assert api.version() == "v1.37.2"
    assert api.exists("/api/v1/namespaces/default/serviceaccounts/default")
    (storage,) = api.items("/apis/storage.k8s.io/v1/storageclasses")
    assert storage["metadata"]["annotations"] == {
        "storageclass.kubernetes.io/is-default-class": "true"
    }
    (node,) = api.items("/api/v1/nodes")
    conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert int(node["status"]["allocatable"]["pods"].replace("k", "000")) == 100_000


def test_every_listener_is_on_the_loopback_interface(cluster: EmbeddedCluster) -> None:
    listeners = [
        connection.laddr.ip
        for process in processes_of(cluster)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listeners) == 3
    assert set(listeners) == {"127.0.0.1"}


def test_etcd_answers_nobody_without_a_certificate(cluster: EmbeddedCluster) -> None:
    state = StateFolder(cluster.state_dir).read()
    assert state is not None
    authority = Pki(cluster.state_dir / "pki").authority
    for purpose in ("etcd", "etcd-peer"):
        context = ssl.create_default_context(cafile=str(authority))
        with (
            socket.create_connection(("127.0.0.1", state.ports[purpose])) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            assert _answer(connection) == b""


def _answer(connection: ssl.SSLSocket) -> bytes:
    # With TLS 1.3 the refusal comes after the handshake, at the first exchange.
    try:
        connection.sendall(b"GET /version HTTP/1.1\r\nHost: etcd\r\n\r\n")
        return connection.recv(100)
    except OSError:
        return b""


def test_files_are_for_the_owner_only(cluster: EmbeddedCluster) -> None:
    assert stat.S_IMODE(cluster.state_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600


def test_kubectl_works_with_the_kubeconfig(cluster: EmbeddedCluster, binaries: Path) -> None:
    answer = subprocess.run(
        [binaries / "kubectl", "--kubeconfig", cluster.kubeconfig, "auth", "whoami", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    groups = json.loads(answer.stdout)["status"]["userInfo"]["groups"]
    assert "system:masters" in groups


def test_starting_what_runs_changes_nothing(cluster: EmbeddedCluster) -> None:
    before = cluster.pids()
    cluster.start()
    assert cluster.pids() == before
    assert None not in before.values()


def test_daemons_outlive_who_started_them_and_are_found_again(
    own: EmbeddedCluster, binaries: Path
) -> None:
    code = (
        "import sys, pathlib\n"
        "from storeorch_devcluster import EmbeddedCluster\n"
        "path, binaries = map(pathlib.Path, sys.argv[1:])\n"
        "EmbeddedCluster(path, binaries=binaries).start()\n"
    )
    subprocess.run([sys.executable, "-c", code, own.state_dir, binaries], check=True)
    assert own.running()
    assert all(os.getsid(process.pid) == process.pid for process in processes_of(own))
    own.stop()
    assert processes_of(own) == []
    assert not own.state_dir.exists()


def test_data_is_kept_when_asked(own: EmbeddedCluster) -> None:
    own.start()
    server = own.server
    remember(own, "kept")
    own.stop(keep_data=True)
    assert processes_of(own) == []
    assert not own.kubeconfig.exists()
    own.start()
    assert own.server == server
    assert knows(own, "kept")


def test_after_a_crash_of_everything_it_comes_back_and_spares_strangers(
    own: EmbeddedCluster,
) -> None:
    own.start()
    remember(own, "kept")
    for component in COMPONENTS:
        own.kill(component)
    assert not own.running()
    assert processes_of(own) == []
    # As after a restart of the machine: the recorded pid is somebody else's now.
    folder = StateFolder(own.state_dir)
    state = folder.read()
    assert state is not None
    record = state.processes["etcd"]
    state.processes["etcd"] = ProcessRecord(pid=os.getpid(), argv=record.argv)
    folder.write(state)
    own.start()
    assert own.ready()
    assert knows(own, "kept")


@pytest.mark.parametrize("component", COMPONENTS)
def test_one_component_restarts_on_its_port(own: EmbeddedCluster, component: str) -> None:
    own.start()
    server, before = own.server, own.pids()
    remember(own, "kept")
    own.restart(component)
    after = own.pids()
    assert own.server == server
    assert {name for name in COMPONENTS if before[name] != after[name]} == {component}
    assert own.ready()
    assert knows(own, "kept")


def test_a_killed_component_is_told_and_comes_back(own: EmbeddedCluster) -> None:
    own.start()
    own.kill("kube-scheduler")
    assert not own.running()
    assert own.pids()["kube-scheduler"] is None
    own.kill("kube-scheduler")
    own.start()
    assert own.running()


def test_there_is_no_such_component(own: EmbeddedCluster) -> None:
    with pytest.raises(NoDevCluster):
        own.restart("etcd")
    with pytest.raises(ValueError, match="kubelet"):
        own.kill("kubelet")
    own.stop()


def test_a_port_that_was_taken_meanwhile_is_replaced(own: EmbeddedCluster) -> None:
    own.start()
    first = own.server
    remember(own, "kept")
    own.kill("kube-apiserver")
    state = StateFolder(own.state_dir).read()
    assert state is not None
    with socket.create_server(("127.0.0.1", state.ports["kube-apiserver"])):
        own.start()
        assert own.server != first
        assert own.ready()
        assert knows(own, "kept")


def test_a_component_that_ends_is_one_clear_error(
    own: EmbeddedCluster, binaries: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in COMPONENTS:
        (broken / name).symlink_to(binaries / name)
    (broken / "kwok").unlink()
    (broken / "kwok").write_text("#!/bin/sh\necho foreign text\nexit 1\n")
    (broken / "kwok").chmod(0o755)
    cluster = EmbeddedCluster(own.state_dir, binaries=broken)
    with pytest.raises(ClusterStartFailed, match="kwok ended") as caught:
        cluster.start()
    log = cluster.logs / "kwok.log"
    assert str(log) in (caught.value.hint or "")
    assert "foreign text" in log.read_text()
    assert processes_of(own) == []


def test_a_state_folder_of_another_provider_is_refused(own: EmbeddedCluster) -> None:
    StateFolder(own.state_dir).write(State(provider="kind"))
    with pytest.raises(ProviderConflict):
        own.start()
    with pytest.raises(ProviderConflict):
        own.stop()
    StateFolder(own.state_dir).remove(keep_data=False)


def test_two_clusters_side_by_side(cluster: EmbeddedCluster, own: EmbeddedCluster) -> None:
    own.start()
    remember(own, "mine")
    assert cluster.ready()
    assert not knows(cluster, "mine")


def test_interrupted_start_leaves_nothing(own: EmbeddedCluster, binaries: Path) -> None:
    def interrupt(progress: Any) -> None:
        if "controllers" in progress.message:
            signal.raise_signal(signal.SIGINT)

    cluster = EmbeddedCluster(own.state_dir, binaries=binaries, progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        cluster.start()
    assert processes_of(own) == []


def test_the_commands_from_up_to_down(binaries: Path, home: Path) -> None:
    run = CliRunner()
    up = run.invoke(dev, ["up", "--provider", "embedded"], catch_exceptions=False)
    assert "pods become ready without running" in up.stderr
    assert up.stdout == ""
    again = run.invoke(dev, ["up"], catch_exceptions=False)
    assert "already up" in again.stderr
    path = run.invoke(dev, ["kubeconfig"], catch_exceptions=False).stdout
    assert path == f"{home / 'kubeconfig'}\n"
    status = run.invoke(dev, ["status", "-o", "json"], catch_exceptions=False)
    found = json.loads(status.stdout)
    assert status.exit_code == 0
    assert [process["name"] for process in found["processes"]] == list(COMPONENTS)
    assert all(process["pid"] for process in found["processes"])
    assert [node["ready"] for node in found["nodes"]] == [True]
    EmbeddedCluster(home).kill("etcd")
    broken = run.invoke(dev, ["status"], catch_exceptions=False)
    assert broken.exit_code == 4
    assert "not running" in broken.stdout
    with pytest.raises(NoDevCluster):
        run.invoke(dev, ["kubeconfig"], catch_exceptions=False)
    assert run.invoke(dev, ["down"], catch_exceptions=False).exit_code == 0
    assert not home.exists()
