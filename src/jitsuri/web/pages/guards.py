"""安全確認: what is checked for which task, what follows, and what that came to; a policy is written and tried here."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from jitsuri.flows.cold.guarding.keeping import retire_policy, set_policy
from jitsuri.flows.cold.guarding.replaying import Replayed, replay_policy
from jitsuri.flows.cold.viewing.opening_guards import DAYS, GuardView, guard_view, guards_view
from jitsuri.guardrails.rules.differing import Difference, differing
from jitsuri.guardrails.rules.policing import EVERY_TASK, policy_faults
from jitsuri.guardrails.rules.presets import PRESETS, preset
from jitsuri.guardrails.shapes import TYPES, Measured, Policy, StoredPolicy
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import moment
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.guarding import (
    FAILURES,
    INWARD,
    LONGEST_BODY,
    ON_PREMISES,
    OUTWARD,
    CheckLine,
    Draft,
    ExemptionLine,
    Wrong,
    draft_from,
    draft_of,
    offered_rows,
    placed,
    policy_from,
)
from jitsuri.web.pages.picturing import (
    Changed,
    changes_told,
    check_name,
    finding_bars,
    finding_course,
    guarded_name,
    type_name,
)
from jitsuri.web.pages.pinned import key_folder
from jitsuri.web.pages.wording import names_in, refused
from jitsuri.words import Language, text

UNFIT, MOVED, FORBIDDEN = 422, 409, 403
REPLAY_DAYS = (7, 30, 90)
MOST_REPLAYED = 200
"""Calls that a page tries a draft on while somebody waits; the command line takes more (decision 0044)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A check in the table of a policy."""

    line: CheckLine
    name: str
    is_known: bool
    measured: Measured | None
    wrong: str


@dataclass(frozen=True, slots=True)
class Row:
    """An exemption in the form, or as others than editors see it."""

    line: ExemptionLine
    name: str
    options: Markup
    """The choice of its check, made once per check: a policy may have 500 exemptions."""
    wrong: str


def show_guards(desk: Desk, request: PageRequest) -> Answer:
    """Every task, what holds for it, and what was found."""
    lang = request.lang
    with desk.store.reading() as tx:
        view = guards_view(tx, request.now)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    shows = {
        "view": view,
        "days": DAYS,
        "link": Links(),
        "named": lambda task: guarded_name(task, names, lang),
        "bars": finding_bars(view.by_type, view.days, lang),
        "rows": [
            (row, finding_course(guarded_name(row.task, names, lang), row.course, view.days, lang) if row.found else None)
            for row in view.rows
        ],
    }  # fmt: skip
    return Page("guards.html", shows)


def show_guard(desk: Desk, request: PageRequest) -> Answer:
    """One task's policy as a form, its versions, and what was measured."""
    return _edit(desk, request, None)


def write_guard(desk: Desk, request: PageRequest) -> Answer:
    """What the form's buttons do: fill in a preset, show the differences, go on, save."""
    step = request.form.get("step") or "preview"
    view = _view(desk, _task(request))
    if view is None:
        return Missing()
    draft = draft_from(request.form, _known(desk))
    if step.startswith("preset:"):
        return _preset(desk, request, draft, step.partition(":")[2])
    if step == "edit":
        return _edit(desk, request, draft)
    read = _read(desk, request, draft, view.task)
    if isinstance(read, tuple):
        return _edit(desk, request, draft, wrong=read)
    if draft.seen != _version(view.own):
        return _edit(desk, request, draft, is_moved=True)
    if step == "keep":
        return _keep(desk, request, draft, read)
    return _preview(desk, request, view, draft, read)


def end_guard(desk: Desk, request: PageRequest) -> Answer:
    """Leave the task unchecked."""
    form, task = request.form, _task(request)
    came = retire_policy(
        desk.store, request.now, request.person.login, task, form.get("reason"), seen=form.whole("seen", 0, 0, 10**9)
    )
    if isinstance(came, Refusal):
        status = MOVED if came.code == "guard_policy_moved" else UNFIT
        return _edit(desk, request, None, refusal=refused(came, request.lang), status=status)
    return Redirect(Links().guard(task), "guard_ended")


