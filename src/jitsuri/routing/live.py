"""What lives as long as the process: the table by which calls find their way, replaced whole when it changes."""

from __future__ import annotations

from collections.abc import Mapping

from jitsuri.routing.rules.choosing import plan, task_of
from jitsuri.routing.rules.setting import all_targets_of
from jitsuri.routing.shapes import DataRule, Plan, Site, Task, Variant
from jitsuri.terms.outcomes import Refusal

MOST_KEPT = 10_000
"""Plans remembered; callers may invent model names without end (decision 0017)."""


class Table:
    """Finds the plan of a call, in half a microsecond where the same was asked before."""

    def __init__(self, sites: Mapping[str, Site], default: str = "") -> None:
        self._sites = dict(sites)
        self._default = default
        self._tasks: Mapping[str, Task] = {}
        self._variants: Mapping[str, Variant] = {}
        self._rules: Mapping[str, DataRule] = {}
        self._prompts: Mapping[tuple[str, int], str] = {}
        self._plans: dict[tuple[str, str, str], Plan | Refusal] = {}

    def replace(
        self,
        tasks: Mapping[str, Task],
        variants: Mapping[str, Variant],
        rules: Mapping[str, DataRule],
        prompts: Mapping[tuple[str, int], str] | None = None,
    ) -> None:
        """Put a new table in the old one's place. May be called from another thread than ``plan``.

        ``prompts``: the texts that these variants name, by task and version.
        """
        self._tasks, self._variants, self._rules, self._prompts = tasks, variants, rules, prompts or {}
        self._plans = {}

    def plan(self, model: str, header: str, bound: str) -> Plan | Refusal:
        """Where a call goes that names this model and (in its header) this task, with a key bound to a task ('' none)."""
        plans = self._plans
        key = (model, header, bound)
        found = plans.get(key)
        if found is None:
            task = task_of(model, header, bound)
            found = task if isinstance(task, Refusal) else self._planned(model, task)
            if len(plans) >= MOST_KEPT:
                plans.clear()
            plans[key] = found
        return found

    def knows(self, task: str) -> bool:
        """Whether there is a task of this name."""
        return task in self._tasks

    def site(self, upstream: str) -> Site:
        return self._sites[upstream]

    def named_at(self, upstream: str) -> list[str]:
        """Models that standing variants, or their fall-backs, name at this upstream, sorted."""
        targets = [target for variant in self._variants.values() for target in all_targets_of(variant)]
        return sorted({target.model for target in targets if target.upstream == upstream})

    def offered(self) -> tuple[list[str], list[str]]:
        """What ``/v1/models`` may list: tasks with a variant, and model names that stand without a wildcard."""
        tasks = [name for name in self._variants if name in self._tasks]
        models = [model for site in self._sites.values() for model in site.models if not model.endswith("*")]
        return sorted(tasks), sorted(set(models))

    def _planned(self, model: str, task: str) -> Plan | Refusal:
        return plan(model, task, self._tasks, self._variants, self._rules, self._sites, self._default, self._prompts)
