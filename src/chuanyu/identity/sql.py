"""SQL by hand for the few statements every step passes through: prepared once per connection, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows. JSON comes as text (Django reads it in its fields). Errors are Django's, as everywhere."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []


def row(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row, or None."""
    found = rows(statement, parameters)
    return found[0] if found else None
