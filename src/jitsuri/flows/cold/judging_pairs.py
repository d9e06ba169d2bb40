"""Judging pairs (判定): an LLM reads two answers to one request, in both orders, and says which is better.

Story: pairs whose answers are the same text are ties and nobody is asked → some pairs carry controls → a batch is asked, if the
most that it can cost fits what is left of the cap → replies are read, both orders put together, scores are kept pair by pair.
What was asked before, and whose answer was lost with its process, is asked anew under another id: the ledger takes each only once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from jitsuri.evaluation.rules.judging.asking import PARAMETERS, question_body, version_of
from jitsuri.evaluation.rules.judging.controlling import controls_of, is_ruinable, posing, ruined
from jitsuri.evaluation.rules.judging.reading import read_reply
from jitsuri.evaluation.rules.judging.settling import IDENTICAL, settled
from jitsuri.evaluation.shapes import Heard, Hearing, Instruction, Order, Settled, Sight
from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.shapes.trials import Score
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import Language, catalogue, text

INSTRUCTION_NUMBER = 1
"""Raised with every change of ``judge.instruction.*`` in ``words``; a test holds the texts against it."""

BATCH = 20
"""Pairs whose questions are asked together: what a cap or a stop loses at most, and one step of a job (decision 0033)."""

MOST_ROUNDS = 4
"""How often a pair is asked anew after its answers were lost; then it counts as failed."""

ORDERS: tuple[Order, ...] = ("ab", "ba")

SCORES: Mapping[str, tuple[float | None, float | None]] = {
    "better": (1.0, 0.0), "same": (1.0, 1.0), "worse": (0.0, 1.0), "none": (None, None),
}  # fmt: skip
"""Outcome → the candidate's and the baseline's score."""


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """One request answered by both, as texts; tool calls written out in them."""

    way: int
    position: int
    thread_id: UUID
    question: str
    candidate: str
    baseline: str
    is_same: bool | None = None
    """Whether both are the same answer; None: the texts are compared as they stand."""

    @property
    def name(self) -> str:
        return f"{self.way}:{self.position}"

    @property
    def is_identical(self) -> bool:
        return self.candidate.strip() == self.baseline.strip() if self.is_same is None else self.is_same


@dataclass(frozen=True, slots=True)
class JudgeAsked:
    """Who judges what, and by which words."""

    trial_id: UUID
    task: str
    target: str
    """``upstream/model``."""
    instruction: Instruction
    rubric: str
    order_to_judge: str
    """What a posing control says, with ``{letter}``."""
    is_same_vendor: bool = False
    seed: int = 0
    department: str = ""

    @property
    def scorer(self) -> str:
        return f"judge:{self.target}"

    @property
    def prompt(self) -> str:
        return version_of(self.instruction, self.rubric)


@dataclass(frozen=True, slots=True)
class Cap:
    """What judging may still cost. ``most_of`` says what a question can cost at most, in yen; None where it has no price."""

    left_jpy: Decimal
    most_of: Callable[[Question], Decimal | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """One pair's result with what was heard."""

    way: int
    position: int
    scorer: str
    settled: Settled
    hearing: Hearing

    @property
    def scores(self) -> tuple[float | None, float | None]:
        """The candidate's and the baseline's."""
        return SCORES[self.settled.outcome]

    @property
    def facts(self) -> Mapping[str, object]:
        """``Hearing`` as JSON keeps it: the ``facts`` of a score's row, and the ``judge_facts`` of a table."""
        found: Mapping[str, object] = msgspec.json.decode(msgspec.json.encode(self.hearing))
        return found


@dataclass(frozen=True, slots=True)
class JudgedBatch:
    """What came of one batch. ``refusal``: why it ended early; pairs that are not in ``judged`` stay open."""

    judged: tuple[Judged, ...]
    spent_jpy: Decimal
    """As booked; where a price is missing, the most that it can have been."""
    refusal: Refusal | None = None


Taken = Callable[[Sequence[UUID]], Mapping[UUID, Decimal]]
"""Of these questions those that the ledger knows, with what each has cost in yen."""


@dataclass(slots=True)
class _Asking:
    """One question on its way: for which pair, which sight and order."""

    pair: JudgedPair
    sight: Sight
    order: Order
    question: Question
    material: tuple[str, str]


@dataclass(slots=True)
class _Replies:
    heard: list[Heard] = field(default_factory=list)
    model: str = ""
    cost_jpy: Decimal | None = Decimal(0)


def instruction_in(lang: Language) -> Instruction:
    """What a judge is told, in a language of ``words``."""
    told = catalogue(lang)  # as it stands: its places are filled question by question
    return Instruction(INSTRUCTION_NUMBER, lang, told["judge.instruction.system"], told["judge.instruction.user"])


def judge_asked(
    trial_id: UUID, task: str, target: str, *, rubric: str = "", lang: Language = "ja", is_same_vendor: bool = False,
    seed: int = 0, department: str = "",
) -> JudgeAsked:  # fmt: skip
    """A judge with the words of a language; without a rubric of the task the general one."""
    return JudgeAsked(
        trial_id, task, target, instruction_in(lang), rubric.strip() or text("judge.rubric.default", lang),
        catalogue(lang)["judge.control.posing"], is_same_vendor, seed, department,
    )  # fmt: skip


