"""Whether a policy lets personal data go to models outside as it is."""

from __future__ import annotations

from jitsuri.guardrails.rules.policing import rule_of
from jitsuri.guardrails.shapes import Policy

PERSONAL: tuple[str, ...] = (
    "person", "address", "phone", "email", "my_number", "credit_card", "bank_account", "drivers_license", "passport",
    "health_insurance", "date_of_birth",
)  # fmt: skip
"""Checks of what says who somebody is (個人情報の保護に関する法律, Art. 2; Cabinet order, Art. 1): a policy that looks for all of
them and replaces, stops or keeps in what it finds, closed where it cannot tell, protects a task's requests (decision 0039)."""


def protects(policy: Policy | None) -> bool:
    """Whether all of them are replaced, stopped or kept in before a request goes outside. Detection is no guarantee: what a check
    does not find goes out."""
    if policy is None or policy.lets_media_pass:
        return False
    rules = [rule_of(policy, name) for name in PERSONAL]
    return all(
        rule is not None and rule.inward not in (None, "observe") and rule.on_failure == "closed" for rule in rules
    )
