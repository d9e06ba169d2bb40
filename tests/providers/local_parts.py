"""Small students and rules for the tests, written as files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
if str(ROOT / "sample") not in sys.path:
    sys.path.insert(0, str(ROOT / "sample"))

HEADER: Mapping[str, object] = {
    "format": "jitsuri-student/1",
    "text": {"normal_form": "NFKC", "skips_lines": [">"], "lowercase": True},
    "grams": {"cut": "running", "shortest": 2, "longest": 2, "frequency": "plain", "norm": "l2", "count": 2},
    "classes": [{"name": "納期", "intercept": 0.0}, {"name": "見積", "intercept": 0.5}],
    "training": {"rows": 12, "day": "2026-11-22", "from": "見本", "by": "hand"},
}
GRAMS: Sequence[object] = (["納期", 1.0, [2.0, -2.0]], ["見積", 2.0, [-2.0, 2.0]])


def sealed(lines: Sequence[object]) -> bytes:
    """The lines as a file with a right sum; text stands as it is."""
    body = "".join((one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)) + "\n" for one in lines)
    last = json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest()})
    return body.encode() + last.encode() + b"\n"


def student_file(header: Mapping[str, object] | None = None, grams: Sequence[object] = GRAMS) -> bytes:
    """The small student, with parts of its header or its n-grams replaced."""
    return sealed([{**HEADER, **(header or {})}, *grams])


def with_grams(**changed: object) -> dict[str, object]:
    """``grams`` of the header with some fields replaced."""
    grams = HEADER["grams"]
    assert isinstance(grams, dict)
    return {"grams": {**grams, **changed}}


RULES = """
format = "jitsuri-rules/1"
otherwise = "その他"
text = { skips_lines = [">"] }

[[rules]]
class = "不具合"
words = ["不良", "ＲｏＨＳ"]

[[rules]]
class = "見積"
words = ["見積", "単価"]
"""
