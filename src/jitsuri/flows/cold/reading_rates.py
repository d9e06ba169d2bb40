"""Files of exchange rates, in the shapes that banks and accountants give them.

- *Long*: one row per day and currency, under headers for date, currency and any of TTM, TTS, TTB or a plain rate
  (日付, 通貨, 仲値, 電信売, 電信買, レート). Where TTS and TTB stand without TTM, the middle is reckoned, as TTM is
  defined.
- *Wide*: one row per day, one column per currency, under a header of codes; lines above the header are passed over.
  So is みずほ銀行's ``quote.csv`` of daily TTM (header in its third line, ``*****`` where nothing was quoted,
  ``KRW(100)`` for a price of a hundred, some codes twice with a reference price on the right: the first counts).

UTF-8, UTF-16 or Shift_JIS; commas or tabs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from jitsuri.flows.cold.reading_tables import Cells, Column, Row, day_of, folded, number_of, read_cells, read_table
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.terms.outcomes import Refusal

COLUMNS: tuple[Column, ...] = (
    Column("date", ("日付", "年月日", "対象日", "公示日"), "day", is_required=True),
    Column("currency", ("通貨", "通貨コード", "略称", "code"), is_required=True),
    Column("TTM", ("仲値", "公示仲値", "電信売買相場の仲値")),
    Column("TTS", ("電信売", "電信売相場", "売相場")),
    Column("TTB", ("電信買", "電信買相場", "買相場")),
    Column("rate", ("レート", "為替レート", "換算レート")),
)

_CURRENCY = re.compile(r"([A-Z]{3})(?:\((\d{1,4})\))?")
_KINDS = frozenset({"TTM", "TTS", "TTB"})
"""Headers that look like a currency and are none."""
_HEADER_ROWS = 10
"""How far down a wide file's header is looked for."""
_NOT_QUOTED = frozenset({"", "-", "–", "―", "n/a", "unquoted"})


@dataclass(frozen=True, slots=True)
class Quoted:
    """One rate as a file tells it: yen for one unit, with the line it stands on."""

    line: int
    currency: str
    on: date
    kind: RateKind
    rate: Decimal
    is_reckoned: bool = False
    """Reckoned here as the middle of TTS and TTB."""


def read_rates(content: bytes, kind: RateKind) -> tuple[list[Quoted], list[Refusal]]:
    """The rates of a file, and everything wrong with it. ``kind`` is what a wide file or a plain rate column holds."""
    cells = read_cells(content)
    if isinstance(cells, Refusal):
        return [], [cells]
    for place, (_, header) in enumerate(cells[:_HEADER_ROWS]):
        if _is_wide_header(header):
            return _wide(header, cells[place + 1 :], kind)
    rows, faults = read_table(content, COLUMNS)
    quoted: list[Quoted] = []
    for row in rows:
        found = _long(row, kind)
        faults += [one for one in found if isinstance(one, Refusal)]
        quoted += [one for one in found if isinstance(one, Quoted)]
    return quoted, faults


def _is_wide_header(header: Sequence[str]) -> bool:
    codes = [cell for cell in header[1:] if cell]
    is_dated = folded(header[0]) in ("", "date", "日付", "年月日", "対象日")
    return is_dated and bool(codes) and _unit_of(codes[0]) is not None


def _wide(header: Sequence[str], rows: Sequence[Cells], kind: RateKind) -> tuple[list[Quoted], list[Refusal]]:
    units = {place: _unit_of(cell) for place, cell in enumerate(header) if place}
    quoted: list[Quoted] = []
    faults: list[Refusal] = []
    for line, cells in rows:
        day = day_of(cells[0])
        if day is None:
            faults.append(
                Refusal("cell_not_day", {"line": line, "field": header[0] or "date", "value": cells[0][:100]})
            )
            continue
        seen: set[str] = set()
        for place, cell in enumerate(cells):
            unit = units.get(place)
            if unit is None or unit[0] in seen or _is_not_quoted(cell):
                continue
            seen.add(unit[0])
            number = number_of(cell)
            if number is None:
                faults.append(Refusal("cell_not_number", {"line": line, "field": header[place], "value": cell[:100]}))
            elif unit[0] != "JPY":
                quoted.append(Quoted(line, unit[0], day, kind, number / unit[1]))
    return quoted, faults


def _long(row: Row, kind: RateKind) -> list[Quoted | Refusal]:
    unit = _unit_of(row.text("currency"))
    day = row.day("date")
    if day is None:
        return []  # told already as a cell that is no day
    if unit is None:
        return [Refusal("currency_invalid", {"line": row.line, "field": "currency", "value": row.text("currency")})]
    currency, units = unit
    found: list[Quoted | Refusal] = []
    kinds: tuple[tuple[str, RateKind], ...] = (("TTM", "TTM"), ("TTS", "TTS"), ("TTB", "TTB"), ("rate", kind))
    held: dict[str, Decimal] = {}
    for column, its_kind in kinds:
        cell = row.text(column)
        if _is_not_quoted(cell):
            continue
        number = number_of(cell)
        if number is None:
            found.append(Refusal("cell_not_number", {"line": row.line, "field": column, "value": cell}))
        else:
            held[column] = number / units
            found.append(Quoted(row.line, currency, day, its_kind, number / units))
    if "TTM" not in held and "TTS" in held and "TTB" in held and not (kind == "TTM" and "rate" in held):
        found.append(Quoted(row.line, currency, day, "TTM", (held["TTS"] + held["TTB"]) / 2, is_reckoned=True))
    if not found:
        found.append(Refusal("rate_missing_in_row", {"line": row.line, "field": "TTM / TTS / TTB", "value": ""}))
    return found


def _unit_of(cell: str) -> tuple[str, int] | None:
    """Currency and how many units its price is for: ``KRW(100)`` is a hundred won."""
    found = _CURRENCY.fullmatch(unicodedata.normalize("NFKC", cell).strip().upper())
    if found is None or found[1] in _KINDS or int(found[2] or 1) == 0:
        return None
    return found[1], int(found[2] or 1)


def _is_not_quoted(cell: str) -> bool:
    return folded(cell) in _NOT_QUOTED or set(cell.strip()) == {"*"}
