"""How long a verdict and its paper take: 100,000 pairs from a table in memory, and one A4 page.

    python bench/certifying.py [--pairs 100000]

Beside the verdict stands what a plain scipy t-test of the same differences takes (``scipy.stats.ttest_1samp``), the least
that any tool would do; the ratio holds on any machine. Exits with 1 above one second for either.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from scipy import stats

from jitsuri.flows.cold.certifying import Issuer, certificate_of
from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.paper.wire import pdf_of
from jitsuri.rightsizing.shapes.certificates import TaskNamed
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.web.pages.papering import sheet_of

AT = datetime(2026, 11, 27, tzinfo=UTC)


def table_of(pairs: int) -> Table:
    rng = np.random.default_rng(0)
    n = 2 * pairs
    ids = tuple(f"p{at // 2}" for at in range(n))
    return Table(
        lines=tuple(range(n)), tasks=("t",) * n, prompt_ids=ids, prompts=tuple(f"prompt {name}" for name in ids),
        models=("today", "cheap") * pairs, answers=("",) * n, scores=tuple((rng.random(n) < 0.9).astype(float).tolist()),
        judges=("exact",) * n, input_tokens=(100.0,) * n, output_tokens=(20.0,) * n, costs_usd=(None,) * n,
        critical=(None,) * n, fields={"category": tuple(str(at // 2 % 20) for at in range(n))}, signals={},
    )  # fmt: skip


def median_of(runs: int, one: Callable[[], object]) -> float:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        one()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    table = table_of(parser.parse_args().pairs)
    prices = Prices(book_from_library(), AT, Decimal(150), True)
    asked = Asked("today", with_cascade=False)
    scores = np.array(table.scores)

    verdict_s = median_of(5, lambda: judge_outcomes(table, asked, prices))
    t_test_s = median_of(5, lambda: stats.ttest_1samp(scores[1::2] - scores[::2], -0.05, alternative="greater"))
    issuer = Issuer("株式会社サンプル精機", True, AT, Decimal(50), Decimal(3957), Decimal(10))
    paper = certificate_of(
        judge_outcomes(table, asked, prices)[0], TaskNamed("t", "t", "t", "", ""), None, prices, issuer
    )
    started = time.perf_counter()
    pdf_of(sheet_of(paper, "ja"), "ja", AT)
    first_s = time.perf_counter() - started
    page_s = median_of(5, lambda: pdf_of(sheet_of(paper, "ja"), "ja", AT))

    print(f"verdict of {len(table) // 2:,} pairs, 20 slices   {verdict_s:8.3f} s")
    print(f"a plain t-test of the same         {t_test_s:8.4f} s   ratio {verdict_s / t_test_s:,.0f}")
    print(f"one A4 page, first / then          {first_s:8.3f} s / {page_s:.3f} s")
    return 1 if verdict_s > 1 or first_s > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
