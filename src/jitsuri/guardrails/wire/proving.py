"""A test kit for own checks: ``prove(check, texts)`` in a company's own tests says whether a check keeps to what scanning and streams
rely on. Needs nothing but the check: no database, no server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from jitsuri.guardrails.rules.segmenting import REACH, cuts
from jitsuri.guardrails.shapes import Check, Finding
from jitsuri.guardrails.wire.plugging_in import malformed

AFTER = 24
"""Characters after a span on which it may depend (decision 0042)."""

HOSTILE: tuple[str, ...] = (
    "", " ", "\n", "\x00", "\ud800", "a\udfffb", "が" + "\u0301" * 40, "👩‍👩‍👧" * 20, "0" * 4_000, "-" * 4_000, "@" * 500, "あ" * 4_000,
    "（" * 300, "\u202eabc\u202c", "1,2,3,4,5,6,7,8,9,0\n" * 50, "a.b.c@d.e.f " * 50, "\r\n\r\n", "＠１２３ー４５－６７",
)  # fmt: skip
"""What any check has to survive."""

_FILLERS = ("x" * (REACH + 8), "\u3002\n" * (REACH // 2 + 4), "9" * (REACH + 8))

SLOWEST_MS = 50.0
"""Milliseconds of processor time per 1,000 characters from which on a check is too slow to stand in the way of calls: a tenth of
what the slow path to names takes (decision 0042)."""


def prove(check: Check, texts: Sequence[str], slowest_ms: float = SLOWEST_MS) -> int:
    """Raise AssertionError, with what is wrong, unless the check keeps its contract on these texts and on hostile ones. Returns how
    many findings were looked at: give texts that have some, or nothing is proved. ``slowest_ms`` per 1,000 characters."""
    wrong = malformed(check, check.name)
    assert not wrong, f"{wrong} of the check is not as it must be"
    looked_at = 0
    for text in (*texts, *HOSTILE):
        found = tuple(check.find(text))
        for one in found:
            _sound(check, text, one)
        assert found == tuple(check.find(text)), f"twice over {text[:40]!r} gives two answers"
        for one in found if text not in HOSTILE else ():
            _local(check, text, one)
            looked_at += 1
    _same_in_threads(check, texts)
    _linear(check, texts, slowest_ms)
    return looked_at


def _sound(check: Check, text: str, one: Finding) -> None:
    where = f"{one.start}..{one.end} of {text[:40]!r}"
    assert 0 <= one.start < one.end <= len(text), f"{where} is no span of the text"
    assert one.type in check.types, f"{one.type} is not among the types {check.types}"
    assert 0 <= one.score <= 1, f"{where} has the score {one.score}"
    assert one.reason, f"{where} has no reason"


def _local(check: Check, text: str, one: Finding) -> None:
    """The finding must stand whatever is written further away, or else in its segment alone."""
    if any(same(one, found, -start) for start, piece in _segments(text, one) for found in check.find(piece)):
        return
    left, right = max(0, one.start - REACH), min(len(text), one.end + AFTER)
    for filler in _FILLERS:
        before = filler if left else ""
        other = before + text[left:right] + (filler if right < len(text) else "")
        assert any(same(one, found, len(before) - left) for found in check.find(other)), (
            f"{one.type} at {one.start}..{one.end} of {text[:40]!r} depends on more than {REACH} characters before it, {AFTER} after it"
        )


def same(one: Finding, other: Finding, moved: int) -> bool:
    """Whether two findings are the same, with the second so many characters further on."""
    return (one.start + moved, one.end + moved, one.type) == (other.start, other.end, other.type)


def _segments(text: str, one: Finding) -> Iterator[tuple[int, str]]:
    start = 0
    for end in (*cuts(text), len(text)):
        if start <= one.start and one.end <= end:
            yield start, text[start:end]
        start = end


def _same_in_threads(check: Check, texts: Sequence[str]) -> None:
    alone = [tuple(check.find(text)) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            together = list(pool.map(lambda text: tuple(check.find(text)), texts))
            assert together == alone, "several threads at once give other answers"


def _linear(check: Check, texts: Sequence[str], slowest_ms: float) -> None:
    """Four times the text may take four times as long and some; a quadratic check takes sixteen times."""
    piece = "\n".join(texts) or "あ"
    for text in (piece, piece.replace("\n", ""), "9" * 40, "a1-" * 20, "あア亜 " * 20):
        short = (text * (20_000 // len(text) + 1))[:20_000]
        first, second = _seconds(check, short), _seconds(check, short * 4)
        assert second < 9 * first + 0.05, f"four times the text takes {second / max(first, 1e-9):.1f} times as long"
        assert second / 80 * 1_000 <= slowest_ms, f"{second / 80 * 1_000:.1f} ms per 1,000 characters"


def _seconds(check: Check, text: str) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.thread_time()
        for _one in check.find(text):
            pass
        best = min(best, time.thread_time() - began)
    return best
