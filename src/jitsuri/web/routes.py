"""Which pages there are. A new page module is named here once."""

from __future__ import annotations

from jitsuri.web.desk import Route
from jitsuri.web.pages import (
    account,
    approvals,
    budgets,
    calls,
    certificates,
    costs,
    departments,
    entering,
    gateway,
    helping,
    imports,
    keeping,
    keys,
    opportunities,
    overview,
    people,
    prices,
    proposals,
    rates,
    tasks,
    variants,
    verdicts,
)

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *tasks.ROUTES,
    *variants.ROUTES,
    *departments.ROUTES,
    *opportunities.ROUTES,
    *verdicts.ROUTES,
    *certificates.ROUTES,
    *approvals.ROUTES,
    *calls.ROUTES,
    *gateway.ROUTES,
    *imports.ROUTES,
    *proposals.ROUTES,
    *prices.ROUTES,
    *budgets.ROUTES,
    *costs.ROUTES,
    *rates.ROUTES,
    *keeping.ROUTES,
    *keys.ROUTES,
    *people.ROUTES,
    *account.ROUTES,
    *entering.ROUTES,
    *helping.ROUTES,
)
