"""Cost lines on a real database: added, ended by new lines, imported once, spread over the month's usage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from jitsuri.flows.cold.keeping_costs import (
    CostsTaken,
    add_cost,
    all_costs,
    end_cost,
    import_costs,
    month_costs,
    other_costs,
    share_of,
    shares_of,
)
from jitsuri.flows.cold.keeping_rates import add_rate
from jitsuri.ledger.shapes.costs import CostLine
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month
from jitsuri.words import LANGUAGES
from jitsuri.words import text as sentence

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
APRIL = date(2026, 4, 1)
NOVEMBER = Month(2026, 11)
FILE = """種類,名称,金額(税抜),通貨,頻度,開始日,終了日,部門,業務,提供元,配賦,未使用割合,割合,備考
席数,Copilot 40 席,"184,000",,毎月,2026/4/1,,,,openai,件数比,20%,,40 席のうち 8 席は未使用
PTU,GPT PTU,"1,000.50",USD,月額,2026-10-16,,,,,トークン比,,,
GPU賃借,GPU 1 台,300000,JPY,毎月,2026-04-01,2026-11-15,,,,固定比率,,D10/triage=0.6; D20/=40%,
その他,導入研修,50000,JPY,一回,2026-11-10,,D10,,,直接,0,,
"""


def gpu(**changes: object) -> CostLine:
    given: dict[str, object] = {
        "cost_id": UUID(int=0), "kind": "gpu", "name": "GPU 1 台", "amount": Decimal(300000), "currency": "JPY",
        "rhythm": "monthly", "valid_from": APRIL, "valid_to": None, "department": "D10", "task": "", "provider": "",
        "spread": "direct", "unused_share": Decimal("0.5"), **changes,
    }  # fmt: skip
    return CostLine(**given)  # type: ignore[arg-type]


def taken(store: Store, text: str = FILE) -> CostsTaken | list[tuple[str, object]]:
    outcome = import_costs(store, NOW, "aoki", text.encode("cp932"), "hiyou.csv")
    if isinstance(outcome, CostsTaken):
        return outcome
    assert all(sentence(f"refusal.{fault.code}", lang, **fault.facts) for fault in outcome for lang in LANGUAGES)
    return [(fault.code, fault.facts.get("line")) for fault in outcome]


def code(outcome: object) -> str:
    (refusal,) = outcome if isinstance(outcome, tuple) else (outcome,)
    assert isinstance(refusal, Refusal)
    assert all(sentence(f"refusal.{refusal.code}", lang, **refusal.facts) for lang in LANGUAGES)
    return refusal.code


def november(store: Store) -> dict[tuple[str, str, str, bool], Decimal]:
    with store.reading() as tx:
        costs = month_costs(tx, NOVEMBER)
    names = {line.cost_id: line.name for line in all_costs(store)}
    return {(names[a.cost_id], a.department, a.task, a.is_unused): a.amount_jpy for a in costs.amounts}


def usage(store: Store, *rows: tuple[str, str, int, int]) -> None:
    with store.transaction() as tx:
        for department, task, calls, tokens in rows:
            tx.execute(
                "INSERT INTO ledger_months VALUES ('2026-11-01', %s, %s, 'openai', 'm', '', '', %s, 0, 0, 0, %s, 0, "
                "0, 0, 0, 0, 0, 0, 0)",
                (department, task, calls, tokens),
            )


def test_a_file_is_spread_over_the_months_usage(store: Store) -> None:
    assert taken(store) == CostsTaken(4, 0)
    usage(store, ("D10", "triage", 3, 100), ("D20", "rules", 1, 300))
    add_rate(store, NOW, "aoki", currency="USD", day=date(2026, 11, 20), kind="TTM", rate=Decimal(154), source="bank")
    assert november(store) == {
        ("Copilot 40 席", "D10", "triage", False): Decimal("110400.000000"),
        ("Copilot 40 席", "D20", "rules", False): Decimal("36800.000000"),
        ("Copilot 40 席", "", "", True): Decimal("36800.000000"),
        ("GPT PTU", "D10", "triage", False): Decimal("38519.250000"),
        ("GPT PTU", "D20", "rules", False): Decimal("115557.750000"),
        ("GPU 1 台", "D10", "triage", False): Decimal("90000.000000"),
        ("GPU 1 台", "D20", "", False): Decimal("60000.000000"),
        ("導入研修", "D10", "", False): Decimal("50000.000000"),
    }
    with store.reading() as tx:
        assert other_costs(tx, NOVEMBER, NOVEMBER) == Decimal("538077.000000")
        assert other_costs(tx, NOVEMBER, NOVEMBER, "triage") == Decimal("238919.250000")
        assert other_costs(tx, Month(2026, 10), NOVEMBER, "triage") == Decimal("418919.250000")


def test_a_foreign_line_without_any_rate_is_told(store: Store) -> None:
    taken(store)
    with store.reading() as tx:
        costs = month_costs(tx, NOVEMBER)
    assert [line.name for line in costs.unconverted] == ["GPT PTU"]
    assert all(
        line.currency == "JPY" for line in all_costs(store) if line.cost_id in {a.cost_id for a in costs.amounts}
    )


def test_a_repeated_import_adds_nothing_even_after_an_end(store: Store) -> None:
    taken(store)
    line = next(one for one in all_costs(store) if one.name == "GPT PTU")
    end_cost(store, NOW, "aoki", line.cost_id, date(2026, 11, 30))
    assert taken(store) == CostsTaken(0, 4)
    with store.reading() as tx:
        acts = [row[0] for row in tx.execute("SELECT act FROM evidence_records ORDER BY act")]
    assert acts == ["cost_ended", "costs_imported"]


def test_a_line_is_ended_by_a_new_one_and_stays_in_the_past(store: Store) -> None:
    line = add_cost(store, NOW, "aoki", gpu())
    assert isinstance(line, CostLine)
    ended = end_cost(store, NOW, "aoki", line.cost_id, date(2026, 11, 15))
    assert isinstance(ended, CostLine)
    assert ended == replace(line, cost_id=ended.cost_id, valid_to=date(2026, 11, 15), replaces=line.cost_id)
    assert all_costs(store) == [ended]
    assert november(store) == {
        ("GPU 1 台", "D10", "", False): Decimal("75000.000000"),
        ("GPU 1 台", "D10", "", True): Decimal("75000.000000"),
    }
    with store.reading() as tx:
        assert tx.execute("SELECT count(*), count(valid_to) FROM ledger_costs").fetchone() == (2, 1)


def test_what_cannot_be_ended_is_told(store: Store) -> None:
    line = add_cost(store, NOW, "aoki", gpu())
    assert isinstance(line, CostLine)
    assert code(end_cost(store, NOW, "aoki", UUID(int=9), APRIL)) == "cost_unknown"
    assert code(end_cost(store, NOW, "aoki", line.cost_id, date(2026, 3, 30))) == "cost_ends_early"
    ended = end_cost(store, NOW, "aoki", line.cost_id, date(2026, 11, 15))
    assert isinstance(ended, CostLine)
    assert code(end_cost(store, NOW, "aoki", line.cost_id, date(2026, 11, 10))) == "cost_unknown"
    assert code(end_cost(store, NOW, "aoki", ended.cost_id, date(2026, 11, 15))) == "cost_ended"
    earlier = end_cost(store, NOW, "aoki", ended.cost_id, date(2026, 3, 31))
    assert isinstance(earlier, CostLine), "the day before the first one calls the line off"
    assert november(store) == {}


def test_a_line_is_added_once_and_refused_with_its_faults(store: Store) -> None:
    assert isinstance(add_cost(store, NOW, "aoki", gpu()), CostLine)
    assert code(add_cost(store, NOW, "aoki", gpu(note="again", amount=Decimal("300000.00")))) == "cost_known"
    assert code(add_cost(store, NOW, "aoki", gpu(amount=Decimal(-1)))) == "cost_negative"
    assert len(all_costs(store)) == 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("席,x,1,,毎月,2026-04-01,,,,,直接,,,", [("cost_direct_nowhere", 6)]),
        ("席,x,-1,,毎月,2026-04-01,,D10,,,直接,,,", [("cost_negative", 6)]),
        ("机,x,1,,毎月,2026-04-01,,D10,,,直接,,,", [("cell_not_choice", 6)]),
        ("席,x,1,ドル,毎月,2026-04-01,,D10,,,直接,,,", [("currency_invalid", 6)]),
        ("席,x,1,,毎月,2026-04-01,,D10,,,直接,二割,,", [("cost_unused_share", 6)]),
        ("席,x,1,,毎月,2026-04-01,,,,,固定比率,,D10=0.5,", [("cost_shares", 6)]),
        ("席,x,1,,毎月,2026-04-01,,,,,固定比率,,D10:1,", [("cost_shares", 6)]),
        ("席数,Copilot 40 席,184000.0,JPY,monthly,20260401,,,,openai,by_calls,0.2,,", [("cost_double", 6)]),
    ],
)
def test_one_wrong_line_keeps_the_whole_file_out(store: Store, row: str, expected: list[tuple[str, object]]) -> None:
    assert taken(store, FILE + row + "\n") == expected
    assert all_costs(store) == []


def test_shares_as_people_write_them() -> None:
    assert share_of("20％") == Decimal("0.2")
    assert share_of("0.125") == Decimal("0.125")
    assert share_of("a fifth") is None
    assert shares_of("") == ()
    assert shares_of("D10=1") == (("D10", "", Decimal(1)),)
    assert shares_of("/triage=100%") == (("", "triage", Decimal(1)),)
    assert shares_of("=1") is None
    assert shares_of("D10/a/b=1") is None
