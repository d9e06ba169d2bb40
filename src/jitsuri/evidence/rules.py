"""How a record becomes bytes, a link of the chain, and a leaf of a day's tree. Pure.

Canonical form: the JSON of RFC 8785 (keys sorted by UTF-16 units, no spaces, UTF-8, shortest escapes) of a value that
holds only objects, lists, strings, whole numbers, booleans and null. Decimals, dates and ids are written as strings, so
that no number has two spellings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.evidence.shapes import Record
from jitsuri.terms.ids import derived_id

FIRST_PREVIOUS = bytes(32)
"""What stands before the first link: 32 zero bytes (decision 0005)."""

_LEAF, _NODE = b"\x00", b"\x01"
"""Prefixes that keep a leaf from passing as a node. Source: RFC 6962 §2.1."""


def record_of(at: datetime, actor: str, act: str, subject: str, facts: Mapping[str, object] | None = None) -> Record:
    """A record whose id follows from its contents: the same act told twice is the same record.

    Raises ValueError for an instant without a zone, TypeError for a fact that has no plain form (a float among them).
    """
    if at.tzinfo is None:
        raise ValueError("an instant must know its time zone")
    empty = Record(UUID(int=0), at, actor, act, subject, facts or {})
    plain = plain_form(empty)
    record_id = derived_id("evidence", _instant(at), plain.actor, plain.act, plain.subject, _json(plain.facts))
    return replace(plain, record_id=record_id)


def plain_form(record: Record) -> Record:
    """The record in a form that the database gives back as it went in. Raises TypeError as ``record_of`` does."""
    facts = {_clean(name): _plain(value) for name, value in record.facts.items()}
    return replace(
        record, actor=_clean(record.actor), act=_clean(record.act), subject=_clean(record.subject), facts=facts
    )


def canonical(record: Record, number: int, sealed_at: datetime) -> bytes:
    """The bytes that stand for a record at its place in the chain."""
    return _json(
        {
            "number": number,
            "sealed_at": _instant(sealed_at),
            "record": {
                "id": str(record.record_id),
                "at": _instant(record.at),
                "actor": record.actor,
                "act": record.act,
                "subject": record.subject,
                "facts": {name: _plain(value) for name, value in record.facts.items()},
            },
        }
    )


def link_hash(previous: bytes, record: Record, number: int, sealed_at: datetime) -> bytes:
    """SHA-256 over the previous link's 32 bytes and the record's canonical form."""
    return hashlib.sha256(previous + canonical(record, number, sealed_at)).digest()


def merkle_root(links: Sequence[bytes]) -> bytes:
    """The root of the tree over these links, in order. Source: RFC 6962 §2.1 (empty: the hash of nothing)."""
    if not links:
        return hashlib.sha256().digest()
    return _tree([hashlib.sha256(_LEAF + link).digest() for link in links])


def _tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(_NODE + _tree(leaves[:left]) + _tree(leaves[left:])).digest()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: object) -> object:
    """A value of which PostgreSQL's jsonb gives back exactly what went in."""
    match value:
        case None | bool() | int():
            return value
        case str():
            return _clean(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return {_clean(str(name)): _plain(held) for name, held in value.items()}
        case set() | frozenset():
            return sorted(_clean(str(held)) for held in value)
        case list() | tuple():
            return [_plain(held) for held in value]
        case _:
            raise TypeError(f"a fact of evidence is plain text or a whole number, not {type(value).__name__}")


def _clean(text: str) -> str:
    """Text that PostgreSQL can hold: NUL and lone surrogates give way to a mark."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _json(value: object) -> bytes:
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda n: n.encode("utf-16-be"))}
    if isinstance(value, list):
        return [_sorted(held) for held in value]
    return value
