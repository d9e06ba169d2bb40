"""判定と評価へ: a trial is given to a judge, its pairs are drawn for people, and how a judge worked is shown."""

from __future__ import annotations

from jitsuri.flows.cold.drawing_pairs import draw_pairs
from jitsuri.flows.cold.trying.judging import Wanted
from jitsuri.flows.cold.trying.leading import judge_line
from jitsuri.flows.cold.trying.wanting_judges import want_again, want_judge
from jitsuri.flows.cold.viewing.opening_trials import trial_view
from jitsuri.rightsizing.shapes.trials import Trial
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Answer, Desk, Missing, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.judging import speaking
from jitsuri.web.pages.trials import common_shows, trial_around, trial_page

LONGEST_BODY = 64 * 1024
"""A rubric of a few thousand characters, in UTF-8 and percent-encoded."""


def begin_judging(desk: Desk, request: PageRequest) -> Answer:
    """Let a model judge the trial's pairs."""
    form = request.form
    wanted = Wanted(
        form.get("judge"), form.get("rubric"), request.lang, allow_same_vendor=form.get("allow_same_vendor") == "yes"
    )
    came = want_judge(
        desk.store, request.now, request.person.login, request.id_of("trial_id"), wanted, trial_around(desk)
    )
    return _after(desk, request, came)


def go_on_judging(desk: Desk, request: PageRequest) -> Answer:
    """Let the last judge go on where it stopped."""
    return _after(desk, request, want_again(desk.store, request.now, request.person.login, request.id_of("trial_id")))


def draw(desk: Desk, request: PageRequest) -> Answer:
    """Draw pairs of one candidate for people to judge."""
    form, trial_id = request.form, request.id_of("trial_id")
    labels = form.whole("labels", 0, 0, 10**9)
    came = draw_pairs(desk.store, trial_id, form.get("candidate"), labels, request.person.login, request.now)
    if isinstance(came, Refusal):
        return Missing() if came.code == "pairs_trial_unknown" else trial_page(desk, request, came)
    return Redirect(f"/trials/{trial_id}", "pairs_drawn")


def show_judge(desk: Desk, request: PageRequest) -> Answer:
    """How one judge of the trial worked."""
    with desk.store.reading() as tx:
        view = trial_view(tx, request.id_of("trial_id"))
        line = judge_line(tx, view.trial.trial_id, request.query.get("judge")) if view is not None else None
        if view is None or line is None:
            return Missing()
        shows = {**speaking(request.lang), **common_shows(desk, request, tx), "view": view, "line": line}
    return Page("trial_judge.html", {**shows, "path": f"/trials/{view.trial.trial_id}"})


def _after(desk: Desk, request: PageRequest, came: Trial | Refusal) -> Answer:
    if isinstance(came, Refusal):
        return Missing() if came.code == "trial_unknown" else trial_page(desk, request, came)
    return Redirect(f"/trials/{came.trial_id}", "judging_wanted")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/trials/{trial_id:uuid}/judge", "see_money", show_judge),
    Route("POST", "/trials/{trial_id:uuid}/judge", "run_trials", begin_judging, longest_body=LONGEST_BODY),
    Route("POST", "/trials/{trial_id:uuid}/judge/again", "run_trials", go_on_judging),
    Route("POST", "/trials/{trial_id:uuid}/pairs", "run_trials", draw),
)
