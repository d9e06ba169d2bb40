"""Trials and what comes after them, as jobs in the background."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from jitsuri.app.job_tools import JobTools
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.flows.cold.trying.joining import around_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.running import Running, run_trial
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.settings import Settings
from jitsuri.store.door import Store

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
    run_trial(tools.store, UUID(arguments["trial_id"]), running)


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
