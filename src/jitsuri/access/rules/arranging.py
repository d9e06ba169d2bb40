"""The department tree: what stood on a day, sums up the tree, and what a file of departments changes.

Every department has spans of days. A department that moves, or changes its name or cost centre, ends one span and
begins another, so that the tree of a past month stays what it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise

from jitsuri.access.shapes import Arrangement, Department
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.money import EXACT_DIGITS
from jitsuri.terms.outcomes import Refusal

COMPANY = ""
"""The parent of a top department: the company itself, which has no row."""

_OPEN = date.max
_DAY = timedelta(days=1)
LONGEST_CODE = 64
"""Characters of a department code (decision 0005)."""

Asked = tuple[int, Department]
"""A department with the line of the file it stands on."""


def tree_at(departments: Iterable[Department], day: date) -> dict[str, Department]:
    """The departments that stand on this day, by code."""
    return {d.code: d for d in departments if d.valid_from <= day <= (d.valid_to or _OPEN)}


def path_of(departments: Iterable[Department], code: str, day: date) -> tuple[str, ...]:
    """The codes from the top down to this department, itself included, as the tree stood on the day.

    A code that did not stand then is its own path; 未割当 ('') has none.
    """
    return _path(tree_at(departments, day), code)


def roll_up(departments: Iterable[Department], amounts: Mapping[str, Decimal], day: date) -> dict[str, Decimal]:
    """Amounts of departments summed up the tree of the day: each code with everything below it, in yen, exact.

    ``amounts`` are each department's own. Codes that are not in the day's tree, and 未割当 (''), keep their own line,
    so that nothing is lost: the company's total is the sum of ``amounts``.
    """
    tree = tree_at(departments, day)
    sums: dict[str, Decimal] = dict.fromkeys(tree, Decimal(0))
    with localcontext(prec=EXACT_DIGITS):
        for code, amount in amounts.items():
            for above in _path(tree, code) or (UNASSIGNED,):
                sums[above] = sums.get(above, Decimal(0)) + amount
    return sums


def below(departments: Iterable[Department], code: str, day: date) -> tuple[str, ...]:
    """This department and every one below it on the day, sorted: what a page filters by."""
    tree = tree_at(departments, day)
    return tuple(sorted({code} | {held for held in tree if code in _path(tree, held)}))


def arrange(existing: Sequence[Department], asked: Sequence[Asked]) -> Arrangement | tuple[Refusal, ...]:
    """What a whole file of departments changes, or everything that is wrong with it, by line.

    - a row that stands already is known; so is an open row whose department has moved on since;
    - a row that gives an open span its last day ends it;
    - a row that begins later than its department's open span ends that span the day before: the department moves
      (a span with a last day of its own is never shortened: that is an overlap);
    - departments that the file does not name stay as they are.
    """
    faults = [fault for line, department in asked for fault in _faults_alone(line, department)]
    faults += _doubles(asked)
    if faults:
        return tuple(faults)
    spans = {(d.code, d.valid_from): d for d in existing}
    lines: dict[tuple[str, date], int] = {}
    known = 0
    for line, department in sorted(asked, key=lambda a: (a[1].code, a[1].valid_from)):
        key = (department.code, department.valid_from)
        lines[key] = line
        standing = spans.get(key)
        _end_open_span(spans, department)
        if standing is None:
            spans[key] = department
        elif _is_known(standing, department, spans):
            known += 1
        elif standing.valid_to is None and replace(department, valid_to=None) == standing:
            spans[key] = department
        else:
            faults.append(_fault("department_differs", line, "valid_from", department.valid_from, department.code))
    faults += _overlaps(spans, lines) or [*_orphans(spans, lines), *_circles(spans, lines)]
    if faults:
        return tuple(sorted(faults, key=lambda fault: (str(fault.facts["line"]).rjust(9), fault.code)))
    before = {(d.code, d.valid_from): d for d in existing}
    return Arrangement(
        tuple(d for key, d in sorted(spans.items()) if key not in before),
        tuple(d for key, d in sorted(spans.items()) if key in before and before[key] != d),
        known,
    )


def _path(tree: Mapping[str, Department], code: str) -> tuple[str, ...]:
    if code == UNASSIGNED:
        return ()
    path = [code]
    while path[-1] in tree and tree[path[-1]].parent not in (COMPANY, *path):
        path.append(tree[path[-1]].parent)
    return tuple(reversed(path))


def _fault(code: str, line: int, field: str, value: object, department: str, **facts: object) -> Refusal:
    return Refusal(code, {"line": line, "field": field, "value": str(value), "department": department, **facts})


def _faults_alone(line: int, department: Department) -> Iterator[Refusal]:
    """What is wrong with a row whatever the others say."""
    code = department.code
    for field, value in (("code", code), ("parent", department.parent)):
        if len(value) > LONGEST_CODE or not value.isprintable() or " " in value:
            yield _fault("department_code_invalid", line, field, value, code, longest=LONGEST_CODE)
    if department.parent == code:
        yield _fault("department_circle", line, "parent", department.parent, code, path=f"{code} → {code}")
    if department.valid_to is not None and department.valid_to < department.valid_from:
        yield _fault("department_ends_early", line, "valid_to", department.valid_to, code)


def _doubles(asked: Sequence[Asked]) -> Iterator[Refusal]:
    seen: dict[tuple[str, date], int] = {}
    for line, department in asked:
        key = (department.code, department.valid_from)
        if key in seen:
            yield _fault("department_double", line, "code", department.code, department.code, first=seen[key])
        seen.setdefault(key, line)


def _is_known(standing: Department, asked: Department, spans: Mapping[tuple[str, date], Department]) -> bool:
    """Equal, or open in the file where a later span ended it since: the file is only older."""
    if standing == asked:
        return True
    if asked.valid_to is not None or standing.valid_to is None or replace(standing, valid_to=None) != asked:
        return False
    return (standing.code, standing.valid_to + _DAY) in spans


def _end_open_span(spans: dict[tuple[str, date], Department], moved: Department) -> None:
    """The span that is open when a later one of the same department begins ends the day before."""
    for key, span in spans.items():
        if span.code == moved.code and span.valid_to is None and span.valid_from < moved.valid_from:
            spans[key] = replace(span, valid_to=moved.valid_from - _DAY)
            return


def _by_code(spans: Iterable[Department]) -> dict[str, list[Department]]:
    found: dict[str, list[Department]] = defaultdict(list)
    for span in spans:
        found[span.code].append(span)
    for held in found.values():
        held.sort(key=lambda d: d.valid_from)
    return found


def _overlaps(spans: Mapping[tuple[str, date], Department], lines: Mapping[tuple[str, date], int]) -> list[Refusal]:
    faults = []
    for code, held in _by_code(spans.values()).items():
        for earlier, later in pairwise(held):
            if later.valid_from <= (earlier.valid_to or _OPEN):
                line = lines.get((code, later.valid_from)) or lines.get((code, earlier.valid_from), 0)
                until = earlier.valid_to.isoformat() if earlier.valid_to else "–"
                faults.append(
                    _fault("department_overlap", line, "valid_from", later.valid_from, code,
                           start=earlier.valid_from, until=until)
                )  # fmt: skip
    return faults


def _orphans(spans: Mapping[tuple[str, date], Department], lines: Mapping[tuple[str, date], int]) -> Iterator[Refusal]:
    """Parents must stand on every day of their children."""
    by_code = _by_code(spans.values())
    for key, child in spans.items():
        if child.parent == COMPANY:
            continue
        named = by_code.get(child.parent)
        if named is None:
            yield _fault("department_parent_unknown", lines.get(key, 0), "parent", child.parent, child.code)
            continue
        missing = _first_gap(named, child)
        if missing is not None:
            line = lines.get(key) or max((lines.get((p.code, p.valid_from), 0) for p in named), default=0)
            yield _fault("department_parent_absent", line, "parent", child.parent, child.code, day=missing)


def _first_gap(parents: Sequence[Department], child: Department) -> date | None:
    """The first day of the child on which no span of the parent stands; ``parents`` by time, without overlaps."""
    day, last = child.valid_from, child.valid_to or _OPEN
    for parent in parents:
        if parent.valid_from > day:
            return day
        end = parent.valid_to or _OPEN
        if end >= last:
            return None
        if end >= day:
            day = end + _DAY
    return day


def _circles(spans: Mapping[tuple[str, date], Department], lines: Mapping[tuple[str, date], int]) -> Iterator[Refusal]:
    """Walk up from every department on every day on which some span begins: nobody may come back to oneself."""
    told: set[frozenset[str]] = set()
    for day in sorted({valid_from for _, valid_from in spans}):
        tree = tree_at(spans.values(), day)
        safe: set[str] = {COMPANY}
        for start in tree:
            walked: list[str] = []
            code = start
            while code in tree and code not in safe and code not in walked:
                walked.append(code)
                code = tree[code].parent
            if code in walked:
                circle = walked[walked.index(code) :]
                if frozenset(circle) not in told:
                    told.add(frozenset(circle))
                    yield _circle_fault([tree[held] for held in circle], lines)
            safe.update(walked)


def _circle_fault(circle: Sequence[Department], lines: Mapping[tuple[str, date], int]) -> Refusal:
    placed = [(lines.get((d.code, d.valid_from), 0), d) for d in circle]
    line, department = max(placed, key=lambda p: p[0])
    path = " → ".join([*(d.code for d in circle), circle[0].code])
    return _fault("department_circle", line, "parent", department.parent, department.code, path=path)
