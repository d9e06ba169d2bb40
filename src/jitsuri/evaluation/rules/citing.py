"""Which sources an answer names, and whether they are among those that it may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from jitsuri.evaluation.rules.matching import compiled, spans
from jitsuri.evaluation.rules.normalising import normalised
from jitsuri.evaluation.rules.reading_kanji import KANJI, numeral
from jitsuri.evaluation.shapes import Citation, Outcome, Reason, Scored, Unscored

FORMS: Mapping[str, str] = {
    "article": r"第?\d+条(の\d+)*(第?\d+項)?(第?\d+号)?",
    "bracket": r"\[\d{1,3}\]",
    "named": r"\([^()\n]{1,40}\s?\d+(\.\d+)*\)",
}
"""Forms by name: 第12条第3項, [3], （規程A 3.2）. All of them are looked for in the folded text (half width, digits)."""

MOST_TOLD = 5
"""Citations that a reason names."""

_NUMBERED = re.compile(f"(?<=第)[{KANJI}]++(?=[条項号章節])|(?<=条の)[{KANJI}]++")


def citations(text: str, pattern: str) -> list[str] | None:
    """Every citation of a text in its one form, in order, each once; None where the text is too long for the pattern."""
    folded = _folded(text)
    automaton = compiled(FORMS.get(pattern, pattern))
    places = spans(automaton, folded) if automaton.fits(len(folded)) else None
    return None if places is None else list(dict.fromkeys(_one_form(folded[start:end]) for start, end in places))


def cites(answer: str, expected: str | None, spec: Citation) -> Outcome:
    """1 where the answer names what ``spec.need`` asks for; invented sources are told by name.

    ``Unscored`` ``expected_missing`` where neither the spec nor the expected answer names a source.
    """
    found = citations(answer, spec.pattern)
    if found is None:
        return Unscored("text_too_long", {"characters": len(answer)})
    allowed = {_one_form(_folded(one)) for one in spec.allowed} or set(citations(expected or "", spec.pattern) or ())
    if not allowed:
        return Unscored("expected_missing")
    invented = [one for one in found if one not in allowed]
    lacking = [one for one in sorted(allowed) if one not in found]
    reasons: list[Reason] = []
    if len(lacking) == len(allowed):
        reasons.append(("citation_absent", {"value": _told(lacking)}))
    elif spec.need == "all" and lacking:
        reasons.append(("citation_incomplete", {"value": _told(lacking)}))
    is_right = not reasons and (spec.need == "any" or not invented)
    if invented:
        reasons.append(("citation_invented", {"value": _told(invented)}))
    return Scored(Fraction(int(is_right)), tuple(reasons))


def _folded(text: str) -> str:
    return _NUMBERED.sub(_in_digits, normalised(text).replace("<", "(").replace(">", ")"))


def _in_digits(found: re.Match[str]) -> str:
    value = numeral(found[0])
    return str(value) if value is not None else found[0]


def _one_form(citation: str) -> str:
    """第12条 and 12条, (規程A 3.2) and (規程A3.2) are one source."""
    return re.sub(r"\s", "", citation).replace("第", "")


def _told(names: list[str]) -> str:
    return ", ".join(names[:MOST_TOLD]) + (" …" if len(names) > MOST_TOLD else "")
