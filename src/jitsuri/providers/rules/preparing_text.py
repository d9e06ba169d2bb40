"""The text that a student or a table of rules reads: the caller's, without quoted lines, in one width and case."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

import msgspec

NormalForm = Literal["NFC", "NFKC", "none"]

MOST_CHARACTERS = 20_000
"""Longest text that is read where a file says nothing; 20 ms of computing (decision 0022)."""
HIGHEST_MOST_CHARACTERS = 50_000
"""What a file may raise it to."""


class Preparation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done with a text before it is read; the ``text`` part of both files."""

    normal_form: NormalForm = "NFKC"
    """Unicode's normal form: NFKC makes full-width and half-width letters one."""
    skips_lines: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=20)], ...] = ()
    """A line that begins with one of these is left out (``>``: what a mail quotes). Looked at before the normal form."""
    lowercase: bool = False
    most_characters: Annotated[int, msgspec.Meta(ge=1, le=HIGHEST_MOST_CHARACTERS)] = MOST_CHARACTERS
    """A longer text is refused, never cut: what stands behind the cut may decide."""


def prepared(text: str, how: Preparation) -> str:
    """The text as it is read."""
    if how.skips_lines:
        text = "\n".join(line for line in text.split("\n") if not line.startswith(how.skips_lines))
    if how.normal_form != "none":
        text = unicodedata.normalize(how.normal_form, text)
    return text.lower() if how.lowercase else text
