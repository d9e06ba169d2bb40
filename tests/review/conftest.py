"""The scene of the pairs stands here and serves the pages' tests too."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "pages", Path(__file__).parents[2] / "bench"):
    sys.path.insert(0, str(folder))
