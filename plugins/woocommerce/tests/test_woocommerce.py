"""The store type ``woocommerce``: its parameters, its chart's values, and its life."""

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

import storeorch_woocommerce
from storeorch.errors import InvalidParameters
from storeorch.hookspecs import ENTRY_POINT_GROUP
from storeorch.plugins import Plugins
from storeorch.ports import ReleaseRequest, WorkloadRef
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.storetype import StoreContext
from storeorch.testing import Sandbox, run_virtual
from storeorch.testing.conformance import StoreTypeConformance
from storeorch_woocommerce import WooCommerce, WooCommerceParameters

TYPE = WooCommerce()
VALUES: dict[str, Any] = yaml.safe_load((TYPE.chart / "values.yaml").read_text())
SCHEMA = Draft7Validator(json.loads((TYPE.chart / "values.schema.json").read_text()))

NOT_PARAMETERS = {"storeorch", "ingress.annotations", "ingress.tls", "imagePullSecrets"}
"""Values of the chart that users of storeorch cannot set: ``storeorch`` is filled in by it,
the others are for those who use the chart by hand."""

EXAMPLES: Mapping[str, tuple[str, object]] = {
    "ingress.class_name": ("nginx", "nginx"),
    "ingress.tls_secret": ("shop-tls", "shop-tls"),
    "ingress.cert_manager_issuer": ("ca", "ca"),
    "ingress.cert_manager_cluster_issuer": ("ca", "ca"),
    "gateway.name": ("public", "public"),
    "gateway.namespace": ("gateways", "gateways"),
    "storage_class": ("fast", "fast"),
    "image_pull_policy": ("Always", "Always"),
    "mysql.image": ("mysql:8.4", "mysql:8.4"),
    "mysql.storage_size": ("20Gi", "20Gi"),
    "mysql.run_as_user": ("1001", 1001),
    "mysql.resources.requests.cpu": ("1.5", "1.5"),
    "mysql.resources.requests.memory": ("3Gi", "3Gi"),
    "mysql.resources.limits.cpu": ("1.5", "1.5"),
    "mysql.resources.limits.memory": ("3Gi", "3Gi"),
    "wordpress.image": ("a/b@sha256:" + "0" * 64, "a/b@sha256:" + "0" * 64),
    "wordpress.storage_size": ("20Gi", "20Gi"),
    "wordpress.run_as_user": ("1001", 1001),
    "wordpress.external_requests": ("true", True),
    "wordpress.resources.requests.cpu": ("1.5", "1.5"),
    "wordpress.resources.requests.memory": ("3Gi", "3Gi"),
    "wordpress.resources.limits.cpu": ("1.5", "1.5"),
    "wordpress.resources.limits.memory": ("3Gi", "3Gi"),
    "shop.title": ("Joe's", "Joe's"),
    "shop.admin_email": ("joe@example.com", "joe@example.com"),
    "shop.currency": ("EUR", "EUR"),
    "shop.country": ("DE", "DE"),
    "shop.sample_product": ("false", False),
    "woocommerce.url": ("https://example.com/wc.zip", "https://example.com/wc.zip"),
    "woocommerce.sha256": ("0" * 64, "0" * 64),
    "install.resources.requests.cpu": ("0.5", "0.5"),
    "install.resources.requests.memory": ("300Mi", "300Mi"),
    "install.resources.limits.cpu": ("1.5", "1.5"),
    "install.resources.limits.memory": ("3Gi", "3Gi"),
    "wait_for_database.resources.requests.cpu": ("1.5", "1.5"),
    "wait_for_database.resources.requests.memory": ("3Gi", "3Gi"),
    "wait_for_database.resources.limits.cpu": ("1.5", "1.5"),
    "wait_for_database.resources.limits.memory": ("3Gi", "3Gi"),
}
"""For each parameter, as ``--set`` gives it: another value, and what becomes of it."""


