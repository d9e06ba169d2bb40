"""A gateway for a whole file of tests: the installed command, a stub upstream, a database of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "providers"), str(Path(__file__).parent)]

from running_gateway import RunningGateway, make_key, settings_text  # noqa: E402
from stub_upstream import StubUpstream  # noqa: E402

from jitsuri.store.door import Store  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "gateway" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
            item.add_marker("slow")


@pytest.fixture(scope="module")
def stub() -> Iterator[StubUpstream]:
    with StubUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def module_store(pg_template: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A fresh database that lives as long as the file of tests."""
    name = f"jitsuri_{request.module.__name__.rpartition('.')[2]}"
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE jitsuri_template')
    store = Store(pg_template.replace("dbname=postgres", f"dbname={name}"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, module_store: Store, stub: StubUpstream, request: pytest.FixtureRequest
) -> Iterator[RunningGateway]:
    """The running gateway of a file of tests; ``SETTINGS`` of the module are ``settings_text``'s words, ``FILES`` lie in its home."""
    words: dict[str, Any] = getattr(request.module, "SETTINGS", {})
    home = tmp_path_factory.mktemp("gateway")
    for name, text in getattr(request.module, "FILES", {}).items():
        (home / name).write_text(text)
    running = RunningGateway(home, settings_text(stub.url, **words), module_store.dsn)
    with running:
        yield running


@pytest.fixture(scope="module")
def key(gateway: RunningGateway, module_store: Store) -> str:
    made = make_key(module_store)
    gateway.wait_until_known(made)
    return made
