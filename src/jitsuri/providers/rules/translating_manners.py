"""What the models that a request may be translated for take: the dialects have changed with them.

Known by name, because no request tells it. A name that is not known gets today's manner: new models are more.
Sources: Anthropic's docs on thinking, effort and sampling, its API versions 2023-06-01 and 2026-10-21; ``anthropic``
2.14.0 (``types.output_config_param``, ``types.thinking_capability``); ``openai`` 3.57.0 (``types.shared.
reasoning_effort``, ``max_completion_tokens``). Read 2026-11-26.
"""

from __future__ import annotations

import re
from functools import lru_cache

from jitsuri.providers.shapes import Kind, Manner

_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?")
_OPENAI_PLAIN = re.compile(r"(?:^|/)(?:gpt-[34]|chatgpt-4)")

_UNKNOWN = (99, 0)
_FIRST_TO_THINK = (3, 7)
_FIRST_WITH_EFFORT = (4, 6)
"""Claude 4.6: told how to think by ``output_config.effort``; before it by ``thinking.budget_tokens``."""
_FIRST_WITHOUT_SAMPLING = (4, 7)
"""Claude 4.7: other values of temperature, top_p and top_k than the defaults are refused."""
_VERSION_WITHOUT_SAMPLING = "2026-10-21"
"""Anthropic's API version from which these fields are refused for every model, whatever their value."""

MOST_KEPT = 1_000
"""Models remembered with what they take: more than an installation asks; beyond it the oldest are looked at again."""


@lru_cache(maxsize=MOST_KEPT)
def manner_of(kind: Kind, model: str, api_version: str = "") -> Manner:
    """What a model takes at such an upstream; ``api_version`` as in ``anthropic-version``, '' is the older one."""
    name = model.lower()
    if kind == "anthropic":
        version = _claude_version(name) or _UNKNOWN
        return Manner(
            takes_sampling=version < _FIRST_WITHOUT_SAMPLING and api_version < _VERSION_WITHOUT_SAMPLING,
            thinks="effort" if version >= _FIRST_WITH_EFFORT else "budget" if version >= _FIRST_TO_THINK else "no",
        )
    return Manner(
        thinks="no" if _OPENAI_PLAIN.search(name) else "effort",
        maximum_field="max_completion_tokens" if kind in ("openai", "azure", "openrouter") else "max_tokens",
    )


def _claude_version(name: str) -> tuple[int, int] | None:
    """``claude-3-7-sonnet-20250219`` is 3.7, ``claude-sonnet-4-20250514`` 4.0, ``claude-opus-5-5`` 5.5."""
    found = _CLAUDE.search(name)
    return (int(found[1]), int(found[2] or 0)) if found else None
