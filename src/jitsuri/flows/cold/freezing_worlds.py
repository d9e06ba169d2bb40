"""Freezing the world when a certificate is put in force, and looking at it again.

Both read the same things in the same way: which models really answered, which system prompts were in use, what both ways
cost, how the variant stands, what the data rule says, what the calls of each day were like.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.extracting import prompts_of_request
from jitsuri.calls.rules.identifying import system_prompt_hash
from jitsuri.calls.rules.sealing import unseal
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.ledger.records import rates as rate_rows
from jitsuri.ledger.rules.converting import rates_of
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import Resolved, resolve
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.records import traits
from jitsuri.rightsizing.rules.auditing import capital, taken
from jitsuri.rightsizing.rules.drifting import REFERENCE_DAYS
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.lives import Audited, Life, Look, MixDay, PriceFrozen, World
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import LOCAL, rule_faults
from jitsuri.routing.rules.naming import way_name, way_named
from jitsuri.routing.rules.setting import canary_way, targets_of
from jitsuri.routing.shapes import Site, Target, Variant
from jitsuri.store.door import Connection
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.period import COMPANY_ZONE, company_day

MODELS_BEFORE = timedelta(days=28)
"""How far back the models that really answered are looked for (decision 0035)."""
MODELS_BACK = timedelta(days=2)
"""How far back a look asks for models: it happens every few minutes, and after a weekend of standstill too."""
SETTLES = timedelta(hours=2)
"""A day's calls are counted when it has been over for so long: a stream that began before midnight is booked by then."""
PROMPTS_FROZEN = 500
PROMPTS_LOOKED = 200
"""Calls whose system prompt is looked at: a reworded prompt is behind most of them."""


@dataclass(frozen=True, slots=True)
class Around:
    """What freezing and looking need beside the database."""

    sites: Mapping[str, Site]
    rate_kind: RateKind = "TTM"
    key_folder: Path | None = None
    """Where the text keys lie; None: kept requests are not looked into."""
    wait: timedelta = field(default=SETTLES)


def freeze(
    tx: Connection,
    now: datetime,
    certificate: Certificate,
    proposed: str,
    variant: Variant,
    version: int,
    around: Around,
) -> tuple[World, list[MixDay]]:
    """The world of a certificate, and the days of its reference."""
    task, since = certificate.task.name, now - MODELS_BEFORE
    today = way_of(variant)
    ways = (today, proposed)
    prompts = _prompts(tx, task, since, now, PROMPTS_FROZEN, around, newest=False)
    days = traits.mix_of(
        tx, task, midnight(company_day(now) - timedelta(days=REFERENCE_DAYS)), midnight(company_day(now))
    )
    rate = rates_of(rate_rows.everything(tx), around.rate_kind).on("USD", company_day(now))
    world = World(
        at=now,
        today=today,
        proposed=proposed,
        variant_version=version,
        before={
            "targets": [str(target) for target in targets_of(variant)],
            "most_output_tokens": variant.most_output_tokens,
            "prompt": variant.prompt,
        },
        models={way: _models_before(tx, now, certificate, way, ways, around) for way in ways},
        prompts=_counted(name for _, name in prompts),
        fresh_percent=_fresh(prompts, now),
        prices=_prices(tx, now, ways, around),
        usd_jpy=None if rate is None else rate.rate,
        price_limit_percent=certificate.price_limit_percent,
        audit_percent=certificate.audit_percent,
        valid_until=certificate.valid_until,
        mix_days=len(days),
    )
    return world, days


def look(tx: Connection, now: datetime, life: Life, margin: float, around: Around) -> Look:
    """What a certificate in force would be compared with now. ``life.world`` stands."""
    world = life.world
    assert world is not None
    history = routing_rows.variant_history(tx, life.task)
    variant, kept = history[0] if history else (None, None)
    ways = (world.today, world.proposed)
    judged = differences(audit_rows.of_certificate(tx, life.number))
    counted = capital(judged, margin)
    targets = {way: found[0] for way in ways if (found := way_named(way)) is not None}
    rule = routing_rows.data_rules(tx).get(life.task)
    faults = {
        way: why.code
        for way, target in targets.items()
        if way == world.proposed
        for why in rule_faults([target], around.sites, rule[0] if rule else None)
    }
    return Look(
        today=company_day(now),
        variant=(
            "" if variant is None else way_of(variant),
            "" if variant is None or variant.canary is None else canary_way(variant.canary),
            kept.version if kept is not None else 0,
        ),
        cap=variant.most_output_tokens if variant is not None else 0,
        models={way: _models_since(tx, now, life.task, way, ways, world, around) for way in ways},
        prompts=_counted(
            name for _, name in _prompts(tx, life.task, world.at, now, PROMPTS_LOOKED, around, newest=True)
        ),
        prices=_prices(tx, now, ways, around),
        faults=faults,
        mix=life_rows.mix_days(tx, life.number),
        audit_capital=counted[-1] if counted else 0.0,
        audit_labels=len(judged),
        margin=margin,
    )  # fmt: skip


def days_due(tx: Connection, now: datetime, life: Life, around: Around) -> list[MixDay]:
    """Whole days since the last counted one that can be counted now."""
    world = life.world
    assert world is not None
    last = life_rows.last_mix_day(tx, life.number)
    first = max(last + timedelta(days=1) if last else date.min, company_day(world.at))
    until = company_day(now - around.wait)
    if first >= until:
        return []
    return traits.mix_of(tx, life.task, midnight(first), midnight(until))


