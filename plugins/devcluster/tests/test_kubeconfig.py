from __future__ import annotations

import base64
import stat
from pathlib import Path

import yaml

from storeorch_devcluster.certs import Pki
from storeorch_devcluster.kubeconfig import CONTEXT, write_kubeconfig


def test_the_kubeconfig_trusts_the_real_authority(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.ensure()
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server="https://127.0.0.1:1", pki=pki, client="admin")
    document = yaml.safe_load(path.read_text())
    cluster = document["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:1"
    assert base64.b64decode(cluster["certificate-authority-data"]) == pki.authority.read_bytes()
    user = document["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == pki.identity("admin").key.read_bytes()
    assert document["current-context"] == CONTEXT
    assert "insecure" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
