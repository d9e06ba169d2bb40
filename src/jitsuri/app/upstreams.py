"""Upstreams as ``jitsuri.toml`` names them, and the one that is always there: students and rules on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import cast

from jitsuri.providers.rules.addressing import OFFICIAL_ADDRESSES, upstream_fault
from jitsuri.providers.shapes import Dialect, Kind, Timeouts, Training, Upstream
from jitsuri.routing.rules.choosing import LOCAL
from jitsuri.routing.rules.naming import names_in
from jitsuri.routing.shapes import Site
from jitsuri.settings import Settings
from jitsuri.terms.outcomes import Refusal

VENDORS: Mapping[str, str] = {
    "openai": "openai", "azure": "azure", "anthropic": "anthropic", "gemini": "google", "bedrock": "aws",
    "openrouter": "openrouter",
}  # fmt: skip
"""Names in the price book (genai-prices 0.2.3) by kind; other kinds are known there by the upstream's own name."""


def upstreams_of(settings: Settings) -> dict[str, Upstream]:
    """All upstreams by name, in the file's order, ``local`` last."""
    found = {name: upstream_of(name, row) for name, row in settings.tables.get("upstreams", {}).items()}
    found[LOCAL] = local_upstream(settings.text("gateway.region"))
    return found


def local_upstream(region: str) -> Upstream:
    """Where ``local/student:NAME`` and ``local/rules:NAME`` answer: inside the gateway's own process."""
    return Upstream(LOCAL, "student", "openai", "", LOCAL, region, "never", True, retries=0)


def upstream_of(name: str, row: Mapping[str, object]) -> Upstream:
    """One row of ``upstreams.*``, checked and complete, as an upstream."""
    kind = cast(Kind, row["kind"])
    dialect: Dialect = "anthropic" if kind == "anthropic" else "openai"

    def seconds(field: str) -> float:
        value = row[field]
        assert isinstance(value, Decimal)
        return float(value)

    def whole(field: str) -> int:
        value = row[field]
        assert isinstance(value, int)
        return value

    return Upstream(
        name=name, kind=kind, dialect=dialect,
        base_url=str(row["base_url"] or OFFICIAL_ADDRESSES.get(kind, "")).rstrip("/"),
        vendor=str(row["vendor"] or VENDORS.get(kind, name)), region=str(row["region"]).lower(),
        training=cast(Training, row["training"]), is_on_premises=bool(row["on_premises"]), key_env=str(row["key_env"]),
        key_file=str(row["key_file"]), models=names_in(row["models"]), passes=names_in(row["passes"]),
        api_version=str(row["api_version"]), headers=_headers(str(row["headers"])), ca_file=str(row["ca_file"]),
        proxy=str(row["proxy"]),
        timeouts=Timeouts(
            seconds("connect_seconds"), seconds("first_byte_seconds"), seconds("between_seconds"),
            seconds("whole_seconds"),
        ),
        most_connections=whole("most_connections"), retries=whole("retries"),
    )  # fmt: skip


def faults(upstreams: Mapping[str, Upstream]) -> list[Refusal]:
    """What is wrong with any of them."""
    return [fault for upstream in upstreams.values() if (fault := upstream_fault(upstream)) is not None]


def sites_of(upstreams: Mapping[str, Upstream]) -> dict[str, Site]:
    """What routing knows of them."""
    return {
        u.name: Site(u.name, u.vendor, u.region, u.training, u.is_on_premises, u.models) for u in upstreams.values()
    }


def at_address(upstream: Upstream, base_url: str, key_file: str) -> Upstream:
    """A model that runs on this machine behind an address of its own, asked like any other server."""
    return replace(upstream, kind="compatible", base_url=base_url, key_file=key_file, is_on_premises=True)


def _headers(value: str) -> tuple[tuple[str, str], ...]:
    return tuple((name.strip(), rest.strip()) for name, _, rest in (part.partition(":") for part in names_in(value)))
