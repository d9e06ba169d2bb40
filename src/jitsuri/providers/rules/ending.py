"""Well-formed ends for streams that we cut or that broke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jitsuri.providers.shapes import Dialect


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stream stands, as its receiver has seen it."""

    response_id: str = ""
    model: str = ""
    created: int = 0
    has_started: bool = False
    is_done: bool = False
    open_answers: tuple[int, ...] = (0,)
    open_blocks: tuple[int, ...] = ()
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """We ended the answer: a limit was reached, or what came must not go on."""

    finish: Literal["length", "content_filter"] = "length"


@dataclass(frozen=True, slots=True)
class Broken:
    """The upstream broke off; the caller's library raises it as an error."""

    code: str
    message: str


def end_of_stream(dialect: Dialect, standing: Standing, reason: Cut | Broken) -> bytes:
    """The events that end the stream so that the vendors' libraries accept them; b'' where it is over already."""
    raise NotImplementedError
