"""Fixtures of the pages' tests: the console's parts, and a small company whose every yen was reckoned by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from page_scene import Scene, furnish

from jitsuri.store.door import Store


@pytest.fixture
def scene(store: Store) -> Scene:
    """The company in a database of this test's own, to be changed."""
    return furnish(store)


@pytest.fixture(scope="session")
def kept(pg_template: str) -> Iterator[Scene]:
    """The company for tests that only read: furnished once."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_pages TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_pages"))
    yield furnish(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_pages WITH (FORCE)")
