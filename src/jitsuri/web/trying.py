"""Tries under way: what is asked again for a person while their page renews itself. In memory alone, and not for long.

A console process knows only its own tries; one that was restarted has none, and its page says so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from jitsuri.flows.cold.trying_prompts import Tried, Try
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.outcomes import Refusal

KEPT_FOR = timedelta(minutes=30)
"""How long answers can be looked at: they hold what people wrote (decision 0036)."""

MOST_AT_ONCE = 4
"""Tries that run side by side in a console (decision 0036)."""

LOGGER = logging.getLogger("jitsuri.web")


@dataclass(slots=True)
class Run:
    """One try of one person."""

    try_id: UUID
    login: str
    what: Try
    begun_at: datetime
    rows: list[Tried] = field(default_factory=list)
    is_done: bool = False
    fault: str = ""
    """Code of the error that ended it."""


class Tries:
    """Safe to be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[UUID, Run] = {}

    def begin(
        self, try_id: UUID, login: str, what: Try, now: datetime, work: Callable[[], Iterator[tuple[int, Tried]]]
    ) -> Refusal | None:
        """Let a try run on a thread of its own. Refuses ``try_running``: one of this person's, or as many as may run."""
        rows = [Tried(*pair) for pair in zip(what.calls, what.estimates, strict=True)]
        run = Run(try_id, login, what, now, rows)
        with self._lock:
            self._runs = {key: one for key, one in self._runs.items() if now - one.begun_at < KEPT_FOR}
            running = [one for one in self._runs.values() if not one.is_done]
            if len(running) >= MOST_AT_ONCE or any(one.login == login for one in running):
                return Refusal("try_running")
            self._runs[try_id] = run
        threading.Thread(target=self._work, args=(run, work), name="try", daemon=True).start()
        return None

    def of(self, try_id: UUID, login: str, now: datetime) -> Run | None:
        """A try of this person; None for any other, and for one that is too long ago."""
        with self._lock:
            run = self._runs.get(try_id)
        return run if run is not None and run.login == login and now - run.begun_at < KEPT_FOR else None

    def _work(self, run: Run, work: Callable[[], Iterator[tuple[int, Tried]]]) -> None:
        try:
            for place, row in work():
                run.rows[place] = row
        except JitsuriError as error:
            LOGGER.warning("a try: %s", error)
            run.fault = error.code
        except Exception:
            LOGGER.exception("a try failed")
            run.fault = "try_broken"
        finally:
            run.is_done = True
