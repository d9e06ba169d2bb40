"""確認: colleagues judge pairs blind, and the owner sees how sure that makes a candidate – on a page of its own.

A label is sent by a plain form, or by the page's script to ``/api/…``, which tells what became of it; both end in the same
flow. Nothing that is sent to whoever labels says which answer is whose, what it cost, or what others have said.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import zip_longest
from uuid import UUID

from jitsuri.flows.cold.labelling import Given, Work, label, next_pair, undo, work_of
from jitsuri.flows.cold.viewing.opening_audits import audit_task, waiting_audits
from jitsuri.flows.cold.viewing.opening_pairs import Progress, WayLine, progress, waiting
from jitsuri.paper.shapes import Interval
from jitsuri.review import records as review_rows
from jitsuri.review.rules.differing import Block, compared
from jitsuri.review.rules.judging import LONGEST_NOTE, baseline_is_left, press_of
from jitsuri.review.shapes import PRESSES, REASON_CODES, Label, Said
from jitsuri.rightsizing.records import paired
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Data, Desk, Fields, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import about
from jitsuri.web.pages.charting import difference_interval, points_axis
from jitsuri.web.pages.judging import BADGES, TONES, percent_number
from jitsuri.web.pages.pinned import key_folder
from jitsuri.web.pages.wording import names_in, refused
from jitsuri.words import Language, text

UNFIT = 422
LONGEST_BODY = 64 * 1024
"""A label is a few fields and a note."""

REASON_KEYS: Mapping[str, str] = {
    "facts": "f", "missing": "m", "invented": "i", "tone": "t", "format": "o", "long": "l", "language": "j",
    "instructions": "d",
}  # fmt: skip
"""One key for each reason; none that the page uses otherwise (0–3, x, u, s, n, g, ?, /)."""


def show_pairs(desk: Desk, request: PageRequest) -> Answer:
    """The trials and audits that have pairs; with ``trial``, the next pair of that one."""
    trial_id = _id(request.query.get("trial"))
    if "trial" in dict(request.query):
        return Missing() if trial_id is None else _pair_page(desk, request, trial_id, "")
    with desk.store.reading() as tx:
        lines = waiting(tx, request.person.login, request.now)
        audits = waiting_audits(tx, request.person.login, request.now)
        names = names_in(tx, request.lang, company_day(request.now, desk.zone))
    return Page(
        "pairs.html",
        {"lines": lines, "audits": audits, "names": names, "may_progress": request.may("see_money")},
    )


def show_next(desk: Desk, request: PageRequest) -> Answer:
    """The next pair alone, for the page's script to put in place; empty where nothing is left."""
    trial_id = _id(request.query.get("trial"))
    if trial_id is None:
        return Missing()
    given = _given(desk, request, trial_id)
    if isinstance(given, Refusal):
        return Missing()
    return Page("pair_given.html", _given_shows(given, trial_id))


def send_label(desk: Desk, request: PageRequest) -> Answer:
    """A label by the page's own form: then the next pair."""
    trial_id, came = _labelled(desk, request)
    if trial_id is None:
        return Missing()
    if isinstance(came, Refusal):
        return _pair_page(desk, request, trial_id, refused(came, request.lang))
    return Redirect(f"/pairs?trial={trial_id}")


def send_undo(desk: Desk, request: PageRequest) -> Answer:
    """Take the last label back: then its pair again."""
    trial_id, came = _undone(desk, request)
    if trial_id is None:
        return Missing()
    if isinstance(came, Refusal):
        return _pair_page(desk, request, trial_id, refused(came, request.lang))
    return Redirect(f"/pairs?trial={trial_id}&first={came.pair_id}")


def tell_label(desk: Desk, request: PageRequest) -> Answer:
    """The same for the page's script: the version that stands, and how far the trial is."""
    return _told(desk, request, *_labelled(desk, request))


def tell_undo(desk: Desk, request: PageRequest) -> Answer:
    return _told(desk, request, *_undone(desk, request))


def show_progress(desk: Desk, request: PageRequest) -> Answer:
    """How sure the labels make each candidate; without ``trial`` the trials that have labels."""
    lang, trial_id = request.lang, _id(request.query.get("trial"))
    with desk.store.reading() as tx:
        names = names_in(tx, lang, company_day(request.now, desk.zone))
        if "trial" not in dict(request.query):
            lines = waiting(tx, request.person.login, request.now)
            return Page("pairs_trials.html", {"lines": lines, "names": names})
        found = None if trial_id is None else progress(tx, trial_id, request.person.login)
    if found is None:
        return Missing()
    return Page("pairs_progress.html", {
        "found": found, "names": names, "chart": partial(_chart, found, lang=lang), "badges": BADGES,
        "percent_of": lambda share: percent_number(share * 100), "margin_points": percent_number(float(found.head.margin) * 100),
    })  # fmt: skip


# -- steps


def _pair_page(desk: Desk, request: PageRequest, trial_id: UUID, wrong: str) -> Answer:
    person = request.person.login
    given = _given(desk, request, trial_id)
    if isinstance(given, Refusal):
        return Missing()
    with desk.store.reading() as tx:
        head = paired.trial_head(tx, trial_id)
        task = head.task if head else audit_task(tx, trial_id)
        names = names_in(tx, request.lang, company_day(request.now, desk.zone))
        work = work_of(tx, trial_id, person, request.now)
    shows = {
        **_given_shows(given, trial_id),
        "task": names.task(task) if task else "",
        "work": work,
        "last": _last(work.last, person),
        "wrong": wrong,
        "who": person,
    }
    return Page("pair.html", shows, UNFIT if wrong else 200)


