"""Guarding: a policy as a form that a person fills in, and a filled form as a policy or as what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast, get_args

from jitsuri.guardrails.rules.policing import OUTWARD as ACTIONS_OUTWARD
from jitsuri.guardrails.rules.policing import TIMEOUT_MS
from jitsuri.guardrails.shapes import ACTIONS, Action, Exemption, FailMode, Policy, Rule
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Fields

OFF = "off"
"""Of a direction in which a check does not run."""
INWARD: tuple[str, ...] = (OFF, *ACTIONS)
OUTWARD: tuple[str, ...] = (OFF, *ACTIONS_OUTWARD)
FAILURES: tuple[str, ...] = get_args(FailMode)
ON_PREMISES: tuple[str, ...] = ("observe", "same")
EMPTY_ROWS = 2
"""Empty rows for exemptions that a form offers beside the filled ones; the next preview offers as many again."""
LONGEST_BODY = 4 * 1024 * 1024
"""A form with a few thousand confidential words (decision 0044)."""

_PLACE = re.compile(r"([a-z_]+)\[(\d+)\](?:\.([a-z_]+))?")
_PARTS = {"in": "in", "out": "out", "threshold": "threshold", "on_failure": "failure"}
_EXEMPTION = ("check", "value", "owner", "until", "reason")


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check as the form has it: texts, whatever they say."""

    check: str
    inward: str = OFF
    outward: str = OFF
    threshold: str = "0.5"
    on_failure: str = "closed"


@dataclass(frozen=True, slots=True)
class ExemptionLine:
    """One exemption as the form has it."""

    check: str = ""
    value: str = ""
    owner: str = ""
    until: str = ""
    reason: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.check or self.value or self.owner or self.until or self.reason)


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy that is being written. ``seen`` is the version that stood when its writer began."""

    seen: int
    lines: tuple[CheckLine, ...]
    exemptions: tuple[ExemptionLine, ...] = ()
    terms: str = ""
    employee_patterns: str = ""
    customer_patterns: str = ""
    on_premises: str = "observe"
    restores_my_number: bool = False
    lets_media_pass: bool = False
    timeout_ms: str = "2000"
    reason: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """The form's fields again, as a page hands them along."""
        told = [("seen", str(self.seen))]
        for one in self.lines:
            told += [
                (f"in.{one.check}", one.inward), (f"out.{one.check}", one.outward),
                (f"threshold.{one.check}", one.threshold), (f"failure.{one.check}", one.on_failure),
            ]  # fmt: skip
        for row in self.exemptions:
            told += [(f"exempt_{name}", getattr(row, name)) for name in _EXEMPTION]
        told += [
            ("terms", self.terms), ("employee_patterns", self.employee_patterns),
            ("customer_patterns", self.customer_patterns), ("on_premises", self.on_premises),
            ("timeout_ms", self.timeout_ms),
        ]  # fmt: skip
        ticks = (("restores_my_number", self.restores_my_number), ("lets_media_pass", self.lets_media_pass))
        return [*told, *((name, "yes") for name, is_set in ticks if is_set)]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a field of the form; ``field`` is its name, with the row's place where it stands several times."""

    field: str
    why: Refusal


def draft_of(policy: Policy, known: Iterable[str]) -> Draft:
    """A policy as a form: every known check in order, then those that only the policy names."""
    by_check = {rule.check: rule for rule in policy.rules}
    names = dict.fromkeys([*known, *by_check])
    return Draft(
        seen=policy.version,
        lines=tuple(_line(name, by_check.get(name)) for name in names),
        exemptions=tuple(
            ExemptionLine(one.check, one.value, one.owner, one.expires_on.isoformat(), one.reason)
            for one in policy.exemptions
        ),
        terms="\n".join(policy.terms),
        employee_patterns="\n".join(policy.employee_patterns),
        customer_patterns="\n".join(policy.customer_patterns),
        on_premises=policy.on_premises,
        restores_my_number=policy.restores_my_number,
        lets_media_pass=policy.lets_media_pass,
        timeout_ms=str(policy.timeout_ms),
    )


def draft_from(form: Fields, known: Iterable[str]) -> Draft:
    """What was typed. Checks come from the form too: what it names and nobody knows is told, not dropped."""
    named = [key.partition(".")[2] for key, _ in form if key.startswith(("in.", "out."))]
    names = dict.fromkeys([*known, *named])
    rows = [_all(form, f"exempt_{name}") for name in _EXEMPTION]
    many = max(map(len, rows))
    exemptions = [
        ExemptionLine(*(row[at].strip() if at < len(row) else "" for row in rows)) for at in range(many)
    ]  # fmt: skip
    return Draft(
        seen=form.whole("seen", 0, 0, 10**9),
        lines=tuple(
            CheckLine(
                name, _got(form, f"in.{name}", OFF), _got(form, f"out.{name}", OFF), _got(form, f"threshold.{name}", "0.5"),
                _got(form, f"failure.{name}", "closed"),
            )
            for name in names
        ),
        exemptions=tuple(one for one in exemptions if not one.is_empty),
        terms=_got(form, "terms"),
        employee_patterns=_got(form, "employee_patterns"),
        customer_patterns=_got(form, "customer_patterns"),
        on_premises=_got(form, "on_premises", "observe"),
        restores_my_number=form.get("restores_my_number") == "yes",
        lets_media_pass=form.get("lets_media_pass") == "yes",
        timeout_ms=_got(form, "timeout_ms", "2000"),
        reason=_got(form, "reason"),
    )  # fmt: skip


