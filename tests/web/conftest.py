"""Fixtures of the console's tests."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from browser_parts import running_browser
from console_parts import Console
from playwright.sync_api import Browser

from jitsuri.store.door import Store

_EMPTY = """DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'store_migrations' LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
END $$"""


@pytest.fixture(scope="session")
def shared_store(pg_template: str) -> Iterator[Store]:
    """One database for all tests of this folder: making one for each of them took most of their time."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_web TEMPLATE jitsuri_template")
    made = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_web"))
    yield made
    made.close()


@pytest.fixture
def store(shared_store: Store) -> Store:
    """The shared database, emptied."""
    with shared_store.transaction() as tx:
        tx.execute(_EMPTY)
    return shared_store


@pytest.fixture
def console(store: Store) -> Console:
    return Console(store)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One real Chromium for a file: as long as it lives, a loop of asyncio's runs here, and other tests want their own."""
    with running_browser() as running:
        yield running