def replay(desk: Desk, request: PageRequest) -> Answer:
    """Try what the form says on kept calls, before it is saved."""
    view = _view(desk, _task(request))
    if view is None:
        return Missing()
    draft = draft_from(request.form, _known(desk))
    if not request.may("see_texts"):
        told = refused(Refusal("guard_form_no_texts"), request.lang)
        return _edit(desk, request, draft, refusal=told, status=FORBIDDEN)
    read = _read(desk, request, draft, view.task)
    if isinstance(read, tuple):
        return _edit(desk, request, draft, wrong=read)
    days = request.form.whole("days", REPLAY_DAYS[1], 1, 366)
    came = replay_policy(
        desk.store, request.now, request.person.login, view.task, read, key_folder(desk), desk.checks, time.monotonic,
        reason=draft.reason, calls=MOST_REPLAYED, days=days,
    )  # fmt: skip
    if isinstance(came, tuple):
        return _edit(desk, request, draft, wrong=placed(came, read))
    return _replayed(desk, request, draft, came)


def _preset(desk: Desk, request: PageRequest, draft: Draft, name: str) -> Answer:
    """The table of checks as a preset has it; all else stays as it was typed."""
    if name not in PRESETS:
        return _edit(
            desk, request, draft, refusal=refused(Refusal("guard_form_preset", {"value": name[:40]}), request.lang)
        )
    filled = draft_of(preset(name, _task(request)), _known(desk))
    told = text("page.guard.preset_applied", request.lang, preset=text(f"guard_preset.{name}", request.lang))
    made = replace(
        draft, lines=filled.lines, on_premises=filled.on_premises, restores_my_number=filled.restores_my_number,
        lets_media_pass=filled.lets_media_pass,
    )  # fmt: skip
    return _edit(desk, request, made, told=told)


def _keep(desk: Desk, request: PageRequest, draft: Draft, policy: Policy) -> Answer:
    came = set_policy(
        desk.store, request.now, request.person.login, policy, draft.reason, desk.checks.known(), seen=draft.seen
    )
    if isinstance(came, StoredPolicy):
        return Redirect(Links().guard(policy.task), "guard_kept")
    codes = {one.code for one in came}
    if "guard_policy_moved" in codes:
        return _edit(desk, request, draft, is_moved=True)
    if codes <= {"routing_reason_missing", "guard_policy_unchanged"}:
        view = _view(desk, policy.task)
        return Missing() if view is None else _preview(desk, request, view, draft, policy, came)
    return _edit(desk, request, draft, wrong=placed(came, policy))


def _preview(
    desk: Desk, request: PageRequest, view: GuardView, draft: Draft, policy: Policy, came: Sequence[Refusal] = ()
) -> Answer:
    """What would differ from what holds, before anything is saved."""
    lang = request.lang
    base = view.own.policy if view.own is not None else view.holds.policy if view.holds is not None else None
    found = differing(base, policy)
    if view.own is not None and not view.own.is_active:
        found = [Difference("began", "", "", "", is_milder=False), *found]
    if view.own is not None:
        against = text("page.guard.against", lang, version=view.own.policy.version)
    else:
        against = text(f"page.guard.{'against_common' if base is not None else 'first_version'}", lang)
    no_reason = any(one.code == "routing_reason_missing" for one in came)
    others = [refused(one, lang) for one in came if one.code != "routing_reason_missing"]
    shows = {
        **_head(desk, request),
        "draft": draft,
        "pairs": draft.pairs(),
        "changes": changes_told(found, lang, with_words=True),
        "milder": sum(one.is_milder for one in found),
        "is_same": view.own is not None and not found,
        "against": against,
        "refusal": " ".join(others),
        "wrong_reason": refused(Refusal("guard_form_reason"), lang) if no_reason else "",
        "may_replay": request.may("see_texts"),
        "days": request.form.whole("days", REPLAY_DAYS[1], 1, 366),
    }
    return Page("guard_preview.html", shows, UNFIT if came else 200)


def _replayed(desk: Desk, request: PageRequest, draft: Draft, found: Replayed) -> Answer:
    lang = request.lang
    first, last = (moment(at, lang, desk.zone) if at else "–" for at in (found.first_at, found.last_at))
    shows = {
        **_head(desk, request),
        "link": Links(),
        "draft": draft,
        "pairs": draft.pairs(),
        "found": found,
        "basis": text("page.replay.basis", lang, first=first, last=last, most=MOST_REPLAYED),
        "not_run": _joined((check_name(one, lang) for one in found.not_run), lang),
        "outcomes": sorted(
            ((before, after, calls) for (before, after), calls in found.outcomes.items()), key=lambda one: -one[2]
        ),
        "followed": [(check_name(one.check, lang), one) for one in found.followed],
        "examples": [(type_name(one.type, lang), one) for one in found.examples],
    }
    return Page("guard_replay.html", shows)


