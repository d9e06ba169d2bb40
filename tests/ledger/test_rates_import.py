"""Files of rates as banks and accountants send them; every mistake by its line, nothing half done."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from jitsuri.flows.cold.keeping_rates import RatesTaken, add_rate, all_rates, import_rates, rates_in_use
from jitsuri.flows.cold.reading_tables import day_of, number_of
from jitsuri.ledger.records.rates import latest
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES
from jitsuri.words import text as sentence

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 2, tzinfo=UTC)

WIDE = """,,,,,,参考値,
,米ドル,ユーロ,韓国ウォン,,,韓国ウォン
,USD,EUR,KRW(100),,KRW(100),JPY
2026/11/19,154.10,179.00,10.55,,99.99,1
2026/11/20,154.20,179.35,*****,,10.60,1
"""
LONG = """日付,通貨,仲値,電信売,電信買,備考
2026年11月20日,USD,154.20,155.20,153.20,
20261120,EUR,,180.85,177.85,
2026-11-20,ＫＲＷ(100),10.60,,-,ウォン
"""


def rows(store: Store) -> list[tuple[str, str, str, str]]:
    return sorted((r.currency, r.kind, str(r.on), format(r.rate.normalize(), "f")) for r in all_rates(store))


def refused(store: Store, text: str, kind: RateKind = "TTM") -> list[tuple[str, object]]:
    outcome = import_rates(store, NOW, "aoki", text.encode(), "kawase.csv", kind)
    assert isinstance(outcome, tuple), outcome
    assert rows(store) == []
    assert all(sentence(f"refusal.{fault.code}", lang, **fault.facts) for fault in outcome for lang in LANGUAGES)
    return [(fault.code, fault.facts.get("line")) for fault in outcome]


@pytest.mark.parametrize("encoding", ["cp932", "utf-8-sig"])
def test_a_banks_wide_table_goes_in(store: Store, encoding: str) -> None:
    taken = import_rates(store, NOW, "aoki", WIDE.encode(encoding), "quote.csv")
    assert taken == RatesTaken(6, 0, 0, date(2026, 11, 19), date(2026, 11, 20))
    assert rows(store) == [
        ("EUR", "TTM", "2026-11-19", "179"),
        ("EUR", "TTM", "2026-11-20", "179.35"),
        ("KRW", "TTM", "2026-11-19", "0.1055"),
        ("KRW", "TTM", "2026-11-20", "0.106"),
        ("USD", "TTM", "2026-11-19", "154.1"),
        ("USD", "TTM", "2026-11-20", "154.2"),
    ]


def test_a_long_table_goes_in_and_the_middle_is_reckoned(store: Store) -> None:
    taken = import_rates(store, NOW, "aoki", LONG.encode("cp932"), "kawase.csv")
    assert taken == RatesTaken(7, 0, 0, date(2026, 11, 20), date(2026, 11, 20))
    assert rows(store) == [
        ("EUR", "TTB", "2026-11-20", "177.85"),
        ("EUR", "TTM", "2026-11-20", "179.35"),
        ("EUR", "TTS", "2026-11-20", "180.85"),
        ("KRW", "TTM", "2026-11-20", "0.106"),
        ("USD", "TTB", "2026-11-20", "153.2"),
        ("USD", "TTM", "2026-11-20", "154.2"),
        ("USD", "TTS", "2026-11-20", "155.2"),
    ]
    sources = {(r.currency, r.kind): r.source for r in all_rates(store)}
    assert sources["EUR", "TTM"] == "kawase.csv (TTS+TTB)/2"
    assert sources["USD", "TTM"] == "kawase.csv"


def test_a_plain_rate_column_is_of_the_kind_told(store: Store) -> None:
    import_rates(store, NOW, "aoki", b"date,currency,rate\n2026-11-20,USD,156.71\n", "card.csv", "CARD")
    assert rows(store) == [("USD", "CARD", "2026-11-20", "156.71")]


def test_a_repeated_import_adds_nothing_and_leaves_no_evidence(store: Store) -> None:
    import_rates(store, NOW, "aoki", WIDE.encode(), "quote.csv")
    assert import_rates(store, LATER, "aoki", WIDE.encode("cp932"), "again.csv") == RatesTaken(0, 0, 6, None, None)
    with store.reading() as tx:
        acts = tx.execute("SELECT act, facts FROM evidence_records").fetchall()
    assert [(act, facts["rows"], facts["currencies"]) for act, facts in acts] == [
        ("rates_imported", 6, ["EUR", "KRW", "USD"])
    ]


def test_a_correction_is_a_new_row_and_the_way_back_another(store: Store) -> None:
    for hour, value in enumerate(("154.20", "15.42", "154.20")):
        taken = add_rate(
            store, NOW.replace(hour=hour), "aoki", currency="usd", day=date(2026, 11, 20), kind="TTM",
            rate=Decimal(value), source="typed",
        )  # fmt: skip
        assert isinstance(taken, RatesTaken)
        assert (taken.added, taken.corrected, taken.known) == ((1, 0, 0) if hour == 0 else (0, 1, 0))
    assert len(all_rates(store)) == 3
    held = rates_in_use(store, NOW, "TTM", {}).on("USD", date(2026, 11, 21))
    assert held is not None
    assert held.rate == Decimal("154.20")


def test_assumed_rates_of_the_settings_are_kept_once(store: Store) -> None:
    for _ in range(2):
        held = rates_in_use(store, NOW, "TTM", {"USD": Decimal("150.0")}).on("USD", date(2020, 1, 1))
        assert held is not None
        assert (held.kind, held.rate) == ("ASSUMED", Decimal(150))
    changed = rates_in_use(store, LATER, "TTM", {"USD": Decimal(155)}).on("USD", date(2020, 1, 1))
    assert changed is not None
    assert changed.rate == Decimal(155)
    assert [r.rate for r in all_rates(store)] == [Decimal("150.0"), Decimal(155)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("table_empty", None)]),
        ("date,currency\n2026-11-20,USD\n", [("rate_missing_in_row", 2)]),
        ("date,TTM\n2026-11-20,154\n", [("column_missing", 1)]),
        ("date,currency,TTM\n2026-11-31,USD,154\n2026-11-20,US,x\n", [("cell_not_day", 2), ("currency_invalid", 3)]),
        ("date,currency,TTM\n2026-11-20,USD,1.5e2\n", [("cell_not_number", 2)]),
        ("date,currency,TTM\n2026-11-20,USD,0\n2026-11-20,EUR,-1\n",
         [("rate_not_positive", 2), ("rate_not_positive", 3)]),
        ("date,currency,TTM\n2026-11-23,USD,154\n", [("rate_of_future", 2)]),
        ("date,currency,TTM\n2026-11-20,USD,154\n2026/11/20,USD,155\n", [("rate_double", 3)]),
        ("date,currency,TTM\n2026-11-20,JPY,1\n", [("currency_invalid", 2)]),
        (",USD,EUR\n2026/11/20,154,x\nfoo,1,2\n", [("cell_not_number", 2), ("cell_not_day", 3)]),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_line_and_nothing_goes_in(
    store: Store, text: str, expected: list[tuple[str, object]]
) -> None:
    assert refused(store, text) == expected


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-20", date(2026, 11, 20)),
        ("2026/1/2", date(2026, 1, 2)),
        ("20260102", date(2026, 1, 2)),
        ("２０２６年１月２日", date(2026, 1, 2)),
        ("2026112", None),
        ("26/11/20", None),
        ("2026-02-29", None),
        ("46346", None),
    ],
)
def test_days(text: str, day: date | None) -> None:
    assert day_of(text) == day


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.50", "1234.50"),
        ("１２．５", "12.5"),
        ("-3", "-3"),
        ("1,23", None),
        ("1e3", None),
        ("NaN", None),
        ("", None),
    ],
)
def test_numbers(text: str, number: str | None) -> None:
    assert number_of(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize("kind", ["TTM", "TTS"])
def test_the_index_finds_what_the_rule_says(store: Store, kind: RateKind) -> None:
    import_rates(store, NOW, "aoki", WIDE.encode(), "quote.csv")
    import_rates(store, NOW, "aoki", LONG.encode(), "kawase.csv")
    add_rate(
        store, LATER, "aoki", currency="USD", day=date(2026, 11, 19), kind="TTM", rate=Decimal("154.15"), source="typed"
    )  # fmt: skip
    rates = rates_in_use(store, LATER, kind, {"USD": Decimal(150), "GBP": Decimal(200)})
    rates = rates_in_use(store, LATER.replace(hour=3), kind, {"USD": Decimal(151), "GBP": Decimal(200)})
    with store.reading() as tx:
        for currency in ("USD", "EUR", "KRW", "GBP", "CHF"):
            for day in (date(2026, 11, 18), date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 22)):
                assert latest(tx, currency, day, kind) == rates.on(currency, day), (currency, day)
