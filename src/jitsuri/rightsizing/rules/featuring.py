"""What a cascade knows of a request: the task's own fields, the texts, and (where a caller has it) the cheap answer.

Everything is learned from the training rows alone and then frozen, so that calibration rows are as new to it as traffic.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from jitsuri.rightsizing.shapes.cascades import AFTER, CascadeRow

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BEFORE = ("fields", "question", "prompt", "length")
"""Groups known before any answer: with these alone a request sent to the strong model costs no cheap call."""
GROUPS = BEFORE + AFTER

LONGEST_QUESTION = 400
"""Characters: a question longer than this is a document in one line, of which the end is kept."""
EDGE = 300
"""Characters kept of each end of a prompt: a document's kind stands at its head, its middle is data (and slow to read)."""
MOST_VALUES = 100
"""Values of a field that get a column; a field with more is nearly an identifier, and its rare values tell nothing."""
LEAST_SEEN = 2
"""Training rows that must hold a value or an n-gram: one row's own name says nothing of the next request."""
MOST_GRAMS = 20_000
"""Columns of a text group: measured on four pairs, more change the AUC by less than .002."""
PROMPT_WEIGHT = 0.5
"""Weight of the whole prompt beside the question: at 1 the n-grams of tables drown the question's (jfinqa, MMLU)."""
NUMBER_WEIGHT = 0.3
"""Weight of standardised numbers beside text vectors of length 1."""
MOST_KNOWN = 2_000
"""Rows that represent the known templates: comparing with more costs seconds and finds no new template."""
RARE_SHARE = 0.05
"""Share of training rows whose nearest relative is further off than the level: the price of caution, in requests.

Measured on jfinqa with whole templates held back: 1 % catches 25–60 % of rows of templates never seen, 5 % 47–85 %."""

_DIGITS = re.compile(r"\d[\d,.,.]*")
_QUOTED = re.compile(r"「[^」]*」|『[^』]*』|“[^”]*”|\"[^\"]*\"")
_ADDRESS = re.compile(r"https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+")
_ENUMERATED = re.compile(r"^\s*(?:[-*・•●○]|[((]?[A-Za-z0-9A-Za-z0-9ア-カ①-⑨][).)..\u3001::])\s*\S")
_ASKS = re.compile(
    r"[??]|か[\u3002.]?\s*$|ください|下さい|せよ|なさい|しろ|質問|設問|問[い::]"
    r"|^(?:question|task|q)\s*[:.]|^(?:please|what|which|who|when|where|why|how|summari[sz]e|translate|classify|extract)\b",
    re.IGNORECASE,
)


def question(prompt: str) -> str:
    """The part of a prompt that asks: in business prompts mostly the last line, after a table or a document.

    Trailing lists of choices are passed over. Where the last line asks nothing and the first does (an instruction above
    its material), it is the first. At most ``LONGEST_QUESTION`` characters, from the end.
    """
    lines = [line.strip() for line in prompt.splitlines() if line.strip()]
    if not lines:
        return ""
    body = list(lines)
    while len(body) > 1 and _ENUMERATED.match(body[-1]):
        body.pop()
    asked = body[-1]
    if not _ASKS.search(asked) and _ASKS.search(lines[0]):
        asked = lines[0]
    return asked[-LONGEST_QUESTION:]


def template(prompt: str) -> str:
    """A question without what changes from request to request: numbers, quoted parts, addresses."""
    return _masked(question(prompt))


def _masked(text: str) -> str:
    return _DIGITS.sub("0", _QUOTED.sub("「」", _ADDRESS.sub("@", text)))


def _edges(prompt: str) -> str:
    return _masked(prompt if len(prompt) <= 2 * EDGE else prompt[:EDGE] + "\n" + prompt[-EDGE:])


@dataclass(frozen=True, slots=True)
class Features:
    """Columns learned from training rows. ``texts`` holds the fitted TF-IDF of each text group."""

    groups: tuple[str, ...]
    columns: Mapping[tuple[str, str], int]
    """Column of each (field, value)."""
    texts: Mapping[str, Any]
    signals: tuple[str, ...]
    centre: Mapping[str, Floats]
    spread: Mapping[str, Floats]


