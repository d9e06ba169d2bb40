"""Keys in the database: as they went in, the snapshot for gateways, and the last day of use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from key_parts import NOW, kept, scope, secrets

from jitsuri.access.live.keys import Keys
from jitsuri.access.records import keys as key_rows
from jitsuri.access.shapes import KeptSecret, Key
from jitsuri.store.door import Store

FULL = kept(
    scope=scope(
        department="support", task="triage", models=("gpt-5*", "claude-haiku"), regions=("jp",), requests_per_minute=60,
        tokens_per_minute=5_000_000_000 // 10,
    ),
    state="active", decided_by="aoki@example.jp", decided_at=NOW, decided_reason="見積どおり",
)  # fmt: skip


def add(store: Store, one: object, *made: KeptSecret) -> None:
    with store.transaction() as tx:
        key_rows.insert(tx, one)  # type: ignore[arg-type]
        for number, secret in enumerate(made):
            key_rows.add_secret(tx, one.key_id, sha256(secrets(number).encode()).digest(), secret)  # type: ignore[attr-defined]


def test_a_key_comes_back_as_it_went_in(store: Store) -> None:
    old, new = (
        KeptSecret("old1", "baba@example.jp", NOW, NOW + timedelta(hours=2)),
        KeptSecret("new1", "", NOW + timedelta(hours=1), None),
    )
    add(store, FULL, old, new)

    with store.reading() as tx:
        expected = replace(FULL, secrets=(new, old))
        assert key_rows.one(tx, FULL.key_id) == expected
        assert key_rows.everything(tx) == [expected]
        assert key_rows.one(tx, UUID(int=9)) is None


def test_the_snapshot_holds_every_secret_with_its_own_end(store: Store) -> None:
    add(store, FULL, KeptSecret("old1", "", NOW, NOW + timedelta(hours=2)), KeptSecret("new1", "", NOW, None))

    with store.reading() as tx:
        found = key_rows.standing(tx)

    old, new = (found[sha256(secrets(number).encode()).digest()] for number in (0, 1))
    assert (old.hint, old.ends_at) == ("old1", NOW + timedelta(hours=2))
    assert (new.hint, new.ends_at) == ("new1", FULL.scope.expires_at)
    assert all(getattr(new, field) == getattr(FULL.scope, field) for field in ("name", "task", "models", "regions"))
    assert new.starts_at.tzinfo is new.ends_at.tzinfo is UTC
    assert not new.is_revoked


def test_a_key_without_a_secret_is_in_no_snapshot(store: Store) -> None:
    add(store, kept())

    with store.reading() as tx:
        assert key_rows.standing(tx) == {}


@pytest.mark.quiet
def test_ten_thousand_keys_are_read_in_half_a_second(store: Store) -> None:
    with store.transaction() as tx:
        tx.execute(
            "INSERT INTO access_keys SELECT md5(n::text)::uuid, 'key-' || n, 'support', 'triage', "
            "'{gpt-5*,claude-haiku}', '{jp}', %(now)s, %(now)s + interval '90 days', 60, 100000, 'p', 'active', "
            "'baba@example.jp', %(now)s, '', NULL, '', '', NULL, '' FROM generate_series(1, 10000) n",
            {"now": NOW},
        )
        tx.execute(
            "INSERT INTO access_key_secrets SELECT sha256(n::text::bytea), md5(n::text)::uuid, 'abcd', '', %s, NULL "
            "FROM generate_series(1, 10000) n",
            (NOW,),
        )
    keys, times = Keys(), []

    for _ in range(3):
        began = time.perf_counter()
        with store.reading() as tx:
            found = key_rows.standing(tx)
        keys.replace(found)
        times.append(time.perf_counter() - began)

    assert len(found) == 10_000
    assert all(isinstance(one, Key) for one in found.values())
    assert min(times) < 0.5


def test_the_last_day_of_use_only_moves_on(store: Store) -> None:
    one, two = kept(key_id=UUID(int=1)), kept(key_id=UUID(int=2), scope=scope("two"))
    add(store, one)
    add(store, two)
    days = (date(2026, 11, 20), date(2026, 11, 22), date(2026, 11, 21))

    for day in days:
        with store.transaction() as tx:
            key_rows.touch_many(tx, {one.key_id: day, UUID(int=99): day})
            key_rows.touch_many(tx, {})

    with store.reading() as tx:
        assert {k.scope.name: k.last_used_on for k in key_rows.everything(tx)} == {"triage-batch": days[1], "two": None}


def test_workers_that_note_uses_at_once_do_not_lock_each_other_out(store: Store) -> None:
    ids = [UUID(int=n) for n in range(1, 21)]
    for key_id in ids:
        add(store, kept(key_id=key_id, scope=scope(f"key {key_id.int}")))

    def touch(worker: int) -> None:
        for round_ in range(15):
            order = ids if worker % 2 else ids[::-1]
            with store.transaction() as tx:
                key_rows.touch_many(tx, {key_id: date(2026, 1, 1) + timedelta(days=round_) for key_id in order})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(touch, range(4)))

    with store.reading() as tx:
        assert {k.last_used_on for k in key_rows.everything(tx)} == {date(2026, 1, 15)}


def test_a_name_is_taken_as_long_as_its_key_lives(store: Store) -> None:
    add(store, kept())

    with store.transaction() as tx:
        assert key_rows.is_name_taken(tx, "triage-batch", NOW)
        assert not key_rows.is_name_taken(tx, "other", NOW)
        assert not key_rows.is_name_taken(tx, "triage-batch", NOW + timedelta(days=90))
        key_rows.set_ended(tx, kept().key_id, "withdrawn", "baba@example.jp", NOW, "not needed")
        assert not key_rows.is_name_taken(tx, "triage-batch", NOW)
