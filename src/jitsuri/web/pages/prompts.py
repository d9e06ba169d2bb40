"""指示文: the versions of a task's prompt, their difference, tried on kept calls side by side, put to use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from uuid import UUID

from jitsuri.flows.cold.keeping_prompts import Added, Found, add_prompt, find_prompts, promote, take_prompt
from jitsuri.flows.cold.trying_prompts import (
    HIGHEST_CAP_JPY,
    MOST_CALLS,
    USUAL_CAP_JPY,
    Tried,
    Try,
    plan_try,
    try_prompt,
)
from jitsuri.flows.cold.viewing.opening_prompts import PER_CALLS, PromptsView, prompt_tokens, prompts_view
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.differing import Line, differences
from jitsuri.routing.rules.naming import way_name
from jitsuri.routing.rules.prompting import LONGEST_PROMPT
from jitsuri.routing.shapes import Prompt
from jitsuri.store.door import without_nul
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.terms.prompts import CALLER
from jitsuri.web.desk import MEBIBYTE, Answer, Desk, Fields, Missing, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.addressing import Links, named
from jitsuri.web.pages.pinned import key_folder
from jitsuri.web.pages.wording import names_in, rate_kind, refused
from jitsuri.web.trying import Run
from jitsuri.words import Language, text

UNFIT = 422
LIVE_MS = 700
"""How often a try's page renews itself: a person waits."""
AROUND = 3
"""Unchanged lines that stand around a change; the rest is folded."""


def show_prompts(desk: Desk, request: PageRequest) -> Answer:
    """The versions, one of them in the editor, kept calls to try it on."""
    return _page(desk, request, None)


def keep_prompt(desk: Desk, request: PageRequest) -> Answer:
    """Write the next version."""
    form, task = request.form, _task(request)
    came = add_prompt(
        desk.store, request.now, request.person.login, task, form.exact("text"), _told(form, "reason")
    )  # fmt: skip
    return _after(desk, request, came)


def find(desk: Desk, request: PageRequest) -> Answer:
    """The system prompts that kept calls brought along. Only for who may see texts: it opens them."""
    if not _may_open(request):
        return Missing()
    found = find_prompts(desk.store, request.now, request.person.login, _task(request), key_folder(desk))
    return _page(desk, request, None, found=found)


def take(desk: Desk, request: PageRequest) -> Answer:
    """Take the system prompt of a kept call over as the next version."""
    call_id = _id(_told(request.form, "call"))
    if not _may_open(request) or call_id is None:
        return Missing()
    reason = _told(request.form, "reason") or text("page.prompts.take_reason", request.lang, call=call_id.hex[:8])
    came = take_prompt(
        desk.store, request.now, request.person.login, _task(request), call_id, reason, key_folder(desk)
    )  # fmt: skip
    return _after(desk, request, came)


def put_to_use(desk: Desk, request: PageRequest) -> Answer:
    """Let a version answer, all threads or a share."""
    form, task = request.form, _task(request)
    came = promote(
        desk.store, request.now, request.person.login, task, form.whole("version", 0, 0, 10**9), _told(form, "percent"),
        _told(form, "reason"), desk.sites, seen=form.whole("seen", 0, 0, 10**9),
    )  # fmt: skip
    if isinstance(came, Refusal):
        return _page(desk, request, came)
    notice = "canary_set" if _told(form, "percent") else "variant_set"
    return Redirect(Links().variant(task), f"{notice}_but" if came.warnings else notice)


def show_difference(desk: Desk, request: PageRequest) -> Answer:
    """What changed from one version to another."""
    task, lang = _task(request), request.lang
    with desk.store.reading() as tx:
        if task not in routing_rows.tasks(tx):
            return Missing()
        every = routing_rows.prompts(tx, task)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    by_version = {one.version: one for one in every}
    newest = every[0].version if every else 0
    new = by_version.get(request.query.whole("new", newest, 1, 10**9))
    old = by_version.get(request.query.whole("old", newest - 1, 1, 10**9))
    if new is None or old is None:
        return Missing()
    shows = {
        "task": task,
        "names": names,
        "path": Links().prompts(task),
        "old": old,
        "new": new,
        "versions": [(str(one.version), text("page.variant.version", lang, version=one.version)) for one in every],
        "parts": _folded(differences(old.text, new.text)),
    }
    return Page("prompt_difference.html", shows)


