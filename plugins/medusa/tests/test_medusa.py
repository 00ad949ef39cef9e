"""The store type ``medusa``: its parameters, its chart's values, and its life."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError

import storeorch_medusa
from storeorch.errors import InvalidParameters
from storeorch.hookspecs import ENTRY_POINT_GROUP
from storeorch.plugins import Plugins
from storeorch.ports import ReleaseRequest, WorkloadRef
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.storetype import StoreContext
from storeorch.testing import Sandbox, run_virtual
from storeorch.testing.conformance import StoreTypeConformance
from storeorch_medusa import Medusa, MedusaParameters

TYPE = Medusa()
VALUES: dict[str, Any] = yaml.safe_load((TYPE.chart / "values.yaml").read_text())
SCHEMA = Draft7Validator(json.loads((TYPE.chart / "values.schema.json").read_text()))

NOT_PARAMETERS = {"storeorch", "ingress.annotations", "ingress.tls", "imagePullSecrets"}
"""Values of the chart that users of storeorch cannot set: ``storeorch`` is filled in by it,
the others are for those who use the chart by hand."""

EXAMPLES: Mapping[str, tuple[str, object]] = {
    "ingress.class_name": ("nginx", "nginx"),
    "ingress.tls_secret": ("shop-tls", "shop-tls"),
    "ingress.cert_manager_issuer": ("letsencrypt", "letsencrypt"),
    "ingress.cert_manager_cluster_issuer": ("letsencrypt", "letsencrypt"),
    "gateway.name": ("public", "public"),
    "gateway.namespace": ("gateways", "gateways"),
    "storage_class": ("fast", "fast"),
    "image_pull_policy": ("Always", "Always"),
    "admin_email": ("shop@example.org", "shop@example.org"),
    "shop.title": ("Tea & Co", "Tea & Co"),
    "shop.currency": ("EUR", "EUR"),
    "shop.country": ("DE", "DE"),
    "shop.sample_product": ("false", False),
    "postgresql.image": ("postgres:17", "postgres:17"),
    "postgresql.storage_size": ("20Gi", "20Gi"),
    "postgresql.run_as_user": ("1001", 1001),
    "postgresql.resources.requests.cpu": ("1.5", "1.5"),
    "postgresql.resources.requests.memory": ("3Gi", "3Gi"),
    "postgresql.resources.limits.cpu": ("1.5", "1.5"),
    "postgresql.resources.limits.memory": ("3Gi", "3Gi"),
    "medusa.image": ("a/b@sha256:" + "0" * 64, "a/b@sha256:" + "0" * 64),
    "medusa.run_as_user": ("1001", 1001),
    "medusa.resources.requests.cpu": ("1.5", "1.5"),
    "medusa.resources.requests.memory": ("3Gi", "3Gi"),
    "medusa.resources.limits.cpu": ("1.5", "1.5"),
    "medusa.resources.limits.memory": ("3Gi", "3Gi"),
    "uploads.storage_size": ("20Gi", "20Gi"),
    "uploads.access_mode": ("ReadWriteMany", "ReadWriteMany"),
    "redis.enabled": ("true", True),
    "redis.url": ("redis://cache.example.com:6379/1", "redis://cache.example.com:6379/1"),
    "redis.url_secret": ("shop-redis", "shop-redis"),
    "redis.image": ("redis:8", "redis:8"),
    "redis.storage_size": ("20Gi", "20Gi"),
    "redis.run_as_user": ("1001", 1001),
    "redis.resources.requests.cpu": ("1.5", "1.5"),
    "redis.resources.requests.memory": ("3Gi", "3Gi"),
    "redis.resources.limits.cpu": ("1.5", "1.5"),
    "redis.resources.limits.memory": ("3Gi", "3Gi"),
    "setup.resources.requests.cpu": ("1.5", "1.5"),
    "setup.resources.requests.memory": ("3Gi", "3Gi"),
    "setup.resources.limits.cpu": ("1.5", "1.5"),
    "setup.resources.limits.memory": ("3Gi", "3Gi"),
    "wait_for_database.resources.requests.cpu": ("1.5", "1.5"),
    "wait_for_database.resources.requests.memory": ("3Gi", "3Gi"),
    "wait_for_database.resources.limits.cpu": ("1.5", "1.5"),
    "wait_for_database.resources.limits.memory": ("3Gi", "3Gi"),
}
"""For each parameter, as ``--set`` gives it: another value, and what becomes of it."""


class TestMedusa(StoreTypeConformance):
    store_type = TYPE
    workloads = (
        WorkloadRef("StatefulSet", "postgresql"),
        WorkloadRef("Job", "setup-0123456789"),
        WorkloadRef("Deployment", "medusa"),
    )


# -- helpers of these tests ---------------------------------------------------


def leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value that is no mapping of others, by its dotted path."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def nested(path: str, value: object) -> dict[str, Any]:
    result: Any = value
    for key in reversed(path.split(".")):
        result = {key: result}
    whole: dict[str, Any] = result
    return whole


def camel(path: str) -> str:
    first, *rest = path.split("_")
    return first + "".join(part[0].upper() + part[1:] for part in rest)


def models(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield each parameter and its description, at every depth."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}", field.description
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from models(annotation, f"{above}{name}.")


def request(parameters: Mapping[str, Any], **settings_: Any) -> ReleaseRequest:
    """Return what would be installed; always for the same store."""
    sandbox = Sandbox([TYPE], **settings_)
    store = run_virtual(sandbox.create("my-store", parameters), clock=sandbox.clock)
    context = StoreContext(
        store=store,
        parameters=TYPE.check(store.parameters),
        settings=sandbox.settings,
        cluster=sandbox.cluster,
        releases=sandbox.releases,
        hosts=sandbox.hosts,
        clock=sandbox.clock,
    )
    return TYPE.release_request(context)


def complaints(values: Mapping[str, Any]) -> list[str]:
    """Return what the chart's schema has against values, laid over its own as Helm does."""
    return [error.message for error in SCHEMA.iter_errors(laid_over(VALUES, values))]


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            both[key] = laid_over(under, value)
        else:
            both[key] = value
    return both