def policy_from(draft: Draft, task: str) -> Policy | tuple[Wrong, ...]:
    """The policy that a form says, as the version after the one its writer saw; or everything that cannot be read in it."""
    wrong: list[Wrong] = []
    rules = [made for one in draft.lines if (made := _rule(one, wrong)) is not None]
    exemptions = [let for at, row in enumerate(draft.exemptions) if (let := _exemption(at, row, wrong)) is not None]
    timeout_ms = _timeout(draft.timeout_ms, wrong)
    if draft.on_premises not in ON_PREMISES:
        facts = {"field": "on_premises", "value": draft.on_premises[:80], "known": ", ".join(ON_PREMISES)}
        wrong.append(Wrong("on_premises", Refusal("guard_choice", facts)))
    if wrong:
        return tuple(wrong)
    return Policy(
        task=task, version=draft.seen + 1, rules=tuple(rules), exemptions=tuple(exemptions), terms=_lines(draft.terms),
        employee_patterns=_lines(draft.employee_patterns), customer_patterns=_lines(draft.customer_patterns),
        on_premises="same" if draft.on_premises == "same" else "observe",
        restores_my_number=draft.restores_my_number, timeout_ms=timeout_ms, lets_media_pass=draft.lets_media_pass,
    )  # fmt: skip


def offered_rows(rows: Sequence[ExemptionLine]) -> list[ExemptionLine]:
    """The rows that a form shows: the filled ones, and a few empty ones."""
    return [*rows, *(ExemptionLine() for _ in range(EMPTY_ROWS))]


def placed(faults: Iterable[Refusal], policy: Policy) -> tuple[Wrong, ...]:
    """What is wrong with a policy, at the fields of the form that it was read from; '' is the form as a whole."""
    return tuple(Wrong(_field_of(str(one.facts.get("field", "")), policy), one) for one in faults)


def _field_of(told: str, policy: Policy) -> str:
    found = _PLACE.fullmatch(told)
    if found is None:
        return told if told in ("terms", "employee_patterns", "customer_patterns", "on_premises", "timeout_ms") else ""
    name, number, part = found.group(1), int(found.group(2)), found.group(3) or ""
    if name == "exemptions":
        return f"exempt.{number - 1}"
    if name == "rules" and number <= len(policy.rules):
        return f"{_PARTS.get(part, 'in')}.{policy.rules[number - 1].check}"
    return name


def _line(name: str, rule: Rule | None) -> CheckLine:
    if rule is None:
        return CheckLine(name)
    return CheckLine(name, rule.inward or OFF, rule.outward or OFF, f"{rule.threshold:g}", rule.on_failure)


def _rule(one: CheckLine, wrong: list[Wrong]) -> Rule | None:
    """None where the check runs in neither direction, or where something in its line cannot be read."""
    before = len(wrong)
    for field, value, allowed in (
        ("in", one.inward, INWARD), ("out", one.outward, INWARD), ("failure", one.on_failure, FAILURES)
    ):  # fmt: skip
        if value not in allowed:
            name = f"{field}.{one.check}"
            facts = {"field": name, "value": value[:80], "known": ", ".join(allowed)}
            wrong.append(Wrong(name, Refusal("guard_choice", facts)))
    threshold = _number(one.threshold)
    if threshold is None:
        name = f"threshold.{one.check}"
        wrong.append(Wrong(name, Refusal("guard_threshold", {"field": name, "value": one.threshold[:80]})))
    if len(wrong) > before or threshold is None or one.inward == one.outward == OFF:
        return None
    return Rule(one.check, _action(one.inward), _action(one.outward), threshold, cast(FailMode, one.on_failure))


def _exemption(at: int, row: ExemptionLine, wrong: list[Wrong]) -> Exemption | None:
    try:
        until = date.fromisoformat(row.until)
    except ValueError:
        code = "guard_form_day" if row.until else "guard_form_day_missing"
        wrong.append(Wrong(f"exempt.{at}", Refusal(code, {"row": at + 1, "value": row.until[:40]})))
        return None
    return Exemption(row.check, row.value, row.owner, until, row.reason)


def _timeout(told: str, wrong: list[Wrong]) -> int:
    if told.isascii() and told.isdigit() and 1 <= len(told) <= 9:
        return int(told)
    facts = {"field": "timeout_ms", "value": told[:40], "low": TIMEOUT_MS[0], "high": TIMEOUT_MS[1]}
    wrong.append(Wrong("timeout_ms", Refusal("guard_timeout", facts)))
    return 0


def _number(told: str) -> float | None:
    """A number from 0 to 1, also with full-width digits; None for anything else."""
    try:
        found = float(told)
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def _action(told: str) -> Action | None:
    return next((one for one in ACTIONS if one == told), None)


def _lines(told: str) -> tuple[str, ...]:
    """One entry per line, each once, without blanks around."""
    return tuple(dict.fromkeys(line.strip() for line in told.splitlines() if line.strip()))


def _all(form: Fields, name: str) -> tuple[str, ...]:
    return tuple(without_nul(value) for value in form.all(name))


def _got(form: Fields, name: str, default: str = "") -> str:
    return without_nul(form.get(name, default))
