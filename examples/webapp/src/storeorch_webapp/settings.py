"""The app's settings, read from the environment and from a file ``.env``.

The names without a prefix are those that deployments of store orchestrators share. All
settings of the library itself (``STOREORCH_…``) are read as well, from both places.

This module must know no other module of the app.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

from limits import parse_many
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from storeorch import Settings
from storeorch.errors import EnvironmentNotReady

ENV_FILE: Final = ".env"
"""Read in the working directory; variables of the environment come first."""

_CONNECTIONS: Final = 15
"""Default for ``STOREORCH_DATABASE_CONNECTIONS``: many users ask at the same time."""

UNLIMITED: Final = "off"
"""Value of the rate limit that means none."""

Port = Annotated[int, Field(ge=0, le=65_535)]


class Auth(StrEnum):
    """Whether users have to say who they are."""

    ON = "on"
    OFF = "off"


class EnginePlace(StrEnum):
    """Where stores are made."""

    INSIDE = "inside"
    OUTSIDE = "outside"


def _rates(text: str) -> str:
    if text != UNLIMITED:
        parse_many(text)
    return text


def _origins(text: str) -> str:
    for origin in text.split():
        if "://" not in origin or origin.endswith("/"):
            raise ValueError("an origin is a scheme, a host and a port, without a path")
    return text


class WebSettings(BaseSettings):
    """All settings of the app; each names its environment variable."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    database_url: Annotated[str | None, Field(validation_alias="DATABASE_URL", repr=False)] = None
    """SQLAlchemy URL of the database. Default: made of ``DB_…``, else ``STOREORCH_DATABASE_URL``,
    else an SQLite file in the user's data folder."""

    db_host: Annotated[str | None, Field(validation_alias="DB_HOST")] = None
    """Host of the PostgreSQL server, instead of ``DATABASE_URL``."""

    db_port: Annotated[Port, Field(validation_alias="DB_PORT")] = 5432
    """Port of the PostgreSQL server. Default 5432."""

    db_name: Annotated[str, Field(validation_alias="DB_NAME")] = "storeorch"
    """Name of the database there. Default ``storeorch``."""

    db_user: Annotated[str, Field(validation_alias="DB_USER")] = "storeorch"
    """User of the database. Default ``storeorch``."""

    db_password: Annotated[str | None, Field(validation_alias="DB_PASSWORD", repr=False)] = None
    """Password of that user. Default: none is given."""

    host: Annotated[str, Field(validation_alias="HOST")] = "127.0.0.1"
    """Address to listen on. Default ``127.0.0.1``; ``0.0.0.0`` is all of the machine's."""

    port: Annotated[Port, Field(validation_alias="PORT")] = 3000
    """Port to listen on. Default 3000; 0 takes a free one."""

    domain: Annotated[str | None, Field(validation_alias="DOMAIN")] = None
    """Domain below which stores get their hosts. Default: ``STOREORCH_DOMAIN``, else
    ``local.test``."""

    reconcile_interval: Annotated[
        int | None, Field(validation_alias="RECONCILE_INTERVAL", ge=1)
    ] = None
    """Milliseconds after which a store is looked at even if nothing happened. Default:
    ``STOREORCH_RESYNC_INTERVAL``, else 3 hours: the watches do the work."""

    auth: Annotated[Auth, Field(validation_alias="STOREORCH_WEB_AUTH")] = Auth.ON
    """``off`` asks nobody who they are, and makes everyone an admin; only on loopback.
    Default ``on``."""

    engine: Annotated[EnginePlace, Field(validation_alias="STOREORCH_WEB_ENGINE")] = (
        EnginePlace.INSIDE
    )
    """``outside`` leaves the work to ``storeorch run``, in processes of its own. Default
    ``inside``."""

    cors_origins: Annotated[
        str,
        AfterValidator(_origins),
        Field(validation_alias="STOREORCH_WEB_CORS_ORIGINS"),
    ] = "http://localhost:5173 http://127.0.0.1:5173"
    """Origins, separated by blanks, whose pages may use the API. Default: where ``vite`` serves
    the dashboard while it is developed."""

    max_stores: Annotated[int, Field(validation_alias="STOREORCH_WEB_MAX_STORES", ge=0)] = 20
    """Stores that one owner may have at once. Default 20; admins have no limit."""

    creations_per_hour: Annotated[
        int, Field(validation_alias="STOREORCH_WEB_CREATIONS_PER_HOUR", ge=0)
    ] = 60
    """Stores that one owner may create within an hour. Default 60; admins have no limit."""

    rate_limit: Annotated[
        str, AfterValidator(_rates), Field(validation_alias="STOREORCH_WEB_RATE_LIMIT")
    ] = "50/second;1200/minute"
    """Requests that one token, or one address without a token, may make of each process.
    Default ``50/second;1200/minute``; ``off`` is without limit."""

    max_body: Annotated[int, Field(validation_alias="STOREORCH_WEB_MAX_BODY", ge=1024)] = 262_144
    """Largest body of a request, in bytes. Default 262144 (256 KiB)."""

    max_streams: Annotated[int, Field(validation_alias="STOREORCH_WEB_MAX_STREAMS", ge=1)] = 1000
    """Event streams that one process keeps open at once. Default 1000."""

    max_log_streams: Annotated[
        int, Field(validation_alias="STOREORCH_WEB_MAX_LOG_STREAMS", ge=1)
    ] = 20
    """How many of them may follow the logs of a store: each holds one connection to the cluster for
    every container. Default 20."""

    dashboard: Annotated[Path | None, Field(validation_alias="STOREORCH_WEB_DASHBOARD")] = None
    """Folder of the built dashboard. Default: the one that the distribution brings."""

    @classmethod
    def load(cls, **given: Any) -> WebSettings:
        """Read the environment and ``.env``.

        Args:
            **given: Settings that are given rather than read.

        Raises:
            EnvironmentNotReady: A variable has a value that is not possible, or the
                app would be open to everyone on the network.
        """
        try:
            settings = cls(**given)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else "A setting"
            raise EnvironmentNotReady(
                f"{name} has a value that is not possible.", hint=f"({first['msg']})"
            ) from error
        settings.check_exposure()
        return settings

    def check_exposure(self) -> None:
        """Refuse to serve everyone on the network as an admin.

        Raises:
            EnvironmentNotReady: Authentication is off, and the address is not loopback.
        """
        if self.auth is Auth.OFF and not is_loopback(self.host):
            raise EnvironmentNotReady(
                "STOREORCH_WEB_AUTH=off is possible on loopback only.",
                hint="Unset STOREORCH_WEB_AUTH, or set HOST=127.0.0.1.",
            )

    def library(self) -> Settings:
        """Return the library's settings, with those of the app put over them.

        Raises:
            EnvironmentNotReady: A variable has a value that is not possible.
        """
        given: dict[str, Any] = {
            "database_url": self._database_url(),
            "domain": self.domain,
            "resync_interval": self.reconcile_interval and self.reconcile_interval / 1000,
        }
        found = Settings.load(
            _env_file=ENV_FILE, **{name: value for name, value in given.items() if value}
        )
        if "database_connections" in found.model_fields_set:
            return found
        return found.model_copy(update={"database_connections": _CONNECTIONS})

    def _database_url(self) -> str | None:
        if self.database_url or not self.db_host:
            return self.database_url
        password = f":{quote(self.db_password, safe='')}" if self.db_password else ""
        host = f"[{self.db_host}]" if ":" in self.db_host else self.db_host
        name = quote(self.db_name, safe="")
        return f"postgresql://{quote(self.db_user, safe='')}{password}@{host}:{self.db_port}/{name}"


def is_loopback(host: str | None) -> bool:
    """Return whether an address, or the name of a host, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False
