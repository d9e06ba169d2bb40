"""Every act that a flow notes has its words in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import jitsuri
from jitsuri.evidence.shapes import BrokenCode
from jitsuri.words import LANGUAGES, has_text, text

FLOWS = sorted((Path(jitsuri.__file__).parent / "flows").rglob("*.py"))
NOTED = re.compile(r"(?:record_of|_note)\(([^)]*)")


def test_every_act_has_its_words() -> None:
    calls = [strings for file in FLOWS for call in NOTED.findall(file.read_text("utf-8"))
             if (strings := re.findall(r"(?<!f)\"([a-z_]+)\"", call))]  # fmt: skip

    assert len(calls) >= 20, "the pattern no longer fits the code"
    assert [strings for strings in calls if not any(has_text(f"evidence.act.{one}") for one in strings)] == []


@pytest.mark.parametrize("code", get_args(BrokenCode))
def test_every_break_of_the_chain_is_told(code: str) -> None:
    facts = {"next": 5, "day": "2026-11-20"}

    assert all("7" in text(f"evidence.broken.{code}", lang, number=7, **facts) for lang in LANGUAGES)
