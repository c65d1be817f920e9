"""One byte form for one piece of plain data (RFC 8785), so that hashes and signatures made at two nodes agree.

Our subset has no floats: money, ratios and dates travel as strings, so no number formatting can differ.
"""

import hashlib
import json
from typing import Any

DEPTH = 100  # levels of nesting; a document has fewer than ten
INTEGER = 2**53 - 1  # the largest whole number every JSON reader keeps exactly


class CanonicalError(ValueError):
    """The data has something without a canonical form: a float, a huge integer, a key that is no string, …"""


def canonical(data: Any) -> bytes:
    """UTF-8 JSON of dict, list, str, int, bool and None; keys sorted by UTF-16 code unit, no spaces.

    Raises CanonicalError.
    """
    try:
        return json.dumps(_ready(data, DEPTH), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise CanonicalError("text with half a surrogate pair has no canonical form") from error


def digest(data: Any) -> str:
    """SHA-256 over `canonical(data)`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(data)).hexdigest()


def _ready(value: Any, depth: int) -> Any:
    if depth == 0:
        raise CanonicalError(f"more than {DEPTH} levels of nesting")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum is its value
    if isinstance(value, int):
        if abs(value) > INTEGER:
            raise CanonicalError(f"{value} is beyond ±(2^53 - 1)")
        return value
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise CanonicalError(f"key {key!r} is no string")
        plain = all(key.isascii() for key in value)
        keys = sorted(value) if plain else sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {str(key): _ready(value[key], depth - 1) for key in keys}
    if isinstance(value, list | tuple):
        return [_ready(item, depth - 1) for item in value]
    raise CanonicalError(f"{type(value).__name__} has no canonical form")
