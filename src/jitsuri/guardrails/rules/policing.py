"""What a policy may say, and what it says about a finding."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import get_args

from jitsuri.guardrails.rules.normalising import normal
from jitsuri.guardrails.shapes import (
    ACTIONS,
    TYPES,
    Action,
    Direction,
    Exemption,
    FailMode,
    Finding,
    Outcome,
    Policy,
    Rule,
)
from jitsuri.terms.outcomes import Refusal

EVERY_TASK = "*"
"""The policy set under this name holds for every task without one of its own, and for calls without a task."""

OUTWARD: tuple[Action, ...] = ("observe", "mask", "block")
"""What may follow from a finding in an answer: there is nothing to restore, and where it came from is settled."""

BUILT_IN: Mapping[str, tuple[str, ...]] = {name.lower(): (name,) for name in TYPES} | {"person_slow": ("PERSON",)}
"""The built-in checks by name, with the types that they may report."""

SLOW = frozenset({"person_slow"})
"""Built-in checks that take too long for what comes in pieces."""

MOST_RULES, MOST_EXEMPTIONS, MOST_TERMS, MOST_PATTERNS = 200, 500, 10_000, 50
LONGEST_TERM, LONGEST_PATTERN, LONGEST_VALUE, LONGEST_REASON = 40, 32, 200, 500
"""Characters. A longer word would not be found in a stream, of which so much is held back (decisions 0039 and 0042)."""
SHORTEST_TERM = 2
"""A word of one character is found in every text (decision 0039)."""
FEWEST_SIGNS = 3
"""Digits and letters that a number's pattern holds at least: shorter ones are found in every text (decision 0039)."""
LONGEST_EXEMPTION_DAYS = 366
"""An exemption is looked at again within a year (decision 0039)."""
TIMEOUT_MS = (50, 30_000)

_MY_NUMBER = "MY_NUMBER"


def action_of(
    policy: Policy, finding: Finding, value: str, direction: Direction, day: date, *, is_outside: bool = True
) -> Action | None:
    """What follows from a finding; None: nothing does, because no rule, a low score or an exemption says so.

    ``value`` is the text under the finding; ``is_outside`` whether the model is outside the company's own machines.
    """
    action = ruled(policy, finding, direction, is_outside=is_outside)
    return None if action is None or is_exempt(policy, finding, value, day) else action


def ruled(policy: Policy, finding: Finding, direction: Direction, *, is_outside: bool = True) -> Action | None:
    """The same, exemptions left out."""
    rule = rule_of(policy, finding.check)
    if rule is None or finding.score < rule.threshold:
        return None
    action = rule.inward if direction == "in" else rule.outward
    if action is None:
        return None
    if not is_outside and policy.on_premises == "observe":
        return "observe"
    if action == "pseudonymise" and finding.type == _MY_NUMBER and not policy.restores_my_number:
        return "mask"
    return action


def is_exempt(policy: Policy, finding: Finding, value: str, day: date) -> bool:
    """Whether an exemption that holds on this day lets the finding through."""
    return any(
        one.check == finding.check
        and day <= one.expires_on
        and (not one.value or exempt_form(one.value) == exempt_form(value))
        for one in policy.exemptions
    )


@lru_cache(maxsize=4_096)
def exempt_form(value: str) -> str:
    """A value as exemptions compare it: as checks see it, without case and outer blanks."""
    return normal(value).text.casefold().strip()


def rule_of(policy: Policy, check: str) -> Rule | None:
    """The policy's rule for a check."""
    for rule in policy.rules:
        if rule.check == check:
            return rule
    return None


def runs_in(policy: Policy, direction: Direction) -> tuple[Rule, ...]:
    """The rules whose checks run in a direction."""
    return tuple(one for one in policy.rules if (one.inward if direction == "in" else one.outward) is not None)


def thresholds_of(policy: Policy) -> dict[str, float]:
    """The threshold of each check."""
    return {one.check: one.threshold for one in policy.rules}


def strictest(actions: Iterable[Action | None]) -> Action | None:
    """The sternest of these; None where there is none."""
    return max((one for one in actions if one is not None), key=ACTIONS.index, default=None)


def outcome_of(actions: Collection[Action], *, is_failed: bool) -> Outcome:
    """What a run came to for models outside, by the actions that followed; exempt findings are no action. ``is_failed``: a check
    that is closed could not tell. What is to be blocked is blocked either way."""
    came = strictest(actions)
    if came == "block":
        return "blocked"
    if is_failed:
        return "failed"
    if came is None:
        return "clean"
    if came == "on_premises":
        return "kept_in"
    return "observed" if came == "observe" else "altered"


# -- what is wrong with a policy


def policy_faults(policy: Policy, checks: Mapping[str, Collection[str]], day: date) -> list[Refusal]:
    """All that is wrong with a policy, each with ``field``, ``value`` and what mends it. ``checks``: those there are, with types."""
    found = _rules_faults(policy, checks)
    for number, one in enumerate(policy.exemptions, 1):
        found += _exemption_faults(f"exemptions[{number}]", one, policy, day)
    found += _terms_faults(policy.terms)
    found += _patterns_faults("employee_patterns", policy.employee_patterns)
    found += _patterns_faults("customer_patterns", policy.customer_patterns)
    if len(policy.exemptions) > MOST_EXEMPTIONS:
        found.append(_fault("guard_too_many", "exemptions", len(policy.exemptions), most=MOST_EXEMPTIONS))
    if policy.on_premises not in ("observe", "same"):
        found.append(_fault("guard_choice", "on_premises", policy.on_premises, known="observe, same"))
    if not TIMEOUT_MS[0] <= policy.timeout_ms <= TIMEOUT_MS[1]:
        found.append(_fault("guard_timeout", "timeout_ms", policy.timeout_ms, low=TIMEOUT_MS[0], high=TIMEOUT_MS[1]))
    return found


