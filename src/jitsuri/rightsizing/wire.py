"""A file of outcomes → ``Table`` (or, before anybody scored them, ``Answers``): Parquet, CSV or JSONL, by its content, under
the headers that people use; and rows → JSONL.

Everything that is wrong is told with its line, its value and the mend; nothing is guessed, nothing is dropped in silence.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from jitsuri.rightsizing.shapes.outcomes import Answers, Table
from jitsuri.terms.errors import CallerError
from jitsuri.terms.money import to_ledger_jpy

MOST_KNOWN = 300
"""Characters of the headers found that a sentence repeats: a file that is no table has one header of megabytes."""

MOST_CELL = 100_000_000
"""Characters in one cell: a prompt may hold a whole document."""

MOST_BYTES = 2_000_000_000
"""A hundred thousand pairs with their texts are 200 MB; ten times that no longer fits the memory of a laptop."""

HEADERS: Mapping[str, tuple[str, ...]] = {
    "task": ("task", "業務"),
    "prompt_id": ("prompt_id", "request_id", "id", "依頼番号"),
    "prompt": ("prompt", "input", "question", "依頼"),
    "model": ("model", "variant", "構成", "モデル"),
    "answer": ("answer", "output", "response", "回答"),
    "expected": ("expected", "期待", "正解", "reference", "gold"),
    "score": ("score", "label", "correct", "accepted", "評価", "点"),
    "judge": ("judge", "scorer", "rater", "評価者", "判定者"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cost_usd": ("cost_usd",),
    "cost_jpy": ("cost_jpy",),
    "critical": ("critical", "重大"),
    "token_source": ("token_source",),
    "hearing": ("judge_facts",),
}
"""Our name → the headers it may stand under, first come first taken."""

PARQUET = b"PAR1"
"""How a Parquet file begins and ends."""

NEEDED = ("prompt_id", "model", "score")
TO_SCORE = ("prompt_id", "model", "answer")
"""Columns without which no answer can be scored."""
SIGNALS = ("confidence", "mean_logprob", "logprob")
"""Numbers that came with an answer and say something of how sure it was."""
NEVER_SLICES = frozenset({"reference", "latency_s", "latency_ms", "benchmark", "score_reason"})
"""Known columns that name no part of a task: references, times, where a set comes from, why a score is what it is."""

WORDS: Mapping[str, float] = {
    "1": 1.0, "true": 1.0, "ok": 1.0, "yes": 1.0, "good": 1.0, "pass": 1.0, "accept": 1.0, "accepted": 1.0, "correct": 1.0,
    "可": 1.0, "○": 1.0, "〇": 1.0, "良": 1.0, "正": 1.0,
    "0": 0.0, "false": 0.0, "ng": 0.0, "no": 0.0, "bad": 0.0, "fail": 0.0, "reject": 0.0, "rejected": 0.0,
    "incorrect": 0.0, "wrong": 0.0, "不可": 0.0, "×": 0.0, "✕": 0.0, "否": 0.0, "誤": 0.0,
}  # fmt: skip
"""What people write as a label; anything else that is no number is an error."""

BLANK = frozenset({"", "null", "none", "nan", "na", "n/a", "-"})

Column = Sequence[Any]
Read = tuple[dict[str, Column], Sequence[int]]


def read_outcomes(path: Path) -> Table:
    """The table of a file. Raises CallerError ``outcomes_…`` with place, value and mend."""
    columns, lines = _read(path)
    return _table(columns, lines, path)


def read_answers(path: Path, needed: Sequence[str] = TO_SCORE) -> Answers:
    """The columns of a file as they stand, scored or not. Raises CallerError ``outcomes_…`` with place, value and mend."""
    columns, lines = _read(path)
    headers = _headers(columns, needed, path)
    _check_names(columns, headers, lines, path)
    return Answers(tuple(lines), columns, headers)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]], *, is_forced: bool) -> None:
    """Rows as JSONL, whole or not at all: written beside and put in place in one step.

    Raises CallerError ``already_there`` where the file exists and ``is_forced`` is false, ``file_unwritable`` else.
    """
    _write_whole(path, _to_jsonl(rows), is_forced=is_forced)


def write_table(path: Path, rows: Sequence[Mapping[str, object]], *, is_forced: bool) -> None:
    """The same rows as JSONL, CSV (UTF-8 with a mark, for Excel) or Parquet, by the file's ending.

    Raises what ``write_rows`` does, and CallerError ``table_ending_unknown``.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise CallerError("table_ending_unknown", path=str(path), known=", ".join(_WRITERS))
    _write_whole(path, writer(rows), is_forced=is_forced)


