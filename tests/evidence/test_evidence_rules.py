"""Canonical form, links and the day's tree, against values worked out by other means."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from jitsuri.evidence.rules import canonical, link_hash, merkle_root, record_of

AT = datetime(2026, 11, 22, 3, 4, 5, 6, tzinfo=UTC)


def test_the_canonical_form_is_written_out() -> None:
    record = record_of(AT, "aoki@example.jp", "rate_added", "rate:USD", {"b": Decimal("1E+2"), "a": date(2026, 11, 20)})
    assert (
        canonical(record, 7, AT)
        == (
            '{"number":7,"record":{"act":"rate_added","actor":"aoki@example.jp","at":"2026-11-22T03:04:05.000006Z",'
            f'"facts":{{"a":"2026-11-20","b":"100"}},"id":"{record.record_id}","subject":"rate:USD"}},'
            '"sealed_at":"2026-11-22T03:04:05.000006Z"}'
        ).encode()
    )


def test_keys_stand_in_the_order_of_rfc_8785() -> None:
    """UTF-16 order puts U+1F600 (a surrogate pair, D83D…) before U+FB33, unlike the order of code points."""
    record = record_of(AT, "a", "b", "c", {"\ufb33": 1, "\U0001f600": 2, "€": 3, "\r": 4})
    text = canonical(record, 1, AT).decode()
    assert text.index('"\\r"') < text.index('"€"') < text.index('"\U0001f600"') < text.index('"\ufb33"')


def test_the_same_act_has_the_same_id_in_any_time_zone() -> None:
    tokyo = AT.astimezone(timezone(timedelta(hours=9)))
    assert record_of(AT, "a", "b", "c", {"n": 1}).record_id == record_of(tokyo, "a", "b", "c", {"n": 1}).record_id
    assert record_of(AT, "a", "b", "c", {"n": 1}).record_id != record_of(AT, "a", "b", "c", {"n": 2}).record_id


def test_a_float_and_a_naive_instant_are_not_taken() -> None:
    with pytest.raises(TypeError, match="float"):
        record_of(AT, "a", "b", "c", {"share": 0.1})
    with pytest.raises(ValueError, match="zone"):
        record_of(AT.replace(tzinfo=None), "a", "b", "c")


def test_text_that_postgresql_cannot_hold_gives_way() -> None:
    record = record_of(AT, "a\x00b", "act", "s", {"k\x00": "\ud800x"})
    assert record.actor == "a\ufffdb"
    assert record.facts == {"k\ufffd": "?x"}


def test_a_link_covers_what_stands_before_it() -> None:
    record = record_of(AT, "a", "b", "c")
    expected = hashlib.sha256(bytes(32) + canonical(record, 1, AT)).digest()
    assert link_hash(bytes(32), record, 1, AT) == expected
    assert link_hash(b"\x01" * 32, record, 1, AT) != expected
    assert link_hash(bytes(32), record, 2, AT) != expected
    assert link_hash(bytes(32), record, 1, AT + timedelta(microseconds=1)) != expected


def _h(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_the_tree_has_the_shape_of_rfc_6962() -> None:
    """Seven leaves, the drawing of RFC 6962 §2.1.3: ((d0 d1)(d2 d3)) ((d4 d5) d6)."""
    d = [bytes([n]) * 32 for n in range(7)]
    leaf = [_h(b"\x00", x) for x in d]
    node = lambda a, b: _h(b"\x01", a, b)  # noqa: E731
    left = node(node(leaf[0], leaf[1]), node(leaf[2], leaf[3]))
    assert merkle_root(d) == node(left, node(node(leaf[4], leaf[5]), leaf[6]))
    assert merkle_root(d[:1]) == leaf[0]
    assert merkle_root(d[:3]) == node(node(leaf[0], leaf[1]), leaf[2])
    assert merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