def learned(rows: Sequence[CascadeRow], groups: Sequence[str] = GROUPS) -> Features:
    """Learn columns from training rows. A group in which nothing varies is left out of ``Features.groups``."""
    kept: list[str] = []
    columns = _columns(rows) if "fields" in groups else {}
    if columns:
        kept.append("fields")
    texts: dict[str, Any] = {}
    for group in ("question", "prompt"):
        fitted = _fitted(rows, group) if group in groups else None
        if fitted is not None:
            texts[group] = fitted
            kept.append(group)
    signals = tuple(sorted({name for row in rows for name in row.signals}))
    centre: dict[str, Floats] = {}
    spread: dict[str, Floats] = {}
    for group in ("length", "answer", "signals"):
        numbers = _numbers(rows, group, signals)
        has_any = group == "length" or any(row.cheap_answer if group == "answer" else row.signals for row in rows)
        if group not in groups or not has_any:
            continue
        held = np.isfinite(numbers)
        counts = np.maximum(held.sum(axis=0), 1)
        middle = np.where(held, numbers, 0.0).sum(axis=0) / counts
        width = np.sqrt((np.where(held, numbers - middle, 0.0) ** 2).sum(axis=0) / counts)
        varies = width > 1e-9  # equal numbers may differ from their mean by rounding
        if varies.any():
            centre[group], spread[group] = middle, np.where(varies, width, 1.0)
            kept.append(group)
    return Features(tuple(group for group in GROUPS if group in kept), columns, texts, signals, centre, spread)


def matrix(features: Features, rows: Sequence[CascadeRow]) -> sparse.csr_array:
    """One line per row, one column per feature. Values, n-grams and signals not seen in training count as nothing."""
    parts: list[Any] = []
    for group in features.groups:
        if group == "fields":
            parts.append(_one_hot(features.columns, rows))
        elif group in features.texts:
            weight = PROMPT_WEIGHT if group == "prompt" else 1.0
            parts.append(features.texts[group].transform(_texts(rows, group)) * weight)
        else:
            numbers = (_numbers(rows, group, features.signals) - features.centre[group]) / features.spread[group]
            parts.append(sparse.csr_array(NUMBER_WEIGHT * np.where(np.isfinite(numbers), numbers, 0.0)))
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _columns(rows: Sequence[CascadeRow]) -> dict[tuple[str, str], int]:
    counts = Counter(pair for row in rows for pair in row.fields.items())
    by_field: dict[str, list[str]] = {}
    for (name, value), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if LEAST_SEEN <= count < len(rows) and len(by_field.setdefault(name, [])) < MOST_VALUES:
            by_field[name].append(value)
    return {(name, value): at for at, (name, value) in enumerate((n, v) for n in sorted(by_field) for v in by_field[n])}


def _one_hot(columns: Mapping[tuple[str, str], int], rows: Sequence[CascadeRow]) -> sparse.csr_array:
    held = [(at, columns[pair]) for at, row in enumerate(rows) for pair in row.fields.items() if pair in columns]
    where = np.array(held, dtype=np.int64).reshape(-1, 2)
    return sparse.csr_array((np.ones(len(held)), (where[:, 0], where[:, 1])), shape=(len(rows), len(columns)))


def _texts(rows: Sequence[CascadeRow], group: str) -> list[str]:
    return [template(row.prompt) if group == "question" else _edges(row.prompt) for row in rows]


