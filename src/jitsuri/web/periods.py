"""The month a page shows: read from ``?month=2026-11``, offered as the months of a 年度."""

from __future__ import annotations

from datetime import date

from jitsuri.terms.period import Month, fiscal_months, month_named, month_of
from jitsuri.web.desk import Fields, PeriodChoice
from jitsuri.web.formatting import fiscal_month, fiscal_year, month_short
from jitsuri.words import Language


def asked_month(query: Fields, today: date) -> Month:
    """The month that the address names, or the current one; what cannot be read counts as the current one."""
    try:
        asked = month_named(query.get("month"))
    except ValueError:
        return month_of(today)
    return asked if 2000 <= asked.year <= 2999 else month_of(today)


def period_choice(
    shown: Month, query: Fields, lang: Language, *, first: Month | None, last: Month, starts_in: int = 4
) -> PeriodChoice:
    """The menu of months around the one shown; months outside ``first`` … ``last`` cannot be chosen."""

    def link(month: Month) -> str:
        is_known = first is not None and first <= month <= last
        return query.but(month=str(month)) if is_known else ""

    def nearest(month: Month) -> str:
        if first is None or fiscal_months(month.fiscal_year(starts_in), starts_in)[-1] < first:
            return ""
        if fiscal_months(month.fiscal_year(starts_in), starts_in)[0] > last:
            return ""
        return query.but(month=str(min(max(month, first), last)))

    year = shown.fiscal_year(starts_in)
    return PeriodChoice(
        shown=fiscal_month(shown, lang, starts_in),
        year=fiscal_year(year, lang),
        before=nearest(Month(shown.year - 1, shown.month)),
        after=nearest(Month(shown.year + 1, shown.month)),
        months=[(month_short(m, lang), link(m), m == shown) for m in fiscal_months(year, starts_in)],
    )