def plan(desk: Desk, request: PageRequest) -> Answer:
    """What a try would cost; with ``go``, begin it."""
    form, task = request.form, _task(request)
    if not _may_open(request):
        return Missing()
    made = _planned(desk, request)
    if isinstance(made, Refusal):
        return _page(desk, request, made)
    if form.get("step") != "go":
        with desk.store.reading() as tx:
            names = names_in(tx, request.lang, company_day(request.now, desk.zone))
        shows = {"what": made, "names": names, "path": Links().prompts(task), "link": Links()}
        return Page("prompt_plan.html", shows)
    ask, login, now, folder = desk.ask, request.person.login, request.now, key_folder(desk)
    if ask is None:
        return _page(desk, request, Refusal("try_away"))
    try_id = derived_id("try", desk.secret())
    wrong = desk.tries.begin(
        try_id, login, made, now, lambda: try_prompt(desk.store, now, login, made, folder, ask, try_id)
    )  # fmt: skip
    return _page(desk, request, wrong) if wrong is not None else Redirect(f"{Links().prompts(task)}/try/{try_id}")


def show_try(desk: Desk, request: PageRequest) -> Answer:
    """The answers side by side, as they come."""
    return _try_page(desk, request, "prompt_try.html")


def show_try_live(desk: Desk, request: PageRequest) -> Answer:
    """The part of that page which renews itself."""
    return _try_page(desk, request, "prompt_try_live.html")


def _try_page(desk: Desk, request: PageRequest, template: str) -> Answer:
    task, lang = _task(request), request.lang
    run = desk.tries.of(request.id_of("try_id"), request.person.login, request.now)
    is_live = template == "prompt_try_live.html"
    if not _may_open(request) or (run is not None and run.what.task != task):
        return Missing()
    if run is None:
        if is_live:
            return Missing()
        return _page(desk, request, Refusal("try_gone"))
    with desk.store.reading() as tx:
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    rows = list(run.rows)
    came = [row for row in rows if row.state not in ("waiting", "asked")]
    costs = [row.cost_jpy for row in rows if row.cost_jpy is not None]
    shows = {
        "run": run,
        "what": run.what,
        "rows": rows,
        "came": len(came),
        "spent": sum(costs, Decimal(0)),
        "stored_jpy": _stored(rows),
        "fault": _fault(run, lang),
        "names": names,
        "link": Links(),
        "path": Links().prompts(task),
        "live": f"{Links().prompts(task)}/try/{run.try_id}/live",
        "live_ms": LIVE_MS,
        "why": lambda refusal: refused(refusal, lang),
        "trial": Links().trial_of(task, run.what.way),
    }
    return Page(template, shows)


def _stored(rows: Sequence[Tried]) -> Decimal | None:
    """What the calls that have an answer now cost when they were made."""
    kept = [row.kept.amounts for row in rows if row.state == "answered"]
    costs = [one.cost_jpy for one in kept if one is not None and one.cost_jpy is not None]
    return sum(costs, Decimal(0)) if costs and len(costs) == len(kept) else None


def _fault(run: Run, lang: Language) -> str:
    return text("page.prompts.try_fault", lang, code=run.fault) if run.fault else ""


def _planned(desk: Desk, request: PageRequest) -> Try | Refusal:
    form = request.form
    cap = _amount(_told(form, "cap"))
    if cap is None:
        return Refusal("try_cap", {"field": "cap", "most": f"{HIGHEST_CAP_JPY:,f}"})
    calls = [found for told in form.all("call") if (found := _id(told)) is not None]
    with desk.store.reading() as tx:
        return plan_try(
            tx, request.now, _task(request), _told(form, "way"), calls, cap, desk.sites, rate_kind(desk)
        )  # fmt: skip


def _after(desk: Desk, request: PageRequest, came: Added | Refusal) -> Answer:
    if isinstance(came, Refusal):
        return _page(desk, request, came)
    return Redirect(f"{Links().prompts(_task(request))}?version={came.version}", "prompt_added")


