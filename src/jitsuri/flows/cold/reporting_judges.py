"""How judges worked, from what is kept of them: all candidates together, one report per judge."""

from __future__ import annotations

from uuid import UUID

import msgspec

from jitsuri.evaluation.rules.judging.counting import counted
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.shapes import Hearing, JudgeReport
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.packing import unpacked
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError


def reports_in(table: Table) -> dict[str, JudgeReport]:
    """The reports of a table, by the judge's name. Raises CallerError ``outcomes_broken_hearing``."""
    held: dict[str, list[Hearing]] = {}
    for at, hearing in enumerate(table.hearings):
        if hearing:
            try:
                one = unpacked(hearing.encode(), Hearing)
            except msgspec.DecodeError as error:
                raise CallerError("outcomes_broken_hearing", line=table.lines[at], reason=str(error)[:200]) from None
            held.setdefault(one.judge, []).append(one)
    return _reports(held)


def reports_of_trial(store: Store, trial_id: UUID) -> dict[str, JudgeReport]:
    """The reports of a trial's judges, by name; empty where nobody judged."""
    held: dict[str, list[Hearing]] = {}
    with store.reading() as tx:
        for score in trial_rows.scores_of(tx, trial_id):
            if score.scorer.startswith(JUDGE):
                one = msgspec.convert(dict(score.facts), Hearing, strict=False)
                held.setdefault(one.judge, []).append(one)
    return _reports(held)


def _reports(held: dict[str, list[Hearing]]) -> dict[str, JudgeReport]:
    counts = {name: counted(hearings) for name, hearings in sorted(held.items())}
    return {name: report_of(one) for name, one in counts.items() if one is not None}