def judge_pairs(
    ask: Ask,
    pairs: Sequence[JudgedPair],
    judge: JudgeAsked,
    cap: Cap,
    *,
    at_once: int = 4,
    done: Callable[[JudgedPair], bool] = lambda _: False,
    taken: Taken = lambda _: {},
) -> Iterator[JudgedBatch]:
    """Judge the pairs in batches; the last batch carries a refusal where not all could be asked.

    ``pairs`` are all of the trial, so that the same carry controls every time; ``done`` says which have their score already;
    ``taken``: which questions the ledger knows.
    """
    carried = _controls(pairs, judge)
    left = cap.left_jpy
    waiting = [pair for pair in pairs if not done(pair)]
    for at in range(0, len(waiting), BATCH):
        batch = judge_batch(ask, waiting[at : at + BATCH], carried, judge, Cap(left, cap.most_of), at_once, taken)
        left -= batch.spent_jpy
        yield batch
        if batch.refusal is not None:
            return


def keep_judged(store: Store, trial_id: UUID, judged: Sequence[Judged], actor: str, now: datetime) -> None:
    """Keep the scores of a batch, with evidence of how many and by which words. Nothing where there are none."""
    if judged:
        with store.transaction() as tx:
            write_judged(tx, trial_id, judged, actor, now)


def write_judged(tx: Connection, trial_id: UUID, judged: Sequence[Judged], actor: str, now: datetime) -> None:
    """The same within a transaction."""
    trial_rows.save_scores(tx, trial_id, [score_of(one) for one in judged], now)
    first = judged[0].hearing
    facts = {
        "judge": first.judge, "prompt": first.prompt, "pairs": len(judged),
        "reasons": dict(sorted(Counter(one.settled.reason for one in judged).items())),
    }  # fmt: skip
    evidence.append(tx, record_of(now, actor, "trial_judged", f"trial:{trial_id}", facts))


def score_of(judged: Judged) -> Score:
    """The row of a candidate's answer: its own score and the baseline's, or neither with a reason."""
    candidate, baseline = judged.scores
    return Score(
        judged.way, judged.position, judged.scorer, candidate, baseline, judged.settled.is_critical[0],
        judged.settled.reason, judged.facts,
    )  # fmt: skip


def attempts_known(store: Store) -> Taken:
    """What the ledger has booked of questions, whoever booked it: they are not asked under the same id again."""

    def known(attempt_ids: Sequence[UUID]) -> Mapping[UUID, Decimal]:
        found: dict[UUID, Decimal] = {}
        with store.reading() as tx:
            for entry in entry_rows.of_calls(tx, attempt_ids):
                found[entry.call_id] = found.get(entry.call_id, Decimal(0)) + (entry.cost_jpy or Decimal(0))
        return found

    return known


def judge_batch(
    ask: Ask,
    pairs: Sequence[JudgedPair],
    carried: Mapping[str, tuple[Sight, ...]],
    judge: JudgeAsked,
    cap: Cap,
    at_once: int,
    taken: Taken,
) -> JudgedBatch:
    """Ask one batch, all or nothing: a pair read in one order only would be worth nothing."""
    lost: dict[str, Decimal] = {}
    asking: list[_Asking] = []
    for pair in pairs:
        own, lost[pair.name] = _round_of(pair, carried.get(pair.name, ()), judge, taken)
        asking += own
    most = [cap.most_of(one.question) for one in asking]
    if None in most:
        return JudgedBatch((), Decimal(0), Refusal("judge_unpriced", {"target": judge.target}))
    known = [price for price in most if price is not None]
    whole, spent = sum(known, Decimal(0)), sum(lost.values(), Decimal(0))
    left = cap.left_jpy - spent
    if whole > left:
        facts = {"left_jpy": f"{max(left, Decimal(0)):,.2f}", "most_jpy": f"{whole:,.2f}"}
        return JudgedBatch((), Decimal(0), Refusal("judge_over_cap", facts))
    came: dict[int, Came] = {}
    for place, answer in ask([one.question for one in asking], at_once):
        came[place] = answer
        spent += known[place] if answer.cost_jpy is None else answer.cost_jpy
    kept_out = ""
    replies = {pair.name: _Replies(cost_jpy=lost[pair.name]) for pair in pairs}
    open_pairs: set[str] = set()
    for place, one in enumerate(asking):
        if _was_never_asked(came[place]):
            open_pairs.add(one.pair.name)
            kept_out = kept_out or came[place].error_code
        else:
            _hear(replies[one.pair.name], one, came[place])
    judged = tuple(_judged(pair, replies[pair.name], judge) for pair in pairs if pair.name not in open_pairs)
    refusal = Refusal("judge_not_asked", {"target": judge.target, "why": kept_out}) if kept_out else None
    return JudgedBatch(judged, spent, refusal)


