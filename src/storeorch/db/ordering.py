"""In which order stores are listed, and the cursors that lead from page to page.

This module builds conditions and must not know who runs them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, tuple_

from storeorch.db.tables import stores
from storeorch.errors import InvalidDeclaration
from storeorch.models import StoreOrder


@dataclass(frozen=True, slots=True)
class Ordering:
    """One order: by a column, and by id among equals.

    Attributes:
        column: Name of the column.
        descending: Whether the greatest comes first.
        collation: How texts compare; None is as the database does.
    """

    column: str
    descending: bool
    collation: str | None = None

    def apply(self, query: Select[Any], cursor: str | None) -> Select[Any]:
        """Return the query in this order, from the place that the cursor names on.

        Raises:
            InvalidDeclaration: The cursor is not one of this order.
        """
        key = self._key
        if cursor is not None:
            place, given = tuple_(key, stores.c.id), self._read(cursor)
            query = query.where(place < given if self.descending else place > given)
        return query.order_by(
            key.desc() if self.descending else key, _directed(stores.c.id, down=self.descending)
        )

    def cursor(self, row: Any) -> str:
        """Return the cursor that leads on from a row."""
        content = json.dumps([row[self.column], row["id"]])
        return base64.urlsafe_b64encode(content.encode()).decode()

    @property
    def _key(self) -> ColumnElement[Any]:
        column = stores.c[self.column]
        return column if self.collation is None else column.collate(self.collation)

    def _read(self, cursor: str) -> tuple[int | str, str]:
        try:
            value, store_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            return self._checked(value), str(store_id)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise InvalidDeclaration(
                "The cursor of the page is not valid.", hint="Start again without a cursor."
            ) from error

    def _checked(self, value: object) -> int | str:
        if stores.c[self.column].type.python_type is str:
            if not isinstance(value, str) or "\0" in value:
                raise ValueError("not a text that a database takes")
            return value
        moment = int(str(value))
        moment.to_bytes(8, signed=True)  # the database's integers have no more
        return moment


def ordering(order: StoreOrder, *, postgresql: bool) -> Ordering:
    """Return how an order is expressed; names compare by their bytes everywhere."""
    match order:
        case StoreOrder.NEWEST:
            return Ordering("created_at", descending=True)
        case StoreOrder.OLDEST:
            return Ordering("created_at", descending=False)
        case StoreOrder.UPDATED:
            return Ordering("updated_at", descending=True)
        case StoreOrder.NAME:
            return Ordering("name", descending=False, collation="C" if postgresql else "BINARY")


def _directed(column: ColumnElement[Any], *, down: bool) -> ColumnElement[Any]:
    return column.desc() if down else column
