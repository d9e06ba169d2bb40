"""Keeping a task's prompt: what of a text cannot be one."""

from __future__ import annotations

import unicodedata

from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.prompts import CALLER

LONGEST_PROMPT = 100_000
"""Characters of a prompt: some 70 pages; what is longer is a document to be looked things up in (decision 0036)."""

_ALLOWED = "\n\t"
_NO_SIGNS = ("Cc", "Cs")


def prompt_form(text: str) -> str:
    """A prompt as it is kept: lines end with a line feed, without empty lines around it.

    >>> prompt_form("分類する。\\r\\n短く。\\r\\n\\r\\n")
    '分類する。\\n短く。'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def prompt_fault(text: str) -> Refusal | None:
    """Why a text (in its form) cannot be a prompt: ``prompt_empty``, ``prompt_too_long``, ``prompt_sign`` (what no JSON or
    database takes, or no eye sees), ``prompt_marker_twice``."""
    if not text.strip():
        return Refusal("prompt_empty", {"field": "text"})
    if len(text) > LONGEST_PROMPT:
        return Refusal(
            "prompt_too_long", {"field": "text", "characters": f"{len(text):,}", "most": f"{LONGEST_PROMPT:,}"}
        )
    for line, said in enumerate(text.split("\n"), 1):
        for column, sign in enumerate(said, 1):
            if unicodedata.category(sign) in _NO_SIGNS and sign not in _ALLOWED:
                facts = {"field": "text", "sign": f"U+{ord(sign):04X}", "row": line, "column": column}
                return Refusal("prompt_sign", facts)
    if text.count(CALLER) > 1:
        return Refusal("prompt_marker_twice", {"field": "text", "marker": CALLER})
    return None
