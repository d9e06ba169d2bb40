"""Running a trial: step by step, each answer a row of its own that stands before its upstream is asked.

Story: one process has the trial → what a process that died left behind is lost, or asked again where that costs nothing → steps
of ten requests, the ways taking turns: what may be spent at most must fit into the cap, rows stand as ``asked``, then the
upstreams are asked, then each answer is written and scored as it comes → done, or paused with the reason. Whoever runs it again
goes on where it stopped; no attempt is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.rereading import Reread, reread_answer
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import TextPolicy
from jitsuri.flows.cold.trying.drawing import Keys, opened_requests
from jitsuri.flows.cold.trying.pricing import Around, asked_of, most_jpy
from jitsuri.flows.cold.trying.scoring import score_open
from jitsuri.flows.cold.trying.starting import RESPONSE, answer_json, body_of, note
from jitsuri.ledger.records.reading import amounts_of_calls
from jitsuri.providers.shapes import Ask, Asked, Came, Question
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.trying import (
    Standing,
    affordable,
    attempt_id_of,
    open_batches,
    progress_of,
    spent_jpy,
    spent_of,
    standing_of,
    thread_id_of,
)
from jitsuri.rightsizing.shapes.trials import Answer, Trial, Way, WayProgress
from jitsuri.store.door import Connection, Store
from jitsuri.store.jobs.queueing import enqueue, living
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

AT_ONCE = 5
"""Requests side by side: an upstream that paces its callers bears it, and ten take two rounds (decision 0031)."""

PAUSING = frozenset({"budget_exceeded", "ledger_away", "not_ready"})
"""Refusals that say nothing of a candidate: the money is used up, or the ledger is away. The trial pauses."""

RESTING = "upstream_resting"
"""An upstream that failed repeatedly is left alone for a while: its ways wait for another run, the others go on."""

JOB = "trial"

NOTHING = Decimal(0)


Tell = Callable[[Sequence[WayProgress]], None]
"""Told after each step how far all ways have come."""


@dataclass(frozen=True, slots=True)
class Running:
    """What running needs besides the store: who asks, prices and keys, the clock, and in whose name."""

    ask: Ask
    around: Around
    now: Callable[[], datetime]
    actor: str
    tell: Tell | None = None
    goes_on: Callable[[], bool] = lambda: True
    """Asked between steps: False leaves the trial running for whoever comes next (a console that is stopped)."""
    asks_lost: bool = False
    """The owner says: ask again what nobody knows the answer of, though it may be paid twice."""


def run_trial(store: Store, trial_id: UUID, running: Running) -> Trial | Refusal:
    """Run a trial until it is done, paused or stopped, and return it as it stands then.

    Refuses ``trial_unknown``, ``trial_over``, ``trial_runs_already``, ``trial_texts_not_kept``. Raises OperatorError for keys
    that cannot be read, and what ``ask`` raises; the trial is paused then, and can be run again.
    """
    with store.alone(trial_rows.run_lock_of(trial_id)) as is_ours:
        if not is_ours:
            return Refusal("trial_runs_already", {"trial": trial_id})
        begun = _begin(store, trial_id, running)
        if isinstance(begun, Refusal):
            return begun
        try:
            return _Run(store, begun, running).all()
        except JitsuriError as error:
            _pause(store, trial_id, running, error.code)
            raise


def want_run(store: Store, now: datetime, actor: str, trial_id: UUID) -> Trial | Refusal:
    """Have a trial run in the background, as the job ``trial``. Refuses ``trial_unknown``, ``trial_over``."""
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        if trial.state in ("done", "stopped"):
            return Refusal("trial_over", {"trial": trial_id})
        if trial.state != "running":
            trial_rows.set_state(tx, trial_id, "running", "")
        if trial.state != "running" or living(tx, f"trial:{trial_id}") is None:  # its job failed, or was cancelled
            note(tx, now, actor, trial, "trial_wanted", before=trial.state)
        enqueue(tx, now, actor, JOB, {"trial_id": str(trial_id)}, f"trial:{trial_id}")
    return replace(trial, state="running", why="")


def _begin(store: Store, trial_id: UUID, running: Running) -> Trial | Refusal:
    now = running.now()
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        has_lost = any(one.state == "lost" for one in trial_rows.answers_of(tx, trial_id))
        if trial.state == "stopped" or (trial.state == "done" and not (running.asks_lost and has_lost)):
            return Refusal("trial_over", {"trial": trial_id})
        policy = text_rows.policies(tx).get(trial.task)
        if policy is None or policy.keep != "full":
            return Refusal("trial_texts_not_kept", {"task": trial.task})
        left = [one for one in trial_rows.answers_of(tx, trial_id) if one.state == "asked"]
        free = {way.number for way in trial.plan.ways if way.is_free}
        trial_rows.forget_attempts(tx, trial_id, [one.attempt_id for one in left if one.way in free])
        lost = trial_rows.give_up_attempts(tx, trial_id, [one.attempt_id for one in left if one.way not in free])
        trial_rows.set_state(tx, trial_id, "running", "", started_at=now)
        if trial.started_at is not None:
            note(tx, now, running.actor, trial, "trial_resumed", lost=lost, asks_lost=running.asks_lost)
        return replace(trial, state="running", why="")


def _pause(store: Store, trial_id: UUID, running: Running, why: str) -> Trial | None:
    now = running.now()
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None or trial.state != "running":
            return trial
        trial_rows.set_state(tx, trial_id, "paused", why)
        spent = spent_of(trial.plan, trial_rows.answers_of(tx, trial_id))
        note(tx, now, running.actor, trial, "trial_paused", why=why, spent_jpy=spent, cap_jpy=trial.cap_jpy)
        return replace(trial, state="paused", why=why)


class _Run:
    """One process at a trial that is its own."""

    def __init__(self, store: Store, trial: Trial, running: Running) -> None:
        self.store, self.trial, self.running = store, trial, running
        self.keys = Keys(running.around.folder)
        self.resting: set[int] = set()
        with store.reading() as tx:
            self.requests = trial_rows.requests_of(tx, trial.trial_id)
            self.texts = opened_requests(tx, self.requests, self.keys)
            self.policy: TextPolicy = text_rows.policies(tx)[trial.task]

    def all(self) -> Trial:
        """Every step that is open; the trial as it stands afterwards."""
        self._know_lost()
        again = self._lost() if self.running.asks_lost else []
        while self.running.goes_on():
            standing = self._standing()
            batches = again or open_batches(self.trial.plan, len(self.requests), standing)
            awake = [one for one in batches if one[0].number not in self.resting]
            if not batches:
                return self._finish()
            if not awake:
                return _pause(self.store, self.trial.trial_id, self.running, RESTING) or self.trial
            way, positions = awake[0]
            again = [one for one in again if one != awake[0]]
            rounds = {
                at: standing.answers[way.number, at].round + 1
                for at in positions
                if (way.number, at) in standing.answers
            }
            why = self._step(way, positions, rounds)
            if self.running.tell is not None:
                self.running.tell(progress_of(self.trial.plan, len(self.requests), self._standing()))
            if why == "stopped":
                return self._standing_trial()
            if why == RESTING:
                self.resting.add(way.number)
            elif why:
                return _pause(self.store, self.trial.trial_id, self.running, why) or self.trial
        return self._standing_trial()

    def _step(self, way: Way, positions: Sequence[int], rounds: Mapping[int, int]) -> str:
        """Ask one way these requests. Returns why the trial cannot go on, '' where it can."""
        asked, why = self._stand(way, positions, rounds)
        if asked:
            came = self._ask(way, asked)
            with self.store.transaction() as tx:
                score_open(tx, self.trial, self.keys, self.running.now(), [row.position for row, _, _ in asked])
            why = came or why
        return why

    def _stand(
        self, way: Way, positions: Sequence[int], rounds: Mapping[int, int]
    ) -> tuple[list[tuple[Answer, bytes, Reread]], str]:
        """Rows for what is asked now, committed before anything is sent: as many as fit into the cap."""
        now = self.running.now()
        prepared: list[tuple[Answer, bytes, Reread]] = []
        failed: list[Answer] = []
        for at in positions:
            made = self._prepared(way, at, rounds.get(at, 0), now)
            if isinstance(made, Answer):
                failed.append(made)
            else:
                prepared.append(made)
        with self.store.transaction() as tx:
            trial = trial_rows.lock_trial(tx, self.trial.trial_id)
            if trial is None or trial.state != "running":
                return [], "stopped"
            self.trial = trial
            standing = standing_of(trial_rows.answers_of(tx, trial.trial_id))
            spent = spent_of(trial.plan, list(standing.answers.values()))
            fits = affordable([one.most_jpy for one, _, _ in prepared], trial.cap_jpy - spent)
            taken = [one for one in prepared[:fits] if self._insert(tx, one[0], standing)]
            trial_rows.insert_answers(tx, trial.trial_id, failed)
        return taken, "cap_reached" if fits < len(prepared) else ""

    def _insert(self, tx: Connection, answer: Answer, standing: Standing) -> bool:
        """Is this row ours to ask? One that another process has written is not."""
        if answer.round == 0:
            return bool(trial_rows.insert_answers(tx, self.trial.trial_id, [answer]))
        before = standing.answers[answer.way, answer.position]
        return trial_rows.ask_again(tx, self.trial.trial_id, replace(answer, lost_jpy=spent_jpy(before)))

    def _prepared(self, way: Way, at: int, asked_before: int, now: datetime) -> tuple[Answer, bytes, Reread] | Answer:
        """A row to stand and the body to send; a row that has failed already where there is nothing to send."""
        attempt_id = attempt_id_of(self.trial.trial_id, way.number, at, asked_before)
        row = Answer(
            way.number, at, "asked", attempt_id, asked_before, now, None, "", None, "", None, "", 0, 0, None, NOTHING,
            NOTHING, None, None,
        )  # fmt: skip
        request = self.texts.get(at)
        if request is None:
            return replace(row, state="failed", came_at=now, error_code="request_deleted", cost_jpy=NOTHING)
        body = body_of(request, way, self.trial.plan.most_output_tokens, self.trial.task, self.running.around)
        asked = body if isinstance(body, Refusal) else asked_of(request.dialect, body)
        worst = most_jpy(self.running.around, way.target, asked, now) if isinstance(asked, Asked) else asked
        if isinstance(worst, Refusal) or isinstance(body, Refusal):
            code = worst.code if isinstance(worst, Refusal) else ""
            return replace(row, state="failed", came_at=now, error_code=code, cost_jpy=NOTHING)
        return replace(row, most_jpy=worst), body, request

    def _ask(self, way: Way, rows: Sequence[tuple[Answer, bytes, Reread]]) -> str:
        """Send what stands; write each answer as it comes. Returns why the trial must pause, '' where it need not."""
        trial = self.trial
        questions = [
            Question(
                request.dialect, body, way.target, trial.task, "evaluation", row.attempt_id,
                thread_id_of(trial.trial_id, way.number, row.position),
            )
            for row, body, request in rows
        ]  # fmt: skip
        why = ""
        for place, came in self.running.ask(questions, AT_ONCE):
            row = rows[place][0]
            is_kept_back = came.error_code in PAUSING or came.error_code == RESTING
            if is_kept_back:
                why = came.error_code
            self._write(row, came, is_kept_back=is_kept_back)
        return why

    def _write(self, row: Answer, came: Came, *, is_kept_back: bool) -> None:
        now, trial_id = self.running.now(), self.trial.trial_id
        answer = self._answered(row, came, now)
        with self.store.transaction() as tx:
            if not is_kept_back or came.cost_jpy:
                trial_rows.came(tx, trial_id, answer)
            elif row.round:  # never sent this time; what the attempt before it may have cost still stands
                trial_rows.came(tx, trial_id, replace(answer, state="lost", error_code=""))
            else:
                trial_rows.forget_attempts(tx, trial_id, [row.attempt_id])

    def _answered(self, row: Answer, came: Came, now: datetime) -> Answer:
        known = replace(
            row, came_at=now, model_answered=came.model_answered, input_tokens=came.input_tokens,
            output_tokens=came.output_tokens, cost_jpy=came.cost_jpy, latency_ms=came.latency_ms,
        )  # fmt: skip
        if came.error_code:
            return replace(known, state="failed", error_code=came.error_code[:100])
        reply = reread_answer(came.body)
        if reply is None:
            return replace(known, state="failed", error_code="answer_unreadable")
        sealed = seal(answer_json(reply), self.keys(self.policy.key_name), row.attempt_id, RESPONSE)
        return replace(
            known, state="answered", sealed=sealed, key_name=self.policy.key_name, delete_on=self._last_day(now)
        )

    def _last_day(self, now: datetime) -> date:
        return company_day(now) + timedelta(days=self.policy.retention_days)

    def _standing(self) -> Standing:
        with self.store.reading() as tx:
            return standing_of(trial_rows.answers_of(tx, self.trial.trial_id))

    def _standing_trial(self) -> Trial:
        with self.store.reading() as tx:
            return trial_rows.trial(tx, self.trial.trial_id) or self.trial

    def _know_lost(self) -> None:
        """What lost attempts cost, where the ledger has them by now (the sweep books what a dead process was asking)."""
        with self.store.transaction() as tx:
            lost = [one for one in trial_rows.answers_of(tx, self.trial.trial_id) if one.state == "lost"]
            amounts = amounts_of_calls(tx, [one.attempt_id for one in lost if one.cost_jpy is None])
            for attempt_id, amount in amounts.items():
                if amount.cost_jpy is not None:
                    trial_rows.know_cost(tx, self.trial.trial_id, attempt_id, amount.cost_jpy)

    def _lost(self) -> list[tuple[Way, tuple[int, ...]]]:
        return [
            (self.trial.plan.way(one.way), (one.position,))
            for one in self._standing().answers.values()
            if one.state == "lost"
        ]

    def _finish(self) -> Trial:
        now = self.running.now()
        with self.store.transaction() as tx:
            trial = trial_rows.lock_trial(tx, self.trial.trial_id)
            if trial is None or trial.state != "running":
                return trial or self.trial
            score_open(tx, trial, self.keys, now)
            trial_rows.set_state(tx, trial.trial_id, "done", "", ended_at=now)
            answers = trial_rows.answers_of(tx, trial.trial_id)
            told = progress_of(trial.plan, len(self.requests), standing_of(answers))
            note(
                tx, now, self.running.actor, trial, "trial_finished",
                spent_jpy=spent_of(trial.plan, answers),
                ways=[
                    {"way": one.way.name, "answered": one.answered, "failed": one.failed, "lost": one.lost,
                     "given_up": one.is_given_up}
                    for one in told
                ],
            )  # fmt: skip
        return replace(trial, state="done", why="", ended_at=now)
