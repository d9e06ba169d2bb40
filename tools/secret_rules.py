"""Write ``guardrails/rules/secrets/vendors.py``: how the keys of known vendors begin, out of a maintained detector's rules.

Needs ``pip install kingfisher-secret-scanner`` in an environment of its own (only here): its catalogue holds the rules of
Betterleaks (MIT), the successor of Gitleaks, and of Veles (Apache-2.0). Of every rule whose secret begins with letters of its
own the beginning, the alphabet and the length are taken; rules without such a beginning, of ids and public keys are left out.
"""

from __future__ import annotations

import re
import re._constants as op
import re._parser as parser
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGE = "kingfisher-secret-scanner"
TARGET = Path(__file__).resolve().parent.parent / "src/jitsuri/guardrails/rules/secrets/vendors.py"

NO_SECRET = re.compile(
    r"client-id|app-id|public|pub-key|-url|endpoint|account-name|connection-string|client-sdk|webhook|key-id\.1"
)
"""Rules that find what may be shown, or that are written by hand in ``finding.py``."""

SPEAKING = frozenset({
    "AKIA", "ASIA", "ABIA", "ACCA", "AIza", "ABSK", "AKCp", "LTAI", "cmVmd", "ATAT",
    "xoxp", "xoxa", "xoxr", "xoxo", "xoxs",
})  # fmt: skip
"""Beginnings without a mark in them that stand for nothing else."""

Item = tuple[frozenset[str], int, int | None]
Row = tuple[str, str, str, int, int | None, bool]


def main() -> int:
    from kingfisher_sdk import Rules  # type: ignore[import-not-found]

    rules = Rules(confidence="low")
    rows: dict[tuple[str, bool], Row] = {}
    left = 0
    for one in rules.metadata():
        name = re.sub(r"^(?:betterleaks\.|veles\.secrets/)|\.\d+$", "", one["id"])
        found = [] if NO_SECRET.search(one["id"]) else taken(name, rules.detail(one["id"])["pattern"])
        left += not found
        for row in found:
            key = (row[1], row[5])
            rows[key] = merged(rows[key], row) if key in rows else row
    body = "".join(f"    {row!r},\n" for row in sorted(rows.values(), key=lambda row: (row[1].lower(), row)))
    head = (
        '"""How the keys of known vendors begin: written by ``tools/secret_rules.py``, not by hand.\n\n'
        f"From the rules of Betterleaks (MIT) and Veles (Apache-2.0) as in {PACKAGE} {version(PACKAGE)}: {len(rows)} beginnings;\n"
        f"{left} rules have none of their own, or find no secret.\n"
        '"""\n\n# fmt: off\n'
        "VENDORS: tuple[tuple[str, str, str, int, int | None, bool], ...] = (\n"
    )
    close = (
        ')\n"""Rule, beginning, alphabet of the rest, least and most characters of the rest, whether case is free."""\n'
    )
    TARGET.write_text(head + body + close, "utf-8")
    print(f"{len(rows)} beginnings, {left} rules left out")
    return 0


def taken(name: str, pattern: str) -> list[Row]:
    """The beginnings of one rule; none when its secret has none, or its pattern is of another kind."""
    free = "(?i)" in pattern
    text = pattern.replace("(?i)", "").replace("[[:alnum:]]", "[a-zA-Z0-9]").replace("\\z", "\\Z")
    try:
        tree = list(parser.parse(text, re.IGNORECASE if free else 0))
        group = first_group(tree)
        variants = walked([(op.SUBPATTERN, group)] if group else tree, free)
    except (ValueError, re.error):
        return []
    rows = []
    for items in variants:
        begin, rest = begun(items, free)
        least = sum(one[1] for one in rest)
        most = None if any(one[2] is None for one in rest) else sum(one[2] or 0 for one in rest)
        telling = begin in SPEAKING or (
            len(begin) >= 3 and re.search(r"[-_.$+~]", begin) and re.match(r"[A-Za-z$]", begin)
        )
        if telling and not re.match(r"S[Kk]-|sK-|test_|eyJ", begin) and least >= (16 if len(begin) < 8 else 10):
            rows.append((name, begin, alphabet(frozenset().union(*(one[0] for one in rest))), least, most, free))
    return rows


