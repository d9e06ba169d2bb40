"""Answer the sample's inquiries in two ways without an LLM, and write what came out as a table of outcomes.

    python sample/answer_inquiries.py --logs FOLDER --out outcomes.jsonl [--with-difficulty FILE] [--export FOLDER]
                                      [--seed 0]

``FOLDER`` is one that ``write_log.py`` wrote. Nothing here is prepared: a linear student is trained on the *recorded
answers* of one part of the log (right or wrong as they were; nobody labelled that part), a table of words
(``texts/inquiry_rules.toml``) needs no training, and both answer the other, held part while this runs. Today's model is
not asked again: its answers stand in the log. All three are then compared with the known truth (見本の正解), which is
read only after the last answer. ``sample/README.md`` says what follows from it and what does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from export_student import exported
from near_duplicates import survivors
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

TASK = "inquiry-triage"
STUDENT = f"student:{TASK}"
RULES = f"rules:{TASK}"
JUDGE = "truth"
CRITICAL_CLASS = "不具合・苦情"
"""A complaint that ends on another desk is the error that must not happen (重大な誤り)."""
LOG = Path("calls") / "calls-openai.jsonl"
RULE_FILE = Path(__file__).parent / "texts" / "inquiry_rules.toml"
HELD_PERCENT = 50
"""Of the inquiries that today's model answered; all others are for training."""
_PHONE_HEADS = ("電話メモ", "【電話受付】", "TEL ", "折返し要", "伝言(")
_FORM_HEADS = ("【お名前】", "会社名:", "[ウェブ受付")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One call of the task as the log has it."""

    prompt_id: str
    prompt: str
    at: str
    model: str
    answer: str
    prompt_tokens: int
    completion_tokens: int
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Training and held inquiries; no two of all of them, across or within, are near-duplicates."""

    training: list[Inquiry]
    held: list[Inquiry]
    today: str
    read: int
    near_duplicates: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with the student's own probability where there is one."""

    text: str
    latency_ms: float
    confidence: float | None = None


# -- reading and splitting


def answered_inquiries(logs: Path) -> list[Inquiry]:
    """The calls of the task that were answered, in order of time; what the log could not keep whole is passed over."""
    return sorted(_inquiries((logs / LOG).read_text("utf-8").split("\n")), key=lambda one: (one.at, one.prompt_id))


def _inquiries(lines: Iterable[str]) -> Iterator[Inquiry]:
    for line in lines:
        if TASK not in line:
            continue
        try:
            call = json.loads(line)
        except json.JSONDecodeError:  # the torn line of the sample
            continue
        prompt_id = call["metadata"].get("prompt_id", "")
        if not prompt_id.startswith(f"{TASK}-") or "choices" not in call["response"]:
            continue
        usage = call["response"]["usage"]
        yield Inquiry(
            prompt_id,
            call["request"]["messages"][-1]["content"],
            call["timestamp"],
            call["request"]["model"],
            call["response"]["choices"][0]["message"]["content"],
            usage["prompt_tokens"],
            usage["completion_tokens"],
            call["latency_ms"],
        )


def split(inquiries: Sequence[Inquiry], seed: int = 0) -> Parts:
    """Without near-duplicates first, then half of what today's model answered is held, by a hash of the prompt id.

    A near-duplicate (character 5-grams, Jaccard above 0.8) of an earlier inquiry is left out of both parts, so none can
    straddle. Today's model is that of the newest call. The hash sees ids and nothing else.
    """
    kept = [inquiries[place] for place in survivors([one.prompt for one in inquiries])]
    today = inquiries[-1].model
    held = [one for one in kept if one.model == today and _percent(one.prompt_id, seed) < HELD_PERCENT]
    taken = {one.prompt_id for one in held}
    training = [one for one in kept if one.prompt_id not in taken]
    return Parts(training, held, today, len(inquiries), len(inquiries) - len(kept))


def _percent(prompt_id: str, seed: int) -> int:
    return int.from_bytes(blake2b(f"{seed}:{prompt_id}".encode(), digest_size=8).digest(), "big") % 100


# -- two ways to answer


def body(prompt: str) -> str:
    """What both read: as the task's instruction says, quoted lines are not; width does not matter."""
    return unicodedata.normalize("NFKC", "\n".join(line for line in prompt.split("\n") if not line.startswith(">")))