def _rules_faults(policy: Policy, checks: Mapping[str, Collection[str]]) -> list[Refusal]:
    found: list[Refusal] = []
    if not policy.rules:
        found.append(_fault("guard_rules_none", "rules", ""))
    if len(policy.rules) > MOST_RULES:
        found.append(_fault("guard_too_many", "rules", len(policy.rules), most=MOST_RULES))
    seen: set[str] = set()
    for number, rule in enumerate(policy.rules, 1):
        field = f"rules[{number}]"
        if rule.check in seen:
            found.append(_fault("guard_check_twice", f"{field}.check", rule.check))
        elif rule.check not in checks:
            found.append(_fault("guard_check_unknown", f"{field}.check", rule.check, known=", ".join(sorted(checks))))
        seen.add(rule.check)
        found += _rule_faults(field, rule, checks.get(rule.check, ()), policy)
    return found


def _rule_faults(field: str, rule: Rule, types: Collection[str], policy: Policy) -> list[Refusal]:
    found = []
    if rule.inward is None and rule.outward is None:
        found.append(_fault("guard_rule_idle", f"{field}.in", "off"))
    if rule.inward is not None and rule.inward not in ACTIONS:
        found.append(_fault("guard_choice", f"{field}.in", rule.inward, known=", ".join((*ACTIONS, "off"))))
    if rule.outward in ACTIONS and rule.outward not in OUTWARD:
        found.append(_fault("guard_outward", f"{field}.out", rule.outward, known=", ".join((*OUTWARD, "off"))))
    elif rule.outward is not None and rule.outward not in OUTWARD:
        found.append(_fault("guard_choice", f"{field}.out", rule.outward, known=", ".join((*OUTWARD, "off"))))
    if rule.outward is not None and (rule.check in SLOW or rule.check not in BUILT_IN):
        found.append(_fault("guard_outward_slow", f"{field}.out", rule.outward))
    if not 0 <= rule.threshold <= 1:  # and what is no number at all
        found.append(_fault("guard_threshold", f"{field}.threshold", rule.threshold))
    if rule.on_failure not in get_args(FailMode):
        found.append(_fault("guard_choice", f"{field}.on_failure", rule.on_failure, known="closed, open"))
    if rule.inward == "pseudonymise" and _MY_NUMBER in types and not policy.restores_my_number:
        found.append(_fault("guard_my_number", f"{field}.in", rule.inward))
    return found


def _exemption_faults(field: str, one: Exemption, policy: Policy, day: date) -> list[Refusal]:
    found = []
    if rule_of(policy, one.check) is None:
        found.append(_fault("guard_exemption_check", f"{field}.check", one.check))
    if not one.owner.strip():
        found.append(_fault("guard_exemption_owner", f"{field}.owner", one.owner))
    if not one.reason.strip():
        found.append(_fault("guard_exemption_reason", f"{field}.reason", one.reason))
    if one.expires_on < day:
        found.append(_fault("guard_exemption_expired", f"{field}.expires_on", one.expires_on))
    elif one.expires_on > day + timedelta(days=LONGEST_EXEMPTION_DAYS):
        last = day + timedelta(days=LONGEST_EXEMPTION_DAYS)
        found.append(_fault("guard_exemption_long", f"{field}.expires_on", one.expires_on, last=last))
    if len(one.value) > LONGEST_VALUE:  # the value itself is told nowhere: it may be somebody's
        found.append(_fault("guard_too_long", f"{field}.value", f"{len(one.value)}", most=LONGEST_VALUE))
    if one.value and not exempt_form(one.value):
        found.append(_fault("guard_exemption_blank", f"{field}.value", ""))
    if len(one.reason) > LONGEST_REASON:
        found.append(_fault("guard_too_long", f"{field}.reason", f"{len(one.reason)}", most=LONGEST_REASON))
    return found


def _terms_faults(terms: tuple[str, ...]) -> list[Refusal]:
    found = []
    if len(terms) > MOST_TERMS:
        found.append(_fault("guard_too_many", "terms", len(terms), most=MOST_TERMS))
    for number, term in enumerate(terms[:MOST_TERMS], 1):
        size = len("".join(unicodedata.normalize("NFKC", term).split()))
        if size < SHORTEST_TERM:
            found.append(_fault("guard_too_short", f"terms[{number}]", term, fewest=SHORTEST_TERM))
        elif len(term) > LONGEST_TERM:
            found.append(_fault("guard_too_long", f"terms[{number}]", term[:20], most=LONGEST_TERM))
    return found


def _patterns_faults(field: str, patterns: tuple[str, ...]) -> list[Refusal]:
    found = []
    if len(patterns) > MOST_PATTERNS:
        found.append(_fault("guard_too_many", field, len(patterns), most=MOST_PATTERNS))
    for number, pattern in enumerate(patterns[:MOST_PATTERNS], 1):
        if len(pattern) > LONGEST_PATTERN:
            found.append(_fault("guard_too_long", f"{field}[{number}]", pattern[:20], most=LONGEST_PATTERN))
        elif "9" not in pattern or sum(sign.isascii() and sign.isalnum() for sign in pattern) < FEWEST_SIGNS:
            found.append(_fault("guard_pattern", f"{field}[{number}]", pattern, fewest=FEWEST_SIGNS))
        elif pattern != pattern.strip() or not pattern.isprintable():
            found.append(_fault("guard_pattern", f"{field}[{number}]", pattern.strip(), fewest=FEWEST_SIGNS))
    return found


def _fault(code: str, field: str, value: object, **facts: object) -> Refusal:
    return Refusal(code, {"field": field, "value": value, **facts})