# -- the plugin ---------------------------------------------------------------


def test_plugin_is_found_by_its_entry_point() -> None:
    found = list(entry_points(group=ENTRY_POINT_GROUP, name="medusa"))
    assert {entry.value for entry in found} == {"storeorch_medusa.plugin"}
    plugins = Plugins(found[:1])
    assert [(info.types, info.error) for info in plugins.infos] == [(("medusa",), None)]
    assert isinstance(plugins.type("medusa"), Medusa)


def test_finding_the_plugin_is_cheap() -> None:
    """The command line does so at every start."""
    code = "import sys, storeorch_medusa.plugin; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"pydantic", "yaml", "storeorch_medusa.store_type"} & set(answer.stdout.split())


def test_exported_members() -> None:
    assert set(dir(storeorch_medusa)) == set(storeorch_medusa.__all__)
    assert {"Medusa", "MedusaParameters"} == set(storeorch_medusa.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        storeorch_medusa.nothing  # noqa: B018


# -- parameters and values ----------------------------------------------------


def test_defaults_are_the_charts() -> None:
    """Every default in the model is the one in ``values.yaml``, and none is missing there."""
    defaults = dict(leaves(MedusaParameters().chart_values()))
    chart = dict(leaves(VALUES))
    assert {path: chart.get(path) for path in defaults} == defaults


def test_every_value_is_a_parameter_or_is_kept_from_users() -> None:
    defaults = dict(leaves(MedusaParameters().chart_values()))
    others = {path for path, _ in leaves(VALUES)} - set(defaults)
    kept = {path for path in others for name in NOT_PARAMETERS if f"{path}.".startswith(f"{name}.")}
    assert others == kept
    assert {name for name in NOT_PARAMETERS if not any(p.startswith(name) for p in kept)} == set()


def test_every_parameter_is_described() -> None:
    """Forms are made of the schema, at every depth."""
    assert [name for name, description in models(MedusaParameters) if not description] == []
    schema = MedusaParameters.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            # A description that the referenced model has as well is told there alone.
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), name


