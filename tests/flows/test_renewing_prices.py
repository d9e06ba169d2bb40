"""Renewing the price book and pricing again, on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.renewing_prices import (
    Repriced,
    apply_update,
    book_in_use,
    ensure_book,
    is_newer_installed,
    names_in_ledger,
    propose_update,
    reprice,
    stored_book,
)
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import moves
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import PriceBook, Priced
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.wire.compiling import installed_source
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import exact_product, to_ledger_jpy
from jitsuri.terms.period import Month
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
ASKED = datetime(2026, 10, 20, 3, tzinfo=UTC)
RATE = Rate(derived_id("rate", "usd"), "USD", date(2026, 10, 1), "TTM", Decimal(150), "test")

ONPREM = """
[[price]]
provider = "onprem"
model = "qwen3-32b"
currency = "JPY"
input = 10
output = 50
source = "power and rent"
"""


def rate_on(currency: str, day: date) -> Rate | None:
    return RATE if currency == "USD" else None


def written(
    store: Store, book: PriceBook, number: int, provider: str, model: str, usage: Usage, **changes: object
) -> Entry:
    """An attempt as an import writes it: priced by this book at 150 yen a dollar."""
    its_id = derived_id("call", str(number))
    found = Pricer(book).price(provider, model, usage, ASKED)
    is_priced = isinstance(found, Priced)
    entry = Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=its_id,
        kind="attempt", corrects=None, at=ASKED, day=date(2026, 10, 20), booked_at=ASKED, task="triage",
        department="sales", provider=found.provider if is_priced else provider,
        model=found.model if is_priced else model, model_asked=model, model_answered="", region="", tier="", purpose="",
        status="ok", http_status=200, error_code="", calls=1, usage=usage, usage_raw=None, latency_ms=500,
        first_token_ms=None, state="priced" if is_priced else "unpriced", reason="" if is_priced else found.code,
        currency=found.currency if is_priced else "", cost=found.cost if is_priced else None,
        price_block=found.block if is_priced else "", price_book=book.book_id,
        rate_id=RATE.rate_id if is_priced else None, rate=RATE.rate if is_priced else None,
        cost_jpy=to_ledger_jpy(exact_product(found.cost, RATE.rate)) if is_priced else None, reported_cost=None,
        reported_currency="", source="import:openai", run_id=None,
    )  # fmt: skip
    entry = replace(entry, **changes)  # type: ignore[arg-type]
    with store.transaction() as tx:
        entry_rows.insert_many(tx, [entry])
    return entry


def changed_file(path: Path, provider: str, model: str, prices: dict[str, float], book: PriceBook) -> Path:
    """A published file with one model, as a vendor's price change would bring it."""
    row = {"id": provider, "name": provider, "models": [{"id": model, "match": {"equals": model}, "prices": prices}]}
    path.write_text(json.dumps([row]), "utf-8")
    return path


def month(store: Store, by: Iterable[str] = ()) -> dict[tuple[str, ...], tuple[int, int, Decimal]]:
    """Calls, unpriced and yen of October, by these dimensions."""
    first = date(2026, 10, 1)
    names = tuple(by)
    with store.reading() as tx:
        found = totals(tx, "month", first, first, names)  # type: ignore[arg-type]
        days = totals(tx, "day", date(2026, 10, 20), date(2026, 10, 20), names)  # type: ignore[arg-type]
    rows = {tuple(getattr(t, name) for name in names): (t.calls, t.unpriced, t.cost_jpy) for t in found}
    assert rows == {tuple(getattr(t, name) for name in names): (t.calls, t.unpriced, t.cost_jpy) for t in days}
    return rows


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(ONPREM, "utf-8")
    return path


def test_the_first_start_takes_the_installed_library_in(store: Store) -> None:
    book = ensure_book(store, NOW, None)

    assert book.source == installed_source()
    assert not is_newer_installed(book)
    with store.reading() as tx:
        kept = book_in_use(tx)
        (record,) = [listed.record for listed in evidence_rows.recent(tx, 10)]
    assert kept is not None
    assert (kept[0], kept[1].models, kept[2].author, kept[2].reason) == (book, 2330, "jitsuri", "first_start")
    assert (record.act, record.subject) == ("price_book_used", f"price_book:{book.book_id}")


def test_later_starts_use_what_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    book = ensure_book(store, NOW, None)
    monkeypatch.setattr("jitsuri.flows.cold.renewing_prices.book_from_library", lambda: pytest.fail("read again"))

    assert ensure_book(store, NOW + timedelta(days=1), None) == book
    with store.reading() as tx:
        assert len(book_rows.uses(tx)) == 1


