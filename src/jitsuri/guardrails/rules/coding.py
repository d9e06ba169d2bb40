"""A policy as plain values, as kept in the database, and as TOML, as kept beside a company's other code (policy as code)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import Any

from jitsuri.guardrails.shapes import ACTIONS, Exemption, Policy, Rule
from jitsuri.terms.outcomes import Refusal

MOST_BYTES = 262_144
"""Of a policy's file: a thousand long words fit ten times over (decision 0039)."""

_TOP = {
    "task": str, "on_premises": str, "restores_my_number": bool, "lets_media_pass": bool, "timeout_ms": int,
    "terms": list, "employee_patterns": list, "customer_patterns": list, "rules": list, "exemptions": list, "version": int,
}  # fmt: skip
_RULE = {"check": str, "in": str, "out": str, "threshold": float, "on_failure": str}
_EXEMPTION = {"check": str, "value": str, "owner": str, "expires_on": date, "reason": str}
_NONE = "off"
"""How a file says that a check does not run in a direction."""


def document_of(policy: Policy) -> dict[str, Any]:
    """The policy as plain values, without its task and version."""
    return {
        "rules": [
            {"check": one.check, "in": one.inward, "out": one.outward, "threshold": one.threshold, "on_failure": one.on_failure}
            for one in policy.rules
        ],
        "exemptions": [
            {"check": one.check, "value": one.value, "owner": one.owner, "expires_on": one.expires_on.isoformat(),
             "reason": one.reason}
            for one in policy.exemptions
        ],
        "terms": list(policy.terms),
        "employee_patterns": list(policy.employee_patterns),
        "customer_patterns": list(policy.customer_patterns),
        "on_premises": policy.on_premises,
        "restores_my_number": policy.restores_my_number,
        "timeout_ms": policy.timeout_ms,
        "lets_media_pass": policy.lets_media_pass,
    }  # fmt: skip


def policy_of(task: str, version: int, document: Mapping[str, Any]) -> Policy:
    """The policy that ``document_of`` made plain."""
    return Policy(
        task, version,
        tuple(Rule(one["check"], one["in"], one["out"], float(one["threshold"]), one["on_failure"])
              for one in document["rules"]),
        tuple(Exemption(one["check"], one["value"], one["owner"], date.fromisoformat(one["expires_on"]), one["reason"])
              for one in document["exemptions"]),
        tuple(document["terms"]), tuple(document["employee_patterns"]), tuple(document["customer_patterns"]),
        document["on_premises"], bool(document["restores_my_number"]), int(document["timeout_ms"]),
        bool(document.get("lets_media_pass", False)),
    )  # fmt: skip


def toml_of(policy: Policy, *, without_values: bool = False) -> str:
    """The policy as a file that ``policy_from`` reads back. ``without_values``: exempt values are left out."""
    lines = [f"task = {_text(policy.task)}", f"on_premises = {_text(policy.on_premises)}"]
    lines += [f"restores_my_number = {str(policy.restores_my_number).lower()}", f"timeout_ms = {policy.timeout_ms}"]
    lines += [f"lets_media_pass = {str(policy.lets_media_pass).lower()}"]
    for name in ("terms", "employee_patterns", "customer_patterns"):
        held = getattr(policy, name)
        lines.append(f"{name} = [{', '.join(map(_text, held))}]")
    for rule in policy.rules:
        lines += ["", "[[rules]]", f"check = {_text(rule.check)}", f"in = {_text(rule.inward or _NONE)}"]
        lines += [f"out = {_text(rule.outward or _NONE)}", f"threshold = {rule.threshold!r}"]
        lines.append(f"on_failure = {_text(rule.on_failure)}")
    for one in policy.exemptions:
        lines += ["", "[[exemptions]]", f"check = {_text(one.check)}"]
        if not without_values:
            lines.append(f"value = {_text(one.value)}")
        lines += [
            f"owner = {_text(one.owner)}",
            f"expires_on = {one.expires_on.isoformat()}",
            f"reason = {_text(one.reason)}",
        ]
    return "\n".join(lines) + "\n"


