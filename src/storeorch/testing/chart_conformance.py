# ruff: noqa: S101 - a test suite asserts
"""A test suite that holds the parameters of a Helm type and the values of its chart together.

Two lists of the same things, the parameter model and ``values.yaml`` with its schema,
come apart unless something compares them; whoever sets a parameter would be told so
minutes later, in Helm's words, or never.

```python
from storeorch.testing.chart_conformance import ChartConformance

from my_plugin import MyShop


class TestMyShop(ChartConformance):
    store_type = MyShop()
    samples = {"replicas": ("2", 2)}
    wrong = [("replicas", "many")]
```

It brings the suite of ``StoreTypeConformance`` along. The parameters are a subclass of
``storeorch.Parameters``, and ``values`` gives ``chart_values()`` or something that
holds them under the same keys. The chart is read, but not rendered.

Needs ``storeorch[testing]``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ValidationError

from storeorch.declaring import merge
from storeorch.errors import InvalidParameters
from storeorch.parameters import Parameters
from storeorch.ports import STORE_VALUES, ReleaseRequest
from storeorch.steps import HelmStoreType
from storeorch.steps.credentials import CREDENTIALS_SECRET
from storeorch.testing.clock import run_virtual
from storeorch.testing.conformance import StoreTypeConformance
from storeorch.testing.sandbox import Sandbox

_SHORTEST_CREDENTIAL = 24
"""Characters: some 140 bits of letters and digits."""

_ANYTHING = r"[0-9]{1,12}|true|false|Always|IfNotPresent|Never"
"""What is tried for parameters without a pattern."""


class ChartConformance(StoreTypeConformance):
    """What a store type with a chart and a parameter model has to hold.

    Attributes:
        store_type: The type under test.
        samples: For each parameter, by its dotted path: another value than the default, as
            ``--set`` gives it, and what becomes of it.
        not_alone: Parameters without a sample: no values of the chart, or of no use alone.
        not_parameters: Values of the chart, or groups of them, that users cannot set.
        wrong: Parameters by dotted path, and values that have to be refused. The word
            ``s3cret`` stands for what must not be repeated.
    """

    store_type: ClassVar[HelmStoreType]
    samples: ClassVar[Mapping[str, tuple[str, object]]]
    not_alone: ClassVar[Collection[str]] = ()
    not_parameters: ClassVar[Collection[str]] = (STORE_VALUES,)
    wrong: ClassVar[Sequence[tuple[str, object]]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each sample and of each wrong value."""
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", list(self.samples))
        if "wrong_value" in metafunc.fixturenames:
            metafunc.parametrize(
                "wrong_value", self.wrong, ids=[f"{path}={value}" for path, value in self.wrong]
            )

    # -- one list of values ---------------------------------------------------

    def test_defaults_are_the_charts(self) -> None:
        """Every default in the model is the one in ``values.yaml``, and none is missing there."""
        chart = dict(_leaves(self.chart_defaults()))
        defaults = dict(_leaves(self.defaults().chart_values()))
        assert {path: chart.get(path) for path in defaults} == defaults

    def test_every_value_is_a_parameter_or_is_kept_from_users(self) -> None:
        """No value of the chart is forgotten, and none that is kept has gone."""
        defaults = dict(_leaves(self.defaults().chart_values()))
        others = {path for path, _ in _leaves(self.chart_defaults())} - set(defaults)
        kept = {name: {p for p in others if _within(p, name)} for name in self.not_parameters}
        assert others == set().union(*kept.values())
        assert [name for name, paths in kept.items() if not paths] == []

    def test_parameters_at_every_depth_are_described(self) -> None:
        """Forms are made of the schema, and show a description beside each field."""
        model = self.store_type.parameters
        assert [name for name, described in _fields(model) if not described] == []
        schema = model.model_json_schema()
        for part in (schema, *schema.get("$defs", {}).values()):
            for name, field in part.get("properties", {}).items():
                # A description that the referenced model has as well is told there alone.
                assert field.get("description") or _referenced(schema, field).get("description"), (
                    name
                )

    def test_samples_name_every_parameter(self) -> None:
        """None is left out of the tests below."""
        paths = {path for path, _ in _leaves(self.defaults().model_dump())}
        assert set(self.samples) == paths - set(self.not_alone)
        assert set(self.not_alone) <= paths

    def test_sample_becomes_what_it_means(self, sample: str) -> None:
        """``--set`` gives text; one part of a nested model can be set alone."""
        text, value = self.samples[sample]
        checked = self.store_type.check(nested(sample, text))
        assert isinstance(checked, Parameters)
        changed = dict(_leaves(checked.model_dump()))
        assert changed[sample] == value
        defaults = dict(_leaves(self.defaults().model_dump()))
        assert {name for name in defaults if changed[name] != defaults[name]} == {sample}
        assert dict(_leaves(self.request(nested(sample, text)).values))[
            _alias(checked, sample)
        ] == (value)

    def test_digest_changes_with_every_sample(self, sample: str) -> None:
        """A release is upgraded when anything was declared that it does not have yet."""
        text, _ = self.samples[sample]
        assert self.request(nested(sample, text)).digest != self.request().digest

    def test_wrong_value_is_refused_in_one_sentence(self, wrong_value: tuple[str, object]) -> None:
        """It names the parameter and not the value, which may be a secret."""
        path, value = wrong_value
        with pytest.raises(InvalidParameters) as refused:
            self.store_type.check(nested(path, value))
        message, hint = refused.value.message, refused.value.hint or ""
        assert self.store_type.name in message
        assert path.split(".", maxsplit=1)[0] in message
        assert message.endswith(".")
        assert message.isprintable()
        assert "s3cret" not in f"{message} {hint}"
        assert f"storeorch type show {self.store_type.name}" in hint

    # -- the chart's schema ---------------------------------------------------

    def test_defaults_satisfy_the_charts_schema(self) -> None:
        """What is installed when nothing was said is accepted."""
        assert self.complaints(self.request().values) == []

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
    )
    @given(data=st.data())
    def test_what_the_parameters_accept_the_chart_accepts(self, data: st.DataObject) -> None:
        """Or a mistake would be told minutes later, in Helm's words."""
        model = self.store_type.parameters
        path = data.draw(st.sampled_from(sorted(self.samples)))
        pattern = _pattern(model.model_json_schema(), path)
        value = data.draw(st.from_regex(pattern, fullmatch=True))
        try:
            checked = model.model_validate(nested(path, value))
        except ValidationError:
            return
        assert isinstance(checked, Parameters)
        assert self.complaints(checked.chart_values()) == []

    # -- what is installed ----------------------------------------------------

    def test_credentials_are_in_the_secret(self) -> None:
        """Values hold only its name; what is generated in it cannot be guessed."""
        assert self.request().values[STORE_VALUES]["credentialsSecret"] == CREDENTIALS_SECRET
        lengths = self.store_type.credentials
        assert [key for key, length in lengths.items() if length < _SHORTEST_CREDENTIAL] == []

    def test_ingress_class_is_that_of_the_setting(self) -> None:
        """A store that names none of its own gets the platform's."""
        assert self.request().values["ingress"]["className"] == ""
        given = self.request(ingress_class="nginx")
        assert given.values["ingress"]["className"] == "nginx"
        assert given.digest != self.request().digest

    def test_address_is_that_of_the_settings(self) -> None:
        """Domain and scheme of the settings are in the values, so a change of them is installed."""
        given = self.request(domain="example.com", url_scheme="https")
        assert given.values[STORE_VALUES]["host"] == "my-store.example.com"
        assert given.values[STORE_VALUES]["url"] == "https://my-store.example.com"
        assert given.digest != self.request().digest

    def test_traffic_port_is_the_charts(self) -> None:
        """The network policy opens the port that a container of the chart listens to."""
        templates = (self.store_type.chart / "templates").glob("*.yaml")
        text = "".join(path.read_text() for path in templates)
        assert f"containerPort: {self.store_type.http_port}\n" in text

    # -- for tests of a type's own --------------------------------------------

    def defaults(self) -> Parameters:
        """Return the parameters of a store that was declared with the example alone."""
        checked = self.store_type.check(self.example)
        assert isinstance(checked, Parameters)
        return checked

    def request(self, parameters: Mapping[str, Any] | None = None, **given: Any) -> ReleaseRequest:
        """Return what would be installed for the store ``my-store``, always the same one.

        Args:
            parameters: Its parameters, laid over the example.
            **given: Settings other than the defaults.
        """
        sandbox = Sandbox([self.store_type], **given)
        declared = {**self.example, **(parameters or {})}
        store = run_virtual(sandbox.create("my-store", declared), clock=sandbox.clock)
        return self.store_type.release_request(self._context(sandbox, store))

    def chart_defaults(self) -> dict[str, Any]:
        """Return ``values.yaml`` of the chart."""
        values: dict[str, Any] = yaml.safe_load((self.store_type.chart / "values.yaml").read_text())
        return values

    def complaints(self, values: Mapping[str, Any]) -> list[str]:
        """Return what the chart's schema has against values, laid over its own as Helm does."""
        schema = json.loads((self.store_type.chart / "values.schema.json").read_text())
        whole = merge(self.chart_defaults(), values)
        return [error.message for error in Draft7Validator(schema).iter_errors(whole)]


def nested(path: str, value: object) -> dict[str, Any]:
    """Return a parameter of that dotted path as a declaration of it alone."""
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value that is no mapping of others, by its dotted path."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield each parameter and its description, at every depth."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}", field.description
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _fields(annotation, f"{above}{name}.")


def _within(path: str, name: str) -> bool:
    return f"{path}.".startswith(f"{name}.")


def _alias(parameters: Parameters, path: str) -> str:
    """Return the path that a parameter has among the chart's values."""
    names = [name for name, _ in _leaves(parameters.model_dump())]
    aliases = [alias for alias, _ in _leaves(parameters.model_dump(by_alias=True))]
    return aliases[names.index(path)]


def _referenced(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model that a part of a JSON schema refers to, or nothing."""
    reference = node.get("$ref") or node.get("allOf", [{}])[0].get("$ref") or ""
    found: Mapping[str, Any] = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
    return found


def _pattern(schema: Mapping[str, Any], path: str) -> str:
    """Return the pattern of a parameter, or one of many digits and words."""
    node: Mapping[str, Any] = schema
    for name in path.split("."):
        node = node["properties"][name]
        node = _referenced(schema, node) or node
    pattern: str = node.get("pattern", _ANYTHING)
    return pattern
