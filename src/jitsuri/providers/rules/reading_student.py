"""A student's file becomes a student, or an error that names file, line, field and mend.

JSON lines, no pickle: reading it runs nothing. A header, one line per n-gram, and last the SHA-256 of all bytes before
that line, by which a damaged or half-copied file is known (not a forged one: whoever writes the file writes the sum).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from jitsuri.providers.rules.answering_student import LARGEST, Cut, Frequency, Norm, Student, Training, packed
from jitsuri.providers.rules.preparing_text import Preparation
from jitsuri.terms.errors import OperatorError

FORMAT = "jitsuri-student/1"
MOST_BYTES = 32 * 1024 * 1024
MOST_GRAMS = 100_000
MOST_WEIGHTS = 1_000_000
"""N-grams times classes. At both limits a student takes 50 MB in every worker (decision 0022)."""

_Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]


class _Class(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    intercept: _Number
    answer: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class _Grams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cut: Cut
    shortest: Annotated[int, msgspec.Meta(ge=1, le=8)]
    longest: Annotated[int, msgspec.Meta(ge=1, le=8)]
    frequency: Frequency
    norm: Norm
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST_GRAMS)]


class _Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    rows: Annotated[int, msgspec.Meta(ge=1)]
    day: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    text: Preparation
    grams: _Grams
    classes: Annotated[list[_Class], msgspec.Meta(min_length=2, max_length=1000)]
    training: _Training


class _Versioned(msgspec.Struct, frozen=True):
    format: str = ""


class _Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


_read_version = msgspec.json.Decoder(_Versioned).decode
_read_header = msgspec.json.Decoder(_Header).decode
_read_gram = msgspec.json.Decoder(tuple[str, _Number, tuple[_Number, ...]]).decode
_read_last = msgspec.json.Decoder(_Last).decode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are no JSON of the wanted form, no UTF-8, or nested too deeply."""
_AT = re.compile(r"(?P<why>.*?)(?: - at `(?P<at>[^`]*)`)?", re.DOTALL)


def student_of(document: bytes, where: str) -> Student:
    """The student that a file holds; ``where`` is the file's name for sentences.

    Raises OperatorError ``local_file_cut``, ``local_file_changed``, ``local_file_version``, ``local_field_wrong``,
    ``student_…``.
    """
    lines, checksum = _whole(document, where)
    header = _header(lines[0], where)
    classes = header.classes
    return Student(
        preparation=header.text,
        cut=header.grams.cut,
        shortest=header.grams.shortest,
        longest=header.grams.longest,
        frequency=header.grams.frequency,
        norm=header.grams.norm,
        weights=_weights(lines[1:], header, where),
        intercepts=tuple(one.intercept for one in classes),
        classes=tuple(one.name for one in classes),
        answers=tuple(one.answer or one.name for one in classes),
        training=Training(header.training.rows, header.training.day, header.training.source, header.training.by),
        mark=f"student-{checksum[:12]}",
    )


def field_fault(error: Exception, where: str, line: int = 0) -> OperatorError:
    """What msgspec found, as an error of ours: where in the file, which field, what was expected."""
    found = _AT.fullmatch(str(error))
    field = ((found["at"] if found else "") or "").removeprefix("$").removeprefix(".")
    why = found["why"] if found else str(error)
    return OperatorError("local_field_wrong", path=where, line=line, field=field or "$", why=why)


def _whole(document: bytes, where: str) -> tuple[list[bytes], str]:
    """The lines before the last one, whose sum is right."""
    body, _, last = document.removesuffix(b"\n").rpartition(b"\n")
    try:
        said = _read_last(last).sha256
    except UNREADABLE:
        _known_format(document.partition(b"\n")[0], where)
        raise OperatorError("local_file_cut", path=where) from None
    checksum = hashlib.sha256(document[: len(body) + 1]).hexdigest()
    if said != checksum:
        raise OperatorError("local_file_changed", path=where, said=said[:12], found=checksum[:12])
    return body.split(b"\n"), checksum


def _known_format(line: bytes, where: str) -> None:
    """Raises where the first line is no header of this version: a better hint than a missing last line."""
    try:
        said = _read_version(line).format
    except UNREADABLE as error:
        raise field_fault(error, where, 1) from None
    if said != FORMAT:
        raise OperatorError("local_file_version", path=where, value=said[:60], known=FORMAT)


def _header(line: bytes, where: str) -> _Header:
    _known_format(line, where)
    try:
        header = _read_header(line)
    except UNREADABLE as error:
        raise field_fault(error, where, 1) from None
    if header.grams.shortest > header.grams.longest:
        raise OperatorError("student_lengths", path=where, shortest=header.grams.shortest, longest=header.grams.longest)
    names = [one.name for one in header.classes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OperatorError("student_class_twice", path=where, name=twice)
    weights = header.grams.count * len(names)
    if weights > MOST_WEIGHTS:
        raise OperatorError("student_too_large", path=where, weights=weights, most=MOST_WEIGHTS)
    return header


def _weights(lines: Sequence[bytes], header: _Header, where: str) -> dict[str, int]:
    """N-gram → packed weights. Line by line, so that other threads get their turn while a large file is read."""
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 2):
        try:
            gram, own, weights = _read_gram(line)
        except UNREADABLE as error:
            raise field_fault(error, where, number) from None
        if not 0 < len(gram) <= header.grams.longest or gram in found:
            raise OperatorError("student_gram", path=where, line=number, gram=gram[:20], longest=header.grams.longest)
        found[gram] = _row(own, weights, header, where, number)
    if len(found) != header.grams.count:
        raise OperatorError("student_count", path=where, found=len(found), wanted=header.grams.count)
    return found


def _row(own: float, weights: tuple[float, ...], header: _Header, where: str, number: int) -> int:
    wanted = len(header.classes)
    if len(weights) != wanted:
        raise OperatorError("student_weights", path=where, line=number, found=len(weights), wanted=wanted)
    size = own * own if header.grams.norm == "l2" else own
    row = [own * weight for weight in weights]
    if own <= 0 or size > LARGEST or max(row) > LARGEST or min(row) < -LARGEST:
        raise OperatorError("student_range", path=where, line=number, value=own, most=LARGEST)
    return packed([*row, size])
