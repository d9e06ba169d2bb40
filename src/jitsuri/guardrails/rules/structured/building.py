"""The structured checks, one per type, made together because they share one look at the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from jitsuri.guardrails.rules.structured.placing import PlacedCheck, Places, Reader
from jitsuri.guardrails.rules.structured.reading_accounts import (
    bank_accounts,
    health_insurance,
    labelled_numbers,
    passports,
)
from jitsuri.guardrails.rules.structured.reading_births import birth_dates
from jitsuri.guardrails.rules.structured.reading_contacts import emails, phones, postal_codes
from jitsuri.guardrails.rules.structured.reading_numbers import cards, corporate_numbers, licences, my_numbers
from jitsuri.guardrails.shapes import Check, Finding

VERSION = "2"
"""Raised whenever a structured check may find something else in the same text."""


def structured_checks(employee_patterns: Sequence[str] = (), customer_patterns: Sequence[str] = ()) -> list[Check]:
    """One check per structured type, named as the type in lower case. Patterns say how the company's numbers look: ``9`` a digit,
    ``A`` a capital letter, all else itself."""
    reader = Reader()
    ways: tuple[tuple[str, Callable[[Places], Iterable[Finding]], frozenset[int] | None], ...] = (
        ("phone", phones, None),
        ("email", emails, None),
        ("postal_code", postal_codes, frozenset({3, 7})),
        ("my_number", my_numbers, frozenset({1, 4, 12})),
        ("corporate_number", corporate_numbers, frozenset({1, 13})),
        ("credit_card", cards, frozenset({1, 4, *range(13, 20)})),
        ("bank_account", bank_accounts, frozenset(range(3, 9))),
        ("drivers_license", licences, frozenset({1, 2, 4, 12})),
        ("passport", passports, frozenset({7})),
        ("health_insurance", health_insurance, None),
        ("date_of_birth", birth_dates, None),
        ("employee_id", labelled_numbers("EMPLOYEE_ID", employee_patterns), None),
        ("customer_id", labelled_numbers("CUSTOMER_ID", customer_patterns), None),
    )
    return [PlacedCheck(name, (name.upper(),), VERSION, look, reader, lengths) for name, look, lengths in ways]
