"""The policies that hold, as a worker has them in memory."""

from __future__ import annotations

from collections.abc import Mapping

from jitsuri.guardrails.rules.policing import EVERY_TASK
from jitsuri.guardrails.shapes import Policy, StoredPolicy


class Policies:
    """Which policy holds for a task. Replaced as a whole by one thread, read by others."""

    def __init__(self, standing: Mapping[str, StoredPolicy] | None = None) -> None:
        self._standing: Mapping[str, StoredPolicy] = standing or {}
        self.number = 0
        """Grows with every ``replace``."""

    def replace(self, standing: Mapping[str, StoredPolicy]) -> None:
        """Hold these: the last version of every task, those that are off included."""
        self._standing = dict(standing)
        self.number += 1

    def of(self, task: str) -> Policy | None:
        """The policy for calls of a task ('' for calls without one): its own, else that of ``*``. None where its own is off,
        or there is neither. The policy's own ``task`` says which of the two it is."""
        standing = self._standing
        found = standing.get(task) if task else None
        if found is None:
            found = standing.get(EVERY_TASK)
        return found.policy if found is not None and found.is_active else None

    def everything(self) -> list[Policy]:
        """All that hold."""
        return [one.policy for one in self._standing.values() if one.is_active]
