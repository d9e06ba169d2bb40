"""Scoring answers (採点) by rule: a table of answers with what is expected → the same table with scores. Nothing is asked.

Story: every answer is scored once → a row that nobody has scored is filled in; a row that somebody else scored stays, and the
rule's own row comes behind it, so that people and rule can be compared → what could not be scored keeps an empty score and says
why. ``rightsize offline`` reads the result as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import msgspec

from jitsuri.evaluation.rules.scoring import needs_expected, score
from jitsuri.evaluation.shapes import Outcome, Scored, Scorer, Unscored
from jitsuri.rightsizing.shapes.outcomes import Answers
from jitsuri.terms.errors import CallerError

BLANK = frozenset({"", "null", "none", "nan", "na", "n/a", "-"})
"""Scores that are none, as ``rightsizing.wire`` reads them."""
DIGITS = 6
"""Decimals of a score as it is kept (invariant 11: figures are rounded before they are kept)."""
MOST_CODES = 3
"""Reasons that one row carries in its ``score_reason``."""


@dataclass(slots=True)
class Tally:
    """One model's answers: how many, how many could be scored, the sum of the exact scores, how often each reason."""

    count: int = 0
    scored: int = 0
    total: Fraction = Fraction(0)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def mean(self) -> float | None:
        """In [0, 1]; None where nothing was scored."""
        return float(self.total / self.scored) if self.scored else None


@dataclass(frozen=True, slots=True)
class ScoredAnswers:
    """Rows for a file, in the order of the table, and one tally per model, by name."""

    rows: Sequence[Mapping[str, object]]
    tallies: Mapping[str, Tally]


Key = tuple[str, str, str]


def score_answers(answers: Answers, name: str, scorer: Scorer) -> ScoredAnswers:
    """Score every answer of a table by a rule called ``name``.

    Raises CallerError ``score_expected_missing`` where the rule needs an expected answer and there is no such column,
    ``outcomes_duplicate`` where one request has two answers of one model.
    """
    if needs_expected(scorer) and "expected" not in answers.headers:
        raise CallerError("score_expected_missing", known=", ".join(answers.columns)[:300])
    score_at = answers.headers.get("score", "score")
    judge_at = answers.headers.get("judge", "judge")
    waiting = _waiting(answers, name)
    rows: list[Mapping[str, object]] = []
    tallies: dict[str, Tally] = {}
    done: set[Key] = set()
    for at in range(len(answers)):
        row = {header: column[at] for header, column in answers.columns.items()}
        key = _key(answers, at)
        if waiting.get(key) != at:
            rows.append({**row, score_at: row.get(score_at), judge_at: row.get(judge_at)})
            if key in waiting or key in done:
                continue
        done.add(key)
        outcome = score(*_texts(answers, at), scorer)
        _count(tallies.setdefault(key[2], Tally()), outcome)
        value = round(float(outcome.score), DIGITS) if isinstance(outcome, Scored) else None
        rows.append({**row, score_at: value, judge_at: name, "score_reason": _codes(outcome)})
    return ScoredAnswers(rows, dict(sorted(tallies.items())))


def _waiting(answers: Answers, name: str) -> dict[Key, int]:
    """The row of each answer that waits for this rule: nobody scored it, or the rule itself did before.

    Raises CallerError ``outcomes_duplicate`` where two rows of one request and model wait, or hold different answers.
    """
    found: dict[Key, int] = {}
    first: dict[Key, int] = {}
    for at in range(len(answers)):
        key = _key(answers, at)
        before = first.setdefault(key, at)
        is_open = _is_open(answers, at, name)
        if (is_open and key in found) or _texts(answers, at) != _texts(answers, before):
            raise CallerError("outcomes_duplicate", line=answers.lines[at], first_line=answers.lines[found.get(key, before)],
                              prompt_id=key[1], model=key[2], judge=name)  # fmt: skip
        if is_open:
            found[key] = at
    return found


def _texts(answers: Answers, at: int) -> tuple[str | None, str | None]:
    return _said(answers.cell("answer", at)), _said(answers.cell("expected", at))


def _key(answers: Answers, at: int) -> Key:
    task, prompt_id, model = (_said(answers.cell(ours, at)) or "" for ours in ("task", "prompt_id", "model"))
    return task, prompt_id, model


def _is_open(answers: Answers, at: int, name: str) -> bool:
    judge = (_said(answers.cell("judge", at)) or "").strip()
    told = (_said(answers.cell("score", at)) or "").strip().lower()
    return judge == name or (not judge and told in BLANK)


def _count(tally: Tally, outcome: Outcome) -> None:
    tally.count += 1
    if isinstance(outcome, Unscored):
        tally.reasons[outcome.code] += 1
        return
    tally.scored += 1
    tally.total += outcome.score
    tally.reasons.update({code for code, _ in outcome.reasons})


def _codes(outcome: Outcome) -> str | None:
    """Codes with the field they are about (``field_missing:/total``); None where there is nothing to say."""
    reasons = ((outcome.code, outcome.facts),) if isinstance(outcome, Unscored) else outcome.reasons
    told = dict.fromkeys(f"{code}:{facts['field']}" if facts.get("field") else code for code, facts in reasons)
    return " ".join(list(told)[:MOST_CODES]) or None


def _said(cell: object) -> str | None:
    """A cell as the text that was meant: null is none, true is ``true``, an object is its JSON, 3.0 is 3."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if cell != cell else str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, dict | list):
        return msgspec.json.encode(cell, enc_hook=str).decode()
    return str(cell)
