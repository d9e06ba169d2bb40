"""Fixtures of the console's tests."""

from __future__ import annotations

import pytest
from console_parts import Console

from jitsuri.store.door import Store


@pytest.fixture
def console(store: Store) -> Console:
    return Console(store)