class TestWooCommerce(StoreTypeConformance):
    store_type = TYPE
    workloads = (
        WorkloadRef("StatefulSet", "mysql"),
        WorkloadRef("Deployment", "wordpress"),
        WorkloadRef("Job", "install-0123456789"),
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
    found = list(entry_points(group=ENTRY_POINT_GROUP, name="woocommerce"))
    assert {entry.value for entry in found} == {"storeorch_woocommerce.plugin"}
    plugins = Plugins(found[:1])
    assert [(info.types, info.error) for info in plugins.infos] == [(("woocommerce",), None)]
    assert isinstance(plugins.type("woocommerce"), WooCommerce)


def test_finding_the_plugin_is_cheap() -> None:
    """The command line does so at every start."""
    code = "import sys, storeorch_woocommerce.plugin; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"pydantic", "yaml", "storeorch_woocommerce.store_type"} & set(answer.stdout.split())


def test_exported_members() -> None:
    assert set(dir(storeorch_woocommerce)) == set(storeorch_woocommerce.__all__)
    assert {"WooCommerce", "WooCommerceParameters"} == set(storeorch_woocommerce.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        storeorch_woocommerce.nothing  # noqa: B018


# -- parameters and values ----------------------------------------------------


def test_defaults_are_the_charts() -> None:
    """Every default in the model is the one in ``values.yaml``, and none is missing there."""
    defaults = dict(leaves(WooCommerceParameters().chart_values()))
    chart = dict(leaves(VALUES))
    assert {path: chart.get(path) for path in defaults} == defaults


def test_every_value_is_a_parameter_or_is_kept_from_users() -> None:
    defaults = dict(leaves(WooCommerceParameters().chart_values()))
    others = {path for path, _ in leaves(VALUES)} - set(defaults)
    kept = {path for path in others for name in NOT_PARAMETERS if f"{path}.".startswith(f"{name}.")}
    assert others == kept
    assert {name for name in NOT_PARAMETERS if not any(p.startswith(name) for p in kept)} == set()


def test_every_parameter_is_described() -> None:
    """Forms are made of the schema, at every depth."""
    assert [name for name, description in models(WooCommerceParameters) if not description] == []
    schema = WooCommerceParameters.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, field in model["properties"].items():
            # A description that the referenced model has as well is told there alone.
            target = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), name


def test_examples_name_every_parameter() -> None:
    paths = {path for path, _ in leaves(WooCommerceParameters().model_dump())}
    assert set(EXAMPLES) == paths - {"domain", "egress"}  # which is not the chart's: see below


@pytest.mark.parametrize("path", EXAMPLES)
def test_text_becomes_what_it_means(path: str) -> None:
    """``--set`` gives text; one part of a nested model can be set alone."""
    text, value = EXAMPLES[path]
    checked = TYPE.check(nested(path, text))
    changed = dict(leaves(checked.model_dump()))
    assert changed[path] == value
    defaults = dict(leaves(WooCommerceParameters().model_dump()))
    assert {name for name in defaults if changed[name] != defaults[name]} == {path}
    assert dict(leaves(request(nested(path, text)).values))[camel(path)] == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mysql.image", "Mysql; rm -rf s3cret"),
        ("mysql.storage_size", "10GB"),
        ("mysql.storage_size", "s3cret"),
        ("mysql.run_as_user", "root"),
        ("mysql.run_as_user", "0"),
        ("wordpress.image", ""),
        ("shop.currency", "euro"),
        ("shop.country", "Germany"),
        ("shop.admin_email", "joe"),
        ("shop.title", "<b>shop</b>"),
        ("woocommerce.url", "http://example.com/wc.zip"),
        ("woocommerce.sha256", "s3cret"),
        ("woocommerce", {"url": "https://example.com/s3cret.zip", "sha256": ""}),
        ("ingress", {"cert_manager_issuer": "a", "cert_manager_cluster_issuer": "b"}),
        ("domain", "*.example.com"),
        ("wordpress.external_requests", "maybe"),
        ("wordpress.resources.requests.cpu", "lots"),
        ("wordpress.resources.limits.memory", "200m"),
        ("wordpress.resources.limits.gpu", "1"),
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
    assert "woocommerce" in message
    assert path.split(".", maxsplit=1)[0] in message
    assert message.endswith(".")
    assert message.isprintable()
    assert "s3cret" not in f"{message} {refused.value.hint}"
    assert "storeorch type show woocommerce" in (refused.value.hint or "")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_the_parameters_accept_the_chart_accepts(data: st.DataObject) -> None:
    """Or a mistake would be told minutes later, in Helm's words."""
    forms = TYPE.parameters.model_json_schema()
    path = data.draw(st.sampled_from(sorted(EXAMPLES)))
    value = data.draw(st.from_regex(pattern_of(forms, path), fullmatch=True))
    try:
        checked = WooCommerceParameters.model_validate(nested(path, value))
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
    text = text.replace("tlsSecret", "")  # a name as well
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
    """It changes what the shop calls itself, where the Ingress leads from, and nothing else."""
    values = request({"domain": "shop.example.com"}).values
    assert values["storeorch"]["host"] == "shop.example.com"
    assert values["storeorch"]["url"] == "http://shop.example.com"
    assert {**values, "storeorch": 0} == {**request({}).values, "storeorch": 0}


def test_encrypted_shops_have_encrypted_addresses() -> None:
    values = request({"ingress": {"tls_secret": "shop-tls"}}).values
    assert values["storeorch"]["url"] == "https://my-store.local.test"
    gateway = {"ingress": {"tls_secret": "shop-tls"}, "gateway": {"name": "public"}}
    assert request(gateway).values["storeorch"]["url"] == "http://my-store.local.test"


def test_who_administers_a_shop() -> None:
    assert TYPE.admin is not None
    assert TYPE.admin.username_for(WooCommerceParameters()) == "admin"
    assert TYPE.admin.password_key in TYPE.credentials
    job = (TYPE.chart / "templates" / "install-job.yaml").read_text()
    assert re.search(r"STORE_ADMIN_USER\n\s+value: admin\n", job)
    assert f'"key" "{TYPE.admin.password_key}"' in job


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
    assert Path(TYPE.chart).resolve().name == "woocommerce"
    assert (Path(TYPE.chart) / "Chart.yaml").is_file()


def test_traffic_port_is_the_charts() -> None:
    assert TYPE.http_port == 8080
    templates = "".join(path.read_text() for path in (TYPE.chart / "templates").glob("*.yaml"))
    assert f"containerPort: {TYPE.http_port}" in templates
