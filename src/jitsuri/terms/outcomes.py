"""Expected outcomes that are not successes: values with a reason code, never exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """The story was asked for and does not happen; ``words`` holds ``refusal.<code>``."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate left out of a choice, with the reason; ``words`` holds ``dropped.<code>``."""

    what: str
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
