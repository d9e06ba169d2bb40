"""Totals as the page that Prometheus reads. Pure.

Source of the form: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jitsuri.calls.shapes import BUCKETS_MS, LATE_BUCKETS_US, Gauges, Minute

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, str, str, str]
"""Task, upstream, model, outcome."""

MOST_MODELS: Final = 100
"""Model names that totals are kept apart by: callers may invent them without end. Decision 0023."""
MOST_TASKS: Final = 200
MOST_SETS: Final = 5_000
"""Combinations of labels that are kept at all: a page of some 2 MB. Decision 0023."""
LONGEST_LABEL: Final = 200
"""Characters of a label's value: those of the longest model name (decision 0018)."""
OTHER: Final = "other"
REFUSED: Final = "refused"

BREAKER: Final[Mapping[str, int]] = {"closed": 0, "half_open": 1, "open": 2}


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """How much of a budget is used in its running period; 1 is all of it."""

    name: str
    scope: str
    used_micro_jpy: int
    limit_micro_jpy: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything the page shows."""

    totals: Sequence[Minute]
    """Since the gateway was set up; their minute is of no interest."""
    gauges: Sequence[Gauges]
    budgets: Sequence[BudgetShare]
    alarms: Mapping[str, int]
    """Open ones by kind."""
    read_at: datetime
    """When the totals were read."""
    version: str


class Known:
    """The combinations of labels that totals are kept by. A new one gets a place of its own while there is room.

    What has a place keeps it, so that no counter ever goes down.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = set(keys)
        self._tasks = {key[0] for key in self._keys}
        self._models = {key[2] for key in self._keys}

    def place(self, key: Key) -> Key:
        """Under which labels these counts go."""
        found = tuple(part[:LONGEST_LABEL] for part in key)
        task, upstream, model, outcome = found
        if task not in self._tasks and len(self._tasks) >= MOST_TASKS:
            task = OTHER
        if model not in self._models and len(self._models) >= MOST_MODELS:
            model = OTHER
        if (task, upstream, model, outcome) not in self._keys and len(self._keys) >= MOST_SETS:
            task, model = OTHER, OTHER if model else ""
            upstream = OTHER if upstream else ""
            outcome = f"{REFUSED}:{OTHER}" if outcome.startswith(REFUSED) else outcome
        self._keys.add((task, upstream, model, outcome))
        self._tasks.add(task)
        self._models.add(model)
        return task, upstream, model, outcome


def page(standing: Standing) -> str:
    """The whole page. Every line ends with a line feed; values of one name stand together."""
    lines: list[str] = []
    _counters(lines, standing.totals)
    _histograms(lines, standing.totals)
    _gauges(lines, standing)
    _lateness(lines, standing.gauges)
    return "\n".join(lines) + "\n"


def escaped(value: str) -> str:
    """A label's value as it stands between its quotation marks.

    >>> escaped('a"b' + chr(10))
    'a\\\\"b\\\\n'
    """
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


_COUNTERS: Final = (
    ("jitsuri_calls_total", "Attempts by outcome, and calls that were refused (refused)."),
    ("jitsuri_refusals_total", "Calls that were refused before an upstream was asked, by the code of the refusal."),
    ("jitsuri_tokens_total", "Language tokens, input with cached ones and output with reasoning."),
    ("jitsuri_cost_jpy_total", "Cost of attempts in yen, without tax; what has no price is not in it."),
    ("jitsuri_empty_answers_total", "Answers with no text, no tool call and no embedding in them."),
    ("jitsuri_cut_answers_total", "Answers that an upstream broke off or took too long over."),
    ("jitsuri_fallbacks_total", "Attempts that were not the first of their call."),
)


def _counters(lines: list[str], totals: Sequence[Minute]) -> None:
    sums: dict[str, dict[Labels, int]] = {name: defaultdict(int) for name, _ in _COUNTERS}
    for total in totals:
        is_refused = total.outcome.startswith(REFUSED)
        task, upstream, model = ("task", total.task), ("upstream", total.upstream), ("model", total.model)
        outcome = REFUSED if is_refused else total.outcome
        sums["jitsuri_calls_total"][task, upstream, model, ("outcome", outcome)] += total.count
        if is_refused:
            code = total.outcome.partition(":")[2]
            sums["jitsuri_refusals_total"][task, ("code", code)] += total.count
            continue
        tokens = sums["jitsuri_tokens_total"]
        tokens[task, upstream, model, ("direction", "input")] += total.input_tokens
        tokens[task, upstream, model, ("direction", "output")] += total.output_tokens
        sums["jitsuri_cost_jpy_total"][task, upstream, model] += total.cost_micro_jpy
        sums["jitsuri_empty_answers_total"][task, upstream] += total.empty
        sums["jitsuri_cut_answers_total"][task, upstream] += total.count if total.outcome == "cut" else 0
        sums["jitsuri_fallbacks_total"][task, upstream] += total.fell_back
    for name, help_text in _COUNTERS:
        _head(lines, name, "counter", help_text)
        is_yen = name == "jitsuri_cost_jpy_total"
        for labels, value in sorted(sums[name].items()):
            lines.append(f"{name}{_braced(labels)} {_micro(value) if is_yen else value}")


def _histograms(lines: list[str], totals: Sequence[Minute]) -> None:
    width = len(BUCKETS_MS) + 1
    latency: dict[Labels, list[int]] = defaultdict(lambda: [0] * (width + 1))
    first: dict[Labels, list[int]] = defaultdict(lambda: [0] * (width + 1))
    for total in totals:
        labels = (("task", total.task), ("upstream", total.upstream))
        if total.outcome == "ok":
            _add(latency[labels], total.latency_ms_sum, total.latency_buckets)
        if total.first_token_count:
            _add(first[labels], total.first_token_ms_sum, total.first_token_buckets)
    asked = "From asking an upstream to the last byte of its answer."
    _histogram(lines, "jitsuri_latency_seconds", asked, latency, BUCKETS_MS, 1000)
    asked = "From asking an upstream to the first piece of a streamed answer."
    _histogram(lines, "jitsuri_first_token_seconds", asked, first, BUCKETS_MS, 1000)


