"""Which pages there are. A new page module is named here once."""

from __future__ import annotations

from jitsuri.web.desk import Route
from jitsuri.web.pages import account, entering, helping, overview, people

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *people.ROUTES,
    *account.ROUTES,
    *entering.ROUTES,
    *helping.ROUTES,
)
