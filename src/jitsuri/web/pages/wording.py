"""Wording: names of tasks, departments and models, and the line that says under what a page's numbers hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import reduce

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import tree_at
from jitsuri.access.shapes import Department
from jitsuri.flows.cold.opportunities import Proof
from jitsuri.flows.cold.viewing.basing import Basis
from jitsuri.ledger.shapes.rates import Rate, RateKind
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month, company_day, month_of
from jitsuri.web.desk import Desk, PageRequest, PeriodChoice
from jitsuri.web.formatting import about, day, day_short, moment
from jitsuri.web.periods import period_choice
from jitsuri.words import Language, sentence, text


class Names:
    """Names as the page's language has them. Templates call these as ``names.…``."""

    def __init__(self, lang: Language, tasks: Mapping[str, Task], tree: Mapping[str, Department]) -> None:
        self._lang = lang
        self._tasks = tasks
        self._tree = tree

    def task(self, name: str) -> str:
        """A task's title; its short name where nobody has defined it."""
        if not name:
            return text("word.unassigned", self._lang)
        task = self._tasks.get(name)
        return name if task is None else (task.title_ja if self._lang == "ja" else task.title_en) or name

    def department(self, code: str) -> str:
        """A department's name in the tree of the month; its code where the tree has none."""
        if not code:
            return text("word.unassigned", self._lang)
        found = self._tree.get(code)
        return code if found is None else (found.name_ja if self._lang == "ja" else found.name_en) or code

    def department_of(self, name: str) -> str:
        """The code of the department that a task belongs to; '' for none."""
        task = self._tasks.get(name)
        return task.department if task is not None else ""

    def tasks(self) -> list[tuple[str, str]]:
        """(name, title) of every task, by title."""
        return sorted(((name, self.task(name)) for name in self._tasks), key=lambda pair: pair[1])

    def departments(self) -> list[tuple[str, str]]:
        """(code, name) of every department of the tree, by code."""
        return [(code, self.department(code)) for code in sorted(self._tree)]

    def task_list(self, names: Iterable[str]) -> str:
        """The titles of several tasks as one text."""
        return self.joined(self.task(name) for name in names)

    def joined(self, parts: Iterable[str]) -> str:
        """Several names as one text."""
        return text("ui.list_separator", self._lang).join(parts)


def names_in(tx: Connection, lang: Language, on: date) -> Names:
    """The names that hold on a day."""
    return Names(lang, routing_rows.tasks(tx), tree_at(department_rows.everything(tx), on))


def rate_kind(desk: Desk) -> RateKind:
    """Which exchange rates the company converts with."""
    kinds: dict[str, RateKind] = {"TTM": "TTM", "TTS": "TTS", "TTB": "TTB", "CARD": "CARD"}
    return kinds[desk.settings.text("money.rate_kind")]


def proof(desk: Desk) -> Proof:
    """What the company assumes that a proof takes."""
    told = desk.settings
    return Proof(
        told.decimal("proof.discordance"), told.decimal("proof.seconds_per_label"),
        told.decimal("proof.labour_jpy_per_hour"), told.decimal("proof.margin"),
    )  # fmt: skip


def basis_text(basis: Basis, lang: Language, *, period: str = "") -> str:
    """Period, exchange rate with kind and date, tax, time: what stands under a page's head."""
    at = text("basis.at", lang, at=moment(basis.now, lang))
    parts = [period, rate_text(basis, lang), text("basis.no_tax", lang), at]
    return reduce(lambda first, second: text("basis.joined", lang, first=first, second=second), filter(None, parts))


def rate_text(basis: Basis, lang: Language) -> str:
    """The dollar's rate: ``1ドル 154.20円（TTM 11/20）``, with 想定 and with how many days had their own."""
    rate = basis.rate
    if rate is None:
        return text("basis.no_rate", lang)
    shown = one_rate(rate, lang)
    if basis.rates > 1:
        return text("basis.each_day", lang, rate=shown, count=basis.rates)
    return shown


def one_rate(rate: Rate, lang: Language) -> str:
    """One exchange rate with its kind and day."""
    number = f"{rate.rate:,f}"
    if rate.kind == "ASSUMED":
        return text("basis.assumed", lang, currency=rate.currency, rate=number)
    facts = {"rate": number, "kind": rate.kind, "day": day_short(rate.on, lang)}
    if rate.currency == "USD":
        return text("basis.dollar", lang, **facts)
    return text("basis.rate", lang, currency=rate.currency, **facts)


def span_text(first: date, last: date, lang: Language) -> str:
    """A span of days."""
    return day(first, lang) if first == last else text("basis.span", lang, first=day(first, lang), last=day(last, lang))


def refused(refusal: Refusal, lang: Language) -> str:
    """The sentence of a refusal."""
    return sentence("refusal", refusal.code, lang, refusal.facts)


def period_of(desk: Desk, request: PageRequest, shown: Month, basis: Basis) -> PeriodChoice:
    """The menu of months that a page offers: from the ledger's first month to the present one."""
    now = month_of(company_day(request.now, desk.zone))
    first = basis.months[0] if basis.months is not None else None
    last = max(now, basis.months[1]) if basis.months is not None else now
    return period_choice(shown, request.query, request.lang, first=first, last=last, starts_in=desk.fiscal_start)


def about_seconds(seconds: Decimal, lang: Language) -> str:
    """A length of time that is an estimate: 約70分."""
    return about(timedelta(seconds=int(seconds)), lang)
