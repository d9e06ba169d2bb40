"""Trials that somebody wants run: taken up beside the console, one after the other, and after a restart where they stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from jitsuri.app.upstreams import sites_of
from jitsuri.flows.cold.trying.joining import around_of
from jitsuri.flows.cold.trying.running import Running, is_any_wanted, run_wanted
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.providers.shapes import Ask, Upstream
from jitsuri.settings import Settings
from jitsuri.store.door import Store

TRIALS_SECONDS = 2.0
"""How often trials are looked for: who presses the button sees it begin."""
ACTOR = "system"


class WantedTrials:
    """Whoever runs trials beside the console. What an owner agreed to is run in the name of the system."""

    def __init__(
        self, store: Store, settings: Settings, upstreams: Mapping[str, Upstream], ask: Ask, now: Callable[[], datetime],
        goes_on: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._store, self._settings, self._upstreams = store, settings, upstreams
        self._ask, self._now, self._goes_on = ask, now, goes_on

    def run(self) -> int:
        """Run what is wanted now; returns how many trials were taken up. Raises OperatorError, told by the chores."""
        if not is_any_wanted(self._store):
            return 0
        settings = self._settings
        around = around_of(
            self._store, self._upstreams, sites_of(self._upstreams), cast(RateKind, settings.text("money.rate_kind")),
            settings.home, (settings.file or settings.home / "jitsuri.toml").parent,
            settings.integer("gateway.most_output_tokens"),
        )  # fmt: skip
        return run_wanted(self._store, Running(self._ask, around, self._now, ACTOR, goes_on=self._goes_on))
