"""検知: what checks saw, where, how sure they were and what was done; never what it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID

from jitsuri.flows.cold.viewing.opening_guards import DAYS, by_type, days_until
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.records.searching import EXEMPT, RunFilter, search, types_found
from jitsuri.guardrails.shapes import ACTIONS, TYPES, Counted, Direction, GuardRun, KeptFinding, Outcome
from jitsuri.store.door import Connection, without_nul
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Fields, Page, PageRequest, Route
from jitsuri.web.pages.addressing import NOBODY, Links, named
from jitsuri.web.pages.picturing import check_name, finding_bars, guarded_name, reason_text, type_name
from jitsuri.web.pages.wording import Names, names_in
from jitsuri.words import Language, text

PAGE_RUNS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OUTCOMES: tuple[Outcome, ...] = ("observed", "altered", "kept_in", "blocked", "failed")
"""A clean run holds no finding and is not listed."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finding in words."""

    kept: KeptFinding
    type: str
    why: str


@dataclass(frozen=True, slots=True)
class ToldRun:
    """A run in words."""

    run: GuardRun
    findings: tuple[Told, ...]
    ran: str
    untold: tuple[str, ...]
    """A sentence for each check that could not tell."""
    ms: str


def show_findings(desk: Desk, request: PageRequest) -> Answer:
    """Runs by filter, newest first, and their findings per day as a picture."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    wanted = asked(request.query)
    days = days_until(today)
    with desk.store.reading() as tx:
        runs = search(tx, wanted, _place(request.query.get("after")), PAGE_RUNS + 1)
        counted = _counted(tx, wanted, days)
        names = names_in(tx, lang, today)
        types = types_found(tx)
    shown = runs[:PAGE_RUNS]
    kinds = by_type(counted, days)
    shows = {
        "runs": [_told(run, lang) for run in shown],
        "named": lambda task: guarded_name(task, names, lang),
        "link": Links(),
        "asked": _asked(request.query, wanted),
        "choices": _choices(names, types, lang),
        "bars": finding_bars(kinds, days, lang) if kinds else None,
        "days": DAYS,
        "older": request.query.but(after=_written(shown[-1])) if len(runs) > PAGE_RUNS else "",
        "newest": request.query.but(after=None) if request.query.get("after") else "",
    }
    return Page("guard_findings.html", shows)


def asked(query: Fields) -> RunFilter:
    """What an address asks for; what cannot be read in it counts as not asked."""
    task = without_nul(query.get("task"))
    return RunFilter(
        task=named(task) if task else None,
        type=without_nul(query.get("type"))[:100],
        action=_one_of(query.get("action"), (*ACTIONS, EXEMPT)),
        direction=_one_of(query.get("direction"), get_args(Direction)),
        outcome=_one_of(query.get("outcome"), _OUTCOMES),
        day=_day(query.get("day")),
    )


def _counted(tx: Connection, wanted: RunFilter, days: Sequence[date]) -> list[Counted]:
    """The counts that the filter lets through, the day aside."""
    return [
        one
        for one in run_rows.counted(tx, days[0], days[-1], wanted.task)
        if (not wanted.type or one.type == wanted.type)
        and (not wanted.action or one.action == wanted.action)
        and (not wanted.direction or one.direction == wanted.direction)
    ]


def _told(run: GuardRun, lang: Language) -> ToldRun:
    ran = [check_name(one.check, lang) for one in run.checks if one.state == "ran"]
    untold = [
        text(
            "page.findings.untold",
            lang,
            check=check_name(one.check, lang),
            state=text(f"guard_state.{one.state}", lang),
        )
        for one in run.checks
        if one.state != "ran"
    ]
    findings = tuple(
        Told(one, type_name(one.type, lang), reason_text(one.reason, lang)) for one in run.findings
    )  # fmt: skip
    joined = text("ui.list_separator", lang).join(ran) or text("page.findings.ran_none", lang)
    return ToldRun(run, findings, joined, tuple(untold), f"{Decimal(run.latency_us) / 1000:,.1f}")


def _asked(query: Fields, wanted: RunFilter) -> dict[str, str]:
    return {
        "task": query.get("task"), "type": wanted.type, "action": wanted.action, "direction": wanted.direction,
        "outcome": wanted.outcome, "day": wanted.day.isoformat() if wanted.day else "",
    }  # fmt: skip


def _choices(names: Names, types: Sequence[str], lang: Language) -> dict[str, list[tuple[str, str]]]:
    every = ("", text("page.findings.any", lang))
    kinds = dict.fromkeys([*TYPES, *types])
    return {
        "task": [every, (NOBODY, text("page.guards.unassigned", lang)), *names.tasks()],
        "type": [every, *((code, type_name(code, lang)) for code in kinds)],
        "action": [every, *((code, text(f"guard_action.{code}", lang)) for code in (*ACTIONS, EXEMPT))],
        "direction": [every, *((code, text(f"guard_direction.{code}", lang)) for code in get_args(Direction))],
        "outcome": [every, *((code, text(f"guard_outcome.{code}", lang)) for code in _OUTCOMES)],
    }


def _one_of(told: str, allowed: Sequence[str]) -> str:
    return told if told in allowed else ""


def _day(told: str) -> date | None:
    try:
        return date.fromisoformat(told)
    except ValueError:
        return None


def _place(told: str) -> tuple[datetime, UUID] | None:
    at, _, run_id = told.partition("_")
    try:
        its_id = UUID(run_id)
    except ValueError:
        return None
    if not (at.isascii() and at.isdigit()) or len(at) > 17:
        return None
    return _EPOCH + int(at) * _MICROSECOND, its_id


def _written(run: GuardRun) -> str:
    return f"{(run.at - _EPOCH) // _MICROSECOND}_{run.run_id}"


ROUTES: tuple[Route, ...] = (Route("GET", "/guards/findings", "see_calls", show_findings),)
