"""Who calls when, and how it goes: pieces of business become calls with times, tokens, errors and retries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Literal

from company.calendar import JST, business_days, busy_percent, moment
from company.counting import LEAST_CACHED_TOKENS, Counts, cache_use, prompt_tokens, reasoning_tokens, tokens
from company.desks import Desk
from company.lexicon import scene_on
from company.pieces import Difficulty, Piece, Turn

Ending = Literal["ok", "rate_limited", "server_error", "refused", "cut", "cut_uncounted"]

_WARM = timedelta(minutes=8)
"""How long a prompt cache lasts here; providers say five to ten minutes."""
_WRONG_PERCENT: dict[str, dict[Difficulty, int]] = {
    "strong": {"easy": 1, "medium": 3, "hard": 10},
    "middle": {"easy": 2, "medium": 8, "hard": 26},
    "small": {"easy": 3, "medium": 12, "hard": 38},
}
"""How often a recorded answer is wrong. Made up: it says nothing about the models named."""
_STRENGTH = {
    "gpt-6.1-sol": "strong", "claude-sonnet-5-5": "strong", "claude-sonnet-5": "strong", "claude-sonnet-4-6": "middle",
    "gpt-4o": "middle", "gemini-3.8-flash": "middle", "gpt-5.4-mini": "middle", "claude-haiku-4-5": "middle",
}  # fmt: skip
_MS_PER_TOKEN = {"strong": 14, "middle": 9, "small": 5}
_OUTAGE = (datetime(2026, 9, 15, 14, 0, tzinfo=JST), datetime(2026, 9, 15, 14, 40, tzinfo=JST))
_RUSH_FROM = date(2026, 10, 12)
"""From then on the triage's application runs into its rate limit more often."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One call as it went, in no log's format yet."""

    desk: Desk
    number: int
    """Of the piece of business, within its task."""
    turn: int
    at: datetime
    model: str
    department: str
    is_named: bool
    ending: Ending
    asked: str
    answer: str
    """'' where there was none; the beginning where it broke off."""
    earlier: tuple[tuple[str, str], ...]
    """``(asked, answered)`` of the turns before."""
    counts: Counts
    latency_ms: int
    first_token_ms: int | None
    is_streamed: bool
    attempt: int
    difficulty: Difficulty
    is_right: bool | None
    fault: str
    truth: dict[str, object] = field(default_factory=dict)

    @property
    def prompt_id(self) -> str:
        return f"{self.desk.name}-{self.number:05d}-{self.turn}"

    @property
    def truth_id(self) -> str:
        return f"{self.prompt_id}-{self.attempt}"


def plan(desk: Desk, seed: int, until: date, scale_percent: int = 100) -> Iterator[Planned]:
    """Every call of one task from April to ``until``, in order of time within each piece of business."""
    chance = Random(f"{seed}:{desk.name}:plan")
    number = 0
    warm: dict[str, datetime] = {}
    for day in business_days(until):
        tenths = (
            desk.per_day[min(day.month - 4, len(desk.per_day) - 1)]
            * busy_percent(day, chance)
            * scale_percent
            // 10_000
        )
        count = tenths // 10 + (chance.randrange(10) < tenths % 10)
        moments = sorted(moment(day, desk.hours, chance) for _ in range(count))
        for at in moments:
            number += 1
            yield from _piece(desk, seed, number, at, warm)


def _piece(desk: Desk, seed: int, number: int, at: datetime, warm: dict[str, datetime]) -> Iterator[Planned]:
    chance = Random(f"{seed}:{desk.name}:{number}")
    piece = desk.compose(scene_on(chance, at.date()), at.date())
    codes, weights = zip(*desk.departments, strict=True)
    department = chance.choices(codes, weights=weights)[0]
    is_named = (
        desk.named_from is not None and at.date() >= desk.named_from and chance.randrange(100) >= desk.nameless_percent
    )
    earlier: list[tuple[str, str]] = []
    for place, turn in enumerate(piece.turns):
        model = desk.model_on(at.date())
        answer, fault = _answered(turn, _STRENGTH.get(model, "small"), piece.difficulty, chance)
        base = Planned(
            desk=desk, number=number, turn=place + 1, at=at, model=model, department=department, is_named=is_named,
            ending="ok", asked=turn.asked, answer=answer, earlier=tuple(earlier), counts=Counts(0, 0), latency_ms=0,
            first_token_ms=None, is_streamed=chance.randrange(100) < desk.streams_percent, attempt=1,
            difficulty=piece.difficulty, is_right=not fault, fault=fault, truth=_truth(piece, place),
        )  # fmt: skip
        last = base
        for last in _attempts(base, chance, warm):
            yield last
        if last.ending != "ok":
            return
        earlier.append((turn.asked, answer))
        at = last.at + timedelta(milliseconds=last.latency_ms, seconds=chance.randint(25, 600))


def _truth(piece: Piece, place: int) -> dict[str, object]:
    return {**piece.truth, "answer": piece.turns[place].right}


def _answered(turn: Turn, strength: str, difficulty: Difficulty, chance: Random) -> tuple[str, str]:
    if turn.wrong and chance.randrange(100) < _WRONG_PERCENT[strength][difficulty]:
        return chance.choice(turn.wrong)
    return turn.right, ""


def _attempts(base: Planned, chance: Random, warm: dict[str, datetime]) -> Iterator[Planned]:
    """Failures come first and are tried again, but for a request that the upstream does not accept."""
    call = base
    for _ in range(2):
        ending = _failure(call, chance)
        if ending is None:
            break
        yield replace(call, ending=ending, answer="", counts=Counts(0, 0), latency_ms=chance.randint(90, 900),
                      is_right=None, fault="", is_streamed=False)  # fmt: skip
        if ending == "refused":
            return
        call = replace(call, at=call.at + timedelta(seconds=chance.randint(2, 25)), attempt=call.attempt + 1)
    yield _finished(call, chance, warm)


def _failure(call: Planned, chance: Random) -> Ending | None:
    roll = chance.randrange(1000)
    if call.model.startswith("sample-"):
        return "server_error" if roll < 12 else None
    if _OUTAGE[0] <= call.at < _OUTAGE[1]:
        return "server_error" if roll < 700 else None
    is_rush = call.desk.name == "inquiry-triage" and call.at.date() >= _RUSH_FROM
    if roll < (22 if is_rush else 7):
        return "rate_limited"
    if roll < 26:
        return "server_error" if roll >= 23 else None
    return "refused" if roll == 999 and call.attempt == 1 else None


def _finished(call: Planned, chance: Random, warm: dict[str, datetime]) -> Planned:
    """The attempt that is answered: with its tokens, its time, and one stream in a hundred broken off."""
    desk, model = call.desk, call.model
    counts = _counted(call, chance, warm)
    pace = _MS_PER_TOKEN[_STRENGTH.get(model, "small")]
    first = 180 + counts.input // 40 + counts.reasoning * pace + chance.randint(0, 260)
    latency = first + (counts.output - counts.reasoning) * pace + chance.randint(20, 240)
    call = replace(call, counts=counts, latency_ms=latency, first_token_ms=first if call.is_streamed else None)
    can_break = (
        call.is_streamed
        and desk.dialect in ("chat", "anthropic")
        and call.turn == 1
        and not call.model.startswith("gemini")
    )
    if not can_break or chance.randrange(100) >= 2:
        return call
    kept = max(8, len(call.answer) * chance.randint(20, 80) // 100)
    shown = tokens(call.answer[:kept], model)
    ending: Ending = "cut_uncounted" if desk.dialect == "chat" and chance.randrange(5) == 0 else "cut"
    return replace(
        call, ending=ending, answer=call.answer[:kept], is_right=None, fault="",
        counts=replace(counts, output=counts.reasoning + shown), latency_ms=first + shown * pace,
    )  # fmt: skip


def _counted(call: Planned, chance: Random, warm: dict[str, datetime]) -> Counts:
    desk, model = call.desk, call.model
    history = [text for pair in call.earlier for text in pair]
    whole = prompt_tokens([desk.system, *history, call.asked], model)
    prefix = 4 + tokens(desk.system, model) if desk.system else 0
    before = warm.get(model)
    is_warm = before is not None and timedelta(0) <= call.at - before <= _WARM
    least = 4096 if model == "claude-haiku-4-5" else LEAST_CACHED_TOKENS
    read, written = (0, 0) if desk.dialect == "litellm" else cache_use(model, prefix, is_warm=is_warm, least=least)
    warm[model] = call.at
    reasoning = reasoning_tokens(model, call.difficulty, chance)
    return Counts(whole, reasoning + tokens(call.answer, model) + 1, min(read, whole), min(written, whole), reasoning)
