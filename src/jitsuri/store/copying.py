"""Rows in the text form of PostgreSQL's COPY, made where a row costs microseconds.

The general way (``Copy.write_row``) is slow for a row of sixty columns, because each value finds its own form. A
room that writes on the path of a call makes its lines by itself, with these few functions.
Source: PostgreSQL 18 documentation, COPY, "Text Format".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass

import msgspec

from jitsuri.store.door import Connection, without_nul

NULL = "\\N"
"""How COPY's text form writes NULL."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text(value: str) -> str:
    """A text as one field."""
    if value.isprintable() and "\\" not in value:
        return value
    return without_nul(value).translate(_ESCAPES)


_encode = msgspec.json.Encoder(enc_hook=dict).encode


def json(value: object) -> str:
    """A mapping or list as one field of JSON; None is NULL. A NUL in it, which jsonb refuses, becomes ␀."""
    if value is None:
        return NULL
    encoded = _encode(value)
    if b"u0000" in encoded:
        encoded = _encode(_without_nul(value))
    return text(encoded.decode())


def rows_json(rows: Sequence[object]) -> bytes:
    """Frozen values (dataclasses, structs) as one JSON array, for ``json_to_recordset``: decimals, ids, days and instants
    as texts, bytes as base64, nested values as objects. NUL and lone surrogates, which PostgreSQL refuses, give way.
    """
    try:
        encoded = _encode(rows)
    except UnicodeEncodeError:
        encoded = b"u0000"
    if b"u0000" in encoded:
        encoded = _encode(_without_nul(_plain(rows)))
    return encoded


def _plain(value: object) -> object:
    """A value in which texts can be reached: dataclasses and structs as mappings."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return value


def _without_nul(value: object) -> object:
    match value:
        case str():
            return without_nul(value)
        case Mapping():
            return {without_nul(str(name)): _without_nul(held) for name, held in value.items()}
        case list() | tuple():
            return [_without_nul(held) for held in value]
        case _:
            return value


def copy_lines(tx: Connection, statement: str, lines: Iterable[str]) -> None:
    """Write lines (each with its ``\\n``) with a ``COPY … FROM STDIN``."""
    with tx.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write("".join(lines))
