"""Write a trained student as a file that the gateway can answer from: ``jitsuri-student/1``, JSON lines, no pickle.

    from export_student import exported
    Path("inquiry-triage.student.jsonl").write_bytes(exported(words, model, text=…, rows=4081, day=…, source="…"))

``words`` is a fitted ``TfidfVectorizer`` (analyzer ``char`` or ``char_wb``), ``model`` a fitted ``LogisticRegression``. The
form of the file stands in ``docs/reference/local-variants.md``; ``answer_inquiries.py --export`` uses this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

FORMAT = "jitsuri-student/1"
_CUTS = {"char": "running", "char_wb": "within_words"}


def exported(
    words: TfidfVectorizer, model: LogisticRegression, *, text: Mapping[str, object], rows: int, day: date, source: str,
    answers: Mapping[str, str] | None = None,
) -> bytes:  # fmt: skip
    """The file's bytes, every number exact.

    ``text`` says what was done with a text before ``words`` saw it (``normal_form``, ``skips_lines``); ``answers`` maps a
    class to what is answered (left out: the class itself). Raises ValueError for what the form cannot hold.
    """
    _check(words, model)
    weights, starts = _per_class(model)
    idf = words.idf_ if words.use_idf else np.ones(len(words.vocabulary_))
    header = {
        "format": FORMAT,
        "text": {**text, "lowercase": bool(words.lowercase)},
        "grams": {
            "cut": _CUTS[words.analyzer],
            "shortest": words.ngram_range[0],
            "longest": words.ngram_range[1],
            "frequency": "binary" if words.binary else "logarithmic" if words.sublinear_tf else "plain",
            "norm": words.norm or "none",
            "count": len(words.vocabulary_),
        },
        "classes": [
            {"name": str(name), "intercept": float(start), "answer": (answers or {}).get(str(name), str(name))}
            for name, start in zip(model.classes_, starts, strict=True)
        ],
        "training": {"rows": rows, "day": day.isoformat(), "from": source, "by": f"scikit-learn {sklearn.__version__}"},
    }
    body = "".join(f"{line}\n" for line in _lines(header, words, idf, weights)).encode()
    last = json.dumps({"sha256": hashlib.sha256(body).hexdigest()})
    return body + f"{last}\n".encode()


def _check(words: TfidfVectorizer, model: LogisticRegression) -> None:
    if words.analyzer not in _CUTS:
        raise ValueError(f"analyzer {words.analyzer!r}: only char and char_wb can be written")
    if words.preprocessor is not None or words.strip_accents is not None:
        raise ValueError("a preprocessor of its own, or strip_accents, cannot be written")
    if len(model.classes_) > 2 and model.solver == "liblinear":
        raise ValueError("liblinear fits one class against the rest; only softmax over all classes can be written")


def _per_class(model: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Weights and intercepts, one row per class: for two classes the first one's are 0, which is the same probability."""
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    return np.vstack([np.zeros_like(model.coef_[0]), model.coef_[0]]), np.array([0.0, model.intercept_[0]])


def _lines(header: Mapping[str, object], words: TfidfVectorizer, idf: np.ndarray, weights: np.ndarray) -> Iterator[str]:
    yield json.dumps(header, ensure_ascii=False)
    for gram, place in sorted(words.vocabulary_.items()):
        row = [gram, float(idf[place]), [float(weight) for weight in weights[:, place]]]
        yield json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
