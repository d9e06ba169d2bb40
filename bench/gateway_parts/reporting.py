"""The table in Markdown, the ratios, and the bars that were promised."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway_parts.asking import CELLS
from gateway_parts.rounds import Row

Figures = list[float]
"""One figure per round."""


def _by_round(rows: Sequence[Row], name: str, cell: str) -> dict[int, Row]:
    return {row["round"]: row for row in rows if row["name"] == name and row["cell"] == cell}


def values(rows: Sequence[Row], name: str, cell: str, key: str) -> Figures:
    return [row[key] for row in _by_round(rows, name, cell).values() if key in row]


def pairs(
    rows: Sequence[Row], one: str, other: str, cell: str, key: str, of: Callable[[float, float], float]
) -> Figures:
    """A figure of two targets for every round that both were measured in."""
    first, second = _by_round(rows, one, cell), _by_round(rows, other, cell)
    both = [r for r in sorted(first) if r in second and key in first[r] and second[r].get(key)]
    return [of(first[r][key], second[r][key]) for r in both]


def spread(figures: Figures, form: str = ",.1f", per: float = 1.0) -> str:
    """Median [lowest–highest]; a dash when there is none."""
    if not figures:
        return "–"
    told = [format(value / per, form) for value in (statistics.median(figures), min(figures), max(figures))]
    return told[0] if len(figures) == 1 else f"{told[0]} [{told[1]}–{told[2]}]"


def table(rows: Sequence[Row], names: Sequence[str], cells: Sequence[str], base: str = "litellm") -> Iterator[str]:
    """One table per cell, medians over rounds with lowest and highest."""
    for cell in cells:
        is_streamed = CELLS[cell].is_streamed
        yield f"\n**{cell}** – {CELLS[cell].says}\n"
        rate, first = ("streams/s", "first token ms | ") if is_streamed else ("req/s", "")
        yield f"| | {rate} | p50 ms | p99 ms | {first}CPU µs/req | PostgreSQL µs/req | memory MB | × {base} |"
        yield "|---|" + "--:|" * (8 if is_streamed else 7)
        for name in names:
            if not _by_round(rows, name, cell):
                continue
            first = f"{spread(values(rows, name, cell, 'first_p50_us'), ',.2f', 1000)} | " if is_streamed else ""
            times = pairs(rows, name, base, cell, "rps", lambda a, b: a / b) if name not in (base, "direct") else []
            yield (
                f"| {name} | {spread(values(rows, name, cell, 'rps'))} | {spread(values(rows, name, cell, 'p50_us'), ',.2f', 1000)}"
                f" | {spread(values(rows, name, cell, 'p99_us'), ',.2f', 1000)} | {first}"
                f"{spread(values(rows, name, cell, 'cpu_us'), ',.0f')} | {spread(values(rows, name, cell, 'postgres_cpu_us'), ',.0f')}"
                f" | {spread(values(rows, name, cell, 'pss_mb'), ',.0f')} | {spread(times)} |"
            )


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: a figure that must be at least, or at most, so much. No figures: it was not measured."""

    says: str
    figures: Figures
    bound: float
    is_at_least: bool
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        if not self.figures:
            return None
        median = statistics.median(self.figures)
        return median >= self.bound if self.is_at_least else median <= self.bound

    def line(self) -> str:
        told = {True: "met", False: "NOT MET", None: "not judged"}[self.is_met]
        sign = "≥" if self.is_at_least else "≤"
        return f"| {self.says} | {sign} {self.bound:g} | {spread(self.figures, ',.2f')} | {told}{self.note and f' ({self.note})'} |"


def added_ms(rows: Sequence[Row], name: str, cell: str, key: str) -> Figures:
    """What the gateway adds to the upstream's own time, round by round; milliseconds."""
    return pairs(rows, name, "direct", cell, key, lambda a, b: (a - b) / 1000)


def bars(
    rows: Sequence[Row], name: str, cold_starts_s: Figures, fdatasync_ms: float, base: str = "litellm"
) -> list[Bar]:
    """What the project promises of its gateway, on one core, with key, task, budget, price and durable entry on."""

    def times(cell: str, bound: float) -> Bar:
        return Bar(f"{cell}: × {base}", pairs(rows, name, base, cell, "rps", lambda a, b: a / b), bound, True)

    def cpu(cell: str) -> Bar:
        return Bar(f"{cell}: CPU µs per request", values(rows, name, cell, "cpu_us"), 200, False)

    is_quick = fdatasync_ms <= 0.2
    memory = [max(row["pss_mb"] for row in rows if row["name"] == name and "pss_mb" in row)] if any(
        row["name"] == name and "pss_mb" in row for row in rows) else []  # fmt: skip
    return [
        times("c16", 50),
        times("c64", 50),
        cpu("c16"),
        cpu("c64"),
        times("r30", 30),
        times("s16", 60),
        Bar("t1: added time to first token, ms", added_ms(rows, name, "t1", "first_p50_us"), 1.5, False),
        Bar("c1: added p50, ms", added_ms(rows, name, "c1", "p50_us") if is_quick else [], 2.0, False,
            "" if is_quick else f"fdatasync takes {fdatasync_ms} ms here; the promise is for ≤ 0.2 ms"),
        Bar("memory under load without PostgreSQL, MB", memory, 120, False),
        Bar("cold start, s", cold_starts_s, 3.0, False),
    ]  # fmt: skip
