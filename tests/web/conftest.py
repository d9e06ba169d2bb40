"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_parts import running_browser
from console_parts import Console
from playwright.sync_api import Browser

from jitsuri.store.door import Store


@pytest.fixture
def console(store: Store) -> Console:
    return Console(store)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One real Chromium for the whole run."""
    with running_browser() as running:
        yield running