def policy_from(text: str, task: str = "") -> Policy | list[Refusal]:
    """The policy in a TOML file, for the task that it names, or for this one; else all that is wrong with its form.

    Refuses ``guard_file_toml``, ``guard_file_key`` (unknown), ``guard_file_kind``, ``guard_file_missing``, ``guard_file_other``
    (names another task), ``guard_file_long``. What a policy may say is ``policing.policy_faults``' to tell.
    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return [Refusal("guard_file_long", {"field": "", "value": len(text), "most": MOST_BYTES})]
    try:
        tree = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        return [Refusal("guard_file_toml", {"field": "", "value": "", "why": str(error)})]
    faults = _faults("", tree, _TOP)
    for name, kinds, needed in (("rules", _RULE, ("check",)), ("exemptions", _EXEMPTION, tuple(_EXEMPTION))):
        for number, row in enumerate(_rows(tree.get(name, [])), 1):
            faults += _faults(f"{name}[{number}].", row, kinds, needed)
    for name in ("terms", "employee_patterns", "customer_patterns"):
        faults += _list_faults(name, tree.get(name, []))
    named = tree.get("task", task)
    if isinstance(named, str) and task and named != task:
        faults.append(Refusal("guard_file_other", {"field": "task", "value": named, "task": task}))
    if not named:
        faults.append(Refusal("guard_file_missing", {"field": "task", "value": ""}))
    return faults or _built(named, tree)


def _built(task: str, tree: Mapping[str, Any]) -> Policy:
    usual = Policy(task, 0, ())
    return Policy(
        task, 0,
        tuple(Rule(row["check"], _action(row.get("in", _NONE)), _action(row.get("out", _NONE)), float(row.get("threshold", 0.5)),
                   row.get("on_failure", "closed")) for row in tree.get("rules", [])),
        tuple(Exemption(row["check"], row["value"], row["owner"], row["expires_on"], row["reason"])
              for row in tree.get("exemptions", [])),
        tuple(tree.get("terms", ())), tuple(tree.get("employee_patterns", ())), tuple(tree.get("customer_patterns", ())),
        tree.get("on_premises", usual.on_premises), tree.get("restores_my_number", False),
        tree.get("timeout_ms", usual.timeout_ms), tree.get("lets_media_pass", False),
    )  # fmt: skip


def _action(told: str) -> Any:
    """An action, None for ``off``; a word that is none stays, and is what ``policy_faults`` names."""
    return None if told == _NONE else told


def _rows(held: object) -> list[Mapping[str, Any]]:
    return [row for row in held if isinstance(row, Mapping)] if isinstance(held, list) else []


def _faults(
    above: str, row: Mapping[str, object], kinds: Mapping[str, type], needed: tuple[str, ...] = ()
) -> list[Refusal]:
    found = []
    for name, value in row.items():
        field = above + name
        if name not in kinds:
            found.append(Refusal("guard_file_key", {"field": field, "value": "", "known": ", ".join(kinds)}))
        elif not _is(value, kinds[name]):
            found.append(
                Refusal("guard_file_kind", {"field": field, "value": _shown(name, value), "kind": kinds[name].__name__})
            )
    found += [Refusal("guard_file_missing", {"field": above + name, "value": ""}) for name in needed if name not in row]
    if above == "" and any(
        not isinstance(one, Mapping) for name in ("rules", "exemptions") for one in _listed(row.get(name))
    ):
        found.append(Refusal("guard_file_kind", {"field": "rules, exemptions", "value": "", "kind": "dict"}))
    return found


def _shown(name: str, value: object) -> str:
    """The value for a message; an exempt one may be somebody's."""
    return "…" if name == "value" else str(value)[:60]


def _listed(held: object) -> list[object]:
    return held if isinstance(held, list) else []


def _list_faults(name: str, held: object) -> list[Refusal]:
    return [
        Refusal("guard_file_kind", {"field": f"{name}[{number}]", "value": str(one)[:60], "kind": "str"})
        for number, one in enumerate(_listed(held), 1) if not isinstance(one, str)
    ]  # fmt: skip


def _is(value: object, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is date:
        return type(value) is date
    return isinstance(value, kind)


def _text(value: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


assert _NONE not in ACTIONS