def _lateness(lines: list[str], gauges: Sequence[Gauges]) -> None:
    told = sorted((g for g in gauges if g.late.buckets), key=lambda g: g.worker)
    _histogram(
        lines, "jitsuri_gateway_loop_late_seconds", "How late a worker's event loop did what was due.",
        {(("worker", g.worker),): [g.late.us_sum, *g.late.buckets] for g in told}, LATE_BUCKETS_US, 1_000_000,
    )  # fmt: skip
    _series(
        lines, "jitsuri_gateway_loop_late_worst_seconds", "gauge", "The worst of that in the last minute.",
        [((("worker", g.worker),), _micro(g.late.us_worst)) for g in told],
    )  # fmt: skip


def _add(sums: list[int], ms_sum: int, buckets: Sequence[int]) -> None:
    sums[0] += ms_sum
    for n, count in enumerate(buckets, 1):
        sums[n] += count


def _histogram(
    lines: list[str], name: str, help_text: str, found: Mapping[Labels, list[int]], upper: Sequence[int], unit: int
) -> None:
    """``upper``: the buckets' bounds; they and the sums are so many (``unit``) to the second."""
    _head(lines, name, "histogram", help_text)
    bounds = [*(f"{bound / unit:g}" for bound in upper), "+Inf"]
    for labels, (total, *buckets) in sorted(found.items()):
        count = 0
        for bound, held in zip(bounds, buckets, strict=True):
            count += held
            lines.append(f"{name}_bucket{_braced((*labels, ('le', bound)))} {count}")
        lines.append(f"{name}_sum{_braced(labels)} {total / unit!r}")
        lines.append(f"{name}_count{_braced(labels)} {count}")


def _gauges(lines: list[str], standing: Standing) -> None:
    workers = sorted(standing.gauges, key=lambda gauges: gauges.worker)
    _series(
        lines, "jitsuri_breaker_state", "gauge", "An upstream's breaker in a worker: 0 closed, 1 half open, 2 open.",
        [
            ((("upstream", name), ("worker", g.worker)), str(BREAKER.get(state, 0)))
            for g in workers
            for name, state in sorted(g.breakers.items())
        ],
    )  # fmt: skip
    _series(
        lines, "jitsuri_commit_queue", "gauge", "Hand-ins of a worker that are not durable yet.",
        [((("worker", g.worker),), str(g.commit_queue)) for g in workers],
    )  # fmt: skip
    _series(
        lines, "jitsuri_ledger_outage", "gauge", "1 while a worker cannot write the ledger, and so takes no calls.",
        [((("worker", g.worker),), str(int(bool(g.outage)))) for g in workers],
    )  # fmt: skip
    _series(
        lines, "jitsuri_budget_lease_outage", "gauge", "1 while a worker cannot draw on budgets that refuse.",
        [((("worker", g.worker),), str(int("budgets" in g.faults))) for g in workers],
    )  # fmt: skip
    _series(
        lines, "jitsuri_variant_faults", "gauge", "Files of local variants that a worker cannot read.",
        [((("worker", g.worker),), str(sum(p.startswith("variant:") for p in g.faults))) for g in workers],
    )  # fmt: skip
    _series(
        lines, "jitsuri_telemetry_dropped_total", "counter", "Attempts that were not told by OpenTelemetry.",
        [((("worker", g.worker),), str(g.untold)) for g in workers],
    )  # fmt: skip
    _series(
        lines, "jitsuri_budget_used_ratio", "gauge", "Used share of a budget in its running period; 1 is all of it.",
        [((("budget", b.name), ("scope", b.scope)), _share(b)) for b in sorted(standing.budgets, key=lambda b: b.name)],
    )  # fmt: skip
    _series(
        lines, "jitsuri_alarms_open", "gauge", "Alarms that are open.",
        [((("kind", kind),), str(count)) for kind, count in sorted(standing.alarms.items())],
    )  # fmt: skip
    _series(
        lines, "jitsuri_totals_timestamp_seconds", "gauge", "When the totals on this page were read, in unix time.",
        [((), f"{standing.read_at.timestamp():.3f}")],
    )  # fmt: skip
    _series(
        lines, "jitsuri_build_info", "gauge", "Always 1; the version is a label.",
        [((("version", standing.version),), "1")],
    )  # fmt: skip


def _series(lines: list[str], name: str, kind: str, help_text: str, rows: Sequence[tuple[Labels, str]]) -> None:
    _head(lines, name, kind, help_text)
    lines += [f"{name}{_braced(labels)} {value}" for labels, value in rows]


def _head(lines: list[str], name: str, kind: str, help_text: str) -> None:
    lines += (f"# HELP {name} {help_text}", f"# TYPE {name} {kind}")


def _braced(labels: Labels) -> str:
    return "{" + ",".join([f'{name}="{escaped(value)}"' for name, value in labels]) + "}" if labels else ""


def _micro(value: int) -> str:
    """Millionths as a decimal number, exact."""
    return f"{value // 1_000_000}.{value % 1_000_000:06d}"


def _share(budget: BudgetShare) -> str:
    if not budget.limit_micro_jpy:
        return "1" if budget.used_micro_jpy else "0"
    return repr(round(budget.used_micro_jpy / budget.limit_micro_jpy, 6))
