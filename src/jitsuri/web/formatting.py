"""Numbers, days and lengths as a person reads them, in Japanese and in English.

Pure: a value and a language in, text out (units and month names are looked up in ``words``). A ``Shown`` keeps
number and unit apart, because a page sets the unit small, and the exact value, because a page puts it in the
title. Rounding is half up, and only here: what comes in is exact, what is kept stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from jitsuri.paper.shapes import Scale, Step
from jitsuri.terms.money import EXACT_DIGITS, Money
from jitsuri.terms.period import COMPANY_ZONE, Month
from jitsuri.words import Language, text

MINUS = "\N{MINUS SIGN}"

STEPS: dict[Language, tuple[Decimal, ...]] = {
    "ja": (Decimal(10) ** 4, Decimal(10) ** 8, Decimal(10) ** 12),
    "en": (Decimal(10) ** 3, Decimal(10) ** 6, Decimal(10) ** 9),
}
"""Where a language starts to count in larger units: 万 億 兆, K M B. Their texts are ``unit.step.1`` … ``3``."""

SHORT_FROM = Decimal(10_000)
"""Below this a short amount is written in full, in both languages: 9,800円, ¥9,800."""

WHOLE_FROM = Decimal(100)
"""From here on yen are whole; below, three significant digits, because one call may cost 0.0123 yen."""

SIGNIFICANT = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A number for a reader: what stands before, the number, its unit, and the exact value in full."""

    before: str
    number: str
    unit: str
    exact: str

    def __str__(self) -> str:
        sign, digits = (self.number[0], self.number[1:]) if self.number[:1] in (MINUS, "+") else ("", self.number)
        return f"{sign}{self.before}{digits}{self.unit}"

    @property
    def signed(self) -> Shown:
        """With a plus where it is above zero: for differences and savings."""
        is_plain = self.number[:1] not in (MINUS, "+") and self.number.strip("0.,") != ""
        return replace(self, number=f"+{self.number}") if is_plain else self


def yen(amount: Decimal, lang: Language) -> Shown:
    """Yen in full: 1,284,300円; below 100 yen with the digits that count: 0.0123円."""
    return _yen(_digits(amount, _places(amount)), "", amount, lang)


def yen_whole(amount: Decimal, lang: Language) -> Shown:
    """Whole yen, also below 100: for columns whose rows must line up."""
    return _yen(_digits(amount, 0), "", amount, lang)


def yen_short(amount: Decimal, lang: Language) -> Shown:
    """Yen for a glance: 9,800円, 49万円, 128万円, 1.28億円; in English ¥9,800, ¥490K, ¥1.28M."""
    if abs(amount) < SHORT_FROM:
        return yen(amount, lang)
    number, step = _stepped(amount, lang)
    return _yen(number, step, amount, lang)


def money(amount: Money, lang: Language) -> Shown:
    """An amount of any currency, with at least the digits its currency has: $2.00, $0.000125, EUR 12.50."""
    if amount.currency == "JPY":
        return yen(amount.amount, lang)
    before = "$" if amount.currency == "USD" else f"{amount.currency}\N{NO-BREAK SPACE}"
    number = _digits(amount.amount, max(2, _places(amount.amount)))
    return Shown(before, number, "", f"{before}{_plain(amount.amount)}")


def count(number: int, lang: Language, unit: str = "") -> Shown:
    """A count with its unit (a code below ``unit.``): 1,284トークン."""
    told = text(f"unit.{unit}", lang) if unit else ""
    return Shown("", _digits(Decimal(number), 0), told, f"{number:,}{told}".replace("-", MINUS))


def count_short(number: int, lang: Language, unit: str = "") -> Shown:
    """A count for a glance: 128万トークン, 1.28M tokens."""
    if abs(number) < SHORT_FROM:
        return count(number, lang, unit)
    shown, step = _stepped(Decimal(number), lang)
    return replace(count(number, lang, unit), number=shown, unit=step + (text(f"unit.{unit}", lang) if unit else ""))


