"""Where a call goes: its task, the targets that may answer, and why others may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from jitsuri.routing.rules.naming import is_task_name
from jitsuri.routing.shapes import DataRule, Instruction, Plan, Site, Target, Task, Variant
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.outcomes import Dropped, Refusal

TASK_PREFIX = "task:"
"""``model="task:NAME"`` asks for a task's variant."""

LOCAL = "local"
"""The upstream that is always there: students and rule tables on this machine."""


def task_of(model: str, header: str, bound: str) -> str | Refusal:
    """Which task a call names: by its model, its header or its key; '' is none.

    ``bound`` is the task of the key, which no call may leave. Refuses ``task_conflict`` and ``task_not_of_key``.
    """
    by_model = model.removeprefix(TASK_PREFIX) if model.startswith(TASK_PREFIX) else ""
    if by_model and header and by_model != header:
        return Refusal("task_conflict", {"model": by_model, "header": header})
    named = by_model or header
    if bound and named and named != bound:
        return Refusal("task_not_of_key", {"task": named, "bound": bound})
    return named or bound


def plan(
    model: str,
    task: str,
    tasks: Mapping[str, Task],
    variants: Mapping[str, Variant],
    rules: Mapping[str, DataRule],
    sites: Mapping[str, Site],
    default: str = "",
    prompts: Mapping[tuple[str, int], str] | None = None,
) -> Plan | Refusal:
    """The targets of a call in order, with those left out. ``prompts``: texts by task and version.

    Refuses ``task_unknown``, ``task_retired``, ``variant_missing``, ``model_unknown``, ``no_target_allowed``,
    ``prompt_missing``.
    """
    known = tasks.get(task)
    if task and known is None:
        told = task if is_task_name(task) else task[:80]
        return Refusal("task_unknown", {"task": told, "name": told})
    if known is not None and known.stage == "retired":
        return Refusal("task_retired", {"task": task})
    variant = variants.get(task)
    if model.startswith(TASK_PREFIX):
        if variant is None:
            return Refusal("variant_missing", {"task": task})
        wanted: Sequence[Target] = (variant.target, *variant.fallbacks)
    else:
        found = target_of(model, sites, default)
        if found is None:
            return Refusal("model_unknown", {"model": model[:200]})
        wanted = (found,)
    rule = rules.get(task)
    kept, dropped = _parted(wanted, sites, rule)
    if not kept:
        first = dropped[0]
        return Refusal("no_target_allowed", {"task": task, "target": first.what, "why": first.code, **first.facts})
    department = known.department if known is not None else UNASSIGNED
    cap = variant.most_output_tokens if variant is not None else 0
    is_variant = model.startswith(TASK_PREFIX)
    plain = Plan(task, department, kept, dropped, cap, is_variant)
    return plain if variant is None or not is_variant else _of_variant(plain, variant, sites, rule, prompts or {})


def _of_variant(
    plain: Plan, variant: Variant, sites: Mapping[str, Site], rule: DataRule | None,
    prompts: Mapping[tuple[str, int], str],
) -> Plan | Refusal:  # fmt: skip
    """The plan with the variant's prompt, and its canary's beside it."""
    own = _instruction(variant.task, variant.prompt, prompts)
    if isinstance(own, Refusal):
        return own
    if own is not None:
        plain = replace(plain, instructions=(own,) * len(plain.targets))
    canary = variant.canary
    if canary is None:
        return plain
    ahead = _instruction(variant.task, canary.prompt, prompts)
    if isinstance(ahead, Refusal):
        return ahead
    kept, dropped = _parted((canary.target,), sites, rule)
    if not kept:
        return replace(plain, dropped=(*plain.dropped, *dropped))
    rest = tuple(target for target in plain.targets if target != canary.target)
    instructions = () if ahead is None and own is None else (ahead, *(own for _ in rest))
    beside = replace(plain, targets=(canary.target, *rest), instructions=instructions)
    return replace(plain, canary=beside, per_mille=canary.per_mille)


def _instruction(task: str, version: int, prompts: Mapping[tuple[str, int], str]) -> Instruction | Refusal | None:
    """The prompt of a version; None for the caller's own. A call is refused rather than answered without its prompt."""
    if not version:
        return None
    text = prompts.get((task, version))
    return Refusal("prompt_missing", {"task": task, "version": version}) if text is None else Instruction(version, text)


def side_of(plan: Plan, thread_id: UUID) -> Plan:
    """The plan of one thread: the canary's for its share of threads, else the plan itself."""
    return plan.canary if plan.canary is not None and is_in(thread_id, plan.per_mille) else plan


def is_in(thread_id: UUID, per_mille: int) -> bool:
    """Whether a thread belongs to a share of so many in 1,000: by its id's last 62 bits, which are random or a hash in
    every version of id that is used here (RFC 9562 §5)."""
    return (thread_id.int & _RANDOM) * 1000 >> 62 < per_mille


_RANDOM = 2**62 - 1


def _parted(
    targets: Sequence[Target], sites: Mapping[str, Site], rule: DataRule | None
) -> tuple[tuple[Target, ...], tuple[Dropped, ...]]:
    """Targets that may be asked, and why the others may not."""
    kept: list[Target] = []
    dropped: list[Dropped] = []
    for target in targets:
        why = _fault(target, sites.get(target.upstream), rule)
        if why is None:
            kept.append(target)
        else:
            dropped.append(why)
    return tuple(kept), tuple(dropped)


def target_of(model: str, sites: Mapping[str, Site], default: str = "") -> Target | None:
    """Where a plain model name goes: ``upstream/model``, else the first upstream whose names match, else the default."""
    upstream, slash, rest = model.partition("/")
    if slash and upstream in sites and rest:
        return Target(upstream, rest)
    for site in sites.values():
        if any(matches(model, pattern) for pattern in site.models):
            return Target(site.name, model)
    return Target(default, model) if default in sites else None


def matches(name: str, pattern: str) -> bool:
    """Whether a name is the pattern, or begins as it where it ends in ``*``."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def target_named(text: str) -> Target | None:
    """Read ``upstream/model``; None where it is no such name."""
    upstream, slash, model = text.strip().partition("/")
    return Target(upstream, model) if slash and upstream and model else None


def rule_faults(targets: Iterable[Target], sites: Mapping[str, Site], rule: DataRule | None) -> list[Dropped]:
    """Which of these targets the data rule or the settings keep out, and why."""
    return [why for target in targets if (why := _fault(target, sites.get(target.upstream), rule)) is not None]


def _fault(target: Target, site: Site | None, rule: DataRule | None) -> Dropped | None:
    what = str(target)
    if site is None:
        return Dropped(what, "upstream_unknown", {"upstream": target.upstream})
    if rule is None:
        return None
    if rule.is_on_premises_only and not site.is_on_premises:
        return Dropped(what, "not_on_premises", {"upstream": site.name})
    if rule.vendors and site.vendor not in rule.vendors and not site.is_on_premises:
        return Dropped(what, "vendor_not_allowed", {"vendor": site.vendor, "allowed": ", ".join(rule.vendors)})
    if rule.regions and site.region not in rule.regions:
        return Dropped(what, "region_not_allowed", {"region": site.region or "?", "allowed": ", ".join(rule.regions)})
    if rule.training == "never" and site.training != "never" and not site.is_on_premises:
        return Dropped(what, "training_not_excluded", {"upstream": site.name, "terms": site.training})
    return None