def fitted(training: Sequence[Inquiry]) -> tuple[TfidfVectorizer, LogisticRegression]:
    """A student: TF-IDF of character pairs and triples, logistic regression. Its teacher is what the log recorded."""
    words = TfidfVectorizer(analyzer="char", ngram_range=(2, 3), min_df=5, sublinear_tf=True, dtype=np.float32)
    seen = words.fit_transform([body(one.prompt) for one in training])
    model = LogisticRegression(C=10.0, tol=1e-3, max_iter=300)
    with threadpool_limits(1):  # threads that wait for each other cost more than they bring, and sums keep their order
        model.fit(seen, [one.answer for one in training])
    return words, model


def taught(words: TfidfVectorizer, model: LogisticRegression) -> Callable[[str], tuple[str, float]]:
    """The student's way to answer: the most probable class, with its probability."""

    def answer(prompt: str) -> tuple[str, float]:
        chances = model.predict_proba(words.transform([body(prompt)]))[0]
        best = int(chances.argmax())
        return str(model.classes_[best]), round(float(chances[best]), 4)

    return answer


def write_variants(folder: Path, words: TfidfVectorizer, model: LogisticRegression, rows: int) -> None:
    """Both ways as files that the gateway answers from (``local/student:…``, ``local/rules:…``)."""
    folder.mkdir(parents=True, exist_ok=True)
    document = exported(
        words, model, text={"normal_form": "NFKC", "skips_lines": [">"]}, rows=rows, day=date.today(),
        source=f"見本: 業務 {TASK} のログに記録された回答(正誤は見ていない)",
    )  # fmt: skip
    (folder / f"{TASK}.student.jsonl").write_bytes(document)
    (folder / f"{TASK}.rules.toml").write_bytes(RULE_FILE.read_bytes())


def ruled(path: Path = RULE_FILE) -> Callable[[str], tuple[str, None]]:
    """The table of words: the first class that has one of its words in the text."""
    table = tomllib.loads(path.read_text("utf-8"))

    def answer(prompt: str) -> tuple[str, None]:
        text = body(prompt)
        for rule in table["rules"]:
            if any(word in text for word in rule["words"]):
                return rule["class"], None
        return table["otherwise"], None

    return answer


def answers_of(held: Sequence[Inquiry], way: Callable[[str], tuple[str, float | None]]) -> list[Answer]:
    """Every held inquiry answered alone, as it would come in, and timed."""
    found = []
    for one in held:
        begun = time.perf_counter()
        text, confidence = way(one.prompt)
        found.append(Answer(text, round((time.perf_counter() - begun) * 1000, 3), confidence))
    return found


# -- scoring and writing


def truths(logs: Path) -> dict[str, str]:
    """Prompt id → the class that is right, by construction of the sample."""
    rows = (json.loads(line) for line in (logs / "truth.jsonl").read_text("utf-8").split("\n") if line)
    return {row["prompt_id"]: row["truth"]["class"] for row in rows if row["task"] == TASK}


def difficulties(logs: Path) -> dict[str, str]:
    """Prompt id → easy, medium or hard: only who made the sample knows; no log of a company has it."""
    rows = (json.loads(line) for line in (logs / "truth.jsonl").read_text("utf-8").split("\n") if line)
    return {row["prompt_id"]: row["difficulty"] for row in rows if row["task"] == TASK}


def channel(prompt: str) -> str:
    """How the inquiry came, as its first line tells."""
    if prompt.startswith("件名:"):
        return "mail"
    if prompt.startswith(_PHONE_HEADS):
        return "phone"
    return "form" if prompt.startswith(_FORM_HEADS) else "short"


