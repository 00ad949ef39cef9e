"""Settings, read from the environment at the edges of the program and nowhere else.

Every setting is a variable ``STOREORCH_<NAME>``; a duration is given in seconds or as
``90s``, ``10m``, ``1h30m``. Library code takes a
``Settings`` object and never looks at the environment itself.

This module must know no other module of storeorch but ``errors`` and ``durations``.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from storeorch import durations
from storeorch.errors import EnvironmentNotReady

_DNS_LABELS = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"

_PLACE = (
    r"(https?://)?([A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?"
    r"|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)"
)
_PLACES = rf"^({_PLACE}(, ?{_PLACE})*)?$"
"""Host or IP address, with or without scheme and port; an IPv6 address with a port in brackets."""


def _default_database_url() -> str:
    folder = platformdirs.user_data_path("storeorch")
    return f"sqlite:///{folder / 'storeorch.db'}"


def _default_log_file() -> Path:
    return platformdirs.user_log_path("storeorch") / "operator.log"


def _expand(path: Path | None) -> Path | None:
    try:
        return path.expanduser() if path else None
    except RuntimeError as error:
        raise ValueError("there is no such user") from error


def _seconds(value: object) -> object:
    """Read ``10m`` and the like; what is no duration is left for pydantic to refuse."""
    seconds = durations.parse(value) if isinstance(value, str) else None
    return value if seconds is None else seconds


def _words(value: object) -> object:
    """Read a list that is separated by commas."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _cidr(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise ValueError("this is no address range, or not its first address") from error


Cidr = Annotated[str, AfterValidator(_cidr)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]

Duration = Annotated[float, BeforeValidator(_seconds)]
Seconds = Annotated[Duration, Field(gt=0)]


