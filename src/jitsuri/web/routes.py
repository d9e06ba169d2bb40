"""Which pages there are. A new page module is named here once."""

from __future__ import annotations

from jitsuri.web.desk import Route
from jitsuri.web.pages import (
    account,
    calls,
    costs,
    departments,
    entering,
    helping,
    imports,
    keeping,
    opportunities,
    overview,
    people,
    prices,
    proposals,
    rates,
    tasks,
)

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *tasks.ROUTES,
    *departments.ROUTES,
    *opportunities.ROUTES,
    *calls.ROUTES,
    *imports.ROUTES,
    *proposals.ROUTES,
    *prices.ROUTES,
    *costs.ROUTES,
    *rates.ROUTES,
    *keeping.ROUTES,
    *people.ROUTES,
    *account.ROUTES,
    *entering.ROUTES,
    *helping.ROUTES,
)
