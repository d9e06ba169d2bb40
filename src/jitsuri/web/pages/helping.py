"""Help on keys, and the one word a watching program needs."""

from __future__ import annotations

from jitsuri.store.migrating import applied_number
from jitsuri.web.desk import Data, Desk, Page, PageRequest, Route


def keys(desk: Desk, request: PageRequest) -> Page:  # noqa: ARG001  # every handler is called alike
    return Page("keys.html")


def health(desk: Desk, request: PageRequest) -> Data:  # noqa: ARG001  # every handler is called alike
    """Does the console reach its database, and which form has that? Says nothing else, because anyone may ask."""
    with desk.store.reading() as tx:
        return Data({"ok": True, "schema": applied_number(tx)})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/help/keys", "signed_in", keys),
    Route("GET", "/health", "anyone", health),
)
