"""Trials and what comes after them, as jobs in the background."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from jitsuri.app.job_tools import JobTools
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.flows.cold.trying.drawing import Keys
from jitsuri.flows.cold.trying.joining import around_of
from jitsuri.flows.cold.trying.judging import judge_trial
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.running import Running, run_trial
from jitsuri.flows.cold.trying.wanting_judges import wanted_of
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal

ACTOR = "system"
"""In whose name it runs: an owner agreed to it when it was started."""


def run(tools: JobTools, arguments: dict[str, Any]) -> None:
    """Run a trial until it is done or paused; each of its answers is a row of its own, so that it needs no steps of the job."""

    def goes_on() -> bool:
        tools.look()
        return True

    running = Running(
        tools.ask, around(tools), tools.now, ACTOR,
        tell=lambda ways: tools.progress(sum(one.requests - one.open for one in ways), sum(one.requests for one in ways)),
        goes_on=goes_on,
    )  # fmt: skip
    came = run_trial(tools.store, UUID(arguments["trial_id"]), running)
    if isinstance(came, Refusal) and came.code != "trial_over":  # what a person ended meanwhile is no failure
        raise _refused(came)


def judge(tools: JobTools, arguments: dict[str, Any]) -> None:
    """Let a model judge a trial's pairs until all are judged; each batch is kept as it comes, so that it needs no steps of the job.

    Raises CallerError with a refusal's code where pairs stay open: the job has failed with that reason then, and goes on from
    there when it is asked for again.
    """

    def tell(done: int, total: int) -> None:
        tools.progress(done, total)
        tools.look()

    stands = around(tools)
    came = judge_trial(
        tools.store, UUID(arguments["trial_id"]), tools.ask, stands, Keys(stands.folder), wanted_of(arguments), ACTOR,
        tools.now, tell,
    )  # fmt: skip
    refusal = came if isinstance(came, Refusal) else came.refusal
    if refusal is not None:
        raise _refused(refusal)


def _refused(refusal: Refusal) -> CallerError:
    """A refusal as a job keeps it: its code, and what its sentence needs."""
    return CallerError(refusal.code, **refusal.facts)


def around(tools: JobTools) -> Around:
    """What a trial stands among: upstreams, prices, keys of texts."""
    return trial_around(tools.store, tools.settings)


def trial_around(store: Store, settings: Settings) -> Around:
    """The same from settings. Raises OperatorError ``price_book_missing``."""
    upstreams = upstreams_of(settings)
    return around_of(
        store, upstreams, sites_of(upstreams), cast(RateKind, settings.text("money.rate_kind")), settings.home,
        (settings.file or settings.home / "jitsuri.toml").parent, settings.integer("gateway.most_output_tokens"),
    )  # fmt: skip
