"""ゲートウェイ: do its upstreams answer, what is refused, and which calls come in now?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from jitsuri.calls.shapes import Alarm, Status
from jitsuri.flows.cold.viewing.opening_gateway import (
    LIVE_CALLS,
    SILENT_SECONDS,
    GatewayView,
    LiveCalls,
    Tally,
    UpstreamHealth,
    gateway_view,
    live_calls,
    refusals_view,
    upstream_view,
)
from jitsuri.flows.cold.watching import told as told_alarm
from jitsuri.ledger.rules.budgeting import to_jpy
from jitsuri.paper.shapes import Sparkline
from jitsuri.providers.rules.addressing import without_secret
from jitsuri.providers.shapes import Upstream
from jitsuri.store.door import Connection, without_nul
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import moment
from jitsuri.web.pages.addressing import Links, gateway_address
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.wording import names_in
from jitsuri.words import Language, has_text, text

LEDGER_STATUS: Mapping[str, Status] = {
    "ok": "ok", "error": "error", "cut": "cut", "caller_error": "error", "caller_gone": "cut", "gateway_error": "cut",
}  # fmt: skip
"""Under which status the ledger keeps the attempts of an outcome of the meters."""

LIVE_MS, HEALTH_MS = 2_000, 10_000
"""How often the page asks for the newest calls and for health (decision 0024; meters are written every 5 s)."""


def show_gateway(desk: Desk, request: PageRequest) -> Answer:
    """The last hour of the gateway, and its calls as they come."""
    lang = request.lang
    with desk.store.reading() as tx:
        view = gateway_view(tx, request.now, desk.upstreams)
        if wants_csv(request):
            return csv_file("gateway", _head(lang), _lines(view.upstreams))
        live = _live(desk, request, tx)
    shows = {
        **_health(desk, request, view),
        **live,
        "alarms": [_alarm(one, lang) for one in view.alarms],
        "past_alarms": [_alarm(one, lang) for one in view.past_alarms],
        "defined": [(one, _place(one), _key_place(one, lang)) for one in desk.upstreams.values()],
        "default": desk.settings.text("gateway.default_upstream"),
        "base_url": f"{gateway_address(desk, request)}/v1",
        "is_off": desk.settings.integer("gateway.workers") == 0,
        "live_ms": LIVE_MS,
        "health_ms": HEALTH_MS,
    }
    return Page("gateway.html", shows)


def show_live(desk: Desk, request: PageRequest) -> Answer:
    """The part of the page that shows the newest calls."""
    with desk.store.reading() as tx:
        return Page("gateway_live.html", _live(desk, request, tx))


def show_health(desk: Desk, request: PageRequest) -> Answer:
    """The part of the page that shows upstreams, refusals and workers."""
    with desk.store.reading() as tx:
        view = gateway_view(tx, request.now, desk.upstreams)
    return Page("gateway_health.html", _health(desk, request, view))


def show_upstream(desk: Desk, request: PageRequest) -> Answer:
    """What was asked of one upstream in the last hour."""
    name, lang = without_nul(request.words_of("name")), request.lang
    with desk.store.reading() as tx:
        view = upstream_view(tx, request.now, name)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    upstream = desk.upstreams.get(name)
    if upstream is None and not view.health.tally.attempts:
        return Missing()
    if wants_csv(request):
        return csv_file(f"gateway-{name}", _upstream_head(lang), _upstream_lines(view.rows))
    courses = course_of(view.health, view.steps, lang)
    shows = {
        "name": name,
        "view": view,
        "upstream": upstream,
        "place": _place(upstream) if upstream is not None else "",
        "key_place": _key_place(upstream, lang) if upstream is not None else "",
        "courses": courses,
        "names": names,
        "link": Links(),
        "today": company_day(request.now, desk.zone),
        "may_money": request.may("see_money"),
        "ledger_status": LEDGER_STATUS,
    }
    return Page("gateway_upstream.html", shows)


def show_refusals(desk: Desk, request: PageRequest) -> Answer:
    """What was refused in the last hour, by code and task."""
    lang = request.lang
    with desk.store.reading() as tx:
        since, rows = refusals_view(tx, request.now)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if wants_csv(request):
        head = [text(f"column.{code}", lang) for code in ("reason_code", "task_name", "task", "count")]
        return csv_file("gateway-refusals", head, [(code, task, names.task(task), n) for code, task, n in rows])
    told = [(code, _refused(code, lang), task, count) for code, task, count in rows]
    return Page("gateway_refusals.html", {"since": since, "rows": told, "names": names, "link": Links()})


def course_of(health: UpstreamHealth, steps: Sequence[datetime], lang: Language) -> tuple[Sparkline, Sparkline]:
    """Attempts and failures of the last hour as two lines."""
    return (
        _course(health.name, "page.gateway.attempts", steps, health.attempts, lang),
        _course(health.name, "column.failed", steps, health.failed, lang),
    )


def _course(name: str, code: str, steps: Sequence[datetime], values: Sequence[int], lang: Language) -> Sparkline:
    head = text(code, lang)
    return Sparkline(
        title=head,
        description=text("page.gateway.course_told", lang, name=name, what=head, count=f"{sum(values):,}"),
        values=tuple(Decimal(value) for value in values),
        columns=tuple(moment(step, lang) for step in steps),
        column_head=text("column.time", lang),
        value_head=head,
    )


def _live(desk: Desk, request: PageRequest, tx: Connection) -> dict[str, object]:
    live: LiveCalls = live_calls(tx, request.now)
    return {
        "live": live,
        "names": names_in(tx, request.lang, company_day(request.now, desk.zone)),
        "link": Links(),
        "may_money": request.may("see_money"),
        "most_live": LIVE_CALLS,
    }


def _health(desk: Desk, request: PageRequest, view: GatewayView) -> Mapping[str, object]:
    lang = request.lang
    return {
        "view": view,
        "rows": [(one, desk.upstreams.get(one.name), *course_of(one, view.steps, lang)) for one in view.upstreams],
        "refusals": [(code, _refused(code, lang), count) for code, count in view.refusals],
        "faults": [_fault(place, code, count, lang) for place, code, count in view.faults],
        "silent": SILENT_SECONDS,
        "to_jpy": to_jpy,
        "today": company_day(request.now, desk.zone),
        "may_money": request.may("see_money"),
        "may_calls": request.may("see_calls"),
    }


def _refused(code: str, lang: Language) -> str:
    """A refusal's short name; its code where it has none."""
    return text(f"refused.{code}", lang) if has_text(f"refused.{code}") else code


