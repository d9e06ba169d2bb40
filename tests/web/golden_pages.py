"""Kept pages: what a page looked like when it was last looked at. JITSURI_GOLDEN=write keeps new ones."""

from __future__ import annotations

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def normal(page: str) -> str:
    """The page without what changes by itself: versions of files, and how lines are laid out."""
    page = re.sub(r"\?v=[0-9a-f]{12}", "?v=*", page)
    lines = (re.sub(r"\s+", " ", line).strip() for line in page.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def check_golden(name: str, page: str) -> None:
    kept = GOLDEN / f"{name}.html"
    if os.environ.get("JITSURI_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        kept.write_text(normal(page), "utf-8")
    assert normal(page) == kept.read_text("utf-8")
