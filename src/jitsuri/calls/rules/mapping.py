"""Which column of a CSV is what: from options of the command line or a TOML text, checked against the file's header."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jitsuri.calls.shapes import CsvMapping
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import COMPANY_ZONE
from jitsuri.terms.usage import USAGE_KINDS

REQUIRED_FIELDS = ("at", "model", "input_tokens", "output_tokens")
CSV_FIELDS = (
    "at", "model", "model_answered", "provider", "external_id", "status", "http_status", "error_code", "latency_ms",
    "first_token_ms", "cost", "currency", "tier", "region", "system_prompt", "prompt", "response", "thread", "key_name",
    "department", "task", "response_id", "previous_response_id", *USAGE_KINDS,
)  # fmt: skip
"""Fields that a column may fill. Beside them ``label.NAME`` makes a column a metadata entry."""

CONSTANT = "="
_LABEL = "label."
_SETTINGS = ("zone", "time_format", "latency_unit")
_USUAL_NAMES = {
    "at": ("timestamp", "time", "datetime", "created_at", "date", "start_time", "日時", "時刻"),
    "model": ("model", "model_name", "モデル"),
    "input_tokens": ("input_tokens", "prompt_tokens", "contexttokens", "context_tokens", "入力トークン",
                     "入力トークン数"),
    "output_tokens": (
        "output_tokens", "completion_tokens", "generatedtokens", "generated_tokens", "出力トークン", "出力トークン数",
    ),
}  # fmt: skip
"""Column names that mean a required field in every log seen; only used to propose, never to decide."""


def mapping_from_options(options: Sequence[str]) -> CsvMapping:
    """A mapping from ``FIELD=COLUMN`` options; ``FIELD==VALUE`` is a constant.

    ``label.NAME=COLUMN`` keeps a column as metadata; ``zone=Asia/Tokyo``, ``time_format=%Y%m%d %H%M`` and
    ``latency_unit=s`` tell how to read. Raises CallerError ``mapping_option_unreadable``, ``mapping_field_unknown``,
    ``mapping_value_unknown``.
    """
    columns: dict[str, str] = {}
    for option in options:
        field, equals, column = option.partition("=")
        if not equals or not field.strip() or not column.strip():
            raise CallerError("mapping_option_unreadable", option=option)
        columns[field.strip()] = column.strip()
    settings = {name: columns.pop(name) for name in _SETTINGS if name in columns}
    return _mapping(columns, settings)


def mapping_from_toml(text: str) -> CsvMapping:
    """A mapping from TOML: tables ``[columns]`` and ``[labels]``, keys ``zone``, ``time_format``, ``latency_unit``.

    Raises CallerError ``mapping_file_unreadable``, ``mapping_field_unknown``, ``mapping_value_unknown``.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CallerError("mapping_file_unreadable", reason=str(error)) from None
    columns, labels = tree.pop("columns", {}), tree.pop("labels", {})
    if not isinstance(columns, dict) or not isinstance(labels, dict):
        raise CallerError("mapping_file_unreadable", reason="[columns], [labels]")
    unknown = sorted(set(tree) - set(_SETTINGS))
    if unknown:
        raise CallerError(
            "mapping_field_unknown", field=unknown[0], known=", ".join((*_SETTINGS, "[columns]", "[labels]"))
        )
    named = {**columns, **{f"{_LABEL}{name}": column for name, column in labels.items()}}
    return _mapping({name: str(column) for name, column in named.items()}, tree)


def checked_mapping(mapping: CsvMapping | None, header: Sequence[str]) -> CsvMapping:
    """The same mapping. Raises CallerError ``mapping_missing`` (none given; with a proposal from the header),
    ``mapping_column_missing``, ``mapping_incomplete``; each lists the file's columns."""
    columns = ", ".join(header)
    if mapping is None:
        raise CallerError("mapping_missing", columns=columns, proposal=proposed_options(header))
    for column in (*mapping.columns.values(), *mapping.labels.values()):
        if not column.startswith(CONSTANT) and column not in header:
            raise CallerError("mapping_column_missing", column=column, columns=columns)
    missing = [field for field in REQUIRED_FIELDS if field not in mapping.columns]
    if missing:
        raise CallerError(
            "mapping_incomplete", missing=", ".join(missing), columns=columns, proposal=proposed_options(header)
        )
    return mapping


def proposed_options(header: Sequence[str]) -> str:
    """``--map`` options for this header, as a person would begin to write them."""
    options = []
    for field, names in _USUAL_NAMES.items():
        column = next((c for c in header if c.strip().lower() in names), None)
        text = f"{field}={column}" if column else f"{field}==…" if field == "model" else f"{field}=…"
        options.append(f'--map "{text}"' if " " in text else f"--map {text}")
    return " ".join(options)


def _mapping(columns: dict[str, str], settings: Mapping[str, Any]) -> CsvMapping:
    labels = {n.removeprefix(_LABEL): columns.pop(n) for n in list(columns) if n.startswith(_LABEL)}
    unknown = sorted(set(columns) - set(CSV_FIELDS))
    if unknown:
        raise CallerError(
            "mapping_field_unknown", field=unknown[0], known=", ".join((*CSV_FIELDS, "label.…", *_SETTINGS))
        )
    unit = settings.get("latency_unit", "ms")
    if unit not in ("ms", "s"):
        raise CallerError("mapping_value_unknown", field="latency_unit", value=str(unit), known="ms, s")
    latency_unit: Literal["ms", "s"] = "s" if unit == "s" else "ms"
    return CsvMapping(columns, labels, _zone(settings.get("zone")), str(settings.get("time_format", "")), latency_unit)


def _zone(name: Any) -> tzinfo:
    if name is None:
        return COMPANY_ZONE
    try:
        return ZoneInfo(str(name))
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError; odd names give the others
        raise CallerError("mapping_value_unknown", field="zone", value=str(name), known="Asia/Tokyo, UTC, …") from None
