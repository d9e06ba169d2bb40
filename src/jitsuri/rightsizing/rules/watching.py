"""What ends a certificate in force: the world as it was frozen against what a look sees now. Pure. Source: decision 0035."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from jitsuri.rightsizing.rules.drifting import MOST_PER_DAY, REFERENCE_DAYS, THRESHOLD, Drift, drifts_of, parted
from jitsuri.rightsizing.shapes.lives import Cause, CauseCode, Look, PriceFrozen, Watched, WatchState, World
from jitsuri.terms.period import company_day

NEW_PROMPTS = 10
"""Percent of calls with a system prompt that was not there at the freeze, beyond what was usual then, that voids: a reworded
prompt is behind most calls at once, a new caller behind a tenth is no longer what was tried."""
FEWEST_PROMPTS = 20
"""Calls whose prompts must have been seen before anything is said of them."""
MOST_FRESH = 50
"""Where more percent of the usual calls bring a prompt of their own, prompts differ by call and are not watched."""
ALPHA = 0.05
"""Error of the audit: the way is called worse wrongly in one of twenty certificates, however often one looks."""

ORDER: tuple[CauseCode, ...] = (
    "variant_changed", "prompt_version_changed", "data_rule_forbids", "target_gone", "model_changed", "prompt_changed",
    "price_changed", "price_gone", "audit_worse", "mix_drifted", "expired",
)  # fmt: skip
"""Which of several causes is told first: what a person did, then what an upstream did, then what was measured."""


def causes(world: World, look: Look, *, is_full: bool) -> tuple[Cause, ...]:
    """Every reason why the certificate is void now, the first to tell first; empty while it holds."""
    found = [
        *_of_variant(world, look, is_full=is_full), *_of_rule(look), *_of_models(world, look), *_of_prompts(world, look),
        *_of_prices(world, look), *_of_audit(look), *_of_mix(world, look), *_of_time(world, look),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda cause: ORDER.index(cause.code)))


def watched(world: World, look: Look, *, is_full: bool) -> tuple[Watched, ...]:
    """Everything that is watched, with before and now, for a page."""
    why = causes(world, look, is_full=is_full)
    standing = " ← ".join(part for part in (look.variant[0], look.variant[1]) if part)
    expected = world.proposed if is_full else f"{world.today} ← {world.proposed}"
    is_moved = _has(why, "variant_changed") or _has(why, "prompt_version_changed")
    lines = [Watched("variant", expected, standing or "–", "void" if is_moved else "same")]
    for side, way in (("proposed", world.proposed), ("today", world.today)):
        lines += [_model_line(world, look, why, side, way), _price_line(world, look, why, side, way)]
    return (
        *lines,
        _prompts_line(world, look, why),
        *_mix_lines(world, look),
        _audit_line(look, why),
        _time_line(world, look),
    )


def percent_apart(before: PriceFrozen, after: PriceFrozen) -> Decimal | None:
    """By how much, in percent, the input's or the output's price has moved, the greater of both; None where currencies
    differ, or where something that was free is not any more.

    >>> percent_apart(PriceFrozen(Decimal(2), Decimal(8), "USD"), PriceFrozen(Decimal(2), Decimal(10), "USD"))
    Decimal('25.0')
    """
    if before.currency != after.currency:
        return None
    found = []
    for one, other in ((before.input, after.input), (before.output, after.output)):
        if one == other:
            found.append(Decimal(0))
        elif not one:
            return None
        else:
            found.append((abs(other - one) * 100 / one).quantize(Decimal("0.1")))
    return max(found)


def new_prompts(world: World, look: Look) -> tuple[float, int, str]:
    """Share of the newest calls with a system prompt that the freeze did not know, how many of them, and the most frequent."""
    whole = sum(look.prompts.values())
    fresh = {name: count for name, count in look.prompts.items() if name not in world.prompts}
    if not whole:
        return 0.0, 0, ""
    return sum(fresh.values()) / whole, sum(fresh.values()), max(fresh, key=lambda name: fresh[name]) if fresh else ""


def watches_prompts(world: World) -> bool:
    return bool(world.prompts) and world.fresh_percent <= MOST_FRESH


def _of_variant(world: World, look: Look, *, is_full: bool) -> list[Cause]:
    """What stands must be the one way with the other first, or the proposed way alone; the share and the fall-backs are the
    owner's."""
    first, canary, version = look.variant
    covered = first == world.proposed or (not is_full and first == world.today and canary == world.proposed)
    has_other_canary = first == world.proposed and canary not in ("", world.today)
    cap = world.before.get("most_output_tokens", 0)
    if covered and not has_other_canary and look.cap == cap:
        return []
    before = world.proposed if is_full else f"{world.today} ← {world.proposed}"
    now = " ← ".join(part for part in (first, canary) if part) or "–"
    pairs = {world.today.partition("#")[0], world.proposed.partition("#")[0]}
    is_prompt = {first.partition("#")[0], canary.partition("#")[0]} - {""} <= pairs and "#" in before + now
    facts = {"before": before, "after": now, "version": version}
    if look.cap != cap and covered:
        facts |= {"before": f"{before} ({cap})", "after": f"{now} ({look.cap})"}
        return [Cause("variant_changed", facts)]
    return [Cause("prompt_version_changed" if is_prompt and first and not covered else "variant_changed", facts)]


