"""取込み: what came in, what did not, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.shapes import Fault, Run
from jitsuri.flows.cold.viewing.asking import STUCK
from jitsuri.web.desk import Answer, Desk, Missing, Page, PageRequest, Route
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.words import Language, has_text, text

PAGE_FAULTS = 200
MOST_FAULTS = 10_000
"""Lines that a run keeps one by one (``flows.cold.importing``)."""


def show_imports(desk: Desk, request: PageRequest) -> Answer:
    """The latest imports."""
    with desk.store.reading() as tx:
        runs = run_rows.recent(tx, 100)
    if wants_csv(request):
        return csv_file("imports", _head(request.lang), [_line(run) for run in runs])
    shows = {"runs": runs, "link": Links(), "stuck": {r.run_id for r in runs if _is_stuck(r, request)}}
    return Page("imports.html", shows)


def show_run(desk: Desk, request: PageRequest) -> Answer:
    """One import with every line that did not go in."""
    lang = request.lang
    run_id, after = request.id_of("run_id"), request.query.whole("after", 0, 0, 10**12)
    with desk.store.reading() as tx:
        run = run_rows.one(tx, run_id)
        if run is None:
            return Missing()
        counts = run_rows.fault_counts(tx, run_id)
        most = MOST_FAULTS if wants_csv(request) else PAGE_FAULTS + 1
        faults = run_rows.faults_of(tx, run_id, 0 if wants_csv(request) else after, most)
    if wants_csv(request):
        head = [text(f"column.{code}", lang) for code in ("line", "reason_code", "reason")]
        return csv_file(f"import-{run_id}", head, [(f.line, f.code, why(f, lang)) for f in faults])
    shown = faults[:PAGE_FAULTS]
    kept = sum(counts.values())
    shows = {
        "run": run,
        "link": Links(),
        "counts": [(count, _reason(code, lang)) for code, count in counts.items()],
        "faults": [(fault.line, why(fault, lang)) for fault in shown],
        "older": request.query.but(after=shown[-1].line) if len(faults) > PAGE_FAULTS else "",
        "newest": request.query.but(after=None) if after else "",
        "not_kept": run.broken + run.conflicting - kept,
        "took": (run.ended_at - run.started_at) if run.ended_at else timedelta(0),
        "is_stuck": _is_stuck(run, request),
        "failure": _failure(run, lang),
    }
    return Page("import.html", shows)


def why(fault: Fault, lang: Language) -> str:
    """Why a line did not go in, and the mend."""
    code = f"fault.{fault.code}"
    return text(code, lang, **fault.facts) if has_text(code) else fault.code


def _reason(code: str, lang: Language) -> str:
    """A reason without the facts of one line."""
    return text(f"fault_kind.{code}", lang) if has_text(f"fault_kind.{code}") else code


def _failure(run: Run, lang: Language) -> str:
    if not run.failure:
        return ""
    return text("page.import.failed_told", lang, code=run.failure)


def _is_stuck(run: Run, request: PageRequest) -> bool:
    return run.state == "running" and request.now - run.started_at > STUCK


def _head(lang: Language) -> list[str]:
    codes = ("started", "file", "format", "run_state", "lines", "added", "known", "broken", "conflicting")
    return [text(f"column.{code}", lang) for code in codes]


def _line(run: Run) -> Sequence[Cell]:
    return (
        run.started_at, run.file_name, run.format, run.state, run.lines, run.added, run.known, run.broken,
        run.conflicting,
    )  # fmt: skip


ROUTES: tuple[Route, ...] = (
    Route("GET", "/imports", "see_calls", show_imports),
    Route("GET", "/imports/{run_id:uuid}", "see_calls", show_run),
)
