"""When two answers are the same: the text to a reader, and the tools that are called with what. No tool is ever run."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jitsuri.evaluation.rules.normalising import normalised

Calls = Sequence[tuple[str, str]]
"""Tool calls as (name, arguments as JSON text)."""


def is_same(text: str, calls: Calls, other_text: str, other_calls: Calls) -> bool:
    """Is one answer equal to another: texts by ``evaluation.rules.normalising``, tool calls in any order?"""
    return normalised(text) == normalised(other_text) and canonical_calls(calls) == canonical_calls(other_calls)


def canonical_calls(calls: Calls) -> list[tuple[str, str]]:
    """Tool calls as they are compared: arguments with sorted keys, calls in the order of their names and arguments."""
    return sorted((name, canonical_arguments(arguments)) for name, arguments in calls)


def canonical_arguments(arguments: str) -> str:
    """JSON arguments with sorted keys and no spaces; what is no JSON stays as it is, without white space around it."""
    try:
        value = json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return arguments.strip()
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def told(text: str, calls: Calls) -> str:
    """An answer as a rule scores it and a person reads it: its text, then each tool call on a line of its own."""
    lines = [f"{name}({canonical_arguments(arguments)})" for name, arguments in calls]
    return "\n".join([*([text] if text or not lines else []), *lines])
