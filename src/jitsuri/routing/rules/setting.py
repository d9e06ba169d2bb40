"""Setting a variant or a data rule: reading what people write, and what of it cannot be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast, get_args

from jitsuri.routing.rules.choosing import rule_faults
from jitsuri.routing.rules.naming import way_name, way_named
from jitsuri.routing.shapes import Canary, DataRule, Site, Target, Training, Variant
from jitsuri.terms.outcomes import Dropped, Refusal

MOST_FALLBACKS = 8
"""More places than a caller waits for: each may take its whole time (decision 0024)."""
LONGEST_TARGET = 200
"""As long as a model's name may be in a request."""
MOST_OUTPUT_TOKENS = 1_000_000
"""As ``tasks.*.most_output_tokens`` in the settings."""
LONGEST_REASON = 500
MOST_NAMES = 30

_APART = re.compile(r"[,、，\s]+")
"""People set names apart by commas, Japanese or not, by spaces, and by lines."""
_PERCENT = re.compile(r"([0-9]{1,2})(?:\.([0-9]))?\s?%?\Z")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")


def names_in(text: str) -> tuple[str, ...]:
    """The names in a text, each once, in order.

    >>> names_in("jp, eu、jp")
    ('jp', 'eu')
    """
    return tuple(dict.fromkeys(filter(None, _APART.split(text.strip()))))


def variant_of(task: str, target: str, fallbacks: str, most_output_tokens: str) -> Variant | Refusal:
    """The variant that somebody wrote; its target may be written with a prompt (``openai/gpt-5-mini#p3``), which goes with
    its fallbacks too.

    Refuses ``target_unreadable``, ``targets_many``, ``fallback_with_prompt``, ``output_cap_invalid``.
    """
    written = [target.strip(), *names_in(fallbacks)]
    if len(written) > MOST_FALLBACKS + 1:
        return Refusal("targets_many", {"field": "fallbacks", "most": MOST_FALLBACKS})
    targets, prompt = [], 0
    for at, one in enumerate(written):
        field = "fallbacks" if at else "target"
        found = _way_written(one, field)
        if isinstance(found, Refusal):
            return found
        if at and found[1]:
            return Refusal("fallback_with_prompt", {"field": field, "value": one})
        targets.append(found[0])
        prompt = prompt or found[1]
    most = most_output_tokens.strip().replace(",", "") or "0"
    if not (most.isascii() and most.isdigit() and len(most) <= 9 and int(most) <= MOST_OUTPUT_TOKENS):
        facts = {"field": "most_output_tokens", "value": most_output_tokens[:40], "most": f"{MOST_OUTPUT_TOKENS:,}"}
        return Refusal("output_cap_invalid", facts)
    return Variant(task, targets[0], tuple(targets[1:]), int(most), prompt=prompt)


def _way_written(text: str, field: str) -> tuple[Target, int] | Refusal:
    """The target and the prompt that somebody wrote in a field. Refuses ``target_unreadable``."""
    found = way_named(text) if text.isprintable() and len(text) <= LONGEST_TARGET and " " not in text else None
    return Refusal("target_unreadable", {"field": field, "value": text[:LONGEST_TARGET]}) if found is None else found


def canary_of(variant: Variant, target: str, percent: str) -> Variant | Refusal:
    """The variant with a canary that somebody wrote, with a prompt of its own or none (``openai/gpt-5-mini#p3``).

    Refuses ``target_unreadable``, ``canary_share_invalid``.
    """
    found = _way_written(target.strip(), "canary")
    if isinstance(found, Refusal):
        return found
    match = _PERCENT.match(unicodedata.normalize("NFKC", percent[:40]).strip())
    per_mille = 10 * int(match[1]) + int(match[2] or 0) if match is not None else 0
    if not 0 < per_mille < 1000:
        return Refusal("canary_share_invalid", {"field": "percent", "value": percent[:40]})
    return replace(variant, canary=Canary(found[0], per_mille, found[1]))


def percent_of(canary: Canary) -> str:
    """A canary's share in percent, as one writes it.

    >>> percent_of(Canary(Target("openai", "m"), 25)), percent_of(Canary(Target("openai", "m"), 50))
    ('2.5', '5')
    """
    whole, rest = divmod(canary.per_mille, 10)
    return f"{whole}.{rest}" if rest else str(whole)


