"""How a trial is told: its state and why it stands still, the same on pages and at the shell."""

from __future__ import annotations

from jitsuri.words import has_text, text


def why_text(why: str, lang: str) -> str:
    """Why a trial paused; a failure that has no words of its own is named by its code."""
    code = f"trial.why.{why}"
    return text(code, lang) if has_text(code) else text("trial.why.other", lang, code=why)
