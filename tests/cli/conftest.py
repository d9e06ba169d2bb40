"""What the commands' tests share with those of the pages: the small company and its gateway."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("web", "pages", "flows", "providers")]
