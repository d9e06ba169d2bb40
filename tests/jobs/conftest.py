"""Jobs that ask models find the stub upstream and the trials of their neighbours."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / "providers"), str(_TESTS / "flows"), str(_TESTS / "pages")]
