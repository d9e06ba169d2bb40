"""What a task may be called, and how a way to answer it is written."""

from __future__ import annotations

import re
from decimal import Decimal

from jitsuri.routing.shapes import Target

USUAL_MARGIN = Decimal("0.05")
"""How much worse a candidate may be where nobody has said otherwise: 5 points (decision 0007)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_PROMPT = re.compile(r"(.+)#p([1-9][0-9]{0,8})\Z", re.DOTALL)


def is_task_name(name: str) -> bool:
    """Whether a name can stand in a URL and in ``model="task:NAME"``: lower case, digits, hyphens, at most 63.

    >>> is_task_name("inquiry-triage"), is_task_name("問合せ"), is_task_name("")
    (True, False, False)
    """
    return bool(_NAME.match(name))


def names_in(text: object) -> tuple[str, ...]:
    """A list as settings write it: separated by commas.

    >>> names_in("jp, us,")
    ('jp', 'us')
    """
    return tuple(part.strip() for part in str(text).split(",") if part.strip())


def way_name(target: Target, prompt: int) -> str:
    """How a way to answer is written: ``upstream/model``, and ``#pN`` where the task's prompt of version N goes with it.

    >>> way_name(Target("openai", "gpt-5-mini"), 0), way_name(Target("openai", "gpt-5-mini"), 3)
    ('openai/gpt-5-mini', 'openai/gpt-5-mini#p3')
    """
    return f"{target}#p{prompt}" if prompt else str(target)


def way_named(text: str) -> tuple[Target, int] | None:
    """Read what ``way_name`` writes: the target and the version of the prompt, 0 for the caller's own; None for no way.

    >>> way_named("openai/gpt-5-mini#p3")
    (Target(upstream='openai', model='gpt-5-mini'), 3)
    >>> way_named("openai/gpt-5-mini#p0"), way_named("gpt-5-mini")
    ((Target(upstream='openai', model='gpt-5-mini#p0'), 0), None)
    """
    match = _PROMPT.match(text.strip())
    upstream, slash, model = (match[1] if match else text.strip()).partition("/")
    return (Target(upstream, model), int(match[2]) if match else 0) if slash and upstream and model else None
