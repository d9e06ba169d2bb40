"""/health: when a worker is well, and what it says beside that; variants are read before a call asks for them."""

from __future__ import annotations

import json

import pytest

from jitsuri.app.worker import health_of
from jitsuri.routing.live import Table
from jitsuri.routing.shapes import Target, Variant
from jitsuri.terms.errors import OperatorError

WELL = {"ok": True, "why": "", "variants": [], "budgets": ""}


@pytest.mark.parametrize(
    ("outage", "variants", "budgets", "is_ready", "refuses_hard", "told"),
    [
        (None, [], "", True, False, WELL),
        (None, ["rules_not_toml"], "", True, False, WELL | {"variants": ["rules_not_toml"]}),
        (None, [], "database_away", True, False, WELL | {"budgets": "database_away"}),
        (None, [], "database_away", True, True, WELL | {"ok": False, "why": "budget_lease_away", "budgets": "database_away"}),
        (None, [], "", False, False, WELL | {"ok": False, "why": "not_ready"}),
        (OperatorError("disk_full"), [], "x", True, True, WELL | {"ok": False, "why": "disk_full", "budgets": "x"}),
    ],
)  # fmt: skip
def test_only_what_has_calls_refused_makes_a_worker_unwell(
    outage: OperatorError | None, variants: list[str], budgets: str, is_ready: bool, refuses_hard: bool,
    told: dict[str, object],
) -> None:  # fmt: skip
    is_well, body = health_of(outage, variants, budgets, is_ready=is_ready, refuses_hard=refuses_hard)

    assert json.loads(body) == told
    assert is_well is told["ok"]


def test_the_table_knows_which_local_variants_stand() -> None:
    table = Table({})
    assert table.named_at("local") == []
    a, b, c = Target("local", "student:a"), Target("local", "rules:b"), Target("openai", "gpt-5-mini")
    table.replace({}, {"x": Variant("x", a, (c, b)), "y": Variant("y", c), "z": Variant("z", b)}, {})

    assert table.named_at("local") == ["rules:b", "student:a"]