def _edit(
    desk: Desk,
    request: PageRequest,
    draft: Draft | None,
    *,
    wrong: Sequence[Wrong] = (),
    refusal: str = "",
    told: str = "",
    is_moved: bool = False,
    status: int = 0,
) -> Answer:
    """The form: as it stands, or as it was typed with what is wrong with it."""
    lang, view = request.lang, _view(desk, _task(request))
    if view is None:
        return Missing()
    may_edit = request.may("edit_guards")
    standing = _standing_draft(desk, view)
    shown = draft or standing
    meanwhile: list[Changed] = []
    if is_moved:
        meanwhile = _since(view, shown.seen, lang)
        shown = replace(shown, seen=_version(view.own))
    sentences = _sentences(wrong, lang)
    general = [refusal, sentences.get("", ""), *(sentences.get(name, "") for name in _WORD_FIELDS)]
    if wrong and not any(general):
        general.append(text("page.guard.see_below", lang, count=len(wrong)))
    hidden = view.holds.policy if view.holds is not None else None
    shows = {
        **_head(desk, request, view),
        "link": Links(),
        "draft": shown,
        "lines": _lines(shown.lines, desk, view, sentences, lang),
        "exemptions": _rows(shown.exemptions, desk, sentences, lang, may_edit=may_edit),
        "wrong": _Told(sentences),
        "refusal": " ".join(one for one in general if one),
        "told": told,
        "has_changed": is_moved,
        "meanwhile": meanwhile,
        "is_common": view.own is None and view.holds is not None,
        "measurement": view.measurement,
        "history": _history(view.history, lang, with_words=may_edit),
        "inward": INWARD, "outward": OUTWARD, "failures": FAILURES, "on_premises": ON_PREMISES, "actions": INWARD,
        "presets": PRESETS,
        "replay_days": REPLAY_DAYS,
        "days": request.form.whole("days", REPLAY_DAYS[1], 1, 366),
        "may_edit": may_edit,
        "may_replay": request.may("see_texts"),
        "hidden_terms": len(hidden.terms) if hidden else 0,
        "hidden_patterns": len(hidden.employee_patterns) + len(hidden.customer_patterns) if hidden else 0,
    }  # fmt: skip
    is_wrong = bool(wrong or refusal)
    return Page("guard.html", shows, status or (MOVED if is_moved else UNFIT if is_wrong else 200))


_WORD_FIELDS = ("terms", "employee_patterns", "customer_patterns")


class _Told(dict[str, str]):
    """The sentence of each wrong field; '' of all others."""

    def __missing__(self, key: str) -> str:
        return ""


def _head(desk: Desk, request: PageRequest, view: GuardView | None = None) -> Mapping[str, object]:
    """What every page of one task shows at its top."""
    task, lang = _task(request), request.lang
    with desk.store.reading() as tx:
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    return {
        "task": task,
        "title": guarded_name(task, names, lang),
        "path": Links().guard(task),
        "own": view.own if view is not None else None,
        "own_task": task != EVERY_TASK and request.may("see_money"),
    }


def _standing_draft(desk: Desk, view: GuardView) -> Draft:
    """What the form begins with: the task's own version, else what holds for it, else nothing."""
    found = view.own or view.holds
    policy = found.policy if found is not None else Policy(view.task, 0, ())
    return replace(draft_of(policy, _known(desk)), seen=_version(view.own))


def _read(desk: Desk, request: PageRequest, draft: Draft, task: str) -> Policy | tuple[Wrong, ...]:
    """The draft as a policy, or all that is wrong with it."""
    read = policy_from(draft, task)
    if isinstance(read, tuple):
        return read
    return placed(policy_faults(read, desk.checks.known(), company_day(request.now)), read) or read


def _lines(
    lines: Iterable[CheckLine], desk: Desk, view: GuardView, sentences: Mapping[str, str], lang: Language
) -> list[Line]:
    known = desk.checks.known()
    measured = {one.type: one for one in view.measurement.types} if view.measurement is not None else {}
    return [
        Line(
            one, check_name(one.check, lang), one.check in known,
            next((measured[kind] for kind in known.get(one.check, ()) if kind in measured), None)
            if view.measurement is not None and one.check in view.measurement.versions
            else None,
            " ".join(
                sentences[name]
                for name in (f"{part}.{one.check}" for part in ("in", "out", "threshold", "failure"))
                if name in sentences
            ),
        )
        for one in lines
    ]  # fmt: skip


