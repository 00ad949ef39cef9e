from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storeorch.errors import EnvironmentNotReady
from storeorch.settings import Settings

VALUES = {
    "database_url": "sqlite:///other.db",
    "domain": "shops.example.com",
    "hosts_file": "/tmp/hosts",
    "ingress_address": "10.0.0.1",
    "probe_address": "10.0.0.2:8080",
    "ingress_class": "nginx",
    "url_scheme": "https",
    "reserved_names": "www,shop",
    "pod_security": "baseline",
    "egress_allow": "10.1.2.0/24,fd00::/8",
    "chart_allow": "NetworkPolicy, load-balancer",
    "max_releases": "7",
    "max_passes": "9",
    "provision_timeout": "60.5",
    "helm_timeout": "61",
    "resync_interval": "62",
    "lease_duration": "63",
    "database_connections": "9",
    "shutdown_grace": "64",
    "event_retention": "2592000",
    "backoff_base": "2",
    "backoff_cap": "65",
    "drift": "report",
    "unschedulable_grace": "66",
    "crash_limit": "5",
    "helm": "/opt/helm",
    "kube_context": "staging",
    "cluster": "east-1",
    "actor": "robot",
    "log_file": "/tmp/operator.log",
}

IMPOSSIBLE = {
    "database_connections": "1",
    "domain": "Not A Domain",
    "probe_address": "ftp://s3cr3t@10.0.0.2",
    "url_scheme": "ftp",
    "drift": "ignore",
    "pod_security": "lax-s3cr3t",
    "egress_allow": "10.1.2.3/8",
    "max_releases": "-987654",
    "max_passes": "plenty-s3cr3t",
    "provision_timeout": "-987654",
    "helm_timeout": "-987654",
    "resync_interval": "soon",
    "lease_duration": "0.512",
    "backoff_base": "nan-sense",
    "crash_limit": "-987654",
    "cluster": "East 1",
    "hosts_file": "~no-such-user-s3cr3t/hosts",
}


@pytest.fixture(autouse=True)
def bare_environment() -> Iterator[None]:
    """Keep settings of whoever runs the tests out of them."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("STOREORCH_"):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


def test_every_setting_is_tried() -> None:
    assert VALUES.keys() == Settings.model_fields.keys()


@pytest.mark.parametrize("name", VALUES)
def test_environment_is_read(name: str) -> None:
    default = getattr(Settings.load(), name)
    os.environ[f"STOREORCH_{name.upper()}"] = VALUES[name]
    value = getattr(Settings.load(), name)
    assert value != default
    if isinstance(value, tuple):
        assert value == tuple(word.strip() for word in VALUES[name].split(","))
    else:
        assert value == type(value)(VALUES[name])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_value(name: str) -> None:
    """The sentence names the variable and not the value, which may be a secret."""
    os.environ[f"STOREORCH_{name.upper()}"] = IMPOSSIBLE[name]
    with pytest.raises(EnvironmentNotReady) as refused:
        Settings.load()
    assert f"STOREORCH_{name.upper()}" in refused.value.message
    assert refused.value.hint
    assert IMPOSSIBLE[name] not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    description = Settings.describe(name)
    assert description.endswith(".")
    field = Settings.model_fields[name]
    if field.annotation in {int, float} or name.endswith("_timeout"):
        assert str(field.default).removesuffix(".0") in description, "the default is named"


def test_unknown_setting_has_no_description() -> None:
    assert Settings.describe("nothing") == ""


def test_empty_variable_is_no_value() -> None:
    os.environ["STOREORCH_DOMAIN"] = ""
    assert Settings.load().domain == "local.test"


def test_unknown_variable_is_not_ours() -> None:
    os.environ["STOREORCH_SOMETHING_ELSE"] = "1"
    Settings.load()


def test_given_settings_come_first() -> None:
    os.environ["STOREORCH_DOMAIN"] = "from.environment"
    assert Settings.load(domain="given.example").domain == "given.example"


def test_home_is_expanded() -> None:
    os.environ["STOREORCH_HOSTS_FILE"] = "~/hosts"
    assert Settings.load().hosts_file == Path.home() / "hosts"


def test_password_is_not_shown() -> None:
    settings = Settings.load(database_url="postgresql://me:s3cr3t-pw@db/stores")
    assert "s3cr3t-pw" not in repr(settings)
    assert "s3cr3t-pw" not in str(settings)


def test_renewal_fits_into_the_lease() -> None:
    """A lease below a second could not be renewed in time."""
    with pytest.raises(EnvironmentNotReady):
        Settings.load(lease_duration=0.9)


@pytest.mark.parametrize(
    ("given", "seconds"), [("10m", 600), ("90s", 90), ("1h30m", 5400), ("42", 42), ("1.5", 1.5)]
)
def test_durations_are_read_as_people_write_them(given: str, seconds: float) -> None:
    settings = Settings.load(provision_timeout=given)
    assert settings.provision_timeout == seconds


@pytest.mark.parametrize("given", ["", "0", "ten", "-1s", "10 m", "1w"])
def test_what_is_no_duration_is_refused(given: str) -> None:
    with pytest.raises(EnvironmentNotReady, match="STOREORCH_PROVISION_TIMEOUT"):
        Settings.load(provision_timeout=given)
