"""Certificates and people for these tests stand with the pages' tests, upstreams with those of the providers."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / name) for name in ("pages", "flows", "providers", "lives")]