def _rows(
    rows: Sequence[ExemptionLine], desk: Desk, sentences: Mapping[str, str], lang: Language, *, may_edit: bool
) -> list[Row]:
    """Exemptions; the values only for who may change them."""
    names = {"": "", **{code: check_name(code, lang) for code in _known(desk)}}
    shown = offered_rows(rows) if may_edit else [replace(one, value="") for one in rows]
    made = {code: _options(names, code) for code in {one.check for one in shown}}
    return [
        Row(one, check_name(one.check, lang), made[one.check], sentences.get(f"exempt.{at}", ""))
        for at, one in enumerate(shown)
    ]


def _options(names: Mapping[str, str], chosen: str) -> Markup:
    told = names if chosen in names else {**names, chosen: chosen}
    plain, marked = Markup('<option value="{}">{}</option>'), Markup('<option value="{}" selected>{}</option>')
    return Markup("").join((marked if code == chosen else plain).format(code, name) for code, name in told.items())


def _history(
    history: Sequence[StoredPolicy], lang: Language, *, with_words: bool
) -> list[tuple[StoredPolicy, list[Changed]]]:
    """Each version with what it changed."""
    found = []
    for at, one in enumerate(history):
        before = history[at + 1] if at + 1 < len(history) else None
        found.append((one, changes_told(_steps(before, one), lang, with_words=with_words)))
    return found


def _steps(before: StoredPolicy | None, after: StoredPolicy) -> list[Difference]:
    if not after.is_active:
        return []
    changes = differing(before.policy if before is not None else None, after.policy)
    if before is not None and not before.is_active:
        return [Difference("began", "", "", "", is_milder=False), *changes]
    return changes


def _since(view: GuardView, seen: int, lang: Language) -> list[Changed]:
    """What others changed since a version."""
    if view.own is None:
        return []
    before = next((one for one in view.history if one.policy.version == seen), None)
    return changes_told(_steps(before, view.own), lang, with_words=True)


def _sentences(wrong: Iterable[Wrong], lang: Language) -> dict[str, str]:
    """The sentence of each wrong field, with the field's name as the page has it."""
    told: dict[str, str] = {}
    for one in wrong:
        facts = {**one.why.facts}
        if "field" in facts:
            facts["field"] = _label(one.field, lang) or facts["field"]
        said = refused(Refusal(one.why.code, facts), lang)
        told[one.field] = f"{told[one.field]} {said}" if one.field in told else said
    return told


def _label(field: str, lang: Language) -> str:
    """The name of a field as the page has it."""
    part, _, rest = field.partition(".")
    if part == "exempt":
        return text("page.guard.label.exemption", lang, row=int(rest) + 1)
    names = {"in": "guard_direction.in", "out": "guard_direction.out", "threshold": "page.guard.threshold",
             "failure": "page.guard.on_failure"}  # fmt: skip
    if part in names:
        return text("page.guard.field", lang, check=check_name(rest, lang), field=text(names[part], lang))
    own = {"terms": "page.guard.terms", "employee_patterns": "page.guard.employee", "timeout_ms": "page.guard.timeout",
           "customer_patterns": "page.guard.customer", "on_premises": "page.guard.on_premises"}  # fmt: skip
    return text(own[part], lang) if part in own else ""


def _known(desk: Desk) -> list[str]:
    """Checks as the table has them: by type, each slow one after the quick one of its type, then the company's own."""
    known = desk.checks.known()
    order = {name: at for at, name in enumerate(TYPES)}
    return sorted(
        known, key=lambda name: (min((order.get(kind, 99) for kind in known[name]), default=99), len(name), name)
    )


def _view(desk: Desk, task: str) -> GuardView | None:
    with desk.store.reading() as tx:
        view = guard_view(tx, task)
    return view if view.is_known else None


def _version(stored: StoredPolicy | None) -> int:
    return stored.policy.version if stored is not None else 0


def _joined(parts: Iterable[str], lang: Language) -> str:
    return text("ui.list_separator", lang).join(parts)


def _task(request: PageRequest) -> str:
    return without_nul(request.words_of("name"))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/guards", "see_calls", show_guards, Nav("guards", "d", 46)),
    Route("GET", "/guards/{name}", "see_calls", show_guard),
    Route("POST", "/guards/{name}", "edit_guards", write_guard, longest_body=LONGEST_BODY),
    Route("POST", "/guards/{name}/end", "edit_guards", end_guard),
    Route("POST", "/guards/{name}/replay", "edit_guards", replay, longest_body=LONGEST_BODY),
)