def _given(desk: Desk, request: PageRequest, trial_id: UUID) -> Given | Refusal | None:
    if not request.may("see_texts"):
        return Refusal("pairs_none_drawn", {"value": str(trial_id)})
    besides = [found for one in request.query.all("besides") if (found := _id(one)) is not None]
    return next_pair(
        desk.store, key_folder(desk), trial_id, request.person.login, request.now, besides=besides,
        first=_id(request.query.get("first")),
    )  # fmt: skip


def _given_shows(given: Given | None, trial_id: UUID) -> dict[str, object]:
    return {
        "given": given,
        "compared": compared(given.left.text, given.right.text) if given else None,
        "calls": _calls(given) if given else ((), ()),
        "trial_id": trial_id,
        "reason_keys": REASON_KEYS,
        "reasons": REASON_CODES,
        "longest_note": LONGEST_NOTE,
    }


Called = tuple[str, tuple[Block, ...]]
"""A tool call as it is shown: its name, and its arguments with what differs marked."""


def _calls(given: Given) -> tuple[list[Called], list[Called]]:
    """The tools that each side calls; the calls of both are held against each other in their order."""
    left: list[Called] = []
    right: list[Called] = []
    for one, other in zip_longest(given.left.calls, given.right.calls):
        told = compared(one.text if one else "", other.text if other else "")
        if one:
            left.append((one.name, told.left))
        if other:
            right.append((other.name, told.right))
    return left, right


def _labelled(desk: Desk, request: PageRequest) -> tuple[UUID | None, Label | Refusal]:
    form = request.form
    pair_id, said = _id(form.get("pair")), _said(form)
    with desk.store.reading() as tx:
        pair = review_rows.pair(tx, pair_id) if pair_id else None
    if pair is None:
        return None, Refusal("pair_unknown")
    if said is None:
        return pair.trial_id, Refusal("label_unreadable")
    return pair.trial_id, label(desk.store, pair.pair_id, request.person.login, said, request.now)


def _undone(desk: Desk, request: PageRequest) -> tuple[UUID | None, Label | Refusal]:
    pair_id = _id(request.form.get("pair"))
    with desk.store.reading() as tx:
        pair = review_rows.pair(tx, pair_id) if pair_id else None
    if pair is None:
        return None, Refusal("pair_unknown")
    version = request.form.whole("version", 0, 0, 10**6)
    return pair.trial_id, undo(desk.store, pair.pair_id, request.person.login, version, request.now)


def _told(desk: Desk, request: PageRequest, trial_id: UUID | None, came: Label | Refusal) -> Data:
    if isinstance(came, Refusal) or trial_id is None:
        code = came.code if isinstance(came, Refusal) else "pair_unknown"
        told = refused(came if isinstance(came, Refusal) else Refusal(code), request.lang)
        return Data({"error": {"code": code, "message": told}}, UNFIT)
    with desk.store.reading() as tx:
        work = work_of(tx, trial_id, request.person.login, request.now)
    last = _last(work.last, request.person.login)
    return Data({
        "pair": str(came.pair_id), "version": came.version, "last": last, **_shown_work(work, request.lang),
    })  # fmt: skip


def _shown_work(work: Work, lang: Language) -> dict[str, object]:
    standing = work.standing
    return {
        "done": standing.done, "drawn": standing.drawn,
        "told": text("page.pair.done", lang, done=standing.done, drawn=standing.drawn),
        "left": text("page.pair.left", lang, count=standing.left_for_me, time=about(work.left, lang)),
    }  # fmt: skip


def _last(last: Label | None, person: str) -> dict[str, object] | None:
    """What was said last, as it was said: by side."""
    if last is None:
        return None
    left = baseline_is_left(last.pair_id, person)
    one, other = last.critical_baseline, last.critical_candidate
    return {
        "pair": str(last.pair_id), "version": last.version, "press": press_of(last.choice, baseline_left=left),
        "critical_left": one if left else other, "critical_right": other if left else one,
        "reasons": list(last.reason_codes), "note": last.note, "took_ms": last.took_ms,
    }  # fmt: skip


def _said(form: Fields) -> Said | None:
    press = next((one for one in PRESSES if one == form.get("press")), None)
    if press is None:
        return None
    return Said(
        press, form.whole("version", 0, 0, 10**6), bool(form.get("critical_left")), bool(form.get("critical_right")),
        form.all("reason"), form.get("note"), form.whole("took_ms", 0, 0, 10**9),
    )  # fmt: skip


def _chart(found: Progress, line: WayLine, lang: Language) -> Interval | None:
    """The interval so far; all candidates of a trial on one axis."""
    if line.sure is None:
        return None
    margin = float(found.head.margin) * 100
    ends = [end * 100 for one in found.ways if one.sure for end in (one.sure.low, one.sure.high)]
    sure = line.sure
    span = (sure.low * 100, sure.point * 100, sure.high * 100)
    return difference_interval(span, margin, points_axis(ends, margin), TONES[sure.decision], lang, percent_number(95))


def _id(told: str) -> UUID | None:
    try:
        return UUID(told)
    except ValueError:
        return None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/pairs", "label_pairs", show_pairs, Nav("pairs", "h", 38)),
    Route("GET", "/pairs/next", "label_pairs", show_next),
    Route("POST", "/pairs/labels", "label_pairs", send_label, longest_body=LONGEST_BODY),
    Route("POST", "/pairs/undo", "label_pairs", send_undo, longest_body=LONGEST_BODY),
    Route("POST", "/api/pairs/labels", "label_pairs", tell_label, longest_body=LONGEST_BODY),
    Route("POST", "/api/pairs/undo", "label_pairs", tell_undo, longest_body=LONGEST_BODY),
    Route("GET", "/pairs/progress", "see_money", show_progress),
)