def outcome_rows(
    parts: Parts, student: Sequence[Answer], rules: Sequence[Answer], truth: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Three rows per held inquiry: recorded answer, student, rules; each 1 where it equals the truth, else 0."""
    for one, by_student, by_rules in zip(parts.held, student, rules, strict=True):
        recorded = Answer(one.answer, one.latency_ms)
        ways = ((parts.today, recorded), (STUDENT, by_student), (RULES, by_rules))
        for model, given in ways:
            right = truth[one.prompt_id]
            yield {
                "task": TASK,
                "prompt_id": one.prompt_id,
                "prompt": one.prompt,
                "model": model,
                "answer": given.text,
                "score": int(given.text == right),
                "judge": JUDGE,
                "prompt_tokens": one.prompt_tokens if model == parts.today else 0,
                "completion_tokens": one.completion_tokens if model == parts.today else 0,
                "latency_ms": given.latency_ms,
                "critical": right == CRITICAL_CLASS and given.text != CRITICAL_CLASS,
                "confidence": given.confidence,
                "channel": channel(one.prompt),
            }


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did: the parts, the rows written, and seconds."""

    parts: Parts
    rows: list[dict[str, object]]
    seconds_training: float
    seconds: float


def write(
    logs: Path, out: Path, seed: int = 0, with_difficulty: Path | None = None, export: Path | None = None
) -> Done:
    """Split, train, answer, and only then read the truth, score and write.

    ``with_difficulty`` gets the same rows with one column more, apart from ``out``: who decides before an answer (a cascade)
    must not see what only the sample's makers know. ``export`` is a folder that gets both ways as files.
    """
    begun = time.perf_counter()
    parts = split(answered_inquiries(logs), seed)
    begun_training = time.perf_counter()
    words, model = fitted(parts.training)
    pupil = taught(words, model)
    seconds_training = time.perf_counter() - begun_training
    if export is not None:
        write_variants(export, words, model, len(parts.training))
    student, rules = answers_of(parts.held, pupil), answers_of(parts.held, ruled())
    rows = list(outcome_rows(parts, student, rules, truths(logs)))
    _write(out, rows)
    if with_difficulty is not None:
        known = difficulties(logs)
        _write(with_difficulty, [{**row, "difficulty": known[str(row["prompt_id"])]} for row in rows])
    return Done(parts, rows, seconds_training, time.perf_counter() - begun)


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def summary(done: Done, lang: str = "ja") -> Iterator[str]:
    """What happened, in lines for people."""
    parts = done.parts
    if lang == "ja":
        yield (
            f"{TASK}: 回答のある {parts.read:,} 件。似すぎた {parts.near_duplicates} 件を除き、"
            f"学習 {len(parts.training):,} 件、取り置き {len(parts.held):,} 件"
        )
        yield f"学習は記録された回答だけから（正誤は見ていない）: {done.seconds_training:.1f} 秒"
        line = "{model:<22} 正解 {right:>5} / {n:,}（{percent:.1f} %）  重大な誤り {critical:>2}  中央値 {median:,.2f} ミリ秒"
    else:
        yield (
            f"{TASK}: {parts.read:,} answered, {parts.near_duplicates} near-duplicates left out, "
            f"{len(parts.training):,} for training, {len(parts.held):,} held"
        )
        yield f"trained on recorded answers only, right or wrong as they are: {done.seconds_training:.1f} s"
        line = (
            "{model:<22} right {right:>5} of {n:,} ({percent:.1f} %)  critical {critical:>2}  median {median:,.2f} ms"
        )
    for model in (parts.today, STUDENT, RULES):
        own = [row for row in done.rows if row["model"] == model]
        right = sum(row["score"] == 1 for row in own)
        times = sorted(float(str(row["latency_ms"])) for row in own)
        yield line.format(model=model, right=right, n=len(own), percent=100 * right / len(own),
                          critical=sum(row["critical"] is True for row in own), median=times[len(times) // 2])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer the sample's inquiries in two ways without an LLM.")
    parser.add_argument("--logs", type=Path, required=True, help="a folder written by write_log.py")
    parser.add_argument("--out", type=Path, required=True, help="the table of outcomes (JSONL)")
    parser.add_argument(
        "--with-difficulty", type=Path, help="the same table with a column that only the sample's makers know"
    )
    parser.add_argument("--export", type=Path, help="a folder for both ways as files that the gateway answers from")
    parser.add_argument("--seed", type=int, default=0, help="another seed holds back other inquiries (default: 0)")
    given = parser.parse_args()
    if not (given.logs / LOG).is_file() or not (given.logs / "truth.jsonl").is_file():
        parser.error(f"{given.logs} is no folder of write_log.py")
    done = write(given.logs, given.out, given.seed, given.with_difficulty, given.export)
    for line in summary(done, "en" if os.environ.get("JITSURI_LANG") == "en" else "ja"):
        print(line)


if __name__ == "__main__":
    main()