def _of_rule(look: Look) -> list[Cause]:
    return [
        Cause(
            "target_gone" if why == "upstream_unknown" else "data_rule_forbids",
            {"way": way, "why": why, "before": "", "after": why},
        )
        for way, why in sorted(look.faults.items())
    ]


def _of_models(world: World, look: Look) -> list[Cause]:
    found = []
    for way in (world.proposed, world.today):
        before, now = _seen_models(world, look, way)
        strange = [name for name in now if name not in before]
        if before and strange:
            found.append(Cause("model_changed", {"way": way, "before": ", ".join(before), "after": ", ".join(strange)}))
    return found


def _seen_models(world: World, look: Look, way: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names at the freeze and since. A way that had not answered before is known by its first answer."""
    now = tuple(look.models.get(way, ()))
    return tuple(world.models.get(way, ())) or now[:1], now


def _of_prompts(world: World, look: Look) -> list[Cause]:
    if not watches_prompts(world) or sum(look.prompts.values()) < FEWEST_PROMPTS:
        return []
    share, count, most = new_prompts(world, look)
    if 100 * share <= world.fresh_percent + NEW_PROMPTS:
        return []
    usual = max(world.prompts, key=lambda name: world.prompts[name])
    facts = {"before": usual[:8], "after": most[:8], "percent": round(100 * share), "calls": count,
             "limit": world.fresh_percent + NEW_PROMPTS}  # fmt: skip
    return [Cause("prompt_changed", facts)]


def _of_prices(world: World, look: Look) -> list[Cause]:
    found = []
    for way in (world.proposed, world.today):
        before, after = world.prices.get(way), look.prices.get(way)
        if before is None:
            continue
        if after is None:
            found.append(Cause("price_gone", {"way": way, "before": str(before), "after": "–"}))
            continue
        apart = percent_apart(before, after)
        if apart is None or apart > world.price_limit_percent:
            facts = {"way": way, "before": str(before), "after": str(after), "limit": world.price_limit_percent,
                     "percent": "–" if apart is None else f"{apart.normalize():f}"}  # fmt: skip
            found.append(Cause("price_changed", facts))
    return found


def _of_audit(look: Look) -> list[Cause]:
    if look.audit_capital < 1 / ALPHA:
        return []
    facts = {"labels": look.audit_labels, "capital": f"{look.audit_capital:.1f}", "limit": round(1 / ALPHA),
             "margin_points": f"{100 * look.margin:g}", "before": "1", "after": f"{look.audit_capital:.1f}"}  # fmt: skip
    return [Cause("audit_worse", facts)]


def _of_mix(world: World, look: Look) -> list[Cause]:
    return [
        Cause("mix_drifted", {
            "dimension": drift.dimension, "on": drift.on, "category": drift.category,
            "before": f"{100 * drift.before:.0f} %", "after": f"{100 * drift.now:.0f} %",
        })
        for drift in drifts(world, look)
        if drift.on is not None
    ]  # fmt: skip


def _of_time(world: World, look: Look) -> list[Cause]:
    until = world.valid_until
    if until is None or look.today <= until:
        return []
    return [Cause("expired", {"before": until, "after": look.today, "until": until})]


def drifts(world: World, look: Look) -> tuple[Drift, ...]:
    """The mix of every dimension since the freeze."""
    reference, since = parted(look.mix, company_day(world.at))
    return drifts_of(reference, since)


def _model_line(world: World, look: Look, why: Sequence[Cause], side: str, way: str) -> Watched:
    before, now = _seen_models(world, look, way)
    state: WatchState = "void" if _has(why, "model_changed", way) else "same" if now else "unknown"
    return Watched(f"model.{side}", ", ".join(before) or "–", ", ".join(now) or "–", state)


def _price_line(world: World, look: Look, why: Sequence[Cause], side: str, way: str) -> Watched:
    price, later = world.prices.get(way), look.prices.get(way)
    state: WatchState = "moved"
    if price is None:
        state = "unknown"
    elif price == later:
        state = "same"
    elif _has(why, "price_changed", way) or _has(why, "price_gone", way):
        state = "void"
    return Watched(f"price.{side}", _told(price), _told(later), state, {"limit": world.price_limit_percent})


def _prompts_line(world: World, look: Look, why: Sequence[Cause]) -> Watched:
    seen = sum(look.prompts.values())
    if not watches_prompts(world) or seen < FEWEST_PROMPTS:
        return Watched("prompts", "–", "–", "unknown", {"calls": seen, "limit": NEW_PROMPTS})
    share, _, _ = new_prompts(world, look)
    state: WatchState = (
        "void" if _has(why, "prompt_changed") else "same" if 100 * share <= world.fresh_percent else "moved"
    )
    limit = world.fresh_percent + NEW_PROMPTS
    before = f"{world.fresh_percent} %"
    return Watched("prompts", before, f"{100 * share:.0f} %", state, {"limit": limit, "calls": seen})


def _mix_lines(world: World, look: Look) -> list[Watched]:
    found = drifts(world, look)
    if not found:
        return [Watched("mix", "–", "–", "unknown", {"days": len(look.mix), "limit": REFERENCE_DAYS})]
    lines = []
    for drift in found:
        state: WatchState = "void" if drift.on is not None else "same"
        if state == "same" and drift.evidence and drift.evidence[-1] >= MOST_PER_DAY:
            state = "moved"
        before, now = (f"{100 * one:.0f} %" if drift.category else "–" for one in (drift.before, drift.now))
        facts = {"category": drift.category, "evidence": round(drift.evidence[-1], 1) if drift.evidence else 0.0,
                 "limit": round(THRESHOLD)}  # fmt: skip
        lines.append(Watched(f"mix.{drift.dimension}", before, now, state, facts))
    return lines


def _audit_line(look: Look, why: Sequence[Cause]) -> Watched:
    state: WatchState = "void" if _has(why, "audit_worse") else "same" if look.audit_labels else "unknown"
    facts = {"labels": look.audit_labels, "limit": round(1 / ALPHA)}
    return Watched("audit", "1", f"{look.audit_capital:.2f}" if look.audit_labels else "–", state, facts)


def _time_line(world: World, look: Look) -> Watched:
    until = world.valid_until
    state: WatchState = "unknown" if until is None else "void" if look.today > until else "same"
    return Watched("until", str(until or "–"), str(look.today), state)


def _has(why: Sequence[Cause], code: CauseCode, way: str = "") -> bool:
    return any(cause.code == code and (not way or cause.facts.get("way") == way) for cause in why)


def _told(price: PriceFrozen | None) -> str:
    return "–" if price is None else str(price)