def _fitted(rows: Sequence[CascadeRow], group: str) -> Any:
    """TF-IDF of character n-grams; None where the texts do not vary, or the prompt is nothing but its question."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    texts = _texts(rows, group)
    if len(set(texts)) < 2 or (group == "prompt" and texts == _texts(rows, "question")):
        return None
    grams = (1, 3) if group == "question" else (2, 3)
    found = TfidfVectorizer(
        analyzer="char", ngram_range=grams, min_df=LEAST_SEEN, max_features=MOST_GRAMS, sublinear_tf=True
    )
    try:
        return found.fit(texts)
    except ValueError:  # no n-gram is shared by two texts
        return None


def _numbers(rows: Sequence[CascadeRow], group: str, signals: Sequence[str]) -> Floats:
    """Numbers of a group, one line per row; not finite where a row does not have it."""
    if group == "length":
        found = [[np.log1p(len(row.prompt)), np.log1p(len(question(row.prompt)))] for row in rows]
    elif group == "answer":
        found = [_of_answer(row.cheap_answer) for row in rows]
    else:
        found = [[row.signals.get(name, np.nan) for name in signals] for row in rows]
    return np.array(found, dtype=np.float64).reshape(len(rows), -1)


def _of_answer(answer: str) -> list[float]:
    """Length, length of the last line, share of digits, lines, and whether it is a JSON object or list."""
    if not answer:
        return [np.nan] * 5
    text = answer.strip()
    digits = sum(char.isdigit() for char in text) / max(len(text), 1)
    last = text[text.rfind("\n") + 1 :]
    return [np.log1p(len(text)), np.log1p(len(last)), digits, np.log1p(text.count("\n")), float(_is_json(text))]


def _is_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Kinship:
    """The templates that are known, and how close a request has to be to one of them."""

    known: sparse.csr_array
    level: float
    """Cosine: the distance at which ``RARE_SHARE`` of the training rows would themselves have been strangers."""


def kinship(rows: Sequence[CascadeRow]) -> Kinship:
    """Learn from training rows (in an order that carries no meaning) how alike the requests of this task are.

    The level is the ``RARE_SHARE`` quantile of each row's cosine to its nearest *other* row, so a task whose requests
    resemble each other is strict and one of free questions is lenient.
    """
    known = grams(rows[:MOST_KNOWN])
    nearest = np.sort(closest(known, known, is_same=True)) if len(rows) > 1 else np.zeros(1)
    return Kinship(known, float(nearest[int(RARE_SHARE * len(nearest))]))


def related(kin: Kinship, rows: Sequence[CascadeRow]) -> Flags:
    """Is each row close enough to a known one?"""
    return closest(grams(rows), kin.known) >= kin.level


def related_among(kin: Kinship, rows: Sequence[CascadeRow]) -> Flags:
    """Is each row close enough to a known one, or to another of the same rows? (Each is judged without itself.)"""
    own = grams(rows)
    seen = closest(own, kin.known) >= kin.level
    lonely = np.flatnonzero(~seen)
    for at in lonely:
        others = np.asarray((own @ own[[at]].T).toarray()).ravel()
        others[at] = -1.0
        seen[at] = bool(others.max(initial=-1.0) >= kin.level)
    return seen


def widened(kin: Kinship, rows: Sequence[CascadeRow]) -> Kinship:
    """The same level with more known rows: what the labels have covered is no longer strange."""
    strangers = [row for row, is_known in zip(rows, related(kin, rows), strict=True) if not is_known]
    if not strangers:
        return kin
    return Kinship(sparse.csr_array(sparse.vstack([kin.known, grams(strangers)], format="csr")), kin.level)


def closest(rows: sparse.csr_array, known: sparse.csr_array, *, is_same: bool = False) -> Floats:
    """Largest cosine of each row to the known ones; with ``is_same`` (both are one set) to any but itself."""
    found = np.full(rows.shape[0], -1.0)
    for start in range(0, rows.shape[0], 500):  # 500 × 2,000 floats at a time: 8 MB
        cosines = np.asarray((rows[start : start + 500] @ known.T).toarray())
        if is_same:
            own = np.arange(cosines.shape[0])
            cosines[own, own + start] = -1.0
        found[start : start + 500] = cosines.max(axis=1, initial=-1.0)
    return np.round(found, 6)


def grams(rows: Sequence[CascadeRow]) -> sparse.csr_array:
    """Hashed n-grams of the template: no vocabulary, so that what was never seen counts against closeness."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(analyzer="char", ngram_range=(2, 3), n_features=2**18, alternate_sign=False)
    return sparse.csr_array(hashed.transform([template(row.prompt) for row in rows]))