def in_full(variant: Variant) -> Variant | Refusal:
    """The canary answers everything with its prompt, and falls back to the targets that answered before.

    Refuses ``canary_none``.
    """
    canary = variant.canary
    if canary is None:
        return Refusal("canary_none", {"name": variant.task})
    rest = tuple(target for target in (variant.target, *variant.fallbacks) if target != canary.target)
    return replace(variant, target=canary.target, fallbacks=rest[:MOST_FALLBACKS], canary=None, prompt=canary.prompt)


def without_canary(variant: Variant) -> Variant | Refusal:
    """All threads are answered as most were. Refuses ``canary_none``."""
    return Refusal("canary_none", {"name": variant.task}) if variant.canary is None else replace(variant, canary=None)


def rule_of(task: str, vendors: str, regions: str, training: str, *, is_on_premises_only: bool) -> DataRule | Refusal:
    """The data rule that somebody wrote. Refuses ``rule_name_invalid``, ``rule_training_invalid``."""
    for field, text in (("vendors", vendors), ("regions", regions)):
        found = names_in(text.lower())
        wrong = next((name for name in found if not _PLAIN.match(name)), None)
        if wrong is not None or len(found) > MOST_NAMES:
            return Refusal("rule_name_invalid", {"field": field, "value": (wrong or text)[:60], "most": MOST_NAMES})
    if training not in get_args(Training):
        facts = {"field": "training", "value": training[:40], "choices": " / ".join(get_args(Training))}
        return Refusal("rule_training_invalid", facts)
    return DataRule(
        task, names_in(vendors.lower()), names_in(regions.lower()), cast(Training, training), is_on_premises_only
    )


def targets_of(variant: Variant) -> tuple[Target, ...]:
    """Where a variant sends, in order, without its canary."""
    return (variant.target, *variant.fallbacks)


def all_targets_of(variant: Variant) -> tuple[Target, ...]:
    """Where a variant sends, its canary last."""
    targets = targets_of(variant)
    canary = variant.canary
    return targets if canary is None or canary.target in targets else (*targets, canary.target)


def ways_of(variant: Variant) -> tuple[str, ...]:
    """How it answers, in order, without its canary: as it is written, the prompt named with the first target."""
    return (way_name(variant.target, variant.prompt), *map(str, variant.fallbacks))


def ways_in(variant: Variant) -> tuple[tuple[Target, int], ...]:
    """Every target with the prompt that goes with it, in order, the canary's last – also where it differs in its prompt alone."""
    ways = [(target, variant.prompt) for target in targets_of(variant)]
    canary = variant.canary
    if canary is not None and (canary.target, canary.prompt) not in ways:
        ways.append((canary.target, canary.prompt))
    return tuple(ways)


def canary_way(canary: Canary) -> str:
    """How a canary answers, as it is written."""
    return way_name(canary.target, canary.prompt)


def prompts_of(variant: Variant) -> frozenset[int]:
    """The versions of the task's prompt that it names."""
    named = {variant.prompt, variant.canary.prompt if variant.canary is not None else 0}
    return frozenset(named - {0})


def variant_fault(variant: Variant, sites: Mapping[str, Site], rule: DataRule | None) -> Refusal | None:
    """Why a variant cannot be set: ``target_twice``, ``canary_is_first``, ``target_upstream_unknown``,
    ``target_forbidden``."""
    targets = targets_of(variant)
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        return Refusal("target_twice", {"target": str(twice)})
    canary = variant.canary
    if canary is not None and (canary.target, canary.prompt) == (variant.target, variant.prompt):
        return Refusal("canary_is_first", {"target": way_name(variant.target, variant.prompt)})
    targets = all_targets_of(variant)
    for target in targets:
        if target.upstream not in sites:
            facts = {"target": str(target), "upstream": target.upstream, "known": ", ".join(sorted(sites))}
            return Refusal("target_upstream_unknown", facts)
    for why in rule_faults(targets, sites, rule):
        return Refusal("target_forbidden", {"task": variant.task, "target": why.what, "why": why.code, **why.facts})
    return None


def sites_kept_out(sites: Iterable[Site], rule: DataRule | None) -> dict[str, Dropped]:
    """Which upstreams a data rule keeps out, whatever the model, and why."""
    found = {}
    for site in sites:
        why = rule_faults([Target(site.name, "*")], {site.name: site}, rule)
        if why:
            found[site.name] = why[0]
    return found


def reason_fault(reason: str) -> Refusal | None:
    """Why a text is no reason for a change: ``routing_reason_missing``."""
    if 0 < len(reason) <= LONGEST_REASON:
        return None
    return Refusal("routing_reason_missing", {"field": "reason", "longest": LONGEST_REASON})
