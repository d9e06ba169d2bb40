"""The department tree in memory: the path from a department up to the company."""

from __future__ import annotations

from collections.abc import Mapping

from jitsuri.access.shapes import Department


class Departments:
    """A snapshot of the tree of a day, replaced whole."""

    def __init__(self) -> None:
        self._parents: Mapping[str, str] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    def replace(self, tree: Mapping[str, Department]) -> None:
        """Put another tree in place. May be called from another thread than ``path``."""
        self._parents = {code: department.parent for code, department in tree.items()}
        self._paths = {}

    def path(self, code: str) -> tuple[str, ...]:
        """A department and all above it, the top first; () for 未割当. A code that the tree does not have stands alone."""
        paths = self._paths
        found = paths.get(code)
        if found is None:
            steps: list[str] = []
            step = code
            while step and step not in steps:
                steps.append(step)
                step = self._parents.get(step, "")
            found = paths[code] = tuple(reversed(steps))
        return found
