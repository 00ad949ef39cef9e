"""A Medusa shop as programs ask it: its API, for customers and for the admin.

It must not know clusters: an address is all that it is given.
"""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Final

from .connecting import connect

ADDRESS: Final = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "address_1": "1 Analytical Way",
    "city": "Springfield",
    "postal_code": "90210",
    "country_code": "us",
}


class Refused(Exception):
    """The shop answered with an error; the message says which."""


@dataclass
class Shop:
    """One shop.

    Attributes:
        address: Where it listens, ``host:port``.
        host: The name that it is asked for by.
        trusted: Whose certificates are taken; None speaks plain HTTP.
        headers: Sent with each request: keys and tokens that were fetched.
    """

    address: str
    host: str
    trusted: ssl.SSLContext | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def status(self, path: str) -> int:
        """Ask for a path and return the status of the answer; 0 if there is none."""
        try:
            connection = self._connect()
        except OSError:
            return 0
        try:
            connection.request("GET", path, headers={"Host": self.host, "Accept": "text/html"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the API.

        Raises:
            Refused: It answered with an error.
        """
        connection = self._connect()
        try:
            headers = {"Host": self.host, "Content-Type": "application/json", **self.headers}
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status >= 400:
                raise Refused(f"{method} {path}: {answer.status} {text[:500]}")
            decoded: dict[str, Any] = json.loads(text)
            return decoded
        finally:
            connection.close()

    def enter(self) -> None:
        """Fetch the publishable key, as the storefront does."""
        key = self.ask("GET", "/storefront-config")["publishableKey"]
        self.headers["x-publishable-api-key"] = key

    def log_in(self, email: str, password: str) -> None:
        """Log in as an admin user."""
        answer = self.ask("POST", "/auth/user/emailpass", {"email": email, "password": password})
        self.headers["Authorization"] = f"Bearer {answer['token']}"

    def order(self, order_id: str) -> dict[str, Any]:
        """Find an order as the admin does."""
        path = f"/admin/orders/{order_id}?fields=id,display_id,email,status,total,currency_code"
        found: dict[str, Any] = self.ask("GET", path)["order"]
        return found

    def buy(self) -> str:
        """Buy one piece of the first product and return the order's id."""
        region = self.ask("GET", "/store/regions")["regions"][0]["id"]
        product = self.ask("GET", f"/store/products?region_id={region}")["products"][0]
        cart = self.ask("POST", "/store/carts", {"region_id": region})["cart"]["id"]
        line = {"variant_id": product["variants"][0]["id"], "quantity": 1}
        self.ask("POST", f"/store/carts/{cart}/line-items", line)
        who = {"email": "ada@example.com", "shipping_address": ADDRESS, "billing_address": ADDRESS}
        self.ask("POST", f"/store/carts/{cart}", who)
        ways = self.ask("GET", f"/store/shipping-options?cart_id={cart}")["shipping_options"]
        way = {"option_id": ways[0]["id"]}
        self.ask("POST", f"/store/carts/{cart}/shipping-methods", way)
        payment = self.ask("POST", "/store/payment-collections", {"cart_id": cart})
        payment_id = payment["payment_collection"]["id"]
        provider = {"provider_id": "pp_system_default"}
        self.ask("POST", f"/store/payment-collections/{payment_id}/payment-sessions", provider)
        done = self.ask("POST", f"/store/carts/{cart}/complete")
        order_id: str = done["order"]["id"]
        return order_id

    def _connect(self) -> HTTPConnection:
        return connect(self.address, self.host, self.trusted)
