"""Altering a whole answer as a stream of it would be altered: marks become values, what is not to be shown is masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from jitsuri.flows.hot.guarding_texts import Text, place_of, put, read, texts_of_block, texts_of_choice, written
from jitsuri.guardrails.rules.holding_back import HeldText
from jitsuri.guardrails.rules.holding_json import HeldJson
from jitsuri.guardrails.rules.pseudonyms import Change
from jitsuri.guardrails.shapes import Action, Finding
from jitsuri.providers.shapes import Dialect

MakeHeld = Callable[[str], HeldText]
"""What judges one text; it is told where the text stands."""


class Altered(msgspec.Struct, frozen=True):
    """An answer as it may be shown."""

    body: bytes
    """The very bytes that came where nothing had to be altered; what came, too, where the answer is ``blocked``."""
    blocked: bool
    """Whether something was found that must not be shown: nothing of the answer may be."""
    acted: list[tuple[str, Finding, Action]]
    """Place, what was found, what followed."""


def alter_answer(dialect: Dialect, body: bytes, make: MakeHeld) -> Altered:
    """Every text of an answer judged and altered; the rest stays as it is.

    What is no JSON object is judged as one text. Raises what a scan raises.
    """
    acted: list[tuple[str, Finding, Action]] = []
    try:
        told = read(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return _opaque(body, make)
    is_altered = False
    for text in list(_texts_of_answer(dialect, told)):
        place = place_of(dialect, text)
        held = make(place)
        said = judged(held, text)
        acted += ((place, finding, action) for finding, action in held.acted)
        if held.blocked:
            return Altered(body, True, acted)
        if said != text.said:
            put(told, text.path, said)
            is_altered = True
    return Altered(written(told).encode() if is_altered else body, False, acted)


def judged(held: HeldText, text: Text) -> str:
    """What of a text that is there at once may be shown."""
    changes = HeldJson(held).whole(text.said) if text.kind == "json" else held.whole(text.said)
    return shown(text.said, changes)


def shown(said: str, changes: list[Change]) -> str:
    """The text with its changes, which cover what may be shown of it."""
    return "".join(said[start:end] if replacement is None else replacement for start, end, replacement in changes)


def _texts_of_answer(dialect: Dialect, told: dict[str, Any]) -> Iterator[Text]:
    name = "content" if dialect == "anthropic" else "choices"
    items = told.get(name)
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and dialect == "anthropic":
            yield from texts_of_block(item, (name, place), place)
        elif isinstance(item, dict):
            yield from texts_of_choice(item, (name, place), "message")


def _opaque(body: bytes, make: MakeHeld) -> Altered:
    held = make("")
    text = body.decode("utf-8", "surrogateescape")
    said = shown(text, held.whole(text))
    acted = [("", finding, action) for finding, action in held.acted]
    return Altered(body if held.blocked else said.encode("utf-8", "surrogateescape"), held.blocked, acted)
