"""What a task may be called."""

from __future__ import annotations

import re
from decimal import Decimal

USUAL_MARGIN = Decimal("0.05")
"""How much worse a candidate may be where nobody has said otherwise: 5 points (decision 0007)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")


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
