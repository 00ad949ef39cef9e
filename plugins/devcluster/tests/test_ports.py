from __future__ import annotations

import socket

import pytest

from storeorch_devcluster import ports
from storeorch_devcluster.errors import ClusterStartFailed


def test_ports_differ_and_are_not_handed_out_to_clients() -> None:
    chosen = ports.choose_ports(["a", "b", "c"], {})
    assert len(set(chosen.values())) == 3
    assert all(port in ports.RANGE for port in chosen.values())


def test_a_remembered_port_is_taken_again() -> None:
    first = ports.choose_ports(["a", "b"], {})
    assert ports.choose_ports(["a", "b"], first) == first


def test_a_remembered_port_that_is_taken_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert ports.is_listening(taken)
        assert ports.choose_ports(["a"], {"a": taken})["a"] != taken
    assert not ports.is_listening(taken)


def test_no_free_port_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_bind", lambda *_: False)
    with pytest.raises(ClusterStartFailed):
        ports.choose_ports(["a"], {})
