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

VERSION = "1"
"""Raised whenever a structured check may find something else in the same text."""


def structured_checks(employee_patterns: Sequence[str] = (), customer_patterns: Sequence[str] = ()) -> list[Check]:
    """One check per structured type, named as the type in lower case. Patterns say how the company's numbers look: ``9`` a digit,
    ``A`` a capital letter, all else itself."""
    reader = Reader()
    ways: dict[str, Callable[[Places], Iterable[Finding]]] = {
        "phone": phones,
        "email": emails,
        "postal_code": postal_codes,
        "my_number": my_numbers,
        "corporate_number": corporate_numbers,
        "credit_card": cards,
        "bank_account": bank_accounts,
        "drivers_license": licences,
        "passport": passports,
        "health_insurance": health_insurance,
        "date_of_birth": birth_dates,
        "employee_id": labelled_numbers("EMPLOYEE_ID", employee_patterns),
        "customer_id": labelled_numbers("CUSTOMER_ID", customer_patterns),
    }
    return [PlacedCheck(name, (name.upper(),), VERSION, look, reader) for name, look in ways.items()]
