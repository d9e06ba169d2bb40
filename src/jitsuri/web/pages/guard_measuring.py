"""検知の実測: lines that people labelled are scanned, and what came of it stands beside the checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice

from jitsuri.flows.cold.guarding.keeping import holding_for
from jitsuri.flows.cold.guarding.measuring import MeasuredLines, measure, measurements
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.guardrails.shapes import TYPES, Measurement
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import MEBIBYTE, Answer, Desk, Page, PageRequest, Redirect, Route, Upload
from jitsuri.web.pages.picturing import guarded_name, share_bars, type_name
from jitsuri.web.pages.wording import Names, names_in, refused
from jitsuri.words import Language, text

UNFIT = 422
LONGEST_FILE = 8 * MEBIBYTE
MOST_LINES = 5_000
"""Lines that a page measures while somebody waits; the command line takes more (decision 0044)."""
SHOWN_LINES = 20
"""Faulty lines that are named."""
FEW_LABELS = 30
"""Below this a share swings by more than fifteen points either way (decision 0044)."""
SHOWN = 20


def show_measuring(desk: Desk, request: PageRequest) -> Answer:
    """The latest measurement, the earlier ones, and the form."""
    return _page(desk, request)


def take(desk: Desk, request: PageRequest) -> Answer:
    """Measure on a file."""
    task, upload = without_nul(request.form.get("task")), request.files.get("file")
    lines = _lines(upload)
    if isinstance(lines, Refusal):
        return _page(desk, request, refusal=lines)
    policy = None
    if task:
        with desk.store.reading() as tx:
            holds = holding_for(tx, task)
        if holds is None:
            return _page(desk, request, refusal=Refusal("guard_file_task", {"name": task}))
        policy = holds.policy
    came = measure(desk.store, request.now, request.person.login, task, policy, lines, desk.checks)
    if isinstance(came, Refusal):
        return _page(desk, request, refusal=came)
    if came.unreadable:
        return _page(desk, request, came=came)
    return Redirect("/guards/measuring", "guard_measured")


def _lines(upload: Upload | None) -> Sequence[bytes] | Refusal:
    """A file's lines, where it is a text of not too many."""
    body = upload.file.read(LONGEST_FILE + 1) if upload is not None else b""
    if upload is None or not body.strip():
        return Refusal("guard_file_none")
    name = upload.name[:80]
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refusal("guard_file_binary", {"name": name})
    if b"\0" in body:
        return Refusal("guard_file_binary", {"name": name})
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    many = sum(1 for line in lines if line.strip())
    if many > MOST_LINES:
        return Refusal("guard_file_lines", {"name": name, "lines": f"{many:,}", "most": f"{MOST_LINES:,}"})
    return lines


def _page(
    desk: Desk, request: PageRequest, *, refusal: Refusal | None = None, came: MeasuredLines | None = None
) -> Answer:
    lang = request.lang
    with desk.store.reading() as tx:
        names = names_in(tx, lang, company_day(request.now, desk.zone))
        found = measurements(tx, None, SHOWN)
        standing = policy_rows.standing(tx)
    at = request.query.whole("at", 0, 0, SHOWN - 1)
    shown = came.measurement if came is not None else found[at] if at < len(found) else None
    tasks = [name for name, one in standing.items() if one.is_active]
    shows = {
        "shown": shown,
        "named": lambda task: _named(task, names, lang),
        "measured": [(type_name(one.type, lang), one) for one in shown.types] if shown else [],
        "bars": share_bars(shown.types, lang) if shown else None,
        "versions": [f"{name} {version}" for name, version in sorted(shown.versions.items())] if shown else [],
        "few": FEW_LABELS,
        "earlier": [(one, *_sums(one), place) for place, one in enumerate(found)],
        "refusal": refused(refusal, lang) if refusal is not None else "",
        "bad_count": came.unreadable if came is not None else 0,
        "bad_lines": [_fault(one, lang) for one in islice(came.faults, SHOWN_LINES)] if came is not None else [],
        "tasks": [("", text("page.measuring.every", lang)), *((name, _named(name, names, lang)) for name in tasks)],
        "task": request.form.get("task") or request.query.get("task"),
        "may_edit": request.may("edit_guards"),
        "most_mebibytes": LONGEST_FILE // MEBIBYTE,
        "most_lines": MOST_LINES,
        "example": _example(lang),
        "types": TYPES,
    }
    return Page("guard_measuring.html", shows, UNFIT if refusal is not None else 200)


def _fault(why: Refusal, lang: Language) -> str:
    """What is wrong with a line, named by its number."""
    return text("page.measuring.bad_line", lang, line=why.facts.get("line"), why=refused(why, lang))


def _sums(one: Measurement) -> tuple[tuple[int, int], tuple[int, int]]:
    """Recall and precision over all types."""
    types = one.types
    recall = (sum(each.found_typed for each in types), sum(each.labelled for each in types))
    return recall, (sum(each.right for each in types), sum(each.reported for each in types))


def _named(task: str, names: Names, lang: Language) -> str:
    return guarded_name(task, names, lang) if task else text("page.measuring.every", lang)


def _example(lang: Language) -> str:
    """A line as a file has it; the place of each label is counted, not typed."""
    said = text("page.measuring.example_text", lang)
    name, phone = said[:4], said[said.index("0") : said.rindex("8") + 1]
    entities = [
        {"start": said.index(part), "end": said.index(part) + len(part), "type": kind}
        for part, kind in ((name, "PERSON"), (phone, "PHONE"))
    ]
    return json.dumps({"id": "1", "text": said, "entities": entities}, ensure_ascii=False)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/guards/measuring", "see_calls", show_measuring),
    Route("POST", "/guards/measuring", "edit_guards", take, longest_body=LONGEST_FILE + MEBIBYTE),
)
