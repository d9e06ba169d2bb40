"""What is wrong with one record, on its way to becoming a ``Fault``."""

from __future__ import annotations

SHOWN_CHARACTERS = 80
"""How much of a value stands in a report: enough to find it in the file, too little to carry a text."""


class LineError(Exception):
    """A record that cannot go in; ``reading.read_record`` turns it into a ``Fault``. ``words``: ``fault.<code>``."""

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts


def shown(value: object) -> str:
    """A value as a report may show it."""
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