def percent(ratio: Decimal | float, places: int = 1) -> str:
    """A share as percent. What is not nothing never reads 0, what is not all never reads 100: <0.1%, >99.9%."""
    value = (ratio if isinstance(ratio, Decimal) else Decimal(str(ratio))) * 100
    least = Decimal(1).scaleb(-places)
    shown = value.quantize(least, ROUND_HALF_UP)
    if value and not shown:
        return f"<{least}%" if value > 0 else f">{MINUS}{least}%"
    if shown == 100 != value:
        return f">{100 - least}%" if value < 100 else f"{100 + least}%"
    return f"{shown:,f}%".replace("-", MINUS)


def points(value: float, lang: Language) -> str:
    """A difference in points (点), signed: +1.2点, −1.6点, 0.0点."""
    shown = f"{value:+.1f}".replace("-", MINUS)
    return text("figure.points", lang, points="0.0" if shown[1:] == "0.0" else shown)


def day(on: date, lang: Language) -> str:
    """2026年11月22日, 22 Nov 2026."""
    return text("date.day", lang, **_parts(on, lang))


def day_short(on: date, lang: Language) -> str:
    """11/22, 22 Nov: where the year is known."""
    return text("date.day_short", lang, **_parts(on, lang))


def day_named(on: date, lang: Language) -> str:
    """With its weekday: 11月22日（日）, Sun 22 Nov."""
    return text("date.day_named", lang, **_parts(on, lang))


def moment(at: datetime, lang: Language, zone: ZoneInfo = COMPANY_ZONE) -> str:
    """A moment on the company's clock: 2026年11月22日 14:00, 22 Nov 2026, 14:00 JST."""
    here = at.astimezone(zone)
    zone_told = "" if lang == "ja" else f" {here.tzname()}"
    return text("date.moment", lang, day=day(here.date(), lang), clock=f"{here:%H:%M}", zone=zone_told)


def moment_exact(at: datetime, zone: ZoneInfo = COMPANY_ZONE) -> str:
    """A moment to the millisecond, for a column that is compared: 2026-11-22 14:00:03.125."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def month(of: Month, lang: Language) -> str:
    """2026年11月, Nov 2026."""
    return text("date.month", lang, **_parts(of.first, lang))


def month_short(of: Month, lang: Language) -> str:
    """11月, Nov."""
    return text("date.month_short", lang, **_parts(of.first, lang))


def fiscal_month(of: Month, lang: Language, starts_in: int = 4) -> str:
    """A month inside its fiscal year: 2026年度 3月 is March 2027."""
    return text("date.fiscal_month", lang, fiscal_year=of.fiscal_year(starts_in), **_parts(of.first, lang))


def fiscal_year(year: int, lang: Language) -> str:
    """2026年度, FY2026: the year that starts in April 2026."""
    return text("date.fiscal_year", lang, fiscal_year=year)


def fiscal_half(of: Month, lang: Language, starts_in: int = 4) -> str:
    """The half year a month lies in: 2026年度 上期 (April to September), 2026年度 下期."""
    half = "first" if (of.month - starts_in) % 12 < 6 else "second"
    return text(f"date.half.{half}", lang, fiscal_year=of.fiscal_year(starts_in))


def duration(length: timedelta, lang: Language) -> str:
    """A length of time in its two largest units: 830ミリ秒, 1.2秒, 3分5秒, 2時間5分, 3日4時間."""
    ms = length // timedelta(milliseconds=1)
    if ms < 1000:
        return text("length.ms", lang, ms=ms)
    if ms < 60_000:
        return text("length.seconds", lang, seconds=_plain((Decimal(ms) / 1000).quantize(Decimal("0.1"))))
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [("days", days), ("hours", hours), ("minutes", minutes), ("whole_seconds", seconds)]
    first = next(i for i, (_, n) in enumerate(units) if n)
    told = [text(f"length.{unit}", lang, **{unit: n}) for unit, n in units[first : first + 2] if n]
    return text("length.joined", lang, first=told[0], second=told[1]) if len(told) > 1 else told[0]


def about(length: timedelta, lang: Language) -> str:
    """How long something will about take: 約1分, 約70分, 約6時間."""
    minutes = max(1, -(-length // timedelta(minutes=1)))
    if minutes <= 90:
        return text("length.about_minutes", lang, minutes=minutes)
    return text("length.about_hours", lang, hours=_plain(_half_up(Decimal(minutes) / 60, 0)))


def bare_number(value: Decimal | float) -> str:
    """A number as it is, for the table behind a drawing: all digits of a Decimal, four decimals of a statistic."""
    return _plain(value if isinstance(value, Decimal) else Decimal(f"{value:.4f}"))


def yen_scale(lang: Language) -> Scale:
    """How yen stand on a chart's axis: 3万 with 円 once above, ¥30K."""
    before, after = _around(lang)
    return Scale(after, before, "", _steps(lang))


