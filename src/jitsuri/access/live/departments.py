"""The department tree in memory: the path from a department up to the company."""

from __future__ import annotations

from collections.abc import Mapping

from jitsuri.access.shapes import Department


class Tree:
    """One snapshot, and the paths that were asked for."""

    __slots__ = ("parents", "paths")

    def __init__(self, parents: Mapping[str, str]) -> None:
        self.parents = parents
        self.paths: dict[str, tuple[str, ...]] = {}


class Departments:
    """A snapshot of the tree of a day, replaced whole."""

    def __init__(self) -> None:
        self.tree = Tree({})
        """Another object after every change."""

    def replace(self, tree: Mapping[str, Department]) -> None:
        """Put another tree in place. May be called from another thread than ``path``."""
        self.tree = Tree({code: department.parent for code, department in tree.items()})

    def path(self, code: str) -> tuple[str, ...]:
        """A department and all above it, the top first; () for 未割当. A code that the tree does not have stands alone."""
        tree = self.tree
        found = tree.paths.get(code)
        if found is None:
            steps: list[str] = []
            step = code
            while step and step not in steps:
                steps.append(step)
                step = tree.parents.get(step, "")
            found = tree.paths[code] = tuple(reversed(steps))
        return found
