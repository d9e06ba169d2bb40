"""A home, a price book and a task, as an installation has them before anything is asked on its own behalf."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.settings import Settings, read_settings
from jitsuri.store.door import Store

SETTINGS = """
[company]
name = "株式会社サンプル精機"

[money.assumed_rates]
USD = "150"

[upstreams.stub]
kind = "compatible"
base_url = "{url}"
vendor = "openai"
region = "jp"
models = "gpt-4o-mini, gpt-5*, stub*, text-embedding-3-small"
first_byte_seconds = 3
between_seconds = 2
retries = 1

[upstreams.stub-anthropic]
kind = "anthropic"
base_url = "{url}"
region = "us"
training = "never"
key_env = "STUB_KEY"
models = "claude*"
first_byte_seconds = 3
between_seconds = 2
retries = 1
{more}
"""


def prepared(store: Store, url: str, home: Path, more: str = "") -> Settings:
    """Write ``jitsuri.toml`` for an upstream at ``url``, fill the price book, make the task ``triage``."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "jitsuri.toml"
    file.write_text(SETTINGS.format(url=url, more=more), "utf-8")
    now = datetime.now(UTC)
    ensure_book(store, now, None)
    rates_in_use(store, now, "TTM", {"USD": Decimal(150)})
    with store.transaction() as tx:
        task = Task(
            "triage", "仕分け", "Triage", "D10", "sato", "production", "internal", Decimal("0.05"),
            now,
        )  # fmt: skip
        routing_rows.add_tasks(tx, [task])
    return read_settings(home, file, os.environ)
