"""CSV and TSV by a mapping, and the splitting of one record of a table into its fields."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jitsuri.calls.rules.checking import amount_of, checked, error_code_of, http_status_of, tier_of
from jitsuri.calls.rules.counting import count
from jitsuri.calls.rules.decoding import canonical, decoded_text
from jitsuri.calls.rules.faulting import LineError
from jitsuri.calls.rules.guessing import provider_of
from jitsuri.calls.rules.labelling import key_alias, labels_of
from jitsuri.calls.rules.mapping import CONSTANT
from jitsuri.calls.rules.timing import instant, instant_by_format, milliseconds
from jitsuri.calls.shapes import CsvMapping, Logged, Reading, Status
from jitsuri.terms.ids import digest_16
from jitsuri.terms.usage import USAGE_KINDS, Usage

MOST_FIELD_CHARACTERS = 64 * 1024 * 1024
_STATUSES: dict[str, Status] = {
    "ok": "ok", "success": "ok", "succeeded": "ok", "completed": "ok", "200": "ok", "": "ok", "正常": "ok",
    "成功": "ok",
    "error": "error", "failed": "error", "failure": "error", "エラー": "error", "失敗": "error", "cut": "cut",
}  # fmt: skip


def fields_of(raw: bytes, delimiter: str) -> list[str]:
    """Fields of one record of a table, which may span lines. Faults: ``encoding_unknown``, ``csv_unreadable``."""
    csv.field_size_limit(MOST_FIELD_CHARACTERS)
    try:
        rows = list(csv.reader([decoded_text(raw)], delimiter=delimiter))
    except csv.Error as error:
        raise LineError("csv_unreadable", reason=str(error)) from None
    return [field for row in rows for field in row]


def record_of(raw: bytes, header: Sequence[str], delimiter: str) -> dict[str, Any]:
    """One record by column name; empty fields are None. Faults: ``csv_fields`` when there are more or fewer."""
    fields = fields_of(raw, delimiter)
    if len(fields) != len(header):
        raise LineError("csv_fields", found=len(fields), expected=len(header))
    return {name: field or None for name, field in zip(header, fields, strict=True)}


def read(number: int, record: dict[str, Any], reading: Reading) -> Logged:
    """One record by ``reading.mapping``. Faults: of time, tokens and names."""
    mapping = reading.mapping or CsvMapping({})
    got = {field: _value(record, column) for field, column in mapping.columns.items()}
    usage = Usage(**{kind: count(got.get(kind), kind) for kind in USAGE_KINDS if got.get(kind)})
    http_status = http_status_of(got.get("http_status") or None)
    status = _status(got.get("status", ""), http_status)
    if status != "error" and not got.get("input_tokens") and not got.get("output_tokens"):
        raise LineError("usage_missing")
    cost = amount_of(got.get("cost") or None)
    model, answered = got.get("model", ""), got.get("model_answered", "")
    return checked(
        Logged(
            line=number,
            source="csv",
            external_id=got.get("external_id", ""),
            content_hash=digest_16(canonical({name: value for name, value in record.items() if value is not None})),
            at=_at(got.get("at", ""), mapping),
            provider=provider_of(got.get("provider", ""), "", answered or model),
            model_asked=model,
            model_answered=answered,
            usage=usage,
            usage_raw={kind: got[kind] for kind in USAGE_KINDS if got.get(kind)},
            tier=tier_of(got.get("tier")),
            region=got.get("region", ""),
            status=status,
            http_status=http_status,
            error_code=error_code_of(got.get("error_code")) or "error" if status == "error" else "",
            latency_ms=_milliseconds(got.get("latency_ms"), mapping),
            first_token_ms=_milliseconds(got.get("first_token_ms"), mapping),
            reported_cost=cost,
            reported_currency=(got.get("currency") or "USD").upper()[:3] if cost is not None else "",
            system_prompt=got.get("system_prompt", ""),
            prompt=got.get("prompt", ""),
            request_body=_request_body(got) if reading.keep_bodies else b"",
            response_body=canonical({"text": got["response"]}) if reading.keep_bodies and got.get("response") else b"",
            trace=got.get("thread", ""),
            response_id=got.get("response_id", ""),
            previous_response_id=got.get("previous_response_id", ""),
            key_name=key_alias(got.get("key_name")),
            department=got.get("department", ""),
            task=got.get("task", ""),
            metadata=labels_of({name: _value(record, column) for name, column in mapping.labels.items()}),
        ),
        reading,
    )


def _value(record: dict[str, Any], column: str) -> str:
    if column.startswith(CONSTANT):
        return column[len(CONSTANT) :]
    value = record.get(column)
    return value.strip() if isinstance(value, str) else ""


def _at(value: str, mapping: CsvMapping) -> datetime:
    if not value:
        raise LineError("time_missing")
    if mapping.time_format:
        return instant_by_format(value, mapping.time_format, mapping.zone)
    return instant(value, mapping.zone)


def _milliseconds(value: str | None, mapping: CsvMapping) -> int | None:
    amount = amount_of(value or None)
    return None if amount is None else milliseconds(float(amount * (1000 if mapping.latency_unit == "s" else 1)))


def _status(value: str, http_status: int | None) -> Status:
    if http_status is not None and http_status >= 400:
        return "error"
    return _STATUSES.get(value.lower(), "error")


def _request_body(got: dict[str, str]) -> bytes:
    messages = [
        {"role": role, "content": got[field]}
        for role, field in (("system", "system_prompt"), ("user", "prompt"))
        if got.get(field)
    ]
    return canonical({"messages": messages}) if messages else b""
