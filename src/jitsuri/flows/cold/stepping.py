"""What long work in the background gets handed in: its steps. Cold flows know no job library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Step(Protocol):
    """``step(name, work, *arguments)``: what ``work`` returned where this step was done before, else does it.

    A step happens at least once, whatever dies meanwhile, and never again once its result is recorded: what it pays for
    or writes carries ids or keys with which a second time changes nothing. One step is a batch, not one prompt: seconds to
    minutes of work. Arguments and result are plain JSON (ids, numbers, names; no texts of callers). A name belongs to one
    set of arguments within a job, so a loop puts its place into it: ``answers:3``.
    """

    def __call__(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any: ...


def straight(_name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
    """A step without a record, where nothing is to be taken up again: tests, and work that ends in a moment."""
    return work(*arguments)