def test_the_own_file_is_followed_at_every_start(store: Store, own_file: Path) -> None:
    plain = ensure_book(store, NOW, None)
    first = ensure_book(store, NOW + timedelta(hours=1), own_file)
    own_file.write_text(ONPREM.replace("input = 10", "input = 20"), "utf-8")
    second = ensure_book(store, NOW + timedelta(hours=2), own_file)
    again = ensure_book(store, NOW + timedelta(hours=3), own_file)
    without = ensure_book(store, NOW + timedelta(hours=4), None)

    assert len({plain.book_id, first.book_id, second.book_id}) == 3
    assert (again, without) == (second, plain)
    with store.reading() as tx:
        uses = [(use.book_id, use.reason) for use in book_rows.uses(tx)]
        assert len(book_rows.books(tx)) == 3
        at = book_rows.in_use(tx, NOW + timedelta(minutes=90))
        assert stored_book(tx, first.book_id) == first
        assert stored_book(tx, "0000000000000000") is None
    changed = "own_prices_changed"
    assert uses == [
        (plain.book_id, changed), (second.book_id, changed), (first.book_id, changed), (plain.book_id, "first_start"),
    ]  # fmt: skip
    assert at is not None
    assert at.book_id == first.book_id


def test_a_clock_set_back_does_not_hide_the_newer_use(store: Store, own_file: Path) -> None:
    ensure_book(store, NOW, None)
    newer = ensure_book(store, NOW - timedelta(days=1), own_file)

    with store.reading() as tx:
        kept = book_in_use(tx)
    assert kept is not None
    assert kept[0] == newer


def test_a_broken_own_file_stops_before_anything_is_written(store: Store, own_file: Path) -> None:
    own_file.write_text(ONPREM.replace("JPY", "yen"), "utf-8")

    with pytest.raises(CallerError, match="override_bad_currency"):
        ensure_book(store, NOW, own_file)
    with store.reading() as tx:
        assert book_rows.books(tx) == []


def test_a_proposal_tells_the_yen_on_the_last_complete_month_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    book = ensure_book(store, NOW, None)
    # gpt-4o at 2.50/10: 3 × (1 × 2.5 + 0.1 × 10) = 10.5 dollars = 1,575 yen
    for number in range(3):
        written(store, book, number, "openai", "gpt-4o", Usage(1_000_000, 100_000))
    file = changed_file(tmp_path / "data.json", "openai", "gpt-4o", {"input_mtok": 2, "output_mtok": 10}, book)

    proposal = propose_update(store, file, NOW, None, rate_on)
    assert proposal.month == Month(2026, 10)
    assert (proposal.diff.before_jpy, proposal.diff.after_jpy) == (Decimal(1575), Decimal(1350))
    assert ("openai", "gpt-5") in proposal.diff.removed
    with store.reading() as tx:
        kept = book_in_use(tx)
        assert names_in_ledger(tx) == [("openai", "gpt-4o")]
    assert kept is not None
    assert kept[0] == book


def test_an_update_prices_what_comes_and_keeps_what_stands(store: Store, tmp_path: Path, own_file: Path) -> None:
    book = ensure_book(store, NOW, own_file)
    written(store, book, 1, "openai", "gpt-4o", Usage(1_000_000, 100_000))
    file = changed_file(tmp_path / "data.json", "openai", "gpt-4o", {"input_mtok": 2, "output_mtok": 10}, book)
    proposal = propose_update(store, file, NOW, own_file, rate_on)

    info = apply_update(store, proposal.book, NOW + timedelta(hours=1), "aoki", "December prices")
    after = ensure_book(store, NOW + timedelta(hours=2), own_file)
    assert after == proposal.book
    assert (after.source, info.source, len(after.overrides)) == ("file data.json", "file data.json", 1)
    assert month(store) == {(): (1, 0, Decimal("525.000000"))}
    with store.reading() as tx:
        kept = book_in_use(tx)
    assert kept is not None
    assert (kept[2].author, kept[2].reason) == ("aoki", "December prices")
    with pytest.raises(CallerError, match="price_reason_missing"):
        apply_update(store, proposal.book, NOW, "aoki", "  ")


