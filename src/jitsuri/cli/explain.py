"""``jitsuri explain``: one call, from the database: who asked, where it might have gone, what each attempt was and cost."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import click

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.telling import digits_told, moment_told
from jitsuri.flows.cold.viewing.explaining import AttemptTold, Explained
from jitsuri.flows.cold.viewing.explaining import explain as explain_call
from jitsuri.routing.rules.naming import way_name
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Dropped
from jitsuri.terms.usage import USAGE_KINDS, Usage
from jitsuri.words import has_text, text


@click.command("explain")
@click.argument("call", metavar="CALL")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def explain(desk: Desk, call: str, json_out: bool) -> None:
    desk.json_out = json_out
    try:
        call_id = UUID(call)
    except ValueError as error:
        raise CallerError("call_unreadable", value=call[:100]) from error
    with desk.store() as store, store.reading() as tx:
        found = explain_call(tx, call_id, sites_of(upstreams_of(desk.settings)))
    if found is None:
        raise CallerError("call_unknown", value=str(call_id))
    if json_out:
        desk.give(_plain(found, desk))
        return
    for line in _lines(found, desk):
        click.echo(line)


def _lines(found: Explained, desk: Desk) -> Iterator[str]:
    """The call as a person reads it."""
    call, lang = found.view.call, desk.lang

    def say(code: str, /, **facts: object) -> str:
        return text(f"cli.explain.{code}", lang, **facts)

    yield say("call", call=call.call_id, at=moment_told(desk, call.at), source=call.source)
    yield say(
        "who", key=call.key_name or "–", task=call.task or text("word.unassigned", lang),
        department=call.department or text("word.unassigned", lang), thread=call.thread_id,
    )  # fmt: skip
    if found.plan is not None:
        yield say("plan", version=found.plan.version.version, author=found.plan.version.author)
        for at, ((target, out), prompt) in enumerate(zip(found.plan.targets, found.plan.prompts, strict=True), 1):
            yield say("target", number=at, target=way_name(target, prompt)) + (
                "" if out is None else say("kept_out", why=_why(out, desk))
            )
        if found.plan.is_canary:
            yield say("by_canary")
    elif found.is_gateway:
        yield say("no_plan")
    for at, attempt in enumerate(found.attempts, 1):
        yield from _attempt_lines(at, attempt, desk)
    amounts = found.view.amounts
    yield say("sum", jpy=digits_told(amounts.cost_jpy) if amounts and amounts.cost_jpy is not None else "–")
    if amounts is not None and amounts.state != "priced":
        yield say("sum_gap")
    if found.is_gateway:
        names = [f"{budget.name} ({place.period_start})" for budget, place in found.budgets]
        yield say("budgets", names=", ".join(names)) if names else say("no_budgets")
        parts = ", ".join(f"{part} ({until})" for part, (_, until) in found.view.texts.items())
        yield say("texts", parts=parts) if parts else say("no_texts")


def _attempt_lines(number: int, told: AttemptTold, desk: Desk) -> Iterator[str]:
    entry, lang = told.view.first, desk.lang
    place = f"{told.upstream}/{entry.model_asked}" if told.upstream else f"{entry.provider}/{entry.model_asked}"
    outcome = " ".join(str(part) for part in (entry.status, entry.http_status, entry.error_code) if part)
    yield text(
        "cli.explain.attempt", lang, number=number, place=place, region=entry.region or "?", outcome=outcome,
        latency=_ms(entry.latency_ms), first=_ms(entry.first_token_ms),
    )  # fmt: skip
    if told.estimate:
        yield text(f"cli.explain.estimate.{told.estimate}", lang)
    used = ", ".join(f"{name} {count:,}" for name, count in _used(entry.usage).items())
    yield text("cli.explain.usage", lang, used=used or "0")
    cost = told.view.cost_jpy
    standing = told.view.standing.line if told.view.standing is not None else entry
    if cost is not None:
        yield text(
            "cli.explain.cost", lang, jpy=digits_told(cost), cost=digits_told(standing.cost) if standing.cost is not None else "–",
            currency=standing.currency, rate=digits_told(standing.rate) if standing.rate is not None else 1,
            block=standing.price_block or "–", book=standing.price_book or "–",
        )  # fmt: skip
    else:
        why = f"unpriced.{standing.reason}"
        yield text(
            "cli.explain.no_cost", lang, why=text(why, lang) if has_text(why) else standing.reason or standing.state
        )
    if len(told.view.lines) > 1:
        kinds = ", ".join(line.kind for line in told.view.lines)
        yield text("cli.explain.lines", lang, count=len(told.view.lines), kinds=kinds)


def _plain(found: Explained, desk: Desk) -> dict[str, object]:
    """The call for a script: amounts as exact texts."""
    view, call = found.view, found.view.call
    return {
        "call_id": call.call_id, "at": call.at, "source": call.source, "task": call.task,
        "department": call.department, "key": call.key_name, "thread_id": call.thread_id, "status": call.status,
        "cost_jpy": str(view.amounts.cost_jpy) if view.amounts and view.amounts.cost_jpy is not None else None,
        "plan": None if found.plan is None else {
            "version": found.plan.version.version, "author": found.plan.version.author,
            "rule_version": found.plan.rule_version.version if found.plan.rule_version is not None else None,
            "by_canary": found.plan.is_canary,
            "targets": [
                {"target": str(target), "prompt": prompt, "kept_out": out.code if out is not None else None,
                 "why": _why(out, desk) if out is not None else None}
                for (target, out), prompt in zip(found.plan.targets, found.plan.prompts, strict=True)
            ],
        },
        "attempts": [_plain_attempt(one) for one in found.attempts],
        "budgets": [{"name": b.name, "budget_id": b.budget_id, "period_start": p.period_start} for b, p in found.budgets],
        "texts": [{"part": part, "key": key, "until": until} for part, (key, until) in view.texts.items()],
    }  # fmt: skip


def _plain_attempt(told: AttemptTold) -> dict[str, object]:
    entry = told.view.first
    standing = told.view.standing.line if told.view.standing is not None else entry
    return {
        "attempt_id": entry.attempt_id, "upstream": told.upstream or None, "provider": entry.provider,
        "model_asked": entry.model_asked, "model_answered": entry.model_answered, "region": entry.region,
        "tier": entry.tier, "status": entry.status, "http_status": entry.http_status, "error_code": entry.error_code,
        "latency_ms": entry.latency_ms, "first_token_ms": entry.first_token_ms, "usage": _used(entry.usage),
        "estimate": told.estimate or None, "state": standing.state, "reason": standing.reason,
        "cost": str(standing.cost) if standing.cost is not None else None, "currency": standing.currency,
        "rate": str(standing.rate) if standing.rate is not None else None, "price_block": standing.price_block,
        "price_book": standing.price_book,
        "cost_jpy": str(told.view.cost_jpy) if told.view.cost_jpy is not None else None,
        "lines": [{"entry_id": line.entry_id, "kind": line.kind, "booked_at": line.booked_at,
                   "cost_jpy": str(line.cost_jpy) if line.cost_jpy is not None else None} for line in told.view.lines],
    }  # fmt: skip


def _used(usage: Usage) -> dict[str, int]:
    return {kind: count for kind in USAGE_KINDS if (count := getattr(usage, kind))}


def _why(dropped: Dropped, desk: Desk) -> str:
    return text(f"dropped.{dropped.code}", desk.lang, **dropped.facts)


def _ms(value: int | None) -> str:
    return f"{value:,} ms" if value is not None else "–"
