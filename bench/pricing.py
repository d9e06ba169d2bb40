"""How long one priced call takes, by the library and by us, in one run on one machine.

    python bench/pricing.py [calls]

Prints the versions, the best of five rounds each, the ratio, and what taking a book in and loading it costs.
The target is 12 µs a call (an import runs ≥ 5,000 lines/s with parsing and COPY; decision 0003).
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from time import perf_counter, process_time

from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.ledger.wire.packing import packed, to_json, unpacked
from jitsuri.terms.usage import Usage

CASES = (
    ("openai", "gpt-6.1-sol", "", None),
    ("openai", "gpt-6.1-sol", "batch", {"processing": "batch"}),
    ("anthropic", "claude-haiku-5-5", "", None),
    ("google", "gemini-4-argon", "", None),
    ("deepseek", "deepseek-flash", "", None),
)
USAGE = Usage(12_345, 678, cache_read_tokens=4_000, reasoning_tokens=100)


def best(work: Callable[[], object], calls: int) -> float:
    """Seconds of processor time per call, the best of five rounds: what else runs here hardly counts."""
    rounds = []
    for _ in range(5):
        start = process_time()
        work()
        rounds.append((process_time() - start) / calls)
    return min(rounds)


def main(calls: int) -> None:
    print(f"Python {platform.python_version()} {platform.machine()}, genai-prices {version('genai-prices')}")
    start = perf_counter()
    book = book_from_library()
    print(f"take the library's book in: {perf_counter() - start:.2f} s, {book.models} models, id {book.book_id}")
    content = packed(book)
    load = best(lambda: unpacked.__wrapped__(content, book.book_id), 1)
    print(f"load a stored book: {load * 1e3:.1f} ms ({len(to_json(book)):,} bytes of JSON, {len(content):,} stored)")

    from genai_prices import Usage as TheirUsage
    from genai_prices import calc_price

    pricer = Pricer(book)
    theirs = TheirUsage(
        input_tokens=USAGE.input_tokens, output_tokens=USAGE.output_tokens,
        cache_read_tokens=USAGE.cache_read_tokens, output_reasoning_tokens=USAGE.reasoning_tokens,
    )  # fmt: skip
    noon = datetime(2026, 11, 20, 3, tzinfo=UTC)
    instants = [noon + timedelta(seconds=97 * n) for n in range(calls)]
    few = instants[: max(1, calls // 20)]
    for provider, model, tier, context in CASES:

        def ours(provider: str = provider, model: str = model, tier: str = tier) -> None:
            for at in instants:
                pricer.price(provider, model, USAGE, at, tier)

        def library(provider: str = provider, model: str = model, context: dict[str, str] | None = context) -> None:
            for at in few:
                calc_price(theirs, model, provider_id=provider, genai_request_timestamp=at, price_context=context)

        own, their = best(ours, calls), best(library, len(few))
        shown = f"{provider}/{model}{' ' + tier if tier else ''}"
        print(f"{shown:32} library {their * 1e6:6.1f} µs, ours {own * 1e6:5.1f} µs, {their / own:5.1f} ×")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
