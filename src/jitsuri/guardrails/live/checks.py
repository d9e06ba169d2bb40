"""The registry: which checks there are, and the scanner of a policy.

Built-in checks are named as their type in lower case; ``person_slow`` needs an extra; own checks come from installed packages.
A check that a policy names and that is not here stands in every result as ``skipped`` (its extra is not installed) or ``failed``
(a package is gone or broken, the name is unknown): a policy that fails closed then refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from jitsuri.guardrails.rules.markings import marking_checks
from jitsuri.guardrails.rules.policing import BUILT_IN, SLOW
from jitsuri.guardrails.rules.scanning import Scanner
from jitsuri.guardrails.rules.secrets.finding import secret_checks
from jitsuri.guardrails.rules.structured.building import structured_checks
from jitsuri.guardrails.rules.terms import term_checks
from jitsuri.guardrails.shapes import Check, CheckRan, CheckState, Direction, Policy
from jitsuri.guardrails.wire.names import name_checks
from jitsuri.guardrails.wire.plugging_in import OwnCheck, own_checks
from jitsuri.terms.outcomes import Refusal

MOST_POLICIES = 256
"""Scanners that are kept. More policies than tasks in use are drafts being tried; the oldest is built again (decision 0042)."""


class Checks:
    """All checks of this process. Threads may share it; nothing is loaded before it is first asked for."""

    def __init__(self, own: Callable[[], Sequence[OwnCheck]] | None = None) -> None:
        self._own_source = own
        self._lock = threading.RLock()
        self._own: tuple[OwnCheck, ...] | None = None
        self._names: dict[str, Check] | None = None
        self._scanners: dict[tuple[int, Direction], tuple[Policy, Scanner]] = {}
        self._everything: Scanner | None = None

    def known(self) -> Mapping[str, tuple[str, ...]]:
        """Check -> the types it may report, built-in ones first; those that are not available here included, as policies may
        name them. An own check that could not be opened has no types."""
        own = {one.name: one.check.types if one.check else () for one in self.own()}
        return {**BUILT_IN, **{name: types for name, types in own.items() if name not in BUILT_IN}}

    def versions(self) -> Mapping[str, str]:
        """Check -> version, of those that can run here."""
        made, _missing = self._made(tuple(self.known()), None)
        return {check.name: check.version for check in made}

    def missing(self) -> Mapping[str, CheckState]:
        """Known checks that cannot run here: ``skipped`` or ``failed``."""
        return {one.check: one.state for one in self._made(tuple(self.known()), None)[1]}

    def problems(self) -> tuple[Refusal, ...]:
        """Why own checks could not be opened, for whoever operates this."""
        return tuple(one.refusal for one in self.own() if one.refusal is not None)

    def own(self) -> tuple[OwnCheck, ...]:
        """Own checks of installed packages, opened once."""
        with self._lock:
            if self._own is None:
                self._own = tuple(self._own_source()) if self._own_source else own_checks(BUILT_IN)
            return self._own

    def scanner(self, policy: Policy, direction: Direction) -> Scanner:
        """The checks that a policy runs in one direction. The same policy object gets the same scanner."""
        key = (id(policy), direction)
        with self._lock:
            kept = self._scanners.get(key)
            if kept is not None:
                return kept[1]  # the policy is kept beside it, so no other has its id
            made = Scanner(*self._made(named(policy, direction), policy), reads_tables=direction == "in")
            while len(self._scanners) >= MOST_POLICIES:
                del self._scanners[next(iter(self._scanners))]
            self._scanners[key] = (policy, made)
            return made

    def everything(self) -> Scanner:
        """All checks that can run here, apart from slow ones: for texts without a policy. No confidential words, as nobody
        named any."""
        with self._lock:
            if self._everything is None:
                made, _missing = self._made(tuple(name for name in self.known() if name not in SLOW), None)
                self._everything = Scanner(made, reads_tables=True)
            return self._everything

    def warm(self) -> None:
        """Load what the first text would load: dictionaries and own checks. Takes a second; not on the loop."""
        self.everything().scan("山田様")

    def is_quick(self, policy: Policy, direction: Direction) -> bool:
        """Whether only built-in checks run that take no more than milliseconds per 1,000 characters, so that a short text
        may be scanned on the loop. Own checks never count as quick: nobody measured them."""
        return all(name in BUILT_IN and name not in SLOW for name in named(policy, direction))

    def _made(self, names: Sequence[str], policy: Policy | None) -> tuple[list[Check], list[CheckRan]]:
        """The checks of these names, and for those that are not here how they fared."""
        here = dict(self._shared())
        if policy is not None:
            own = structured_checks(policy.employee_patterns, policy.customer_patterns)
            here |= {one.name: one for one in (*own, *term_checks(policy.terms))}
        made = [here[name] for name in names if name in here]
        gone = [CheckRan(one, "", "skipped" if one in SLOW else "failed") for one in names if one not in here]
        return made, gone

    def _shared(self) -> Mapping[str, Check]:
        """Checks that are the same for every policy, and the rest as they are without one."""
        with self._lock:
            if self._names is None:
                own = [one.check for one in self.own() if one.check is not None]
                built: list[Check] = [*structured_checks(), *term_checks(()), *marking_checks(), *secret_checks()]
                self._names = {one.name: one for one in (*own, *built, *name_checks())}
            return self._names


def named(policy: Policy, direction: Direction) -> tuple[str, ...]:
    """Checks that a policy runs in one direction, each once, in its order."""
    return tuple(
        dict.fromkeys(r.check for r in policy.rules if (r.inward if direction == "in" else r.outward) is not None)
    )