def test_unpriced_calls_are_priced_by_new_lines_once_the_price_is_known(store: Store, own_file: Path) -> None:
    before = ensure_book(store, NOW, None)
    for number in range(3):
        written(store, before, number, "onprem", "qwen3-32b", Usage(1_000_000, 100_000))
    written(store, before, 9, "openai", "gpt-4o", Usage(1_000_000, 100_000))
    written(store, before, 10, "onprem", "unknown", Usage(10, 1))
    assert month(store) == {(): (5, 4, Decimal("525.000000"))}
    book = ensure_book(store, NOW, own_file)

    done = reprice(store, NOW, book, "aoki", "own machine", rate_on, is_only_open=True)
    # 3 × (1 × 10 + 0.1 × 50) = 45 yen
    assert done == Repriced(4, 3, 0, 1, 0, 6, Decimal("45.000000"))
    assert month(store) == {(): (5, 1, Decimal("570.000000"))}
    assert month(store, ["model"])["qwen3-32b",] == (3, 0, Decimal("45.000000"))

    again = reprice(store, NOW, book, "aoki", "own machine", rate_on, is_only_open=True)
    assert again == Repriced(1, 0, 0, 1, 0, 0, Decimal(0))
    with store.reading() as tx:
        records = [listed.record for listed in evidence_rows.recent(tx, 10)]
    assert [r.facts["newly_priced"] for r in records if r.act == "repriced"] in ([0, 3], [3, 0])


def test_a_corrected_price_reprices_by_the_difference_also_after_a_move(store: Store, tmp_path: Path) -> None:
    book = ensure_book(store, NOW, None)
    one = written(store, book, 1, "openai", "gpt-4o", Usage(1_000_000, 100_000))
    written(store, book, 2, "openai", "gpt-4o", Usage(1_000_000, 0))
    written(store, book, 3, "openai", "gpt-5", Usage(1_000_000, 0))
    with store.transaction() as tx:
        moves.move(tx, [one.call_id], "minutes", "", NOW)
    # 525 yen in minutes; 375 + 187.5 in triage
    file = changed_file(tmp_path / "data.json", "openai", "gpt-4o", {"input_mtok": 2, "output_mtok": 10}, book)
    new = propose_update(store, file, NOW, None, rate_on).book

    done = reprice(store, NOW, new, "aoki", "wrong price", rate_on)
    assert done == Repriced(3, 0, 2, 0, 1, 2, Decimal("-150.000000"))
    assert month(store, ["task"]) == {
        ("minutes",): (1, 0, Decimal("450.000000")), ("triage",): (2, 0, Decimal("487.500000")),
    }  # fmt: skip

    assert reprice(store, NOW, new, "aoki", "wrong price", rate_on).lines == 0
    back = reprice(store, NOW, book, "aoki", "it was right", rate_on)
    assert back.difference_jpy == Decimal("150.000000")
    assert month(store)[()] == (3, 0, Decimal("1087.500000"))
    with store.transaction() as tx:
        moves.move(tx, [one.call_id], "triage", "", NOW + timedelta(hours=1))
    assert month(store, ["task"])["triage",] == (3, 0, Decimal("1087.500000"))
    assert month(store, ["task"])["minutes",] == (0, 0, Decimal(0))


def test_only_calls_since_the_day_are_looked_at(store: Store, tmp_path: Path) -> None:
    book = ensure_book(store, NOW, None)
    written(store, book, 1, "openai", "gpt-4o", Usage(1_000_000, 0))
    file = changed_file(tmp_path / "data.json", "openai", "gpt-4o", {"input_mtok": 2, "output_mtok": 10}, book)
    new = propose_update(store, file, NOW, None, rate_on).book

    late = reprice(store, NOW, new, "aoki", "from then on", rate_on, since=ASKED + timedelta(seconds=1))
    assert late.looked_at == 0
    assert reprice(store, NOW, new, "aoki", "from then on", rate_on, since=ASKED).changed == 1
    with pytest.raises(CallerError, match="price_reason_missing"):
        reprice(store, NOW, new, "aoki", "", rate_on)


def test_batches_do_not_change_the_result(store: Store, own_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jitsuri.flows.cold.renewing_prices.BATCH_LINES", 3)
    before = ensure_book(store, NOW, None)
    for number in range(10):
        written(store, before, number, "onprem", "qwen3-32b", Usage(1_000_000, 0), at=ASKED + timedelta(minutes=number))
    seen: list[int] = []

    done = reprice(
        store, NOW, ensure_book(store, NOW, own_file), "aoki", "own machine", rate_on, is_only_open=True,
        on_batch=lambda so_far: seen.append(so_far.looked_at),
    )  # fmt: skip
    assert seen == [3, 6, 9, 10]
    assert (done.newly_priced, done.difference_jpy) == (10, Decimal("100.000000"))
    assert reprice(store, NOW, ensure_book(store, NOW, own_file), "aoki", "again", rate_on).lines == 0
    assert month(store) == {(): (10, 0, Decimal("100.000000"))}
