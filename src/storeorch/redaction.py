"""Keep secrets out of what is shown and logged.

Messages for users are never made from foreign text; this module is the second
line of defence, for the operator's log, where foreign text belongs.

This module must know no other module of storeorch.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

MASK: Final = "[redacted]"

_KEY: Final = (
    r"\b[\w.-]*(?:password|passwd|secret|token|api[-_]?key|salt|private[-_]?key)"
    r"[\w.-]*(?:\\?[\"'])?\s*[:=]\s*"
)

_PATTERNS: Final = (
    # scheme://user:password@host; a password may hold any of these signs, so up to the last @
    (re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)\S+(?=@)", re.IGNORECASE), None),
    # Authorization headers and bearer tokens
    (re.compile(r"(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), None),
    # password="with spaces", 'token': '…'
    (
        re.compile(
            rf"(?P<keep>{_KEY}(?P<quote>[\"']))(?:\\.|(?!(?P=quote))[^\\\n])+(?=(?P=quote))",
            re.IGNORECASE,
        ),
        None,
    ),
    # password=…, \"token\": \"…\", secret-key: …
    (re.compile(rf"(?P<keep>{_KEY}(?:\\?[\"'])?)[^\s\"',;}}]+", re.IGNORECASE), None),
    # PEM private keys
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
        ),
        MASK,
    ),
)


def redact(text: str) -> str:
    """Return the text with everything that looks like a secret masked."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement or rf"\g<keep>{MASK}", text)
    return text


def new_error_id() -> str:
    """Return a short random id that ties a message for users to the operator's log."""
    return f"e-{secrets.token_hex(4)}"
