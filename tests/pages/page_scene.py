"""A small company with calls from September to November 2026, so plain that every sum can be reckoned by hand.

On each working day from 1 September to 20 November:

- 問合せ分類 (support): two calls of one thread at gpt-big, 1,000,000 tokens in, 100,000 out: 3.50 USD each.
- 見積書の読取り (purchasing): one call at gpt-small, 2,000,000 in, 200,000 out: 0.42 USD.
- on Mondays one call of no task at mystery-1, which has no price.

A dollar is 150.00 yen, from 20 November on 154.20. So a day costs 2 × 525 + 63 = 1,113 yen, 20 November
2 × 539.7 + 64.764 = 1,144.164. September and October have 22 working days, November up to the 20th has 15.
Besides, 20 seats cost 10,000 yen a month, a fifth of it unused, spread by calls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from jitsuri.access.records import departments as department_rows
from jitsuri.access.shapes import Arrangement, Department
from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.shapes import Call, Fault, Run
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records import costs as cost_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.shapes.costs import CostLine
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.pricing import (
    Block,
    BookInfo,
    BookUse,
    Clause,
    ModelSheet,
    PriceBook,
    UnitPrice,
    Vendor,
)
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.wire.packing import packed, sealed
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Group, Task, TaskRule
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.money import exact_product, to_ledger_jpy
from jitsuri.terms.period import COMPANY_ZONE
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
"""Sunday 22 November 2026, 14:00 in Tokyo: the clock of ``console_parts``."""

FIRST, LAST = date(2026, 9, 1), date(2026, 11, 20)
MORNING = timedelta(hours=10)
RUN = derived_id("run", "scene")
GROUP = derived_id("group", "daily report")

BIG = Usage(input_tokens=1_000_000, output_tokens=100_000)
SMALL = Usage(input_tokens=2_000_000, output_tokens=200_000)


def sheet(model: str, given: str, made: str, **more: object) -> ModelSheet:
    """A model of openai's, priced per million tokens of input and output."""
    units = tuple(
        UnitPrice(kind, Decimal(price), 1_000_000)
        for kind, price in (("input_tokens", given), ("output_tokens", made))
        if price
    )
    plain = ModelSheet(
        "openai",
        model,
        "USD",
        (Block("standard", units),),
        "test",
        match=Clause("equals", model),
        context_window=5_000_000,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def dearer(model: ModelSheet, on: date, given: str, made: str) -> ModelSheet:
    """The same with an announced price."""
    units = (
        UnitPrice("input_tokens", Decimal(given), 1_000_000), UnitPrice("output_tokens", Decimal(made), 1_000_000)
    )  # fmt: skip
    return replace(model, blocks=(*model.blocks, Block(on.isoformat(), units, starts_on=on)))


@cache
def book() -> PriceBook:
    """gpt-big doubles on 1 January 2027; of the others gpt-tiny is cheapest, and most are no candidates."""
    sheets = (
        dearer(sheet("gpt-big", "2.50", "10.00"), date(2027, 1, 1), "5.00", "20.00"),
        sheet("gpt-small", "0.15", "0.60"),
        sheet("gpt-tiny", "0.05", "0.40"),
        sheet("gpt-short", "0.01", "0.01", context_window=1_500_000),
        sheet("gpt-gone", "0.01", "0.01", is_deprecated=True),
        sheet("gpt-embedding", "0.01", ""),
        sheet("gpt-input-only", "0.01", ""),
        sheet("gpt-4o-realtime", "0.01", "0.01"),
        sheet("gpt-huge", "25.00", "100.00"),
    )
    vendor = Vendor("openai", "OpenAI", Clause("equals", "openai"), Clause("starts_with", "gpt"), (), sheets)
    return sealed(PriceBook("", "test prices", date(2026, 11, 1), (vendor,)))


def rate_on(day: date) -> Rate:
    value, on = (Decimal("154.20"), LAST) if day >= LAST else (Decimal("150.00"), date(2026, 8, 31))
    return Rate(derived_id("rate", on.isoformat()), "USD", on, "TTM", value, "sample.csv")


@dataclass
class Scene:
    """The furnished database."""

    store: Store
    book: PriceBook
    tasks: dict[str, Task]
    calls: list[Call]

    def call(self, task: str, day: date) -> Call:
        """The first call of a task on a day."""
        return min(
            (c for c in self.calls if c.task == task and c.at.astimezone(COMPANY_ZONE).date() == day),
            key=lambda c: c.at,
        )


def working_days(first: date = FIRST, last: date = LAST) -> list[date]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def at(day: date, minutes: int = 0) -> datetime:
    """Ten o'clock in Tokyo, and so many minutes."""
    return datetime.combine(day, datetime.min.time(), COMPANY_ZONE) + MORNING + timedelta(minutes=minutes)


def make(
    name: str,
    day: date,
    minutes: int,
    task: str,
    department: str,
    model: str,
    usage: Usage,
    cost: str,
    **changes: object,
) -> tuple[Call, Entry]:
    """A call with its one line, converted at its day's rate; ``cost`` '' has no price."""
    its_id = derived_id("call", "scene", name)
    thread = derived_id("thread", "scene", task, day.isoformat()) if task == "inquiry-triage" else its_id
    rate = rate_on(day)
    when = at(day, minutes)
    priced = cost != ""
    usd = Decimal(cost or 0)
    status = str(changes.get("status", "ok"))
    entry = Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=thread,
        kind="attempt", corrects=None, at=when, day=day, booked_at=NOW - timedelta(days=1), task=task,
        department=department, provider="openai", model=model, model_asked=model, model_answered=model, region="",
        tier="", purpose="", status=status, http_status=200 if status == "ok" else 500,  # type: ignore[arg-type]
        error_code="" if status == "ok" else "server_error", calls=1, usage=usage,
        usage_raw={"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens},
        latency_ms=800 + minutes, first_token_ms=None, state="priced" if priced else "unpriced",
        reason="" if priced else "price_missing_model", currency="USD" if priced else "",
        cost=usd if priced else None, price_block="standard" if priced else "", price_book=book().book_id,
        rate_id=rate.rate_id if priced else None, rate=rate.rate if priced else None,
        cost_jpy=to_ledger_jpy(exact_product(usd, rate.rate)) if priced else None, reported_cost=None,
        reported_currency="", source="import:openai", run_id=RUN,
    )  # fmt: skip
    call = Call(
        its_id, its_id.bytes, when, thread, task, department, GROUP if not task else derived_id("group", task), "openai",
        model, status, "key-1", "openai", RUN, 1 + day.toordinal() % 1000 * 10 + minutes, {"truth_id": name},  # type: ignore[arg-type]
    )  # fmt: skip
    return call, entry


def of_day(day: date) -> list[tuple[Call, Entry]]:
    told = day.isoformat()
    made = [
        make(f"triage-{n}-{told}", day, n, "inquiry-triage", "support", "gpt-big", BIG, "3.50") for n in (0, 1)
    ]  # fmt: skip
    made.append(make(f"quotation-{told}", day, 2, "quotation-extraction", "purchasing", "gpt-small", SMALL, "0.42"))
    if day.weekday() == 0:
        made.append(make(f"report-{told}", day, 3, "", "", "mystery-1", Usage(input_tokens=500, output_tokens=50), ""))
    return made


def furnish(store: Store) -> Scene:
    """Write the company into an empty database."""
    made = [pair for day in working_days() for pair in of_day(day)]
    calls, entries = [call for call, _ in made], [entry for _, entry in made]
    tasks = {
        "inquiry-triage": task("inquiry-triage", "問合せ分類", "Inquiry triage", "support", "営業支援課長"),
        "quotation-extraction": task(
            "quotation-extraction", "見積書の読取り", "Quotation extraction", "purchasing", ""
        ),
    }
    prices = book()
    with store.transaction() as tx:
        department_rows.apply(tx, Arrangement(tuple(departments()), (), 0))
        for one in tasks.values():
            routing_rows.save_task(tx, one)
        its_id = derived_id("rule", "metadata", "app=triage")
        routing_rows.save_rule(
            tx, TaskRule(its_id, 0, "metadata", "app=triage", "inquiry-triage"), "aoki@example.jp", NOW
        )
        routing_rows.add_groups(tx, [group()])
        run_rows.save(tx, run(len(calls)))
        run_rows.save_faults(tx, RUN, [Fault(7, "not_json", {"at": 12}), Fault(9, "usage_missing", {})])
        call_rows.insert_many(tx, calls)
        rate_rows.insert_many(tx, [rate_on(FIRST), rate_on(LAST)], "aoki@example.jp", NOW - timedelta(days=2))
        info = BookInfo(prices.book_id, prices.source, NOW - timedelta(days=3), prices.published_on, prices.models)
        book_rows.save(tx, info, packed(prices))
        book_rows.use(tx, BookUse(prices.book_id, NOW - timedelta(days=3), "jitsuri", "first_start"))
        entry_rows.insert_many(tx, entries)
        cost_rows.insert_many(tx, [seats()], "aoki@example.jp", NOW - timedelta(days=2))
    return Scene(store, prices, tasks, calls)


def task(name: str, ja: str, en: str, department: str, owner: str) -> Task:
    return Task(name, ja, en, department, owner, "production", "internal", Decimal("0.05"), NOW - timedelta(days=90))


def departments() -> list[Department]:
    """営業支援課 belonged to 営業部 until October, and to 本社 from November on."""
    early, late = date(2026, 4, 1), date(2026, 11, 1)
    return [
        Department("hq", "本社", "Headquarters", "", "1000", early),
        Department("sales", "営業部", "Sales", "hq", "2000", early),
        Department("support", "営業支援課", "Sales support", "sales", "2100", early, late - timedelta(days=1)),
        Department("support", "営業支援課", "Sales support", "hq", "2100", late),
        Department("purchasing", "購買課", "Purchasing", "hq", "3000", early),
    ]


def seats() -> CostLine:
    return CostLine(
        derived_id("cost", "seats"), "seats", "対話アシスタントの席（見本）", Decimal(10_000), "JPY", "monthly", date(2026, 9, 1),
        None, "", "", "", "by_calls", Decimal("0.2"),
    )  # fmt: skip


def group() -> Group:
    return Group(GROUP, "template", "", "次の日報をまとめてください。", 11, at(FIRST), at(LAST))


def run(calls: int) -> Run:
    started = NOW - timedelta(days=1)
    return Run(
        RUN, "calls.jsonl", "openai", started, started + timedelta(seconds=12), "done", calls + 2, calls, 0, 2, 0,
        at(FIRST), at(LAST, 2),
    )  # fmt: skip
