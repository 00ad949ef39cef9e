"""The text of a hosts file: what is ours changes, what is not stays byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch import hosts as module
from storeorch.hosts import BEGIN, END, add_entry, remove_entry
from storeorch.ports import Owner

A = Owner("0f8fad5b-d9cb-469f-a165-70867728950e", "a")
B = Owner("7c9e6679-7425-40de-944b-e07fc1f90ae7", "b")
LINE_A = b"127.0.0.1\ta.local.test\t# storeorch " + A.store_id.encode()
LINE_B = b"127.0.0.1\tb.local.test\t# storeorch " + B.store_id.encode()
FOREIGN = b"127.0.0.1\tlocalhost\n# \xff not UTF-8\r\n\n::1 localhost"
ENTRY_A = b"\n".join([BEGIN, LINE_A, END])


def add(text: bytes, owner: Owner = A, address: str = "127.0.0.1") -> bytes:
    host = f"{owner.store_name}.local.test"
    return add_entry(text, address=address, host=host, store_id=owner.store_id)


def remove(text: bytes, owner: Owner = A) -> bytes:
    return remove_entry(text, store_id=owner.store_id)


def lines_of(text: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in text.split(b"\n")]


_OURS = re.compile(
    rb"# (?:BEGIN|END) storeorch|\S+\t\S+\t# storeorch (?:%s|%s)"
    % (A.store_id.encode(), B.store_id.encode())
)


def foreign(text: bytes) -> list[bytes]:
    """Return every line, with its end, that is neither a marker nor one of the two stores'."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    return [line for line in lines if not _OURS.fullmatch(line[:-1].removesuffix(b"\r"))]


# Bytes of any kind, and files made of just the lines that could confuse us.
_pieces = st.sampled_from(
    [BEGIN, END, LINE_A, LINE_B, b"", b" ", b"1.1.1.1 x", BEGIN + b" ", b" " + END, b"\xff\x00"]
)
_newlines = st.sampled_from([b"\n", b"\r\n", b"\r"])
_confusing = st.builds(
    lambda lines, last: b"".join(line + newline for line, newline in lines) + last,
    st.lists(st.tuples(_pieces, _newlines), max_size=12),
    _pieces,
)
files = st.one_of(st.binary(max_size=200), _confusing)
foreign_files = st.one_of(
    st.binary(max_size=200), st.lists(st.sampled_from([b"x", b"\r", b"\n", b"#"])).map(b"".join)
)


def test_block() -> None:
    assert add(b"") == ENTRY_A + b"\n"
    assert add(b"x\n") == b"x\n" + ENTRY_A + b"\n"
    assert add(b"x\r\ny\r\n") == b"x\r\ny\r\n" + ENTRY_A.replace(b"\n", b"\r\n") + b"\r\n"


def test_file_without_last_newline_has_none_afterwards() -> None:
    assert add(FOREIGN) == FOREIGN + b"\n" + ENTRY_A
    assert add(add(FOREIGN), B) == FOREIGN + b"\n" + b"\n".join([BEGIN, LINE_A, LINE_B, END])


def test_existing_block_is_used_wherever_it_stands() -> None:
    before = b"x\r\n" + BEGIN + b"\r\n" + LINE_B + b"\r\n" + END + b"\r\ny"
    after = add(before)
    assert after == before.replace(END, LINE_A + b"\r\n" + END)
    assert remove(after) == before


def test_changed_address_and_duplicates_become_one_line() -> None:
    twice = b"\n".join([BEGIN, LINE_A, b"mine", LINE_A, END, b"x", BEGIN, LINE_A, END, b"y\n"])
    after = add(twice, address="10.0.0.1")
    line = LINE_A.replace(b"127.0.0.1", b"10.0.0.1")
    assert after == b"\n".join([BEGIN, line, b"mine", END, b"x", b"y\n"])


def test_lines_outside_a_block_are_not_ours() -> None:
    before = LINE_A + b"\n" + END + b"\n" + LINE_A + b"\n"
    assert remove(before) == before
    assert remove(add(before)) == before


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_block_without_end_loses_no_line(newline: bytes) -> None:
    before = newline.join([b"x", BEGIN, LINE_B, b"1.1.1.1 mine", b""])
    after = add(before)
    assert after.startswith(before)
    assert remove(after) == before
    assert remove(before, B) == newline.join([b"x", BEGIN, b"1.1.1.1 mine", b""])


