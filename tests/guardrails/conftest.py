"""What the tests of guardrails share with those of the pages: the small company and its kept texts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("web", "pages", "flows", "providers")]