class Settings(BaseSettings):
    """All settings of storeorch; each is an environment variable ``STOREORCH_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix="STOREORCH_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(default_factory=_default_database_url, repr=False)
    """SQLAlchemy URL of the database. Default: an SQLite file in the user's data folder."""

    database_connections: Annotated[int, Field(ge=2, le=200)] = 5
    """Connections to PostgreSQL that one process holds at most, beside the one that listens.
    Default 5: enough for an engine; a program with many users wants more."""

    domain: Annotated[str, Field(pattern=_DNS_LABELS, max_length=200)] = "local.test"
    """Domain below which stores get their hosts. Default ``local.test``, reserved for tests."""

    hosts_file: Annotated[Path | None, AfterValidator(_expand)] = None
    """Hosts file in which a managed block names the stores. Default: none is touched."""

    ingress_address: str = "127.0.0.1"
    """IP address that the managed block of the hosts file gives to every store."""

    probe_address: Annotated[str, Field(max_length=253, pattern=_PLACES)] = ""
    """Where the engine reaches the ingress when it looks whether a store serves, as
    ``ADDRESS`` or ``ADDRESS:PORT``, or with a port for each scheme as
    ``http://ADDRESS:PORT,https://ADDRESS:PORT``. Default: where the name service says the store
    is; below ``.test`` and where a hosts file names the stores, ``STOREORCH_INGRESS_ADDRESS``."""

    ingress_class: str = ""
    """Ingress class of stores that do not name one. Default: the cluster's default class."""

    url_scheme: Annotated[str, Field(pattern="^https?$")] = "http"
    """Scheme of the stores' URLs, ``http`` or ``https``."""

    reserved_names: Words = (
        *("admin", "api", "app", "auth", "autoconfig", "autodiscover", "cdn", "console"),
        *("dashboard", "docs", "ftp", "grafana", "help", "imap", "localhost", "login", "mail"),
        *("metrics", "ns1", "ns2", "ops", "pop", "prometheus", "root", "smtp", "static"),
        *("status", "storeorch", "support", "system", "traefik", "webmail", "wildcard", "www"),
    )
    """Names that no store may have, and first labels that no host of a store may have, for
    they are the platform's own; separated by commas. Default: ``www``, ``api``, ``admin``,
    ``mail`` and the like."""

    pod_security: Literal["restricted", "baseline", "privileged"] = "restricted"
    """Pod Security standard that the cluster enforces in the namespaces of stores. Default
    ``restricted``."""

    egress_allow: Annotated[tuple[Cidr, ...], NoDecode, BeforeValidator(_words)] = ()
    """Address ranges outside the cluster that the pods of every store may reach, for example
    that of a mail relay, as ``10.1.2.0/24``; separated by commas. Default: none."""

    chart_allow: Words = ()
    """What charts may bring beside what stays within a store's namespace: kinds such as
    ``NetworkPolicy``, and ``external-ips``, ``foreign-hosts``, ``host-namespaces``,
    ``host-path``, ``host-ports``, ``load-balancer``, ``node-port``, ``privileged``,
    ``service-account-token``; separated by commas. Default: nothing."""

    max_releases: Annotated[int, Field(ge=1, le=64)] = 4
    """How many Helm processes may run at once. Default 4: Helm needs a core for 0.1 s each."""

    max_passes: Annotated[int, Field(ge=1, le=512)] = 32
    """How many stores one engine works on at once, waiting ones not counted. Default 32."""

    provision_timeout: Seconds = 600
    """Seconds that a store's workloads may take to become ready. Default 600 (10 minutes)."""

    helm_timeout: Seconds = 300
    """Seconds that one Helm process may take, hooks included. Default 300."""

    resync_interval: Seconds = 10_800
    """Seconds after which a store is looked at even if nothing happened. Default 10800 (3 h):
    the watches do the work, this is the net below them."""

    lease_duration: Annotated[Duration, Field(ge=1)] = 30
    """Seconds for which a worker holds a store unless it renews. Default 30."""

    shutdown_grace: Seconds = 10
    """Seconds that running passes may take to end when the engine is stopped. Default 10."""

    backoff_base: Seconds = 1
    """Seconds before the first repetition of a failed pass; doubles each time. Default 1."""

    backoff_cap: Seconds = 300
    """Longest wait between repetitions of a failed pass, in seconds. Default 300."""

    event_retention: Annotated[Duration, Field(ge=0)] = 7_776_000
    """Seconds for which events are kept, the newest 100 of each store that exists in any
    case. Default 7776000 (90 days); 0 keeps all."""

    drift: Literal["repair", "report"] = "repair"
    """What is done about an object of a ready store that somebody deleted or changed:
    ``repair`` restores it, ``report`` only says so. Default ``repair``."""

    unschedulable_grace: Seconds = 120
    """Seconds that pods may wait for a node before the store fails. Default 120."""

    crash_limit: Annotated[int, Field(ge=1)] = 3
    """Restarts of a crashing container after which the store fails. Default 3."""

    helm: Annotated[Path | None, AfterValidator(_expand)] = None
    """Path of the helm command. Default: the one on ``PATH``, else one that a plugin offers."""

    kube_context: str | None = None
    """Context of the kubeconfig to use. Default: its current context."""

    cluster: Annotated[str, Field(pattern=_DNS_LABELS, max_length=63)] = "default"
    """Name under which stores of this cluster are recorded in the database."""

    actor: str = Field(default_factory=lambda: os.environ.get("USER") or "unknown")
    """Who is named in the history as the one who declared something."""

    log_file: Annotated[Path | None, AfterValidator(_expand)] = Field(
        default_factory=_default_log_file
    )
    """The operator's log, with the full detail of every error under its error id."""

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the environment.

        Args:
            **overrides: Settings that are given rather than read.

        Raises:
            EnvironmentNotReady: A variable has a value that is not possible;
                the sentence names the variable, never the value.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "?"
            raise EnvironmentNotReady(
                f"STOREORCH_{name.upper()} has a value that is not possible.",
                hint=f"{Settings.describe(name)} ({first['msg']})",
            ) from error

    @classmethod
    def describe(cls, name: str) -> str:
        """Return the one-line description of a setting."""
        field = cls.model_fields.get(name)
        return (field.description or "" if field else "").strip()