def _page(desk: Desk, request: PageRequest, refusal: Refusal | None, found: Found | None = None) -> Answer:
    name, lang = _task(request), request.lang
    with desk.store.reading() as tx:
        view = prompts_view(tx, request.now, name, desk.sites, rate_kind(desk))
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if view is None:
        return Missing()
    shown = _shown(request, view)
    standing = shown.text if shown is not None else ""
    written = request.form.exact("text") if request.form and "text" in dict(request.form) else standing
    shows = {
        "view": view,
        "names": names,
        "link": Links(),
        "path": Links().prompts(name),
        "shown": shown,
        "text": written,
        "reason": request.form.get("reason"),
        "tokens": prompt_tokens(written),
        "per_calls": PER_CALLS,
        "cost_of": lambda tokens: _cost(view, tokens),
        "tokens_of": prompt_tokens,
        "longest": LONGEST_PROMPT,
        "marker": CALLER,
        "way": _way(request, view, shown),
        "ways": _ways(desk, view),
        "way_of": lambda version: way_name(view.variant.target, version) if view.variant is not None else "",
        "chosen": set(request.form.all("call")),
        "cap": request.form.get("cap") or str(USUAL_CAP_JPY),
        "most_calls": MOST_CALLS,
        "found": found,
        "may_edit": request.may("edit_prompts"),
        "may_promote": request.may("confirm_tasks"),
        "may_open": _may_open(request),
        "can_ask": desk.ask is not None,
        "is_pinned": view.variant_version is not None and view.variant_version.is_pinned,
        "refusal": refused(refusal, lang) if refusal is not None else "",
    }
    return Page("prompts.html", shows, UNFIT if refusal is not None else 200)


def _shown(request: PageRequest, view: PromptsView) -> Prompt | None:
    """The version that is looked at: the one that is asked for, else the one that answers, else the newest."""
    asked = request.query.whole("version", 0, 1, 10**9) or request.form.whole("version", 0, 1, 10**9)
    by_version = {one.version: one for one in view.prompts}
    return by_version.get(asked) or by_version.get(view.answering) or (view.prompts[0] if view.prompts else None)


def _cost(view: PromptsView, tokens: int) -> Decimal | None:
    """Yen of so many tokens in each of 1,000 calls."""
    return None if view.jpy_per_token is None else view.jpy_per_token * tokens * PER_CALLS


def _way(request: PageRequest, view: PromptsView, shown: Prompt | None) -> str:
    asked = request.form.get("way")
    if asked or view.variant is None:
        return asked
    return way_name(view.variant.target, shown.version if shown is not None else 0)


def _ways(desk: Desk, view: PromptsView) -> list[str]:
    """Ways that can be tried: places that can be named, alone and with each of the newest versions."""
    listed = [f"{site.name}/{model}" for site in desk.sites.values() for model in site.models if "*" not in model]
    variant = view.variant
    own = [str(variant.target), *map(str, variant.fallbacks)] if variant is not None else []
    versions = [0, *(one.version for one in view.prompts[:5])]
    targets = dict.fromkeys([*own, *listed])
    return [f"{target}#p{version}" if version else target for target in targets for version in versions]


def _folded(lines: Sequence[Line]) -> list[tuple[bool, list[Line]]]:
    """Stretches of lines; (is folded, the lines): what is unchanged and far from any change is folded."""
    near = {
        place for at, line in enumerate(lines) if line.kind != "same" for place in range(at - AROUND, at + AROUND + 1)
    }
    made: list[tuple[bool, list[Line]]] = []
    for at, line in enumerate(lines):
        is_folded = at not in near
        if not made or made[-1][0] != is_folded:
            made.append((is_folded, []))
        made[-1][1].append(line)
    return made


def _may_open(request: PageRequest) -> bool:
    """May this person open kept texts of a task to write its prompt?"""
    return request.may("see_texts") and request.may("edit_prompts")


def _amount(told: str) -> Decimal | None:
    try:
        found = Decimal(told.replace(",", "").removesuffix("円").strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and found.as_tuple().exponent >= -6 else None  # type: ignore[operator]


def _id(told: str) -> UUID | None:
    try:
        return UUID(told)
    except ValueError:
        return None


def _task(request: PageRequest) -> str:
    return named(request.words_of("name"))


def _told(form: Fields, name: str) -> str:
    return without_nul(form.get(name))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/tasks/{name}/prompts", "see_money", show_prompts),
    Route("POST", "/tasks/{name}/prompts", "edit_prompts", keep_prompt, longest_body=4 * MEBIBYTE),
    Route("GET", "/tasks/{name}/prompts/difference", "see_money", show_difference),
    Route("POST", "/tasks/{name}/prompts/found", "confirm_tasks", find),
    Route("POST", "/tasks/{name}/prompts/take", "confirm_tasks", take),
    Route("POST", "/tasks/{name}/prompts/use", "confirm_tasks", put_to_use),
    Route("POST", "/tasks/{name}/prompts/try", "confirm_tasks", plan),
    Route("GET", "/tasks/{name}/prompts/try/{try_id:uuid}", "confirm_tasks", show_try),
    Route("GET", "/tasks/{name}/prompts/try/{try_id:uuid}/live", "confirm_tasks", show_try_live, is_polled=True),
)
