from __future__ import annotations

import yaml
from click.testing import CliRunner

from storeorch.cli import cli


def test_the_role_is_printed_as_documents_to_apply() -> None:
    ended = CliRunner().invoke(cli, ["rbac", "--namespace", "platform"])
    assert ended.exit_code == 0
    kinds = [document["kind"] for document in yaml.safe_load_all(ended.stdout)]
    assert kinds[:2] == ["Namespace", "ServiceAccount"]
    assert "namespace: platform" in ended.stdout
