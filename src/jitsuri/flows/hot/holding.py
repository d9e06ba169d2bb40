"""Holding the worst case before anybody is asked: nothing is spent that a hard budget does not have."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from jitsuri.flows.hot.booking import CallUnderWay
from jitsuri.flows.hot.desk import Desk
from jitsuri.flows.hot.guarding import asked_of
from jitsuri.flows.hot.ways import Leg
from jitsuri.ledger.live.budgets import CallBudgets, Hold, NeedsLease
from jitsuri.providers.shapes import Asked
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.usage import Usage

MEDIA_TOKENS = 50_000
"""Most input tokens that one picture, sound or file inside a request can cost whatever its bytes: 2,833 + 8 × 5,667 for a
picture at the model that counts highest (OpenAI, "Images and vision", costs of gpt-4o-mini, read 2026-11-27)."""

MESSAGE_TOKENS = 64
"""Tokens that a request costs beyond its text: roles, separators, the beginning of the answer (decision 0020)."""


class Held(msgspec.Struct):
    """A worst case that is held, and the cap on output that makes it one."""

    hold: Hold
    bound: Usage
    micro_jpy: int
    cap: int | None
    """What the upstream is told as the most output tokens; None leaves the request's own."""


def held(desk: Desk, call: CallUnderWay, leg: Leg) -> Held | Awaitable[Held | Refusal] | Refusal:
    """Hold the worst case of one attempt against every budget that it counts for; where a lease must be drawn for it,
    what is to be awaited.

    Refuses ``budget_exceeded``, and where a hard budget applies what nothing bounds: ``unpriced_under_budget``,
    ``unconverted_under_budget``, ``unbounded_under_budget``.
    """
    asked, upstream = call.asked if call.guarded is None else asked_of(call, leg), leg.upstream
    budgets = call.way.budgets(desk)
    is_hard = bool(budgets.hard)
    cap = None
    if asked.operation == "chat":
        cap = cap_of(asked, call.way.plan.most_output_tokens, desk.most_output_tokens if is_hard else 0)
    bound = bound_of(asked, cap, leg.prompt_bytes)
    micro_jpy = 0
    if is_hard and not leg.is_free:
        if asked.unbounded:
            return Refusal("unbounded_under_budget", {"what": ", ".join(asked.unbounded)})
        worst = desk.prices.worst_micro_jpy(
            upstream.vendor, leg.target.model, bound, call.at, call.day, asked.tier, upstream.region
        )
        if isinstance(worst, Refusal):
            return worst
        micro_jpy = worst
    hold = desk.budgets.hold(budgets, micro_jpy, call.day)
    if isinstance(hold, NeedsLease):
        return _leased(desk, call, budgets, bound, micro_jpy, cap)
    return hold if isinstance(hold, Refusal) else Held(hold, bound, micro_jpy, cap)


async def _leased(
    desk: Desk, call: CallUnderWay, budgets: CallBudgets, bound: Usage, micro_jpy: int, cap: int | None
) -> Held | Refusal:
    hold = await desk.budgets.ensure(budgets, micro_jpy, call.day)
    return hold if isinstance(hold, Refusal) else Held(hold, bound, micro_jpy, cap)


def cap_of(asked: Asked, task_cap: int, hard_cap: int) -> int | None:
    """What the upstream must be told as the most output tokens of one answer; None leaves the request as it is.

    The caller's own maximum holds, lowered to the task's cap; where a hard budget needs a bound and nobody named one,
    the task's cap or the installation's is set. For chats alone.
    """
    own = asked.most_output_tokens
    if own is not None:
        return task_cap if task_cap and own > task_cap else None
    return task_cap or hard_cap or None


def bound_of(asked: Asked, cap: int | None, more_bytes: int = 0) -> Usage:
    """The most that an attempt can use: a token per byte of input, its media, its maximum of output. ``more_bytes`` are
    those that a task's prompt adds."""
    given = asked.input_bytes + more_bytes + MESSAGE_TOKENS + MEDIA_TOKENS * asked.inline_media
    most = cap if cap is not None else asked.most_output_tokens or 0
    made = most * asked.answers if asked.operation == "chat" else 0
    written = given if asked.writes_cache else 0
    return Usage(input_tokens=given, output_tokens=made, cache_write_tokens=written, cache_write_1h_tokens=written)