def count_scale(lang: Language, unit: str) -> Scale:
    """How counts stand on a chart's axis."""
    return Scale(text(f"unit.{unit}", lang).strip(), "", "", _steps(lang))


def _steps(lang: Language) -> tuple[Step, ...]:
    return tuple(Step(size, text(f"unit.step.{i}", lang)) for i, size in enumerate(STEPS[lang], 1))


def _stepped(amount: Decimal, lang: Language) -> tuple[str, str]:
    """An amount of 10,000 or more in the largest step it reaches after rounding: ('1.28', '億')."""
    steps = [s for s in _steps(lang) if abs(amount) >= s.size]
    step = steps[-1]
    shown = _rounded(amount / step.size)
    larger = _steps(lang)[len(steps) : len(steps) + 1]
    if larger and abs(shown) * step.size >= larger[0].size:
        step, shown = larger[0], shown * step.size / larger[0].size
    return _plain(shown), step.suffix


def _places(amount: Decimal) -> int:
    """Decimals that an amount is shown with: what three significant digits need, at least two, no zeros past them."""
    if not amount or abs(amount) >= WHOLE_FROM or amount == amount.to_integral_value():
        return 0
    shown = _rounded(amount)
    if abs(shown) >= WHOLE_FROM:
        return 0
    needed = -int(shown.normalize().as_tuple().exponent)
    return max(needed, min(2, SIGNIFICANT - 1 - shown.adjusted()))


def _rounded(value: Decimal) -> Decimal:
    return _half_up(value, max(0, SIGNIFICANT - 1 - value.adjusted()))


def _half_up(value: Decimal, places: int) -> Decimal:
    with localcontext(prec=EXACT_DIGITS):
        return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _digits(value: Decimal, places: int) -> str:
    shown = f"{_half_up(value, places):,f}".replace("-", MINUS)
    return shown.removeprefix(MINUS) if shown.strip(MINUS + "0.,") == "" else shown


def _plain(value: Decimal) -> str:
    """Every digit, thousands set apart, no exponent, no zeros at the end of the decimals."""
    shown = f"{value:,f}".replace("-", MINUS)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _yen(number: str, step: str, amount: Decimal, lang: Language) -> Shown:
    before, after = _around(lang)
    return Shown(before, number, step + after, str(Shown(before, _plain(amount), after, "")))


def _around(lang: Language) -> tuple[str, str]:
    """What stands before and after an amount of yen."""
    before, _, after = text("unit.yen", lang, number="\n").partition("\n")
    return before, after


def _parts(on: date, lang: Language) -> dict[str, object]:
    return {
        "year": on.year, "month": text(f"date.month.{on.month}", lang), "day": on.day,
        "weekday": text(f"date.weekday.{on.isoweekday()}", lang),
    }  # fmt: skip
