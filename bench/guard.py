"""What the checks of the guardrails cost: processor time per 1,000 characters, each alone and together, and how it grows with length.

    python bench/guard.py
    python bench/guard.py --venvs VENVS --peer privacy_masker    # beside a peer, its rounds between ours (bench/pii.py makes VENVS)
    python bench/guard.py --only long,streams
    python bench/guard.py --venvs VENVS --into docs/explanation/personal-data.md

Texts are those of the second set, joined and cut into texts of 1,000 characters. The least of several rounds counts, since the
machine may be shared.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pii_second.writing import PARTS, texts

from jitsuri.guardrails.live.checks import Checks
from jitsuri.guardrails.shapes import Policy, Rule, Scanned
from jitsuri.guardrails.wire.dictionary import forget

WORDS = ("confidential_term", "marking", "secret")
NAMES = ("person", "address")
SLOW = ("person_slow",)
TERMS = tuple(f"{name}{at}" for at in range(20) for name in ("青嵐計画", "Project Heron ", "株式会社みどり製作所"))
"""Confidential words, as many as a task of a large company has."""
LENGTH = 1_000
HOSTILE = {
    "telephones without end": "090-1234-567 ",
    "at signs": "a@",
    "digits": "0123456789",
    "digits and hyphens": "1-",
    "titles without a name": "様",
    "titles of two characters": "部長",
    "names with titles": "田中様",
    "addresses without a number": "東京都港区",
    "dates without a year": "生年月日:",
    "full-width digits": "０９０－",
    "combining marks": "か\u3099",
    "lone surrogates": "\ud800あ",
    "one kanji": "林",
    "half-width kana": "ｶﾞ",
}


BEGIN, END = "<!-- costs: begin -->", "<!-- costs: end -->"
_SAID: list[str] = []


def _say(line: str) -> None:
    _SAID.append(line)
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--venvs", type=Path)
    parser.add_argument("--peer", default="privacy_masker")
    parser.add_argument("--only", default="checks,long,hostile,streams")
    parser.add_argument("--into", type=Path, help="page whose part on costs is replaced")
    given = parser.parse_args()
    wanted = given.only.split(",")
    checks = Checks()
    joined = "\n".join(one.text for part in PARTS for one in texts(part))
    pieces = [joined[at : at + LENGTH] for at in range(0, len(joined) - LENGTH, LENGTH)]
    if "checks" in wanted:
        _each(checks, pieces, given.rounds)
        _together(checks, pieces, given.rounds, given.venvs, given.peer)
    if "long" in wanted:
        _long(checks, joined, given.rounds)
    if "hostile" in wanted:
        _hostile(checks)
    if "streams" in wanted:
        _streams(checks, pieces)
    if given.into:
        page = given.into.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        machine = f"{date.today()}, {os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}"
        told = "\n".join([BEGIN, f"Measured {machine}.", "", "```", *_SAID, "```", END])
        given.into.write_text(before + told + rest.partition(END)[2], "utf-8")


def _finder(checks: Checks, names: tuple[str, ...]) -> Callable[[str], Scanned]:
    policy = Policy("bench", 1, tuple(Rule(name, "observe") for name in names), terms=TERMS)
    return checks.scanner(policy, "in").scan


def _groups(checks: Checks) -> dict[str, tuple[str, ...]]:
    missing = checks.missing()
    here = tuple(name for name in checks.known() if name not in missing and name not in SLOW)
    structured = tuple(name for name in here if name not in WORDS + NAMES)
    words = tuple(name for name in here if name in WORDS)
    return {
        "nothing (normalising)": (),
        "structured": structured,
        "structured + words": structured + words,
        "all, with names": here,
    }


def _round(find: Callable[[str], object], pieces: list[str]) -> float:
    """Milliseconds of this process per 1,000 characters, each text as if it came for the first time."""
    forget()
    began = time.process_time()
    for piece in pieces:
        find(piece)
    return (time.process_time() - began) * 1e6 / sum(map(len, pieces))


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _each(checks: Checks, pieces: list[str], rounds: int) -> None:
    _say(f"each check alone, ms per 1,000 characters ({len(pieces)} texts, least of {rounds} rounds)")
    floor = None
    for names in [(), *((name,) for name in _groups(checks)["all, with names"])]:
        find = _finder(checks, names)
        _round(find, pieces[:3])
        with _undisturbed():
            least = min(_round(find, pieces) for _ in range(rounds))
        floor = least if floor is None else floor
        _say(f"  {names[0] if names else 'nothing (normalising)':24} {least:7.3f}   {least - floor:+7.3f}")
    _say(f"  not here: {', '.join(f'{name} {state}' for name, state in checks.missing().items()) or 'none'}")


class _Peer:
    """A peer in its own process, asked for the same texts in turns with ours."""

    def __init__(self, venvs: Path, name: str) -> None:
        command = [str(venvs / name / "bin" / "python"), str(Path(__file__).with_name("pii_peer.py")), name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def round(self, pieces: list[str]) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        took = 0.0
        for piece in pieces:
            self._process.stdin.write(json.dumps({"id": "", "text": piece}) + "\n")
            self._process.stdin.flush()
            took += json.loads(self._process.stdout.readline())["cpu_ms"]
        return took * 1000 / sum(map(len, pieces))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _together(checks: Checks, pieces: list[str], rounds: int, venvs: Path | None, peer: str) -> None:
    finders = {told: _finder(checks, names) for told, names in _groups(checks).items()}
    least = dict.fromkeys(finders, float("inf"))
    beside = _Peer(venvs, peer) if venvs else None
    theirs = float("inf")
    for _ in range(rounds):
        for told, find in finders.items():
            with _undisturbed():
                least[told] = min(least[told], _round(find, pieces))
        if beside:
            theirs = min(theirs, beside.round(pieces))
    if beside:
        beside.close()
    _say(
        "together, ms per 1,000 characters"
        + (f", and times that of {peer} ({theirs:.3f} in the same run)" if beside else "")
    )
    for told, ms in least.items():
        _say(f"  {told:24} {ms:7.3f}" + (f"   × {ms / theirs:.2f}" if beside else ""))


def _long(checks: Checks, joined: str, rounds: int) -> None:
    whole = joined * (1_000_000 // len(joined) + 1)
    _say("one long text, ms per 1,000 characters (a straight line is the same figure)")
    for told, names in _groups(checks).items():
        find = _finder(checks, names)
        found = []
        for length in (1_000, 10_000, 100_000, 1_000_000):
            text = whole[:length]
            with _undisturbed():
                found.append(
                    min(_round(find, [text] * max(1, 10_000 // length)) for _ in range(rounds if length < 10**6 else 1))
                )
        _say(f"  {told:24} " + "  ".join(f"{one:7.3f}" for one in found))


def _hostile(checks: Checks) -> None:
    find = _finder(checks, _groups(checks)["all, with names"])
    _say("hostile lines, ms per 1,000 characters at 10,000 and 100,000 characters, all checks")
    for told, unit in HOSTILE.items():
        figures = []
        for length in (10_000, 100_000):
            text = (unit * (length // len(unit) + 1))[:length]
            with _undisturbed():
                figures.append(_round(find, [text]))
        _say(f"  {told:28} {figures[0]:8.3f} {figures[1]:8.3f}")


def _streams(checks: Checks, pieces: list[str]) -> None:
    """Each piece of a stream as one event: all checks but the slow ones, everything found is masked."""
    if importlib.util.find_spec("jitsuri.guardrails.rules.holding_back") is None:
        _say("streams: not here")
        return
    from jitsuri.guardrails.rules.holding_back import HeldText

    _say(
        "a stream of 1,000 characters, per event of so many characters: middle, 99 %, longest µs of processor time; ms for all"
    )
    for told, names in _groups(checks).items():
        scan = _finder(checks, names)
        for size in (1, 4, 16):
            took = []
            with _undisturbed():
                for piece in pieces[:20]:
                    held = HeldText(lambda text, scan=scan: scan(text).findings, lambda *_: "mask")
                    for at in range(0, len(piece), size):
                        began = time.process_time()
                        held.feed(piece[at : at + size])
                        took.append((time.process_time() - began) * 1e6)
                    began = time.process_time()
                    held.flush()
                    took.append((time.process_time() - began) * 1e6)
            took.sort()
            middle, late = (took[int(len(took) * part)] for part in (0.5, 0.99))
            whole = sum(took) / 1e3 / len(pieces[:20])
            _say(f"  {told:24} {size:3}  {middle:8.1f} {late:8.1f} {took[-1]:9.1f}   {whole:8.2f}")


if __name__ == "__main__":
    main()
