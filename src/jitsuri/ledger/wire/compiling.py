"""genai-prices → a price book of plain values: from the installed package, or from its published ``data.json``.

Both go one way: the package's objects are first written out as the published file writes them, then one compiler reads
that. The package is imported only here and only when asked for (its import takes a second).

Source of the format: pydantic/genai-prices, ``prices/new_data/v2/data.schema.json`` and ``genai_prices.types`` 0.2.3,
read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from jitsuri.ledger.shapes.pricing import (
    REQUESTS,
    Block,
    Clause,
    ClauseOp,
    ModelSheet,
    PriceBook,
    Step,
    UnitPrice,
    Vendor,
)
from jitsuri.ledger.wire.packing import sealed
from jitsuri.terms.errors import CallerError, OperatorError

LIBRARY = "genai-prices"
MOST_BYTES = 100_000_000
"""A published price file has 2 MB (November 2026); fifty times that is something else."""

_M, _K = 1_000_000, 1_000
COUNTED: Mapping[str, tuple[str, int]] = {
    "input_mtok": ("input_tokens", _M),
    "output_mtok": ("output_tokens", _M),
    "cache_read_mtok": ("cache_read_tokens", _M),
    "cache_write_mtok": ("cache_write_tokens", _M),
    "cache_write_5m_mtok": ("cache_write_tokens", _M),  # all written tokens but those of one hour
    "cache_write_1h_mtok": ("cache_write_1h_tokens", _M),
    "output_reasoning_mtok": ("reasoning_tokens", _M),
    "input_audio_mtok": ("input_audio_tokens", _M),
    "output_audio_mtok": ("output_audio_tokens", _M),
    "cache_audio_read_mtok": ("cache_audio_read_tokens", _M),
    "input_image_mtok": ("input_image_tokens", _M),
    "output_image_mtok": ("output_image_tokens", _M),
    "web_searches_kcount": ("web_searches", _K),
    "requests_kcount": (REQUESTS, _K),
}
"""Price keys of the library that ``Usage`` counts: key → (kind, units per price). Every other key of a model is named
in its sheet's ``uncounted``."""

_TIER_KEYS = ("service_tier", "processing", "speed")
"""Request contexts whose value is the tier's own name (``batch``, ``flex``, ``priority``, ``fast``); others are written
``key=value``."""
_VERIFIED = re.compile(r"(?:verified|checked|read|charged|published|as of)\D{0,24}?(20\d\d-[01]\d-[0-3]\d)", re.I)


def installed_source() -> str:
    """The name and version of the installed library, without importing it: ``genai-prices 0.2.3``."""
    try:
        return f"{LIBRARY} {version(LIBRARY)}"
    except PackageNotFoundError as error:
        raise OperatorError("price_library_missing", library=LIBRARY) from error


def book_from_library() -> PriceBook:
    """The price book of the installed library (takes about two seconds)."""
    source = installed_source()
    from genai_prices.data import providers

    return _book([_written_out(provider) for provider in providers], source, _Place(source, ""))


