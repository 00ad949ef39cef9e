from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storeorch.redaction import MASK, new_error_id, redact

SECRETS = st.text(string.ascii_letters + string.digits, min_size=8, max_size=40).map("S3".__add__)
FORMS = [
    "postgresql://storeorch:{}@db.example.com:5432/stores",
    "Could not connect to mysql+pymysql://root:{}@localhost/wp?ssl=1",
    "Authorization: Bearer {}",
    "authorization: basic {}",
    "password={}",
    "PASSWORD: {}",
    "--set mysql.rootPassword={},other=1",
    'WORDPRESS_DB_PASSWORD="{}"',
    '{{"adminPassword": "{}", "user": "bob"}}',
    "'jwt-secret': '{}'",
    "COOKIE_SECRET={}; path=/",
    "api_key={}&page=2",
    "x-api-key: {}",
    "auth_salt = {}",
    '"token":"{}"',
    "aws.secret-access-key={}",
    '{{"log": "{{\\"password\\": \\"{}\\"}}"}}',
]


@pytest.mark.parametrize("form", FORMS)
@given(secret=SECRETS)
def test_secret_is_masked(form: str, secret: str) -> None:
    masked = redact(form.format(secret))
    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("postgresql://me:pw-12345@db/stores", "postgresql://me:"),
        ("postgresql://me:pw-12345@db/stores", "@db/stores"),
        ('{"password": "pw-12345", "user": "bob"}', '"user": "bob"'),
        ("password=pw-12345; path=/", "path=/"),
    ],
)
def test_what_is_around_stays(text: str, kept: str) -> None:
    assert kept in redact(text)
    assert "pw-12345" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        'password="with some spaces"',
        "'admin_password': 'with some spaces'",
        "postgresql://me:p@ss:w/rd@db/stores",
    ],
)
def test_passwords_that_people_choose(text: str) -> None:
    masked = redact(text)
    for part in ("some", "spaces", "ss:w", "rd@"):
        assert part not in masked.replace(MASK, "")


def test_private_key_is_masked() -> None:
    text = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----\nrest"
    assert redact(text) == f"{MASK}\nrest"


@given(st.text())
def test_redaction_is_stable(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "The store my-store is ready.",
        "http://my-store.local.test:8080/shop",
        "Secret store-credentials exists.",
        "2026-01-01 12:00:00 INFO started",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


def test_error_ids_are_short_and_differ() -> None:
    ids = {new_error_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"e-[0-9a-f]{8}", error_id) for error_id in ids)