def test_examples_name_every_parameter() -> None:
    paths = {path for path, _ in leaves(MedusaParameters().model_dump())}
    # Domain and egress are not the chart's; several servers need more than their number.
    assert set(EXAMPLES) == paths - {"domain", "egress", "medusa.replicas"}


@pytest.mark.parametrize("path", EXAMPLES)
def test_text_becomes_what_it_means(path: str) -> None:
    """``--set`` gives text; one part of a nested model can be set alone."""
    text, value = EXAMPLES[path]
    checked = TYPE.check(nested(path, text))
    changed = dict(leaves(checked.model_dump()))
    assert changed[path] == value
    defaults = dict(leaves(MedusaParameters().model_dump()))
    assert {name for name in defaults if changed[name] != defaults[name]} == {path}
    assert dict(leaves(request(nested(path, text)).values))[camel(path)] == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("admin_email", "s3cret"),
        ("admin_email", "a@b"),
        ("admin_email", "a b@example.com"),
        ("admin_email", "-a@example.com"),
        ("admin_email", "a@-.com"),
        ("admin_email", "a@example.com\n"),
        ("postgresql.image", "Postgres; rm -rf s3cret"),
        ("postgresql.storage_size", "10GB"),
        ("postgresql.run_as_user", "0"),
        ("medusa.image", ""),
        ("medusa.storage_size", "1Gi"),
        ("medusa.replicas", "0"),
        ("medusa.replicas", "2"),
        ("migrate.resources.requests.cpu", "1"),
        ("setup.resources.requests.cpu", "lots"),
        ("shop.currency", "dollars"),
        ("shop.country", "usa"),
        ("shop.title", "a\nb"),
        ("redis.url", "redis://user:s3cret@host"),
        ("redis.url", "http://host"),
        ("redis", {"enabled": True, "url": "redis://host"}),
        ("uploads.access_mode", "ReadWriteOncePod"),
        ("medusa.resources.limits.memory", "200m"),
        ("nothing", "1"),
        ("image_pull_policy", "Sometimes"),
        ("storage_class", "Fast"),
        ("ingress.class_name", "a b"),
        ("ingress.annotations", "{}"),
        ("wait_for_database.resources.limits.cpu", "64Mi"),
        ("wait_for_database.resources", "lots"),
        ("storeorch.host", "example.com"),
        ("imagePullPolicy", "Always"),
    ],
)
def test_wrong_value_is_refused_in_one_sentence(path: str, value: object) -> None:
    """It names the parameter and not the value, which may be a secret."""
    with pytest.raises(InvalidParameters) as refused:
        TYPE.check(nested(path, value))
    message = refused.value.message
    assert "medusa" in message
    assert path.split(".", maxsplit=1)[0] in message
    assert message.endswith(".")
    assert message.isprintable()
    assert "s3cret" not in f"{message} {refused.value.hint}"
    assert "storeorch type show medusa" in (refused.value.hint or "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_parameters_accept_the_chart_accepts(data: st.DataObject) -> None:
    """Or a mistake would be told minutes later, in Helm's words."""
    forms = TYPE.parameters.model_json_schema()
    path = data.draw(st.sampled_from(sorted(EXAMPLES)))
    value = data.draw(st.from_regex(pattern_of(forms, path), fullmatch=True))
    try:
        checked = MedusaParameters.model_validate(nested(path, value))
    except ValidationError:
        return
    assert complaints(checked.chart_values()) == []


def pattern_of(schema: Mapping[str, Any], path: str) -> str:
    """Return the pattern of a parameter, or one of many digits and words."""
    node: Mapping[str, Any] = schema
    for name in path.split("."):
        node = node["properties"][name]
        reference = node.get("$ref") or node.get("allOf", [{}])[0].get("$ref")
        if reference:
            node = schema["$defs"][str(reference).rpartition("/")[2]]
    pattern: str = node.get("pattern", r"[0-9]{1,12}|true|false|Always|IfNotPresent|Never")
    return pattern


def test_defaults_satisfy_the_charts_schema() -> None:
    assert complaints(request({}).values) == []


# -- what is installed --------------------------------------------------------


def test_values_hold_no_secret() -> None:
    """Only the name of the Secret, whose keys are those that the chart reads."""
    values = request({}).values
    assert values["storeorch"]["credentialsSecret"] == CREDENTIALS_SECRET
    text = json.dumps({key: value for key, value in values.items() if key != "storeorch"})
    text = re.sub("tlsSecret|urlSecret", "", text)  # names as well
    assert not [word for word in ("password", "secret", "token", "salt") if word in text.lower()]
    said = SCHEMA.schema["properties"]["storeorch"]["properties"]["credentialsSecret"]
    assert set(re.findall(r"`([a-z-]+)`", said["description"])) == set(TYPE.credentials)
    assert all(length >= 24 for length in TYPE.credentials.values())


def test_ingress_class_of_the_setting() -> None:
    """Unless the store names one."""
    assert request({}).values["ingress"]["className"] == ""
    assert request({}, ingress_class="nginx").values["ingress"]["className"] == "nginx"
    named = request(nested("ingress.class_name", "own"), ingress_class="nginx")
    assert named.values["ingress"]["className"] == "own"


def test_domain_is_the_host() -> None:
    values = request({"domain": "shop.example.com"}).values
    assert values["storeorch"]["host"] == "shop.example.com"
    assert values["storeorch"]["url"] == "http://shop.example.com"
    assert {**values, "storeorch": 0} == {**request({}).values, "storeorch": 0}


def test_encrypted_shops_have_encrypted_addresses() -> None:
    """The server makes its cookies secure then, and only then."""
    values = request({"ingress": {"tls_secret": "shop-tls"}}).values
    assert values["storeorch"]["url"] == "https://my-store.local.test"


def test_who_administers_a_shop() -> None:
    assert TYPE.admin is not None
    assert TYPE.admin.username_for(MedusaParameters(admin_email="me@a.test")) == "me@a.test"
    assert TYPE.admin.password_key in TYPE.credentials
    helpers = (TYPE.chart / "templates" / "_helpers.tpl").read_text()
    assert f'"name" "MEDUSA_ADMIN_PASSWORD" "key" "{TYPE.admin.password_key}"' in helpers


@pytest.mark.parametrize("redis", [{"enabled": "true"}, {"url": "redis://a"}, {"url_secret": "a"}])
def test_several_servers_share_redis_and_uploads(redis: dict[str, str]) -> None:
    several = {"medusa": {"replicas": "2"}, "redis": redis}
    shared = {"access_mode": "ReadWriteMany"}
    values = request({**several, "uploads": shared}).values
    assert values["medusa"]["replicas"] == 2
    assert complaints(values) == []
    with pytest.raises(InvalidParameters, match="ReadWriteMany"):
        TYPE.check(several)
    with pytest.raises(InvalidParameters, match="redis"):
        TYPE.check({"medusa": {"replicas": "2"}, "uploads": shared})


def test_digest_is_stable() -> None:
    assert request({}) == request({})


@pytest.mark.parametrize("path", EXAMPLES)
def test_digest_changes_with_any_value(path: str) -> None:
    text, _ = EXAMPLES[path]
    assert request(nested(path, text)).digest != request({}).digest


def test_digest_changes_with_the_settings() -> None:
    digests = {
        request({}).digest,
        request({}, ingress_class="nginx").digest,
        request({}, domain="example.com").digest,
        request({}, url_scheme="https").digest,
    }
    assert len(digests) == 4


def test_chart_is_that_of_the_repository() -> None:
    assert Path(TYPE.chart).resolve().name == "medusa"
    assert (Path(TYPE.chart) / "Chart.yaml").is_file()


def test_traffic_port_is_the_charts() -> None:
    assert TYPE.http_port == 9000
    templates = "".join(path.read_text() for path in (TYPE.chart / "templates").glob("*.yaml"))
    assert f"containerPort: {TYPE.http_port}" in templates
