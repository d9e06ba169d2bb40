"""What differs between two policies, one sentence each: ``words`` holds ``guard_change.<code>``. No exempt value is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jitsuri.guardrails.shapes import Exemption, Policy, Rule


@dataclass(frozen=True, slots=True)
class Difference:
    """One change."""

    code: str
    """``check_added``, ``check_gone``, ``inward``, ``outward``, ``threshold``, ``on_failure``, ``exemption_added``,
    ``exemption_gone``, ``exemption_changed``, ``terms``, ``employee_patterns``, ``customer_patterns``, ``on_premises``,
    ``restores_my_number``, ``lets_media_pass``, ``timeout_ms``, ``began``."""
    what: str
    """The check, or ''."""
    before: str
    after: str
    is_milder: bool
    """Whether less is checked, or less follows, than before."""


_STERN = ("off", "observe", "pseudonymise", "mask", "on_premises", "block")
"""Mildest first, for people who compare: what is masked for good is gone, what is pseudonymised comes back."""


def differing(old: Policy | None, new: Policy) -> list[Difference]:
    """What is different in the new one; ``began`` alone where there was none before."""
    if old is None:
        return [Difference("began", "", "", "", is_milder=False)]
    before, after = {one.check: one for one in old.rules}, {one.check: one for one in new.rules}
    found: list[Difference] = []
    for check in dict.fromkeys((*before, *after)):
        found += _rules_differ(before.get(check), after.get(check))
    found += _exemptions_differ(old.exemptions, new.exemptions)
    for name in ("terms", "employee_patterns", "customer_patterns"):
        found += _lists_differ(name, getattr(old, name), getattr(new, name))
    if old.on_premises != new.on_premises:
        is_milder = new.on_premises == "observe"
        found.append(Difference("on_premises", "", old.on_premises, new.on_premises, is_milder))
    if old.restores_my_number != new.restores_my_number:
        was, now = _yes(old.restores_my_number), _yes(new.restores_my_number)
        found.append(Difference("restores_my_number", "", was, now, is_milder=new.restores_my_number))
    if old.lets_media_pass != new.lets_media_pass:
        was, now = _yes(old.lets_media_pass), _yes(new.lets_media_pass)
        found.append(Difference("lets_media_pass", "", was, now, is_milder=new.lets_media_pass))
    if old.timeout_ms != new.timeout_ms:
        found.append(Difference("timeout_ms", "", str(old.timeout_ms), str(new.timeout_ms), is_milder=False))
    return found


def _rules_differ(old: Rule | None, new: Rule | None) -> list[Difference]:
    if old is None or new is None:
        one = new or old
        assert one is not None
        told = f"{one.inward or 'off'} / {one.outward or 'off'}"
        if old is None:
            return [Difference("check_added", one.check, "", told, is_milder=False)]
        return [Difference("check_gone", one.check, told, "", is_milder=True)]
    found = []
    for code, before, after in (("inward", old.inward, new.inward), ("outward", old.outward, new.outward)):
        if before != after:
            is_milder = _STERN.index(after or "off") < _STERN.index(before or "off")
            found.append(Difference(code, old.check, before or "off", after or "off", is_milder))
    if old.threshold != new.threshold:
        was, now = f"{old.threshold:g}", f"{new.threshold:g}"
        found.append(Difference("threshold", old.check, was, now, is_milder=new.threshold > old.threshold))
    if old.on_failure != new.on_failure:
        found.append(
            Difference("on_failure", old.check, old.on_failure, new.on_failure, is_milder=new.on_failure == "open")
        )
    return found


def _exemptions_differ(old: Sequence[Exemption], new: Sequence[Exemption]) -> list[Difference]:
    before, after = {(one.check, one.value): one for one in old}, {(one.check, one.value): one for one in new}
    found = []
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if was is None:
            found.append(Difference("exemption_added", key[0], "", _told(now), is_milder=True))
        elif now is None:
            found.append(Difference("exemption_gone", key[0], _told(was), "", is_milder=False))
        else:
            is_milder = now.expires_on > was.expires_on
            found.append(Difference("exemption_changed", key[0], _told(was), _told(now), is_milder))
    return found


def _told(one: Exemption | None) -> str:
    return "" if one is None else f"{one.owner} · {one.expires_on.isoformat()}"


def _lists_differ(code: str, old: Sequence[str], new: Sequence[str]) -> list[Difference]:
    gone, added = [one for one in old if one not in set(new)], [one for one in new if one not in set(old)]
    if not gone and not added:
        return []
    return [Difference(code, "", ", ".join(gone), ", ".join(added), is_milder=bool(gone))]


def _yes(value: bool) -> str:
    return "true" if value else "false"