def _to_jsonl(rows: Sequence[Mapping[str, object]]) -> bytes:
    return b"".join(msgspec.json.encode(row, enc_hook=str) + b"\n" for row in rows)


def _to_csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode("utf-8-sig")


def _to_parquet(rows: Sequence[Mapping[str, object]]) -> bytes:
    from arro3.core import Array, DataType
    from arro3.core import Table as Columns
    from arro3.io import write_parquet

    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        cells = [row.get(name) for row in rows]
        known = [cell for cell in cells if cell is not None]
        kind = DataType.utf8()
        if known and all(isinstance(cell, bool) for cell in known):
            kind = DataType.bool()
        elif known and all(isinstance(cell, int | float) for cell in known):
            kind, cells = DataType.float64(), [None if cell is None else float(str(cell)) for cell in cells]
        else:
            cells = [None if cell is None else str(cell) for cell in cells]
        columns[name] = Array(cells, type=kind)
    written = io.BytesIO()
    write_parquet(Columns.from_pydict(columns), written)
    return written.getvalue()


_WRITERS: Mapping[str, Callable[[Sequence[Mapping[str, object]]], bytes]] = {
    ".jsonl": _to_jsonl, ".csv": _to_csv, ".parquet": _to_parquet,
}  # fmt: skip


def _write_whole(path: Path, content: bytes, *, is_forced: bool) -> None:
    written: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as opened:
            written = Path(opened.name)
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        written.chmod(0o644)
        _put(written, path, is_forced=is_forced)
    except FileExistsError:
        raise CallerError("already_there", file=str(path)) from None
    except OSError as error:
        raise CallerError("file_unwritable", path=str(path), reason=error.strerror or str(error)) from None
    finally:
        if written is not None:
            written.unlink(missing_ok=True)


def _put(written: Path, path: Path, *, is_forced: bool) -> None:
    """Give a written file its name. Raises FileExistsError where it is taken, whoever took it meanwhile."""
    if not is_forced:
        try:
            path.hardlink_to(written)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError from None
        else:
            return
    written.replace(path)


def _read(path: Path) -> Read:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError as error:
        raise CallerError("outcomes_unreadable", path=str(path), reason=error.strerror or str(error)) from None
    if size > MOST_BYTES:
        raise CallerError(
            "outcomes_too_large", path=str(path), megabytes=size // 1_000_000, most=MOST_BYTES // 1_000_000
        )
    if not content.strip():
        raise CallerError("outcomes_empty", path=str(path))
    columns, lines = _reader(content)(content, path)
    if not lines:
        raise CallerError("outcomes_empty", path=str(path))
    return columns, lines


def _reader(content: bytes) -> Callable[[bytes, Path], Read]:
    if content[:4] == PARQUET:
        return _parquet
    return _jsonl if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else _csv


def _parquet(content: bytes, path: Path) -> Read:
    from arro3.io import read_parquet

    if content[-4:] != PARQUET:  # said here: the library would panic and write a trace of its own
        raise CallerError("outcomes_broken_file", path=str(path), reason="Parquet, cut off")
    try:
        table = read_parquet(io.BytesIO(content)).read_all()
        columns: dict[str, Column] = {name: list(table.column(name).to_pylist()) for name in table.schema.names}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 – the library's own kinds, its panics too, all mean a broken file
        raise CallerError("outcomes_broken_file", path=str(path), reason=str(error)[:200]) from None
    return columns, range(1, table.num_rows + 1)


