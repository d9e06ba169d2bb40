"""Names of things as a page writes them."""

from __future__ import annotations

from jitsuri.access.shapes import ROLES, Person
from jitsuri.words import Language, text


def role_names(someone: Person, lang: Language) -> str:
    """A person's roles in their fixed order: 経理・業務オーナー."""
    return text("ui.list_separator", lang).join(text(f"role.{role}", lang) for role in ROLES if role in someone.roles)
