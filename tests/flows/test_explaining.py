"""What is found again of a call: an attempt's upstream, and whether its use is an estimate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from jitsuri.flows.cold.viewing.explaining import estimate_of, upstream_of
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.routing.shapes import Site, Target
from jitsuri.terms.usage import Usage

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
NIL = UUID(int=0)
ENTRY = Entry(
    NIL, NIL, NIL, NIL, "attempt", None, NOW, date(2026, 11, 22), NOW, "t", "", "openai", "gpt-big", "gpt-big", "", "us", "", "",
    "ok", 200, "", 1, Usage(10, 1), {"prompt_tokens": 10}, 5, None, "priced", "", "JPY", Decimal(1), "standard", "b", None, None,
    Decimal(1), None, "", "gateway", None,
)  # fmt: skip


def site(name: str, vendor: str, region: str) -> Site:
    return Site(name, vendor, region, "unknown", False, ())


SITES = {one.name: one for one in (site("a", "openai", "us"), site("b", "openai", "us"), site("c", "azure", "us"),
                                   site("d", "house", "jp"))}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "targets", "found"),
    [
        ({}, [], ""), ({}, [Target("b", "gpt-big")], "b"), ({}, [Target("a", "gpt-big"), Target("b", "gpt-big")], ""),
        ({}, [Target("b", "other")], ""), ({"provider": "azure"}, [], "c"), ({"region": "jp", "provider": "anything"}, [], "d"),
        ({"region": "eu"}, [], ""), ({}, [Target("d", "gpt-big")], ""),
    ],
)  # fmt: skip
def test_an_attempts_upstream_is_named_only_where_one_alone_fits(
    changes: dict[str, Any], targets: list[Target], found: str
) -> None:
    assert upstream_of(replace(ENTRY, **changes), targets, SITES) == found


@pytest.mark.parametrize(
    ("changes", "estimate"),
    [
        ({}, ""), ({"reason": "usage_estimated"}, "usage_estimated"), ({"reason": "orphaned"}, "orphaned"),
        ({"error_code": "worker_died", "reason": "price_missing_model"}, "orphaned"),
        ({"usage_raw": None, "reason": "price_missing_model"}, "usage_estimated"), ({"usage_raw": None, "usage": Usage()}, ""),
        ({"usage_raw": None, "source": "import:csv"}, ""),
    ],
)  # fmt: skip
def test_estimates_are_known_as_such(changes: dict[str, Any], estimate: str) -> None:
    assert estimate_of(replace(ENTRY, **changes)) == estimate
