"""Who visits a WooCommerce shop by HTTP: a customer who orders, an owner who logs in.

It speaks WordPress' and WooCommerce's public addresses only, so that the real WooCommerce and the
tests' stand-in are asked alike. It must not know clusters: an address is all that it is given.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from .connecting import connect

BILLING = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address_1": "1 Analytical Way",
    "city": "Berlin",
    "postcode": "10115",
    "country": "DE",
    "email": "ada@example.com",
    "phone": "123456",
}


@dataclass(frozen=True)
class Answer:
    """An answer, redirections followed.

    Attributes:
        status: HTTP status.
        headers: Headers, names in lower case.
        text: The body.
    """

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Visitor:
    """One visitor with cookies of their own.

    Attributes:
        address: Where to connect to, as ``host:port``; no name server knows the shop.
        host: The shop's host.
        scheme: What the shop's own address begins with; sent as an ingress would.
        trusted: Whose certificates are taken; None speaks plain HTTP.
        cookies: What the shop gave.
    """

    address: str
    host: str
    scheme: str = "http"
    trusted: ssl.SSLContext | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, body: Mapping[str, Any], **headers: str) -> Answer:
        """Send JSON."""
        return self._ask(
            "POST", path, json.dumps(body), {"Content-Type": "application/json", **headers}
        )

    def submit(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(form), kind)

    def products(self) -> list[dict[str, Any]]:
        """The products that the shop offers."""
        answer = self.get("/wp-json/wc/store/v1/products")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json()
        return found

    def order(self, product: int) -> dict[str, Any]:
        """Put a product into the cart, pay cash on delivery, and return the order."""
        api = "/wp-json/wc/store/v1"
        token = {"Cart-Token": self.get(f"{api}/cart").headers["cart-token"]}
        added = self.post(f"{api}/cart/add-item", {"id": product, "quantity": 1}, **token)
        assert added.status == 201, added
        body = {"payment_method": "cod", "billing_address": BILLING}
        ordered = self.post(f"{api}/checkout", body, **token)
        assert ordered.status == 200, ordered
        order: dict[str, Any] = ordered.json()
        return order

    def log_in(self, user: str, password: str) -> Answer:
        """Log in to the administration; the answer is its first page, or the form again."""
        self.get("/wp-login.php")
        form = {"log": user, "pwd": password, "testcookie": "1"}
        return self.submit("/wp-login.php", form)

    def orders(self) -> set[int]:
        """The orders that the administration lists."""
        listed = self.get("/wp-admin/admin.php?page=wc-orders")
        assert listed.status == 200, listed
        return {int(number) for number in re.findall(r'id="(?:order|post)-(\d+)"', listed.text)}

    def _ask(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str], hops: int = 5
    ) -> Answer:
        connection = connect(self.address, self.host, self.trusted)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Host": self.host, "X-Forwarded-Proto": self.scheme, "Cookie": cookie, **headers}
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        if response.status in {301, 302, 303} and hops:
            to = urlsplit(response.headers["Location"])
            assert to.netloc in {"", self.host}, f"led away to {to.netloc}"
            onward = f"{to.path or '/'}{'?' if to.query else ''}{to.query}"
            return self._ask("GET", onward, None, {}, hops - 1)
        known = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, known, text)