def _fault(place: str, code: str, count: int, lang: Language) -> str:
    """What some workers cannot do, in a sentence."""
    kind, _, name = place.partition(":")
    return text(f"page.gateway.fault.{kind}", lang, name=name, code=code, count=count)


def _alarm(alarm: Alarm, lang: Language) -> tuple[Alarm, str]:
    """An alarm with its sentence; of a kind that has none, what is known."""
    if not has_text(f"alarm.{alarm.kind}"):
        return alarm, f"{alarm.kind} {alarm.subject}"
    return alarm, told_alarm(alarm.kind, alarm.subject, alarm.facts, lang)


def _place(upstream: Upstream) -> str:
    return without_secret(upstream.base_url)


def _key_place(upstream: Upstream, lang: Language) -> str:
    """Where an upstream's key comes from; the key itself is nowhere in the console."""
    if upstream.key_env:
        return text("page.gateway.key_env", lang, name=upstream.key_env)
    if upstream.key_file:
        return text("page.gateway.key_file", lang, name=upstream.key_file)
    return text("page.gateway.key_none", lang)


def _head(lang: Language) -> list[str]:
    codes = ("upstream", "attempts", "errors", "cut", "empty", "caller_errors", "caller_gone", "gateway_errors",
             "fell_back", "p50_ms", "p95_ms", "first_p50_ms", "first_p95_ms", "input_tokens", "output_tokens", "cost_jpy")  # fmt: skip
    return [text(f"column.{code}", lang) for code in codes]


def _lines(rows: Iterable[UpstreamHealth]) -> Iterable[Sequence[Cell]]:
    for one in rows:
        yield one.name, *_cells(one.tally)


def _upstream_head(lang: Language) -> list[str]:
    return [text(f"column.{code}", lang) for code in ("task_name", "model", "status")] + _head(lang)[1:]


def _upstream_lines(rows: Iterable[tuple[str, str, str, Tally]]) -> Iterable[Sequence[Cell]]:
    for task, model, outcome, tally in rows:
        yield task, model, outcome, *_cells(tally)


def _cells(tally: Tally) -> tuple[Cell, ...]:
    ranks = (tally.p50, tally.p95, tally.first_p50, tally.first_p95)
    return (
        tally.attempts, tally.errors, tally.cut, tally.empty, tally.caller_errors, tally.caller_gone,
        tally.gateway_errors, tally.fell_back,
        *(rank.ms if rank is not None else None for rank in ranks), tally.input_tokens, tally.output_tokens,
        tally.cost_jpy,
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/gateway", "see_calls", show_gateway, Nav("gateway", "w", 45)),
    Route("GET", "/gateway/live", "see_calls", show_live, is_polled=True),
    Route("GET", "/gateway/health", "see_calls", show_health, is_polled=True),
    Route("GET", "/gateway/refusals", "see_calls", show_refusals),
    Route("GET", "/gateway/upstreams/{name}", "see_calls", show_upstream),
)