def book_from_file(path: Path) -> PriceBook:
    """The price book of a published file: ``data.json`` or ``data_slim.json`` of genai-prices.

    Raises CallerError ``price_file_*`` with file, place and value.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CallerError("price_file_too_large", file=path, bytes=path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise CallerError("price_file_unreadable", file=path, why=error.strerror or str(error)) from error
    try:
        raw = msgspec.json.Decoder(float_hook=Decimal).decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError("price_file_not_json", file=path, why=str(error)) from error
    if not isinstance(raw, list) or not raw:
        raise CallerError("price_file_not_prices", file=path)
    return _book(raw, f"file {path.name}", _Place(str(path), ""))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the file something stands, for the sentence that says so."""

    file: str
    path: str

    def at(self, name: object) -> _Place:
        step = f"[{name}]" if isinstance(name, int) else f".{name}"
        return _Place(self.file, f"{self.path}{step}".lstrip("."))

    def wrong(self, code: str, value: object) -> CallerError:
        shown = str(value)
        return CallerError(code, file=self.file, place=self.path, value=shown[:80] + ("…" if len(shown) > 80 else ""))

    def table(self, value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong("price_file_not_an_object", value)
        return cast(Mapping[str, Any], value)

    def rows(self, value: object) -> list[Any]:
        if not isinstance(value, list):
            raise self.wrong("price_file_not_a_list", value)
        return value

    def text(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.wrong("price_file_not_text", value)
        return value

    def price(self, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.wrong("price_file_not_a_price", value)
        number = Decimal(value)
        if not is_price(number):
            raise self.wrong("price_file_not_a_price", value)
        return plain(number)

    def count(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong("price_file_not_a_count", value)
        return value


def is_price(number: Decimal) -> bool:
    """Whether a number can be a price: finite, not negative, and short enough that every cost of it stays exact."""
    if not number.is_finite() or number < 0:
        return False
    return number.adjusted() < 10 and int(number.as_tuple().exponent) >= -18


def plain(number: Decimal) -> Decimal:
    """The same number written one way: without trailing zeros or an exponent."""
    return Decimal(f"{number.normalize():f}")


def _book(raw: list[Any], source: str, place: _Place) -> PriceBook:
    vendors = tuple(_vendor(one, place.at(n)) for n, one in enumerate(raw))
    notes = [v.note for v in vendors] + [s.note for v in vendors for s in v.sheets]
    days = [day for note in notes for day in _days(note)]
    return sealed(PriceBook("", source, max(days, default=None), vendors))


def _days(note: str) -> list[date]:
    found = []
    for text in _VERIFIED.findall(note):
        try:
            found.append(date.fromisoformat(text))
        except ValueError:
            continue
    return found


def _vendor(raw: object, place: _Place) -> Vendor:
    row = place.table(raw)
    provider = place.at("id").text(row.get("id"))
    models = place.at("models").rows(row.get("models"))
    fallbacks = place.at("fallback_model_providers").rows(row.get("fallback_model_providers") or [])
    return Vendor(
        provider,
        str(row.get("name") or provider),
        _optional_clause(row.get("provider_match"), place.at("provider_match")),
        _optional_clause(row.get("model_match"), place.at("model_match")),
        tuple(str(name) for name in fallbacks),
        tuple(_sheet(provider, model, place.at("models").at(n)) for n, model in enumerate(models)),
        tuple(str(url) for url in row.get("pricing_urls") or ()),
        str(row.get("price_comments") or ""),
    )


def _sheet(provider: str, raw: object, place: _Place) -> ModelSheet:
    row = place.table(raw)
    model = place.at("id").text(row.get("id"))
    match = _clause(row.get("match"), place.at("match"))
    uncounted: set[str] = set()
    blocks = _standard(row.get("prices"), model, uncounted, place.at("prices"))
    variants = place.at("price_variants").rows(row.get("price_variants") or [])
    tiers = [_variant(one, uncounted, place.at("price_variants").at(n)) for n, one in enumerate(variants)]
    window = row.get("context_window")
    return ModelSheet(
        provider, model, "USD",
        # the library's first fitting variant wins, here the last
        (*blocks, *(block for block in reversed(tiers) if block is not None)),
        LIBRARY, match, str(row.get("name") or ""), str(row.get("price_comments") or ""),
        place.at("context_window").count(window) if window is not None else None,
        bool(row.get("deprecated")), tuple(sorted(uncounted)),
    )  # fmt: skip


def _standard(raw: object, model: str, uncounted: set[str], place: _Place) -> list[Block]:
    if isinstance(raw, dict):
        units = _units(raw, uncounted, place)
        if not raw and model.endswith(":free"):
            # the resellers' own word for a model without charge; any other empty price is an unknown one
            units = (UnitPrice("input_tokens", Decimal(0), _M), UnitPrice("output_tokens", Decimal(0), _M))
        return [Block("standard", units)]
    rows = place.rows(raw)
    if not rows:
        raise place.wrong("price_file_not_an_object", raw)
    blocks = []
    for n, one in enumerate(rows):
        at = place.at(n)
        row = at.table(one)
        units = _units(at.at("prices").table(row.get("prices")), uncounted, at.at("prices"))
        # the first one holds where no other does, whatever its condition says
        constraint = row.get("constraint") if n else None
        blocks.append(_conditioned(Block("standard", units), constraint, at.at("constraint")))
    return blocks


def _variant(raw: object, uncounted: set[str], place: _Place) -> Block | None:
    row = place.table(raw)
    when = place.at("when").table(row.get("when"))
    if not when:
        raise place.at("when").wrong("price_file_not_an_object", when)
    names = [str(v) if key in _TIER_KEYS else f"{key}={v}" for key, v in sorted(when.items())]
    tier = "+".join(names).lower()
    units = _units(place.at("prices").table(row.get("prices")), uncounted, place.at("prices"))
    if tier == "default":
        return None if not units else _conditioned(Block("standard", units, is_partial=True), None, place)
    return _conditioned(Block(tier, units, tier=tier), row.get("constraint"), place.at("constraint"))


def _conditioned(block: Block, raw: object, place: _Place) -> Block:
    """The block under a constraint of the library: a first day, or hours of the day, in UTC."""
    if raw is None:
        return block
    row = place.table(raw)
    name = block.tier
    if "start_date" in row:
        start = _day(row["start_date"], place.at("start_date"))
        shown = f"{name} {start.isoformat()}".strip()
        return Block(shown, block.units, start, tier=block.tier)
    if "start_time" in row and "end_time" in row:
        begin, end = (_time(row[key], place.at(key)) for key in ("start_time", "end_time"))
        shown = f"{name} {begin:%H:%M}-{end:%H:%M} UTC".strip()
        return Block(shown, block.units, from_time=begin, until_time=end, tier=block.tier)
    raise place.wrong("price_file_bad_constraint", raw)


def _units(raw: object, uncounted: set[str], place: _Place) -> tuple[UnitPrice, ...]:
    row = place.table(raw)
    found: dict[str, UnitPrice] = {}
    for key, value in row.items():
        if value is None:
            continue
        price, steps = _price(value, place.at(key))
        if key not in COUNTED:
            uncounted.add(key)
            continue
        kind, per = COUNTED[key]
        if kind not in found or key == "cache_write_5m_mtok":
            found[kind] = UnitPrice(kind, price, per, steps)
    return tuple(found.values())


def _price(raw: object, place: _Place) -> tuple[Decimal, tuple[Step, ...]]:
    if not isinstance(raw, dict):
        return place.price(raw), ()
    steps = []
    tiers = place.at("tiers").rows(raw.get("tiers"))
    for n, one in enumerate(tiers):
        at = place.at("tiers").at(n)
        row = at.table(one)
        steps.append(Step(at.at("start").count(row.get("start")), at.at("price").price(row.get("price"))))
    return place.at("base").price(raw.get("base")), tuple(sorted(steps, key=lambda step: step.above_tokens))


def _day(raw: object, place: _Place) -> date:
    try:
        return raw if isinstance(raw, date) else date.fromisoformat(place.text(raw))
    except ValueError as error:
        raise place.wrong("price_file_not_a_date", raw) from error


def _time(raw: object, place: _Place) -> time:
    """A time of day in UTC; without an offset it is UTC already."""
    try:
        clock = raw if isinstance(raw, time) else time.fromisoformat(place.text(raw))
    except ValueError as error:
        raise place.wrong("price_file_not_a_time", raw) from error
    if clock.tzinfo is None:
        return clock
    return datetime.combine(date(1970, 1, 2), clock).astimezone(UTC).time()


def _optional_clause(raw: object, place: _Place) -> Clause | None:
    return None if raw is None else _clause(raw, place)


def _clause(raw: object, place: _Place) -> Clause:
    row = place.table(raw)
    op = next(iter(row), "")
    if len(row) != 1 or op not in get_args(ClauseOp):
        raise place.wrong("price_file_bad_match", raw)
    at = place.at(op)
    if op in ("or", "and"):
        parts = at.rows(row[op])
        return Clause(cast(ClauseOp, op), parts=tuple(_clause(part, at.at(n)) for n, part in enumerate(parts)))
    text = at.text(row[op])
    if op == "regex":
        try:
            re.compile(text)
        except re.error as error:
            raise at.wrong("price_file_bad_match", text) from error
    return Clause(cast(ClauseOp, op), text)


def _written_out(thing: Any) -> Any:
    """The library's object as its published file writes it: objects as tables, without what is None."""
    if isinstance(thing, (list, tuple)):
        return [_written_out(one) for one in thing]
    if isinstance(thing, dict):
        return {key: _written_out(value) for key, value in thing.items()}
    if not hasattr(thing, "__dict__") or isinstance(thing, Decimal):
        return thing
    skipped = ("extractors", "description", "api_pattern")
    return {
        key.rstrip("_"): _written_out(value)
        for key, value in vars(thing).items()
        if value is not None and key not in skipped and not key.startswith("_")
    }
