from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from storeorch_devcluster.certs import CLIENTS, SERVERS, Pki, write_private


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(tmp_path_factory.mktemp("pki") / "pki")
    made.ensure()
    return made


def shake_hands(server: Pki, client: Pki, *, name: str, user: str = "admin") -> dict[str, Any]:
    """Return what the server learns about a client that connects by a name, over real TLS."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(server.authority))
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_cert_chain(*astuple(server, "kube-apiserver"))
    calling = ssl.create_default_context(cafile=str(server.authority))
    calling.load_cert_chain(*astuple(client, user))
    learnt: dict[str, Any] = {}
    refused: list[ssl.SSLError | OSError] = []
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            with serving.wrap_socket(far, server_side=True) as connection:
                learnt.update(connection.getpeercert() or {})
                connection.send(b"x")
        except OSError as error:
            refused.append(error)
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with calling.wrap_socket(near, server_hostname=name) as connection:
            connection.recv(1)
    finally:
        near.close()
        thread.join()
    if refused:
        raise refused[0]
    return learnt


def astuple(pki: Pki, name: str) -> tuple[Path, Path]:
    identity = pki.identity(name)
    return identity.certificate, identity.key


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "kubernetes.default.svc", "10.96.0.1"])
def test_the_api_server_is_trusted_by_its_names(pki: Pki, name: str) -> None:
    assert shake_hands(pki, pki, name=name)


@pytest.mark.parametrize("name", ["example.org", "127.0.0.2"])
def test_the_api_server_is_not_trusted_by_other_names(pki: Pki, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(pki, pki, name=name)


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_are_who_kubernetes_thinks_they_are(pki: Pki, client: str) -> None:
    subject = dict(
        pair
        for part in shake_hands(pki, pki, name="localhost", user=client)["subject"]
        for pair in part
    )
    user, group = CLIENTS[client]
    assert subject["commonName"] == user
    assert subject.get("organizationName") == group


def test_only_the_administrator_and_the_nodes_are_masters() -> None:
    masters = {name for name, (_, group) in CLIENTS.items() if group == "system:masters"}
    assert masters == {"admin", "kwok"}


def test_a_client_of_another_authority_is_refused(pki: Pki, tmp_path: Path) -> None:
    other = Pki(tmp_path / "other")
    other.ensure()
    with pytest.raises(OSError, match=r"(?i)unknown ca|certificate verify failed|reset|EOF"):
        shake_hands(pki, other, name="localhost")


def test_keys_are_for_the_owner_only(pki: Pki) -> None:
    keys = list(pki.folder.glob("*.key"))
    assert len(keys) == len(CLIENTS) + len(SERVERS) + 2  # of the authority and of tokens
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700


def test_what_is_complete_stays_and_what_is_not_is_made_anew(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure()
    before = pki.authority.read_bytes()
    pki.ensure()
    assert pki.authority.read_bytes() == before
    (pki.folder / "complete").unlink()
    pki.ensure()
    assert pki.authority.read_bytes() != before
    assert shake_hands(pki, pki, name="localhost")


def test_a_private_file_replaces_a_public_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
