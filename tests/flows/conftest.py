"""Asking models outside the path of a call, with a real upstream protocol on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [
    str(Path(__file__).parents[1] / "providers"),
    str(Path(__file__).parents[1] / "pages"),
    str(Path(__file__).parent),
]

from replaying_parts import prepared  # noqa: E402
from stub_upstream import StubUpstream  # noqa: E402

from jitsuri.app.replaying import Replayer  # noqa: E402
from jitsuri.store.door import Store  # noqa: E402


@pytest.fixture
def upstream() -> Iterator[StubUpstream]:
    with StubUpstream() as running:
        yield running


@pytest.fixture
def replaying(
    store: Store, upstream: StubUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replayer]:
    """An ``Ask`` over ``stub`` (OpenAI's dialect) and ``stub-anthropic``, on a database with prices and the task ``triage``."""
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    with Replayer(prepared(store, upstream.url, tmp_path), store) as made:
        yield made
