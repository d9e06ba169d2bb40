"""How well findings agree with labels, counted as the neutral scorer of the first set counts.

``typed``: at least half of a labelled span is covered by findings of its type (LOCATION counts for ADDRESS and the other way
round). ``exact``: one finding of the type with the same ends. ``masked``: every character, blanks aside, lies under a finding of any
type. Precision: of the findings of a type, those that overlap a labelled span of it; findings that touch a neutral span are left
out. A hard negative is hit when a finding of a structured type overlaps it; one that looks like a name, when a person's does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

STRUCTURED = frozenset(
    {"MY_NUMBER", "CORPORATE_NUMBER", "CREDIT_CARD", "PHONE", "EMAIL", "POSTAL_CODE", "BANK_ACCOUNT", "DRIVERS_LICENSE", "PASSPORT",
     "HEALTH_INSURANCE", "EMPLOYEE_ID", "DATE_OF_BIRTH", "ADDRESS"}
)  # fmt: skip
SAME = {
    "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "MYNUMBER": "MY_NUMBER", "ORGANIZATION": "ORG", "CORPORATE_ID": "CORPORATE_NUMBER",
    "DRIVER_LICENSE": "DRIVERS_LICENSE",
}  # fmt: skip
"""Names that others give to the same types."""


@dataclass
class Counts:
    labelled: int = 0
    typed: int = 0
    exact: int = 0
    masked: int = 0
    found: int = 0
    right: int = 0


@dataclass
class Score:
    types: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    """``PERSON``, or ``real/PERSON`` where the set has parts."""
    negatives: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Kind -> hit, all."""
    in_dialogues: int = 0
    """Structured findings in real dialogues, which hold none."""

    def summed(self, prefix: str = "") -> Counts:
        """All labelled types together."""
        chosen = [one for name, one in self.types.items() if name.startswith(prefix) and one.labelled]
        return Counts(*(sum(getattr(one, what) for one in chosen) for what in Counts.__dataclass_fields__))


def count(
    rows: Iterable[Mapping[str, Any]],
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    name_kinds: frozenset[str] = frozenset(),
    structured: frozenset[str] = STRUCTURED,
) -> Score:
    """``rows`` as in the sets, ``found`` by id. Kinds of hard negatives in ``name_kinds`` are hit by PERSON too."""
    score = Score()
    for row in rows:
        spans = [(one["start"], one["end"], SAME.get(one["type"], one["type"])) for one in found[row["id"]]]
        part = row.get("part", "")
        if part == "realneg":
            score.in_dialogues += sum(kind in structured for _, _, kind in spans)
            continue
        prefix = f"{part}/" if part in ("real", "synthetic") else ""
        _count_labelled(score, prefix, row, spans)
        _count_found(score, prefix, row, spans)
        for one in row["hard_negatives"]:
            kinds = structured | {"PERSON"} if one["why"] in name_kinds else structured
            hit = any(start < one["end"] and one["start"] < end and kind in kinds for start, end, kind in spans)
            score.negatives[one["why"]][0] += hit
            score.negatives[one["why"]][1] += 1
    return score


def _same(found: str, labelled: str) -> bool:
    return found == labelled or {found, labelled} == {"ADDRESS", "LOCATION"}


def _count_labelled(score: Score, prefix: str, row: Mapping[str, Any], spans: list[tuple[int, int, str]]) -> None:
    covered = {at for start, end, _ in spans for at in range(start, end)}
    for one in row["entities"]:
        counts = score.types[prefix + one["type"]]
        places = range(one["start"], one["end"])
        alike = {at for start, end, kind in spans if _same(kind, one["type"]) for at in range(start, end)}
        counts.labelled += 1
        counts.typed += 2 * len(alike.intersection(places)) >= len(places)
        counts.exact += (one["start"], one["end"], one["type"]) in spans
        counts.masked += all(at in covered or row["text"][at].isspace() for at in places)


def _count_found(score: Score, prefix: str, row: Mapping[str, Any], spans: list[tuple[int, int, str]]) -> None:
    for start, end, kind in spans:
        if any(start < one["end"] and one["start"] < end for one in row["optional"]):
            continue
        counts = score.types[prefix + kind]
        counts.found += 1
        counts.right += any(
            start < one["end"] and one["start"] < end and _same(kind, one["type"]) for one in row["entities"]
        )
