"""試行: which cheaper ways are being tried on requests of the past, how far they have come, what they cost, what follows."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import cast

from jitsuri.flows.cold.certifying import Issuer
from jitsuri.flows.cold.trying.deciding import Decision, certify_trial, verdict_of_trial
from jitsuri.flows.cold.trying.joining import around_of, labels_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.proposing import Proposed, cap_for, estimated_jpy, propose
from jitsuri.flows.cold.trying.running import want_run
from jitsuri.flows.cold.trying.starting import Wish, raise_cap, start_trial, stop_trial
from jitsuri.flows.cold.viewing.opening_trials import TrialView, trial_list, trial_view
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.rightsizing.rules.sampling import JOINED, POOLED
from jitsuri.rightsizing.shapes.trials import Trial
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Missing, Nav, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.judging import headline, reasons, speaking
from jitsuri.web.pages.pinned import key_folder, settings_home
from jitsuri.web.pages.trying import why_text
from jitsuri.web.pages.wording import names_in, refused
from jitsuri.words import Language, has_text, sentence, text

UNFIT = 422
LIVE_MS = 2_000
"""How often a page asks how far a trial has come: a step of ten requests takes seconds."""
SIZES = (50, 100, 200, 500, 1000)
FIRST_SIZE = 200
FIRST_TICKED = 3
"""Candidates that are ticked to begin with: the cheapest."""

STATE_BADGES = {"planned": "", "running": "assumed", "paused": "warn", "done": "good", "stopped": ""}


def show_trials(desk: Desk, request: PageRequest) -> Answer:
    """Every trial, newest first, and the tasks that one can be started for."""
    with desk.store.reading() as tx:
        found = trial_list(tx)
        tasks = routing_rows.tasks(tx)
        shows = {**_common(desk, request, tx), "found": found}
    shows |= {"tasks": sorted(name for name, task in tasks.items() if task.stage != "retired")}
    return Page("trials.html", shows)


def show_start(desk: Desk, request: PageRequest) -> Answer:
    """The form for one task: candidates ticked, those left out with their reason, the estimate and the cap."""
    return _start_page(desk, request, request.query.get("task"), None)


def begin(desk: Desk, request: PageRequest) -> Answer:
    """Start a trial, and have it run."""
    form, task = request.form, request.form.get("task")
    cap = _yen(form.get("cap"))
    if cap is None:
        return _start_page(desk, request, task, Refusal("trial_cap_wrong", {"most": "1,000,000,000"}))
    names = tuple(dict.fromkeys([*form.all("candidate"), *form.get("others").replace(",", " ").split()]))
    wish = Wish(
        task, names, cap, form.whole("size", FIRST_SIZE, 1, 5000), form.whole("seed", 0, 0, 2**31 - 1),
        form.get("asks_baseline") == "yes",
    )  # fmt: skip
    made = start_trial(
        desk.store, request.now, request.person.login, wish, _around(desk), lambda: derived_id("trial", desk.secret())
    )
    if isinstance(made, Refusal):
        return _start_page(desk, request, task, made)
    want_run(desk.store, request.now, request.person.login, made.trial_id)
    return Redirect(f"/trials/{made.trial_id}", "trial_started")


def show_trial(desk: Desk, request: PageRequest) -> Answer:
    return _trial_page(desk, request, None)


def show_progress(desk: Desk, request: PageRequest) -> Answer:
    """The part of the page that shows how far it has come."""
    with desk.store.reading() as tx:
        view = trial_view(tx, request.id_of("trial_id"))
        if view is None:
            return Missing()
        return Page("trial_progress.html", {**_common(desk, request, tx), "view": view})


def go_on(desk: Desk, request: PageRequest) -> Answer:
    """Have a trial run, or go on."""
    came = want_run(desk.store, request.now, request.person.login, request.id_of("trial_id"))
    return _after(desk, request, came, "trial_runs")


def stop(desk: Desk, request: PageRequest) -> Answer:
    """End a trial for good."""
    came = stop_trial(
        desk.store, request.now, request.person.login, request.id_of("trial_id"), request.form.get("reason")
    )
    return _after(desk, request, came, "trial_stopped")


def allow_more(desk: Desk, request: PageRequest) -> Answer:
    """Raise the cap, and have the trial go on."""
    login, trial_id = request.person.login, request.id_of("trial_id")
    cap = _yen(request.form.get("cap"))
    came = raise_cap(desk.store, request.now, login, trial_id, cap if cap is not None else Decimal(-1))
    if not isinstance(came, Refusal):
        came = want_run(desk.store, request.now, login, trial_id)
    return _after(desk, request, came, "trial_cap_raised")


def show_verdict(desk: Desk, request: PageRequest) -> Answer:
    """What would be decided of every candidate now."""
    return _verdict_page(desk, request, None)


def certify(desk: Desk, request: PageRequest) -> Answer:
    """Keep the verdicts and file a certificate for one candidate."""
    decided = _decided(desk, request, request.form.get("scorer"))
    if isinstance(decided, Refusal):
        return _verdict_page(desk, request, decided)
    issuer = Issuer(
        desk.company, desk.is_sample, request.now, desk.settings.decimal("proof.seconds_per_label"),
        desk.settings.decimal("proof.labour_jpy_per_hour"), Decimal(10),
    )  # fmt: skip
    came = certify_trial(
        desk.store, decided, request.form.get("candidate"), _around(desk), issuer, request.person.login
    )
    if isinstance(came, Refusal):
        return _verdict_page(desk, request, came)
    return Redirect(f"/certificates/{came.number}", "trial_certified")


def _start_page(desk: Desk, request: PageRequest, task: str, refusal: Refusal | None) -> Page:
    form, lang = request.form, request.lang
    around = _around(desk) if task else None
    with desk.store.reading() as tx:
        tasks = routing_rows.tasks(tx)
        found = propose(tx, task, around, request.now) if around is not None else None
        common = _common(desk, request, tx)
    told = refusal if refusal is not None else found if isinstance(found, Refusal) else None
    proposed = found if isinstance(found, Proposed) else None
    ticked = form.all("candidate") if form else tuple(
        one.target for one in (proposed.offered if proposed else ())[: 0 if request.query.get("way") else FIRST_TICKED]
    )  # fmt: skip
    size = form.whole("size", FIRST_SIZE, 1, 5000)
    shows = {
        **common,
        "task": task,
        "tasks": sorted(name for name, one in tasks.items() if one.stage != "retired"),
        "found": proposed,
        "ticked": ticked,
        "sizes": SIZES,
        "size": size,
        "others": form.get("others") if form else request.query.get("way"),
        "asks_baseline": form.get("asks_baseline") == "yes",
        "refusal": refused(told, lang) if told is not None else "",
        "refused_ones": told.facts.get("dropped", ()) if told is not None else (),
        **_estimates(proposed, ticked, size, around, request.now, form.get("cap")),
    }
    return Page("trial_start.html", shows, UNFIT if refusal is not None else 200)


def _estimates(
    found: Proposed | None, ticked: tuple[str, ...], size: int, around: Around | None, now: datetime, typed: str
) -> dict[str, object]:
    """What it should cost, each candidate and all that are ticked, and the cap that is proposed."""
    if found is None or around is None:
        return {"estimate": None, "cap": typed, "requests": 0, "each": {}}
    requests = min(size, len(found.pool.threads))
    estimate = estimated_jpy(found, ticked, requests, around, now)
    each = {one.target: estimated_jpy(found, (one.target,), requests, around, now) for one in found.offered}
    return {
        "estimate": estimate, "cap": typed or str(cap_for(found, ticked, estimate, around, now)), "requests": requests,
        "each": each,
    }  # fmt: skip


def _trial_page(desk: Desk, request: PageRequest, refusal: Refusal | None) -> Answer:
    with desk.store.reading() as tx:
        view = trial_view(tx, request.id_of("trial_id"))
        if view is None:
            return Missing()
        shows = {
            **_common(desk, request, tx),
            "view": view,
            "path": f"/trials/{view.trial.trial_id}",
            "live_ms": LIVE_MS,
            "is_live": view.trial.state == "running",
            "higher": str((view.trial.cap_jpy * 2).quantize(Decimal(1))),
            "may_texts": request.may("see_texts"),
            "refusal": refused(refusal, request.lang) if refusal is not None else "",
            "scorers": _scorers(view),
        }
    return Page("trial.html", shows, UNFIT if refusal is not None else 200)


def _verdict_page(desk: Desk, request: PageRequest, refusal: Refusal | None) -> Answer:
    lang, trial_id = request.lang, request.id_of("trial_id")
    scorer = request.form.get("scorer") or request.query.get("scorer")
    with desk.store.reading() as tx:
        view = trial_view(tx, trial_id)
        if view is None:
            return Missing()
        common = _common(desk, request, tx)
    decided = _decided(desk, request, scorer)
    told = refusal or (decided if isinstance(decided, Refusal) else None)
    results = decided.results if isinstance(decided, Decision) else ()
    shows = {
        **speaking(lang),
        **common,
        "view": view,
        "path": f"/trials/{trial_id}",
        "eyes": ", ".join(
            scorer_name(one, lang)
            for one in ((decided.human, decided.judge) if isinstance(decided, Decision) else ())
            if one
        ),
        "decided": decided if isinstance(decided, Decision) else None,
        "lines": [(one.verdict, headline(one.verdict, lang), reasons(one.verdict, lang)) for one in results],
        "scorers": _scorers(view),
        "scorer": scorer,
        "refusal": refused(told, lang) if told is not None else "",
    }
    return Page("trial_verdict.html", shows, UNFIT if told is not None else 200)


def _decided(desk: Desk, request: PageRequest, scorer: str) -> Decision | Refusal:
    trial_id = request.id_of("trial_id")
    around = _around(desk)
    with desk.store.reading() as tx:
        return verdict_of_trial(tx, trial_id, around, request.now, labels_of(tx, trial_id), scorer)


def _after(desk: Desk, request: PageRequest, came: Trial | Refusal, notice: str) -> Answer:
    if isinstance(came, Refusal):
        return Missing() if came.code == "trial_unknown" else _trial_page(desk, request, came)
    return Redirect(f"/trials/{came.trial_id}", notice)


def _scorers(view: TrialView) -> list[str]:
    return sorted({one.scorer for one in view.means})


def _common(desk: Desk, request: PageRequest, tx: Connection) -> dict[str, object]:
    lang = request.lang
    return {
        "names": names_in(tx, lang, company_day(request.now, desk.zone)),
        "link": Links(),
        "badges": STATE_BADGES,
        "may_run": request.may("run_trials"),
        "why": lambda one: _why(one, lang),
        "why_text": lambda code: why_text(code, lang),
        "stratum": lambda name: _stratum(name, lang),
        "scorer_name": lambda name: scorer_name(name, lang),
        "unusable": lambda code: text(f"trial.unusable.{code}", lang),
    }


def _stratum(name: str, lang: Language) -> str:
    """A stratum in words; what every request has in common with others is left out where it was pooled."""
    parts = [part for part in name.split(JOINED) if part not in (POOLED, "-", "")]
    told = [text(code, lang) if has_text(code := f"trial.stratum.{part}") else part for part in parts]
    pooled = [text("trial.stratum.any", lang)] if POOLED in name.split(JOINED) else []
    return " · ".join([*told, *pooled]) or text("trial.stratum.any", lang)


def scorer_name(name: str, lang: Language) -> str:
    """A scorer as a person reads it."""
    code = f"trial.scorer.{name}"
    return text(code, lang) if has_text(code) else name


def _why(one: Dropped, lang: Language) -> str:
    return sentence("dropped", one.code, lang, one.facts)


def _around(desk: Desk) -> Around:
    return around_of(
        desk.store, desk.upstreams, desk.sites, cast(RateKind, desk.settings.text("money.rate_kind")), settings_home(desk),
        key_folder(desk), desk.settings.integer("gateway.most_output_tokens"),
    )  # fmt: skip


def _yen(told: str) -> Decimal | None:
    """A sum of yen as somebody typed it, with or without commas; None for what is none."""
    plain = told.replace(",", "").replace("\N{FULLWIDTH COMMA}", "")
    try:
        found = Decimal(plain)
    except ArithmeticError:
        return None
    return found if found.is_finite() and len(plain) <= 20 else None


ROUTES: tuple[Route, ...] = (
    Route("GET", "/trials", "see_money", show_trials, Nav("trials", "x", 33)),
    Route("GET", "/trials/start", "run_trials", show_start),
    Route("POST", "/trials", "run_trials", begin),
    Route("GET", "/trials/{trial_id:uuid}", "see_money", show_trial),
    Route("GET", "/trials/{trial_id:uuid}/progress", "see_money", show_progress, is_polled=True),
    Route("GET", "/trials/{trial_id:uuid}/verdict", "see_money", show_verdict),
    Route("POST", "/trials/{trial_id:uuid}/run", "run_trials", go_on),
    Route("POST", "/trials/{trial_id:uuid}/stop", "run_trials", stop),
    Route("POST", "/trials/{trial_id:uuid}/cap", "run_trials", allow_more),
    Route("POST", "/trials/{trial_id:uuid}/certificate", "run_trials", certify),
)