def begun(items: list[Item], free: bool) -> tuple[str, list[Item]]:
    at = 0
    begin = ""
    while at < len(items) and items[at][1:] == (1, 1) and len({c.lower() for c in items[at][0]}) == 1:
        begin += min(items[at][0]).lower() if free else next(iter(items[at][0]))
        at += 1
    return begin, items[at:]


def first_group(tree: Iterable[Any]) -> Any:
    for kind, value in tree:
        if kind is op.SUBPATTERN:
            if value[0] == 1:
                return value
            if (found := first_group(value[3])) is not None:
                return found
    return None


def walked(tree: Iterable[Any], free: bool) -> list[list[Item]]:
    """Every way through a pattern, as runs of characters. Raises ValueError for what is no such thing."""
    ways: list[list[Item]] = [[]]
    for kind, value in tree:
        ways = [way + more for way in ways for more in _step(kind, value, free)]
        if len(ways) > 64:
            raise ValueError("too many ways")
    return ways


def _step(kind: Any, value: Any, free: bool) -> list[list[Item]]:
    if kind is op.LITERAL or kind is op.IN:
        chars = characters([(kind, value)] if kind is op.LITERAL else value, free)
        if kind is op.IN and len({c.lower() for c in chars}) <= 6:
            return [[(frozenset({c}), 1, 1)] for c in sorted(chars)]
        return [[(chars, 1, 1)]]
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        return _repeated(*value, free)
    if kind is op.SUBPATTERN:
        _group, on, off, inner = value
        return walked(inner, (free or bool(on & re.IGNORECASE)) and not off & re.IGNORECASE)
    if kind is op.BRANCH:
        return [way for branch in value[1] for way in walked(branch, free)]
    if kind is op.AT:
        return [[]]
    raise ValueError(f"{kind} is not known")


def _repeated(low: int, high: Any, inner: Any, free: bool) -> list[list[Item]]:
    most = None if high is op.MAXREPEAT else int(high)
    found = walked(inner, free)
    if all(len(way) == 1 for way in found) and len(found) > 1:  # a small class, taken apart above
        found = [[(frozenset().union(*(way[0][0] for way in found)), 1, 1)]]
    if len(found) == 1 and len(found[0]) == 1:
        chars, least, longest = found[0][0]
        return [[(chars, least * low, None if most is None or longest is None else longest * most)]]
    if (low, most) == (0, 1):
        return [[], *found]
    chars = frozenset().union(*(one[0] for way in found for one in way))
    return [[(chars, low * min(sum(one[1] for one in way) for way in found), None)]]


def characters(items: Iterable[Any], free: bool) -> frozenset[str]:
    found: set[str] = set()
    for kind, value in items:
        if kind is op.LITERAL:
            found.add(chr(value))
        elif kind is op.RANGE:
            found |= {chr(one) for one in range(value[0], min(value[1], 126) + 1)}
        elif kind is op.CATEGORY and value is op.CATEGORY_DIGIT:
            found |= set("0123456789")
        elif kind is op.CATEGORY and value is op.CATEGORY_WORD:
            found |= {chr(one) for one in range(33, 127) if chr(one).isalnum()} | {"_"}
        else:
            raise ValueError(f"{kind} is not known")
    return frozenset(way for one in found for way in ((one.lower(), one.upper()) if free else (one,)))


def alphabet(chars: frozenset[str]) -> str:
    """As the inside of a class of a regular expression."""
    parts = []
    for low, high in (("A", "Z"), ("a", "z"), ("0", "9")):
        inside = sorted(one for one in chars if low <= one <= high)
        whole = len(inside) > 2 and ord(inside[-1]) - ord(inside[0]) == len(inside) - 1
        parts.append(f"{inside[0]}-{inside[-1]}" if whole else "".join(inside))
    return "".join(parts) + "".join(re.escape(one) for one in sorted(chars) if not one.isalnum())


def merged(one: Row, other: Row) -> Row:
    most = None if one[4] is None or other[4] is None else max(one[4], other[4])
    both = characters(parser.parse(f"[{one[2]}]")[0][1], False) | characters(parser.parse(f"[{other[2]}]")[0][1], False)
    return (min(one[0], other[0]), one[1], alphabet(both), min(one[3], other[3]), most, one[5])


if __name__ == "__main__":
    sys.exit(main())
