"""Running one job: taken, done step by step, ended; in a worker, or in the process of a command.

Nothing here knows how jobs come to workers (that is ``app.job_worker``).
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from jitsuri.app.job_tools import JobTools
from jitsuri.app.jobs import Registry
from jitsuri.app.replaying import Replayer
from jitsuri.providers.shapes import Ask
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import Job, JobState, Taken
from jitsuri.store.jobs.stepping import Cancelled, LaidDown, Steps, TakenOver
from jitsuri.terms.errors import JitsuriError, OperatorError

LOGGER = logging.getLogger("jitsuri.jobs")

PASSING = frozenset({"database_unreachable", "database_too_many_connections", "database_out_of_memory"})
"""Faults that pass by themselves; a job tries again after these, and after no others (decision 0032)."""
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0)
"""Before each further try after a passing fault: five minutes in all (decision 0032)."""
_FOLLOW_S = 0.5
_SOURCE = Path(__file__).parents[1]


class Runner:
    """Runs jobs. ``stop`` makes each end before its next step and wait for another worker. For several threads."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        environment: Mapping[str, str],
        registry: Registry,
        now: Callable[[], datetime],
        worker: str,
        pauses_s: tuple[float, ...] = PAUSES_S,
        ask: Ask | None = None,
    ) -> None:
        """``ask``: the process's own, where it has one; else one that ``close`` ends."""
        self._store = store
        self._settings = settings
        self._environment = environment
        self._registry = registry
        self._now = now
        self._worker = worker
        self._pauses_s = pauses_s
        self._own_ask = Replayer(settings, store) if ask is None else None
        self._ask: Ask = ask or cast(Ask, self._own_ask)
        self._stopping = threading.Event()

    def close(self) -> None:
        """Let go of what this runner opened to ask models."""
        if self._own_ask is not None:
            self._own_ask.close()

    def stop(self) -> None:
        """Let every run end before its next step."""
        self._stopping.set()

    def run(self, job_id: UUID, number: int | None) -> bool:
        """Run a job that was delivered under a number, or (None) here. False where another has taken it over meanwhile.

        A fault of the job is kept with it and not raised; OperatorError comes where not even that could be written.
        """
        with self._store.transaction() as tx:
            taken = queueing.take(tx, self._now(), job_id, self._worker, number)
        if taken is None:
            return True
        for pause in (*self._pauses_s, None):
            try:
                return self._once(taken)
            except OperatorError as error:
                if error.code not in PASSING or pause is None:
                    return self._fail(taken, error.code, error.facts)
                LOGGER.warning("job %s waits %s s: %s", taken.name, pause, error)
                self._stopping.wait(pause)
        raise AssertionError("the last try returns or raises")

    def _once(self, taken: Taken) -> bool:
        work = self._registry.jobs.get(taken.name)
        if work is None:
            return self._fail(taken, "job_unknown", {"name": taken.name})
        steps = Steps(self._store, taken, self._now, self._stopping.is_set)
        tools = JobTools(
            self._store, steps, self._now, self._settings, self._environment, self._ask, steps.progress, steps.look
        )
        try:
            work(tools, dict(taken.arguments))
        except TakenOver:
            LOGGER.warning("job %s %s goes on with another worker", taken.name, taken.job_id)
            return False
        except LaidDown:
            return self._write(lambda tx: queueing.lay_down(tx, taken))
        except Cancelled:
            return self._end(taken, "cancelled")
        except OperatorError:
            raise
        except JitsuriError as error:
            return self._fail(taken, error.code, error.facts)
        except Exception as error:
            LOGGER.exception("job %s %s failed", taken.name, taken.job_id)
            return self._fail(taken, "job_broke", {"kind": type(error).__name__, "place": _place_of(error)})
        return self._end(taken, "done")

    def _fail(self, taken: Taken, code: str, facts: Mapping[str, object]) -> bool:
        LOGGER.warning("job %s %s failed: %s", taken.name, taken.job_id, code)
        return self._end(taken, "failed", code, {name: _plain(value) for name, value in facts.items()})

    def _end(self, taken: Taken, state: JobState, code: str = "", facts: Mapping[str, Any] | None = None) -> bool:
        return self._write(lambda tx: queueing.end(tx, self._now(), taken, state, code, facts))

    def _write(self, work: Callable[[Any], bool]) -> bool:
        """What a run says at its end waits for a database that is away, as long as tries do."""
        return self._store.retrying(work, seconds=sum(self._pauses_s))


def run_here(
    store: Store,
    runner: Runner,
    job_id: UUID,
    sleep: Callable[[float], None] = time.sleep,
) -> Job:
    """Run a job in this process (``--wait``), or follow it where a worker has it already. Returns it as it ended.

    An interrupted command leaves the job to the workers, as it does where it dies. The same steps are never done twice.
    """
    session = store.lasting()
    try:
        if queueing.hold_here(session, job_id):
            runner.run(job_id, None)
    except BaseException:
        _leave(store, job_id)
        raise
    finally:
        session.close()
    while True:
        with store.reading() as tx:
            found = queueing.one(tx, job_id)
        assert found is not None
        if not found.is_living:
            return found
        sleep(_FOLLOW_S)


def _leave(store: Store, job_id: UUID) -> None:
    with store.transaction() as tx:
        queueing.leave_here(tx, job_id)


def _place_of(error: BaseException) -> str:
    """The last line of ours that an exception came through; its message may hold texts and stays in the log."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_SOURCE)]
    last = (ours or frames)[-1]
    path = Path(last.filename)
    shown = path.relative_to(_SOURCE) if path.is_relative_to(_SOURCE) else path.name
    return f"{shown}:{last.lineno}"


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