def _jsonl(content: bytes, path: Path) -> Read:
    decoder = msgspec.json.Decoder()
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        pieces: Iterable[tuple[int, bytes]] = [(1, content.removeprefix(b"\xef\xbb\xbf"))]
    else:
        pieces = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
    for number, line in pieces:
        if not line.strip():
            continue
        try:
            value = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CallerError("outcomes_broken", path=str(path), line=number, reason=str(error)[:200]) from None
        many = value if isinstance(value, list) else [value]
        for row in many:
            if not isinstance(row, dict):
                raise CallerError("outcomes_broken", path=str(path), line=number, reason=type(row).__name__)
            rows.append(row)
            lines.append(number if len(many) == 1 else len(rows))
    names = {name: None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}, lines


def _csv(content: bytes, path: Path) -> Read:
    text = _decoded(content, path)
    first = text.partition("\n")[0]
    csv.field_size_limit(MOST_CELL)
    delimiter = "\t" if "\t" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    # strict: an open quote would else swallow every line after it without a word
    lines: list[int] = []
    rows: list[list[str]] = []
    line = 1
    try:
        header = [name.strip() for name in next(reader)]
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise CallerError("outcomes_broken", path=str(path), line=1, reason=f"{', '.join(twice)[:80]} × 2")
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) > len(header) and any(cells[len(header) :]):
                    reason = f"{len(cells)} > {len(header)}"
                    raise CallerError("outcomes_broken", path=str(path), line=line, reason=reason)
                rows.append(cells + [""] * (len(header) - len(cells)))
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise CallerError("outcomes_broken", path=str(path), line=line, reason=str(error)) from None
    return {name: [row[at] for row in rows] for at, name in enumerate(header)}, lines


def _decoded(content: bytes, path: Path) -> str:
    for name in ("utf-8-sig", "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp932"):
        try:
            return content.decode(name)
        except UnicodeDecodeError:
            continue
    raise CallerError(
        "outcomes_broken", path=str(path), line=_first_unreadable(content), reason="UTF-8 / UTF-16 / Shift_JIS"
    )


def _first_unreadable(content: bytes) -> int:
    """The line of the first byte that is no UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 1


def _headers(columns: Mapping[str, Column], needed: Sequence[str], path: Path) -> dict[str, str]:
    """Our name → the header it stands under."""
    found = {ours: name for ours, names in HEADERS.items() if (name := _present(columns, names)) is not None}
    missing = [ours for ours in needed if ours not in found]
    if missing:
        raise CallerError("outcomes_columns_missing", path=str(path), missing=", ".join(missing),
                          known=", ".join(columns)[:MOST_KNOWN] or "–", accepted=_accepted(missing))  # fmt: skip
    return found


def _check_names(
    columns: Mapping[str, Column], found: Mapping[str, str], lines: Sequence[int], path: Path
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Ids, models and tasks, each row with an id and a model, none with what no database keeps."""
    count = len(lines)
    ids, models, tasks = (
        _texts(columns[found[ours]]) if ours in found else ("",) * count for ours in ("prompt_id", "model", "task")
    )
    for name in {*models, *tasks}:
        if "\0" in name:  # no database keeps it and no page shows it
            at = next(at for at in range(count) if name in (models[at], tasks[at]))
            raise CallerError("outcomes_broken", path=str(path), line=lines[at], reason="U+0000: task / model")
    for at, (prompt_id, model) in enumerate(zip(ids, models, strict=True)):
        if not prompt_id or not model:
            raise CallerError("outcomes_cell_missing", path=str(path), line=lines[at],
                              column=found["model" if prompt_id else "prompt_id"])  # fmt: skip
    return ids, models, tasks


