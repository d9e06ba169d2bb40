"""Policies to begin with; what stands in them is decision 0039."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from jitsuri.guardrails.shapes import TYPES, Action, Policy, Rule

Preset = Literal["recommended", "strict", "observe"]
PRESETS: tuple[Preset, ...] = ("recommended", "strict", "observe")

_INWARD: Mapping[str, Action] = {
    "my_number": "mask", "postal_code": "observe", "corporate_number": "observe", "secret": "block", "marking": "on_premises",
}  # fmt: skip
"""What does not stand here is pseudonymised: it identifies a person or a customer, and an answer needs it back."""
_OUTWARD: Mapping[str, Action] = {"secret": "mask", "my_number": "mask"}


def recommended(task: str) -> Policy:
    """What names or identifies people and customers is pseudonymised; My Number is masked for good; secrets stop a call; what is
    marked as confidential stays on the company's machines."""
    checks = [name.lower() for name in TYPES]
    rules = tuple(Rule(name, _INWARD.get(name, "pseudonymise"), _OUTWARD.get(name, "observe")) for name in checks)
    return Policy(task, 0, rules)


def strict(task: str) -> Policy:
    """As recommended, but nothing comes back and the company's own machines count like others: what identifies anybody is masked
    for good, in answers too; secrets, My Number and markings stop a call."""

    def sterner(rule: Rule) -> Rule:
        inward: Action = "block" if rule.check in ("my_number", "secret", "marking") else "mask"
        return replace(rule, inward=inward, outward="mask")

    return replace(recommended(task), rules=tuple(map(sterner, recommended(task).rules)), on_premises="same")


def observe(task: str) -> Policy:
    """Everything is looked for and only noted; a check that cannot tell stops nothing."""
    rules = tuple(Rule(name.lower(), "observe", "observe", on_failure="open") for name in TYPES)
    return Policy(task, 0, rules, lets_media_pass=True)


def preset(name: Preset, task: str) -> Policy:
    """The preset of this name for a task (``*`` for all without their own)."""
    return {"recommended": recommended, "strict": strict, "observe": observe}[name](task)
