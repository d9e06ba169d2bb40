"""The company's own price file (TOML): contract prices, own machines, discounts, regional uplifts, and models that end.

    zone = "Asia/Tokyo"               # days, hours and weekdays below are told in this zone (this is the default)

    [[price]]                         # replaces the listed price of a model from valid_from on
    provider = "onprem"               # as in the log; "*" is any provider
    model = "qwen3-32b*"              # exact, or with * at its end
    currency = "JPY"                  # USD, JPY or EUR
    valid_from = 2026-04-01           # optional; valid_to (included) too
    input = 12.5                      # per million tokens
    output = 50
    source = "稟議 2026-017 (power and depreciation)"

``tier`` (the response's), ``from_time``/``until_time``, ``weekdays = ["mon", …]``, ``steps = [{ above = 200000,
input = 25, output = 100 }]``, ``zone``, ``name``, ``note`` and ``keep_listed = true`` (kinds that are not named keep
the book's price) are optional. Tools are per thousand: ``web_searches``, ``requests``.

    [[factor]]                        # multiplies listed token prices
    provider = "openai"
    model = "gpt-6*"
    region = "eu*"                    # optional
    factor = 1.1
    source = "price page, 2026-10-12"

    [[retirement]]                    # the provider ends a model; prices stay, the radar warns
    provider = "openai"
    model = "gpt-5*"
    retired_on = 2027-02-01           # the first day without answers; or deprecated = true where no day is told
    successor = "openai/gpt-6-mini"   # optional: what the provider names in its place
    source = "deprecations page, 2026-11-20"

The whole format with every key: docs/explanation/how-a-cost-is-priced.md.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jitsuri.ledger.rules.finding import PROVIDER_NAMES, find_sheet
from jitsuri.ledger.rules.pricing import STANDARD_TIERS
from jitsuri.ledger.shapes.pricing import (
    REQUESTS,
    Block,
    Factor,
    ModelSheet,
    Override,
    PriceBook,
    Retirement,
    Step,
    UnitPrice,
)
from jitsuri.ledger.wire.compiling import is_price, plain
from jitsuri.ledger.wire.packing import sealed
from jitsuri.terms.errors import CallerError

CURRENCIES = ("USD", "JPY", "EUR")
DEFAULT_ZONE = "Asia/Tokyo"
KINDS: Mapping[str, tuple[str, int]] = {
    "input": ("input_tokens", 1_000_000),
    "output": ("output_tokens", 1_000_000),
    "cache_read": ("cache_read_tokens", 1_000_000),
    "cache_write": ("cache_write_tokens", 1_000_000),
    "cache_write_1h": ("cache_write_1h_tokens", 1_000_000),
    "reasoning": ("reasoning_tokens", 1_000_000),
    "input_audio": ("input_audio_tokens", 1_000_000),
    "output_audio": ("output_audio_tokens", 1_000_000),
    "cache_audio_read": ("cache_audio_read_tokens", 1_000_000),
    "input_image": ("input_image_tokens", 1_000_000),
    "output_image": ("output_image_tokens", 1_000_000),
    "web_searches": ("web_searches", 1_000),
    "requests": (REQUESTS, 1_000),
}
"""Keys of the file that hold a price: key → (kind, units per price)."""

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHARED = ("provider", "model", "tier", "valid_from", "valid_to", "zone", "source", "note")
_PRICE_KEYS = (
    *_SHARED, "currency", "name", "from_time", "until_time", "weekdays", "steps", "keep_listed", *KINDS,
)  # fmt: skip
_FACTOR_KEYS = (*_SHARED, "region", "factor")
_RETIREMENT_KEYS = ("provider", "model", "source", "note", "retired_on", "deprecated", "successor")


@dataclass(frozen=True, slots=True)
class OwnPrices:
    """What the company's file says, in the order of the file."""

    overrides: tuple[Override, ...] = ()
    factors: tuple[Factor, ...] = ()
    retirements: tuple[Retirement, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnWarning:
    """Something in the file that is allowed and may not be meant (``words``: ``price_warning.<code>``)."""

    code: str
    provider: str
    model: str
    facts: Mapping[str, object]


def overrides_from_toml(path: Path) -> OwnPrices:
    """Read and check the company's price file. Raises CallerError ``override_*`` with file, line, place and value."""
    try:
        content = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CallerError("override_unreadable", file=path, why=str(error)) from error
    except OSError as error:
        raise CallerError("override_unreadable", file=path, why=error.strerror or str(error)) from error
    try:
        tree = tomllib.loads(content, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise CallerError("override_not_toml", file=path, why=str(error)) from error
    top = _Row(path, content, "", 0, tree)
    top.only("zone", "price", "factor", "retirement")
    zone = top.zone(DEFAULT_ZONE)
    rows = [_override(_Row(path, content, "price", n, row), zone) for n, row in enumerate(top.tables("price"))]
    factors = [_factor(_Row(path, content, "factor", n, row), zone) for n, row in enumerate(top.tables("factor"))]
    ends = [_retirement(_Row(path, content, "retirement", n, row)) for n, row in enumerate(top.tables("retirement"))]
    return OwnPrices(tuple(rows), tuple(factors), tuple(ends))


def own_prices_of(book: PriceBook) -> OwnPrices:
    """The company's own rows as a book holds them."""
    return OwnPrices(book.overrides, book.factors, book.retirements)


def with_own_prices(book: PriceBook, own: OwnPrices) -> PriceBook:
    """The book with exactly these own rows, as a version of its own.

    Raises CallerError ``override_currency_mixed`` where a row that changes only some kinds of a price has another
    currency than that price.
    """
    whole = replace(book, overrides=own.overrides, factors=own.factors, retirements=own.retirements)
    for row in own.overrides:
        if not (row.block.is_partial or row.block.tier):
            continue
        found = find_sheet(whole, "" if row.provider == "*" else row.provider, row.model)
        blocks = found.blocks if isinstance(found, ModelSheet) else ()
        under = {b.currency or "USD" for b in blocks if not b.tier and not b.is_partial}
        if under and row.block.currency not in under:
            raise CallerError(
                "override_currency_mixed", provider=row.provider, model=row.model, currency=row.block.currency,
                listed=" / ".join(sorted(under)),
            )  # fmt: skip
    return sealed(whole)


def warnings_of(book: PriceBook, own: OwnPrices) -> tuple[OwnWarning, ...]:
    """What in the file may not be meant: kinds that the book prices and the row forgets, rows for unknown models."""
    plain_book = replace(book, overrides=(), factors=())
    found = []
    for row in own.overrides:
        listed = find_sheet(plain_book, row.provider, row.model.rstrip("*"))
        if not isinstance(listed, ModelSheet):
            continue
        known = {unit.kind for block in listed.blocks if not block.tier for unit in block.units}
        given = {unit.kind for unit in row.block.units}
        forgotten = sorted(known - given)
        if forgotten and not row.block.is_partial and not row.block.tier:
            facts = {"kinds": ", ".join(forgotten)}
            found.append(OwnWarning("kinds_forgotten", row.provider, row.model, facts))
    for code, known_book, named in (
        ("factor_without_model", plain_book, [(row.provider, row.model) for row in own.factors]),
        # an own machine that only the file prices can end too
        ("retirement_without_model", replace(book, factors=()), [(row.provider, row.model) for row in own.retirements]),
    ):
        found += [OwnWarning(code, *name, {}) for name in named if not _is_known(known_book, *name)]
    return tuple(found)


def _is_known(book: PriceBook, provider: str, model: str) -> bool:
    """Whether a row's provider and model, which may be a pattern, mean any model of the book."""
    asked = "" if provider == "*" else provider
    if isinstance(find_sheet(book, asked, model.rstrip("*")), ModelSheet):
        return True
    sheets = (s for v in book.vendors if provider in ("*", v.provider) for s in v.sheets)
    return model.endswith("*") and any(s.model.lower().startswith(model[:-1].lower()) for s in sheets)


@dataclass(frozen=True, slots=True)
class _Row:
    """One table of the file, and where it stands."""

    file: Path
    content: str
    table: str
    number: int
    values: Mapping[str, object]

    def wrong(self, code: str, key: str, value: object, **facts: object) -> CallerError:
        place = f"{self.table}[{self.number + 1}].{key}" if self.table else key
        return CallerError(code, file=self.file, line=self._line(key), place=place, value=str(value)[:80], **facts)

    def _line(self, key: str) -> int:
        """The line of the key inside its table, else of the table; 1 where neither is written plainly."""
        met, here = 0, 1
        for line, text in enumerate(self.content.splitlines(), 1):
            header = re.match(r"\s*\[\[\s*(\w+)\s*\]\]", text)
            if header:
                met += header.group(1) == self.table
                if met > self.number + 1 or (met == self.number + 1 and header.group(1) != self.table):
                    break
                if met == self.number + 1:
                    here = line
            elif (met == self.number + 1 or not self.table) and re.match(rf"\s*{re.escape(key)}\s*=", text):
                return line
        return here

    def only(self, *known: str) -> None:
        for key, value in self.values.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.6)
                raise self.wrong("override_unknown_key", key, value, near=near[0] if near else " / ".join(known[:6]))

    def tables(self, key: str) -> list[Mapping[str, object]]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self.wrong("override_not_a_table", key, value)
        return value

    def zone(self, default: str) -> str:
        name = self.text("zone", default)
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise self.wrong("override_bad_zone", "zone", name) from error
        return name

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong("override_missing", key, "")
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong("override_not_text", key, value)
        return value.strip()

    def number_at(self, key: str, value: object) -> Decimal:
        if isinstance(value, str):
            try:
                value = Decimal(value.strip())
            except ArithmeticError as error:
                raise self.wrong("override_not_a_price", key, value) from error
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.wrong("override_not_a_price", key, value)
        number = Decimal(value)
        if not is_price(number):
            raise self.wrong("override_not_a_price", key, value)
        return plain(number)

    def day(self, key: str) -> date | None:
        value = self.values.get(key)
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError as error:
                raise self.wrong("override_not_a_date", key, value) from error
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        raise self.wrong("override_not_a_date", key, value)

    def span(self) -> tuple[date | None, date | None]:
        first, last = self.day("valid_from"), self.day("valid_to")
        if first is not None and last is not None and last < first:
            raise self.wrong("override_ends_before_start", "valid_to", last)
        return first, last

    def clock(self, key: str) -> time | None:
        value = self.values.get(key)
        if isinstance(value, str):
            try:
                value = time.fromisoformat(value)
            except ValueError as error:
                raise self.wrong("override_not_a_time", key, value) from error
        if value is None or (isinstance(value, time) and value.tzinfo is None):
            return value
        raise self.wrong("override_not_a_time", key, value)

    def weekdays(self) -> tuple[int, ...]:
        value = self.values.get("weekdays", [])
        if not isinstance(value, list) or any(day not in _WEEKDAYS for day in value):
            raise self.wrong("override_bad_weekday", "weekdays", value, known=" / ".join(_WEEKDAYS))
        return tuple(sorted({_WEEKDAYS.index(day) for day in value}))

    def provider(self) -> str:
        name = self.text("provider").lower()
        return PROVIDER_NAMES.get(name, name)

    def tier(self) -> str:
        name = self.text("tier", "").lower()
        return "" if name in STANDARD_TIERS else name

    def model(self) -> str:
        name = self.text("model")
        if "*" in name[:-1]:
            raise self.wrong("override_bad_pattern", "model", name)
        return name


def _override(row: _Row, zone: str) -> Override:
    row.only(*_PRICE_KEYS)
    currency = row.text("currency")
    if currency not in CURRENCIES:
        raise row.wrong("override_bad_currency", "currency", currency, known=" / ".join(CURRENCIES))
    keeps = row.values.get("keep_listed", False)
    if not isinstance(keeps, bool):
        raise row.wrong("override_not_boolean", "keep_listed", keeps)
    tier = row.tier()
    units = _units(row)
    kinds = {unit.kind for unit in units}
    if not units or (not keeps and not tier and not kinds & {"input_tokens", "output_tokens"}):
        raise row.wrong("override_missing", "input", "")
    first, last = row.span()
    source = row.text("source")
    name = row.text("name", "") or " ".join(filter(None, ["override", tier, first.isoformat() if first else ""]))
    block = Block(
        name, units, first, last, row.clock("from_time"), row.clock("until_time"), row.weekdays(), row.zone(zone),
        tier, currency,
        is_partial=keeps and not tier, is_override=True,
    )  # fmt: skip
    return Override(row.provider(), row.model(), block, source, row.text("note", ""))


def _units(row: _Row) -> tuple[UnitPrice, ...]:
    steps = _steps(row)
    units = []
    for key, (kind, per) in KINDS.items():
        if key in row.values:
            units.append(UnitPrice(kind, row.number_at(key, row.values[key]), per, tuple(steps.pop(key, ()))))
        elif key in steps:
            raise row.wrong("override_missing", key, "")
    return tuple(units)


def _steps(row: _Row) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in row.tables("steps"):
        above = step.get("above")
        if isinstance(above, bool) or not isinstance(above, int) or above < 0:
            raise row.wrong("override_bad_step", "steps", above)
        for key, value in step.items():
            if key == "above":
                continue
            if key not in KINDS:
                raise row.wrong("override_unknown_key", "steps", key, near=" / ".join(list(KINDS)[:6]))
            found.setdefault(key, []).append(Step(above, row.number_at(key, value)))
    return {key: sorted(steps, key=lambda step: step.above_tokens) for key, steps in found.items()}


def _factor(row: _Row, zone: str) -> Factor:
    row.only(*_FACTOR_KEYS)
    if "factor" not in row.values:
        raise row.wrong("override_missing", "factor", "")
    factor = row.number_at("factor", row.values["factor"])
    if factor > 100 or int(factor.as_tuple().exponent) < -8:
        raise row.wrong("override_not_a_price", "factor", factor)
    first, last = row.span()
    region = row.text("region", "")
    if "*" in region[:-1]:
        raise row.wrong("override_bad_pattern", "region", region)
    return Factor(
        row.provider(), row.model(), factor, row.text("source"), region, row.tier(), first, last, row.zone(zone),
        row.text("note", ""),
    )  # fmt: skip


def _retirement(row: _Row) -> Retirement:
    row.only(*_RETIREMENT_KEYS)
    on, is_deprecated = row.day("retired_on"), row.values.get("deprecated", False)
    if not isinstance(is_deprecated, bool):
        raise row.wrong("override_not_boolean", "deprecated", is_deprecated)
    if on is None and not is_deprecated:
        raise row.wrong("override_missing", "retired_on", "")
    return Retirement(
        row.provider(), row.model(), row.text("source"), on, row.text("successor", ""), row.text("note", "")
    )