def test_empty_block_stays_where_it_keeps_a_line_from_becoming_ours() -> None:
    """After a block without an end, what follows the next one is foreign, and stays so."""
    before = b"\n".join([BEGIN, b"x", BEGIN, LINE_A, END, LINE_A, b""])
    after = b"\n".join([BEGIN, b"x", BEGIN, END, LINE_A, b""])
    assert remove(before) == after
    assert remove(after) == after
    assert remove(add(after)) == after


def test_foreign_line_in_the_block_keeps_the_block() -> None:
    before = b"\n".join([BEGIN, b"1.1.1.1 mine", LINE_A, END, b""])
    assert remove(before) == b"\n".join([BEGIN, b"1.1.1.1 mine", END, b""])


def test_id_that_begins_like_another_is_another() -> None:
    longer = Owner(A.store_id + "0", "longer")
    both = add(add(b""), longer)
    assert LINE_A in lines_of(remove(both, longer))
    assert LINE_A not in lines_of(remove(both))
    assert remove(both) != both


@given(files)
def test_foreign_lines_are_preserved(text: bytes) -> None:
    text += b"\n"
    assert foreign(add(text)) == foreign(text)
    assert foreign(remove(text)) == foreign(text)


@given(files)
def test_foreign_lines_are_preserved_without_last_newline(text: bytes) -> None:
    """Only the end of the last foreign line may become, or cease to be, one of a line."""

    def bare(text: bytes) -> list[bytes]:
        lines = [line.rstrip(b"\r\n") for line in text.split(b"\n")]
        return [line for line in lines if line and not _OURS.fullmatch(line)]

    assert bare(add(text)) == bare(text)
    assert bare(remove(text)) == bare(text)


@given(files)
def test_doing_it_again_changes_nothing(text: bytes) -> None:
    assert add(add(text)) == add(text)
    assert remove(remove(text)) == remove(text)


@given(files)
def test_there_is_one_line_and_then_none(text: bytes) -> None:
    after = add(text)
    ours = module._entries_of(module._split(after), A.store_id)
    assert len(ours) == 1
    assert remove(after) == remove(remove(after))
    assert not module._entries_of(module._split(remove(after)), A.store_id)


@given(foreign_files)
def test_add_then_remove_is_identity_without_block(text: bytes) -> None:
    assert remove(add(text)) == text
    assert remove(remove(add(add(text), B)), B) == text


@given(files)
def test_two_stores_are_independent(text: bytes) -> None:
    both = add(add(text + b"\n"), B)
    for mine, other in ((A, LINE_B), (B, LINE_A)):
        assert lines_of(both).count(other) == lines_of(remove(both, mine)).count(other)
    assert foreign(remove(remove(both), B)) == foreign(remove(remove(both, B)))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "A.test",
        "a b",
        "a\n1.1.1.1 b",
        "a.test\n",
        "a#b",
        "a..b",
        "-a",
        ".a",
        "é",
        "a." * 127,
    ],
)
def test_host_that_is_none(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        add_entry(b"", address="127.0.0.1", host=host, store_id="a")


@pytest.mark.parametrize("store_id", ["", "a b", "a\nb", "a\n", "é", "a" * 64])
def test_store_id_that_is_none(store_id: str) -> None:
    with pytest.raises(ValueError, match="store id"):
        add_entry(b"", address="127.0.0.1", host="a.test", store_id=store_id)


@pytest.mark.parametrize(
    "address", ["", "localhost", "127.0.0.1\n", "1.1.1.1 a", "fe80::1%a\n1.1.1.1 b", "::1%a b"]
)
def test_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        add_entry(b"", address=address, host="a.test", store_id="a")


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "fe80::1%eth0", "::ffff:1.2.3.4"])
def test_address_that_is_one(address: str) -> None:
    text = add_entry(b"", address=address, host="a.test", store_id="a")
    assert text.splitlines()[1].endswith(b"\ta.test\t# storeorch a")
    assert remove_entry(text, store_id="a") == b""
