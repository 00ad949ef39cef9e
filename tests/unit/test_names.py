from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.errors import InvalidStoreName
from storeorch.names import (
    LABEL_MANAGED_BY,
    LABEL_STORE_ID,
    LABEL_STORE_NAME,
    MAX_NAME_LENGTH,
    check_store_name,
    host_for,
    namespace_for,
    ownership_labels,
    store_labels,
)
from storeorch.testing.strategies import KNOWN_BAD_NAMES, invalid_store_names, store_names

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z", re.ASCII)


@given(store_names())
def test_possible_names_are_returned_as_they_are(name: str) -> None:
    assert check_store_name(name) == name


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a--b", "0-0", "my-store", "x" * 40, "xn--p1ai"])
def test_names_that_are_possible(name: str) -> None:
    assert check_store_name(name) == name


@pytest.mark.parametrize("name", KNOWN_BAD_NAMES)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(InvalidStoreName) as refused:
        check_store_name(name)
    assert refused.value.hint


@given(st.text(max_size=50))
def test_a_name_is_possible_if_it_is_a_short_dns_label(name: str) -> None:
    possible = len(name) <= MAX_NAME_LENGTH and DNS_LABEL.match(name) is not None
    try:
        check_store_name(name)
    except InvalidStoreName:
        assert not possible
    else:
        assert possible


@given(invalid_store_names())
def test_refusal_is_one_printable_ascii_sentence(name: str) -> None:
    """Whatever was typed, the terminal of whoever reads the sentence is safe."""
    with pytest.raises(InvalidStoreName) as refused:
        check_store_name(name)
    assert refused.value.message.isascii()
    assert refused.value.message.isprintable()
    assert refused.value.message.endswith(".")


@given(store_names(), st.uuids())
def test_namespace_is_a_dns_label(name: str, store_id: object) -> None:
    namespace = namespace_for(name, str(store_id))
    assert DNS_LABEL.match(namespace)
    assert namespace == f"store-{name}-{str(store_id)[:8]}"


@given(store_names(), st.uuids(), st.uuids())
def test_namespaces_of_stores_differ(name: str, first: object, second: object) -> None:
    same = str(first)[:8] == str(second)[:8]
    assert (namespace_for(name, str(first)) == namespace_for(name, str(second))) is same


@given(store_names())
def test_host_has_labels_of_dns(name: str) -> None:
    host = host_for(name, "local.test")
    assert host == f"{name}.local.test"
    assert all(DNS_LABEL.match(label) for label in host.split("."))


@given(store_names(), st.uuids())
def test_labels_tie_to_the_store(name: str, store_id: object) -> None:
    expected = {LABEL_STORE_ID: str(store_id), LABEL_STORE_NAME: name}
    assert store_labels(name, str(store_id)) == expected
    assert ownership_labels(name, str(store_id)) == {**expected, LABEL_MANAGED_BY: "storeorch"}
    assert all(len(value) <= 63 for value in expected.values())
