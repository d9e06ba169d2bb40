"""Own checks (自社の検知): found by the entry point group ``jitsuri.checks`` of installed packages.

A package says ``[project.entry-points."jitsuri.checks"]`` / ``part_number = "our_checks:PartNumber"``: the name is the check's
name, the object is a check or something that makes one without being given anything. What cannot be imported, has another
name, or takes a name that is taken is told as such: it never just does not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from jitsuri.guardrails.shapes import Check
from jitsuri.terms.outcomes import Refusal

GROUP = "jitsuri.checks"

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}\Z")
"""As those of the built-in checks; a name is a column's value and stands in policies (decision 0042)."""


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """One entry point: the check, or why there is none."""

    name: str
    source: str
    """Distribution and object: ``our-checks 1.2 (our_checks:PartNumber)``."""
    check: Check | None
    refusal: Refusal | None = None


def own_checks(taken: Iterable[str] = (), points: Iterable[EntryPoint] | None = None) -> tuple[OwnCheck, ...]:
    """Every entry point of the group, by name. ``taken``: names of built-in checks. Raises nothing."""
    found = [_opened(point) for point in (entry_points(group=GROUP) if points is None else points)]
    reserved = set(taken)
    names = [one.name for one in found]
    result = []
    for one in sorted(found, key=lambda one: (one.name, one.source)):
        if one.name in reserved or names.count(one.name) > 1:
            clash = Refusal("own_check_name_taken", {"name": one.name, "source": one.source})
            one = OwnCheck(one.name, one.source, None, clash)
        result.append(one)
    return tuple(result)


def _opened(point: EntryPoint) -> OwnCheck:
    dist = point.dist
    source = f"{dist.name} {dist.version} ({point.value})" if dist is not None else f"({point.value})"
    try:
        loaded = point.load()
        check = loaded if not isinstance(loaded, type) and hasattr(loaded, "find") else loaded()
        problem = malformed(check, point.name)
    except Exception as fault:  # noqa: BLE001 - a stranger's module may raise anything; what it was is told
        told = {"name": point.name, "source": source, "reason": f"{type(fault).__name__}: {fault}"[:300]}
        return OwnCheck(point.name, source, None, Refusal("own_check_not_imported", told))
    if problem:
        told = {"name": point.name, "source": source, "reason": problem}
        return OwnCheck(point.name, source, None, Refusal("own_check_malformed", told))
    return OwnCheck(point.name, source, check)


def malformed(check: object, name: str) -> str:
    """What of a check is not as it must be: the attribute's name, or '' if all is well."""
    said = getattr(check, "name", None)
    if not isinstance(said, str) or not NAME.match(said) or said != name:
        return "name"
    version = getattr(check, "version", None)
    if not isinstance(version, str) or not version.strip() or len(version) > 64:
        return "version"
    types = getattr(check, "types", None)
    if not isinstance(types, tuple) or not types or not all(isinstance(one, str) and TYPE.match(one) for one in types):
        return "types"
    return "" if callable(getattr(check, "find", None)) else "find"
