"""What the gateway sees, counted per minute: for health, alarms and metrics."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

from jitsuri.calls.shapes import BUCKETS_MS, Minute


class Meters:
    """Counts of one worker since the last ``drain``. For one thread: a worker's loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, str, str, str, str], list[int]] = {}

    def count(
        self,
        minute: int,
        task: str,
        upstream: str,
        model: str,
        outcome: str,
        *,
        latency_ms: int = 0,
        first_token_ms: int | None = None,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost_micro_jpy: int = 0,
        is_empty: bool = False,
        fell_back: bool = False,
    ) -> None:
        """One attempt or refusal. ``minute`` counts minutes since 1970; ``outcome`` is an ``AttemptOutcome`` or
        ``refused:CODE``."""
        key = (minute, task, upstream, model, outcome)
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = [0] * (8 + 2 * _WIDTH)
        held[0] += 1
        held[1] += is_empty
        held[2] += fell_back
        held[3] += input_tokens
        held[4] += output_tokens
        held[5] += cost_micro_jpy
        held[6] += latency_ms
        held[8 + bisect_left(BUCKETS_MS, latency_ms)] += 1
        if first_token_ms is not None:
            held[7] += first_token_ms
            held[8 + _WIDTH + bisect_left(BUCKETS_MS, first_token_ms)] += 1

    def drain(self) -> list[Minute]:
        """What was counted since the last time, to be added to what is kept."""
        held, self._held = self._held, {}
        return [_minute(key, sums) for key, sums in held.items()]


_WIDTH = len(BUCKETS_MS) + 1


def _minute(key: tuple[int, str, str, str, str], sums: list[int]) -> Minute:
    minute, task, upstream, model, outcome = key
    count, empty, fell_back, input_tokens, output_tokens, cost_micro_jpy, latency_ms_sum, first_token_ms_sum = sums[:8]
    firsts = tuple(sums[8 + _WIDTH :])
    return Minute(
        minute=datetime.fromtimestamp(60 * minute, UTC), task=task, upstream=upstream, model=model, outcome=outcome,
        count=count, empty=empty, fell_back=fell_back, input_tokens=input_tokens, output_tokens=output_tokens,
        cost_micro_jpy=cost_micro_jpy, latency_ms_sum=latency_ms_sum, latency_buckets=tuple(sums[8 : 8 + _WIDTH]),
        first_token_ms_sum=first_token_ms_sum, first_token_count=sum(firsts), first_token_buckets=firsts,
    )  # fmt: skip
