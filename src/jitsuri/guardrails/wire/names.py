"""The checks of names and addresses, put together."""

from __future__ import annotations

from importlib.metadata import version

from jitsuri.guardrails.rules.naming.addresses import AddressCheck
from jitsuri.guardrails.rules.naming.persons import PersonCheck
from jitsuri.guardrails.shapes import Check
from jitsuri.guardrails.wire.dictionary import PACKAGES, LazySudachi
from jitsuri.guardrails.wire.ginza import SlowPersonCheck, is_available


def name_checks() -> list[Check]:
    """Persons and addresses, and the slow path to persons where its extra is installed. Loads nothing until the first text."""
    dictionary = "+".join(f"{name} {version(name)}" for name in PACKAGES)
    lexicon = LazySudachi()
    fast: list[Check] = [PersonCheck(lexicon, dictionary), AddressCheck()]
    return [*fast, SlowPersonCheck(lexicon)] if is_available() else fast