def differences(audited: Sequence[Audited]) -> list[float]:
    """Judged differences in drawn order, up to the first answered call that nobody has judged yet: what comes later waits, so
    that nobody's choice of what to judge first can matter."""
    return [one.difference for one in audited[: taken(audited)] if one.difference is not None]


def way_of(variant: Variant) -> str:
    """A variant's first way, as it is written."""
    return way_name(variant.target, variant.prompt)


def midnight(day: date) -> datetime:
    """When a day of the company begins."""
    return datetime.combine(day, time(), COMPANY_ZONE).astimezone(UTC)


def _asked(way: str, ways: Sequence[str], around: Around) -> tuple[str, list[str]]:
    """A way's model, and the providers whose entries are meant: those of its upstream only where another way has the same
    model, because a price book may know a provider by another name."""
    named = way_named(way)
    target = named[0] if named is not None else Target("", way)
    others = {found[0] for one in ways if one != way and (found := way_named(one)) is not None}
    if any(other.model == target.model and other != target for other in others):
        site = around.sites.get(target.upstream)
        return target.model, [site.vendor] if site is not None else []
    return target.model, []


def _models_before(
    tx: Connection, now: datetime, certificate: Certificate, way: str, ways: Sequence[str], around: Around
) -> tuple[str, ...]:
    """Names that answered the task's calls of the last 28 days; of a way that had none, those that answered its trials in the 28
    days before the certificate was issued, and since."""
    task, asked = certificate.task.name, _asked(way, ways, around)
    found = traits.models_answered(tx, task, *asked, now - MODELS_BEFORE, now)
    tried_since = min(now, certificate.issued_at) - MODELS_BEFORE
    return found or traits.models_evaluated(tx, task, *asked, tried_since, now)


def _models_since(
    tx: Connection, now: datetime, task: str, way: str, ways: Sequence[str], world: World, around: Around
) -> tuple[str, ...]:
    model, providers = _asked(way, ways, around)
    found = traits.models_answered(tx, task, model, providers, max(world.at, now - MODELS_BACK), now)
    if world.models.get(way):
        return found
    first = traits.first_model_answered(tx, task, model, providers, world.at)
    return tuple(dict.fromkeys([first, *found])) if first is not None else ()


def _prices(tx: Connection, now: datetime, ways: Sequence[str], around: Around) -> dict[str, PriceFrozen | None]:
    kept = book_in_use(tx)
    return {way: price_of(kept[0] if kept else None, way, now, around.sites) for way in ways}


def price_of(book: PriceBook | None, way: str, at: datetime, sites: Mapping[str, Site]) -> PriceFrozen | None:
    """Standard price per million tokens of a way; None where the book has none. What this machine answers costs nothing."""
    named = way_named(way)
    if named is None:
        return None
    target = named[0]
    if target.upstream == LOCAL:
        return PriceFrozen(Decimal(0), Decimal(0), "JPY")
    site = sites.get(target.upstream)
    if book is None or site is None:
        return None
    sheet = find_sheet(book, site.vendor, target.model)
    resolved = resolve(sheet, at, region=site.region) if isinstance(sheet, ModelSheet) else None
    if not isinstance(resolved, Resolved):
        return None
    units = [resolved.units.get(kind) for kind in ("input_tokens", "output_tokens")]
    into, out = (None if unit is None else unit.price * (Decimal(1_000_000) / unit.per) for unit in units)
    return None if into is None else PriceFrozen(into, out if out is not None else Decimal(0), resolved.currency)


def _prompts(
    tx: Connection, task: str, since: datetime, until: datetime, limit: int, around: Around, *, newest: bool
) -> list[tuple[datetime, str]]:
    """When each call was, and the hash of its system prompt, as far as it is known: from the log's groups, or from the kept
    request of a call through the gateway, which is opened for its hash alone."""
    keys: dict[str, bytes | None] = {}
    found = []
    for call_id, at, name, has_request in traits.prompts_of(tx, task, since, until, limit, newest=newest):
        known = name
        if not known and has_request and around.key_folder is not None:
            known = _hash_of_kept(tx, call_id, around.key_folder, keys)
        if known:
            found.append((at, known))
    return found


def _hash_of_kept(tx: Connection, call_id: UUID, folder: Path, keys: dict[str, bytes | None]) -> str:
    """'' where the request cannot be opened any more: a lost key must not end every look."""
    part = text_rows.of_call(tx, call_id).get("request")
    if part is None:
        return ""
    sealed, key_name, _ = part
    if key_name not in keys:
        try:
            keys[key_name] = read_key(folder / key_name)
        except OperatorError:
            keys[key_name] = None
    key = keys[key_name]
    try:
        told: Any = json.loads(unseal(sealed, key, call_id, "request")) if key is not None else None
    except (OperatorError, ValueError):
        return ""
    return system_prompt_hash(prompts_of_request(told)[0]) if isinstance(told, dict) else ""


def _counted(names: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found


def _fresh(prompts: Sequence[tuple[datetime, str]], now: datetime) -> int:
    """The percentage of the last week's prompts that the weeks before did not have."""
    border = now - timedelta(days=7)
    before = {name for at, name in prompts if at < border}
    last = [name for at, name in prompts if at >= border]
    if not last or not before:
        return 0
    return round(100 * sum(name not in before for name in last) / len(last))