def _controls(pairs: Sequence[JudgedPair], judge: JudgeAsked) -> Mapping[str, tuple[Sight, ...]]:
    """Which pairs carry which controls: drawn among those that are asked, each candidate by itself."""
    found: dict[str, tuple[Sight, ...]] = {}
    for way in sorted({pair.way for pair in pairs}):
        mine = [pair for pair in pairs if pair.way == way and not pair.is_identical]
        found |= controls_of([p.name for p in mine], [is_ruinable(p.baseline) for p in mine], judge.seed)
    return found


def _round_of(
    pair: JudgedPair, carried: Sequence[Sight], judge: JudgeAsked, taken: Taken
) -> tuple[list[_Asking], Decimal]:
    """The questions of a pair, under ids that the ledger does not know yet, and what those before them have cost."""
    lost = Decimal(0)
    for number in range(0 if pair.is_identical else MOST_ROUNDS):
        asking = list(_questions(pair, carried, judge, number))
        known = taken([one.question.attempt_id for one in asking])
        if not known:
            return asking, lost
        lost += sum(known.values(), Decimal(0))
    return [], lost


def _questions(pair: JudgedPair, carried: Sequence[Sight], judge: JudgeAsked, number: int) -> Iterator[_Asking]:
    """Both orders of the pair, then its controls. A control sets the baseline's answer against itself or its ruin."""
    yield _question(pair, "pair", "ab", judge, number, (pair.candidate, pair.baseline))
    yield _question(pair, "pair", "ba", judge, number, (pair.baseline, pair.candidate))
    good = pair.baseline
    if "again" in carried:
        yield _question(pair, "again", "ab", judge, number, (pair.candidate, pair.baseline))
    if "same" in carried:
        yield _question(pair, "same", "ab", judge, number, (good, good))
    if "worse" in carried:
        yield _question(pair, "worse", "ab", judge, number, (good, ruined(good)))
        yield _question(pair, "worse", "ba", judge, number, (ruined(good), good))
    if "posing" in carried:
        yield _question(pair, "posing", "ab", judge, number, (good, posing(good, judge.order_to_judge, "B")))
        yield _question(pair, "posing", "ba", judge, number, (posing(good, judge.order_to_judge, "A"), good))


def _question(
    pair: JudgedPair, sight: Sight, order: Order, judge: JudgeAsked, number: int, shown: tuple[str, str]
) -> _Asking:
    body = question_body(judge.instruction, judge.rubric, pair.question, *shown)
    attempt_id = derived_id(
        "judgement", judge.trial_id.bytes, str(pair.way), str(pair.position), judge.target, judge.prompt, sight, order,
        str(number),
    )  # fmt: skip
    question = Question(
        "openai", body, judge.target, judge.task, "judge", attempt_id, pair.thread_id, department=judge.department
    )
    return _Asking(pair, sight, order, question, shown)


def _was_never_asked(came: Came) -> bool:
    """A refusal on our side: nothing was sent, nothing is in the ledger."""
    return came.error_code != "" and not came.latency_ms and not came.input_tokens and came.cost_jpy == 0


def _hear(replies: _Replies, asked: _Asking, came: Came) -> None:
    if came.error_code:
        heard = Heard(asked.sight, asked.order, "", "failed", came.error_code)
    else:
        said, finish, is_refused = reply_in(came.body)
        ruling = read_reply(said, finish, is_refused=is_refused, material=(asked.pair.question, *asked.material))
        heard = Heard(
            asked.sight,
            asked.order,
            ruling.winner or "",
            ruling.how,
            ruling.why,
            (ruling.critical_a, ruling.critical_b),
        )
    replies.heard.append(heard)
    replies.model = replies.model or came.model_answered
    if came.cost_jpy is None or replies.cost_jpy is None:
        replies.cost_jpy = None
    else:
        replies.cost_jpy += came.cost_jpy


def _judged(pair: JudgedPair, replies: _Replies, judge: JudgeAsked) -> Judged:
    if not pair.is_identical and not replies.heard:
        replies.heard += [Heard("pair", order, "", "failed", "lost") for order in ORDERS]
    result = IDENTICAL if pair.is_identical else settled([one for one in replies.heard if one.sight == "pair"])
    hearing = Hearing(
        judge.target, judge.prompt, replies.model, PARAMETERS, tuple(replies.heard),
        (len(pair.candidate), len(pair.baseline)), judge.is_same_vendor, replies.cost_jpy, result.is_critical[1],
    )  # fmt: skip
    return Judged(pair.way, pair.position, judge.scorer, result, hearing)


class _Message(msgspec.Struct):
    content: str | list[dict[str, object]] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list)


def reply_in(body: bytes) -> tuple[str, str, bool]:
    """Text, finish reason and whether it refused, of a chat completion's body. An empty text where there is none."""
    try:
        found = msgspec.json.decode(body, type=_Completion)
    except msgspec.DecodeError:
        return "", "", False
    if not found.choices:
        return "", "", False
    message = found.choices[0].message
    said = message.content
    if isinstance(said, list):
        said = "".join(part["text"] for part in said if isinstance(part.get("text"), str))  # type: ignore[misc]
    return said or "", found.choices[0].finish_reason or "", bool(message.refusal)