def _table(columns: Mapping[str, Column], lines: Sequence[int], path: Path) -> Table:
    found = _headers(columns, NEEDED, path)
    count = len(lines)

    def texts(ours: str) -> tuple[str, ...]:
        return _texts(columns[found[ours]]) if ours in found else ("",) * count

    def numbers(ours: str) -> tuple[float | None, ...]:
        return _numbers(columns[found[ours]], lines, found[ours], path) if ours in found else (None,) * count

    ids, models, tasks = _check_names(columns, found, lines, path)
    taken = set(found.values())
    rest = {n: c for n, c in columns.items() if n not in taken and n not in NEVER_SLICES and n not in SIGNALS}
    return Table(
        lines=tuple(lines),
        tasks=tasks,
        prompt_ids=ids,
        prompts=texts("prompt"),
        models=models,
        answers=texts("answer"),
        scores=_scores(columns[found["score"]], lines, found["score"], path),
        judges=texts("judge"),
        input_tokens=numbers("input_tokens"),
        output_tokens=numbers("output_tokens"),
        costs_usd=numbers("cost_usd"),
        critical=_flags(columns[found["critical"]], lines, path) if "critical" in found else (None,) * count,
        fields={name: _texts(column) for name, column in rest.items()},
        signals={n: _numbers(columns[n], lines, n, path) for n in SIGNALS if n in columns},
        hearings=texts("hearing") if "hearing" in found else (),
        are_tokens_estimated=any("estimate" in source for source in set(texts("token_source"))),
        costs_jpy=_yen(numbers("cost_jpy")) if "cost_jpy" in found else (),
    )


def _yen(column: Sequence[float | None]) -> tuple[Decimal | None, ...]:
    """Yen to a millionth, which a number of a file holds exactly up to a billion yen."""
    return tuple(None if cell is None else to_ledger_jpy(Decimal(repr(cell))) for cell in column)


def _present(columns: Mapping[str, Column], names: Sequence[str]) -> str | None:
    by_lower = {name.strip().lower(): name for name in reversed(list(columns))}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _accepted(missing: Sequence[str]) -> str:
    return " / ".join(f"{ours}: {', '.join(HEADERS[ours])}" for ours in missing)


def _texts(column: Column) -> tuple[str, ...]:
    return tuple(cell if type(cell) is str else "" if cell is None else _plain(cell) for cell in column)


def _plain(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _number(cell: object) -> float | None:
    """A cell as a number; None for a blank. Raises ValueError for anything else."""
    if cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip().lower()
        if text in BLANK:
            return None
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text):
            raise ValueError(cell)
        return float(text)
    if not isinstance(cell, int | float):
        raise ValueError(str(cell))  # noqa: TRY004 – a cell of a wrong kind is a wrong value to the reader
    if isinstance(cell, float) and math.isnan(cell):
        return None
    try:
        return float(cell)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if cell > 0 else -math.inf


def _numbers(column: Column, lines: Sequence[int], name: str, path: Path) -> tuple[float | None, ...]:
    found: list[float | None] = []
    for at, cell in enumerate(column):
        try:
            value = _number(cell)
        except ValueError:
            value = math.inf
        if value is not None and (value == math.inf or (value < 0 and name not in SIGNALS)):
            raise CallerError("outcomes_not_number", path=str(path), line=lines[at], column=name, value=str(cell)[:80])
        found.append(value)
    return tuple(found)


def _scores(column: Column, lines: Sequence[int], name: str, path: Path) -> tuple[float | None, ...]:
    found: list[float | None] = []
    for at, cell in enumerate(column):
        if isinstance(cell, str) and (word := WORDS.get(cell.strip().lower())) is not None:
            found.append(word)
            continue
        try:
            value = _number(cell)
        except ValueError:
            raise CallerError(
                "outcomes_score_unknown", path=str(path), line=lines[at], column=name, value=str(cell)[:80]
            ) from None
        if value is not None and not 0 <= value <= 1:
            raise CallerError("outcomes_score_range", path=str(path), line=lines[at], column=name, value=str(cell)[:80])
        found.append(value)
    return tuple(found)


def _flags(column: Column, lines: Sequence[int], path: Path) -> tuple[bool | None, ...]:
    found: list[bool | None] = []
    for at, cell in enumerate(column):
        text = str(cell).strip().lower()
        if cell is None or text in BLANK:
            found.append(None)
        elif text in ("1", "true", "yes", "重大", "1.0"):
            found.append(True)
        elif text in ("0", "false", "no", "0.0"):
            found.append(False)
        else:
            raise CallerError(
                "outcomes_flag_unknown", path=str(path), line=lines[at], column="critical", value=text[:80]
            )
    return tuple(found)
