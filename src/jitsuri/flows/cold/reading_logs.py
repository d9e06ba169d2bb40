"""Reading logs: files on disk become sources for the import, with the company's own prices, rates and text policies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from jitsuri.calls.live.reading_ahead import read_ahead
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.detecting import detect_format
from jitsuri.calls.rules.joining import batch_requests
from jitsuri.calls.rules.mapping import mapping_from_options
from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.rules.sealing import KEY_BYTES, seal
from jitsuri.calls.shapes import BatchRequest, CsvMapping, Fault, LogFormat, Logged, Reading, Run, TextPolicy
from jitsuri.calls.wire.opening import Log, open_log, read_mapping
from jitsuri.flows.cold.importing import Source, import_log
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.store.door import Store, without_nul
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.terms.period import company_day

LARGE_BYTES = 8 * 2**20
"""From this size on a log is read by a process of its own: starting it takes about as long as reading so much."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How the files are to be read, as a person asked; everything may be left to recognition."""

    format: LogFormat | None = None
    mapping: tuple[str, ...] = ()
    """``field=column`` pairs for a table, ``field==constant``."""
    mapping_file: Path | None = None
    fallback_at: datetime | None = None
    """Time of calls whose log tells none (answers of an Anthropic batch)."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the company's settings say to an import."""

    overrides: Path | None
    assumed_rates: Mapping[str, Decimal]
    rate_kind: RateKind
    folder: Path
    """Where relative key files are looked for: beside ``jitsuri.toml``."""


OnBatch = Callable[[Run, int, int], None]
"""Told after each batch: the report so far, bytes read, bytes in all."""


def import_files(
    store: Store,
    files: Sequence[Path],
    options: ReadOptions,
    means: Means,
    now: Callable[[], datetime],
    *,
    actor: str,
    on_batch: OnBatch,
) -> Iterator[Run]:
    """Import files one after the other; yields each file's report.

    The requests of a batch (its input file) are read first, wherever it stands in the list, and join the answers.
    Raises CallerError for a file that cannot be read at all, OperatorError when the installation cannot go on; what was
    committed stays.
    """
    pricer = Pricer(ensure_book(store, now(), means.overrides))
    rates = rates_in_use(store, now(), means.rate_kind, means.assumed_rates)
    with store.reading() as tx:
        policies = text_rows.policies(tx)
    keeping = _Keeping({t: p for t, p in policies.items() if p.keep == "full"}, means.folder, company_day(now()))
    requests: dict[str, BatchRequest] = {}
    answers: list[Path] = []
    for file in files:
        with open_log(file) as log:
            if options.format is None and _is_batch_input(log):
                requests.update(batch_requests(log, keep_bodies=bool(keeping.policies)))
            else:
                answers.append(file)
    if not answers:
        raise CallerError("log_is_batch_input")
    for file in answers:
        with open_log(file) as log:
            try:
                reading = plan_reading(
                    log.layout, log.head, log.header, now=now(), asked_format=options.format,
                    mapping=_mapping(options), fallback_at=options.fallback_at, requests=requests,
                    keep_bodies=bool(keeping.policies),
                )  # fmt: skip
            except CallerError as error:
                raise CallerError(error.code, log=file.name, **error.facts) from None
            yield _import_one(store, file, log, reading, pricer, rates, keeping, now, actor, on_batch)


def _import_one(
    store: Store, file: Path, log: Log, reading: Reading, pricer: Pricer, rates: Rates, keeping: _Keeping,
    now: Callable[[], datetime], actor: str, on_batch: OnBatch,
) -> Run:  # fmt: skip
    position = 0

    def ahead() -> Generator[Logged | Fault | None]:
        nonlocal position
        for record, read_to in read_ahead(file, reading):
            position = read_to
            yield record

    def here() -> Generator[Logged | Fault | None]:
        nonlocal position
        for number, raw in log:
            position = log.position
            yield raw if isinstance(raw, Fault) else read_record(number, raw, reading)

    lines = ahead() if log.size >= LARGE_BYTES else here()
    with contextlib.closing(lines):
        return import_log(
            store, Source(without_nul(file.name), reading.format, lines), pricer=pricer, rates=rates, now=now, actor=actor,
            sealing=keeping, on_batch=lambda run: on_batch(run, position, log.size),
        )  # fmt: skip


def _is_batch_input(log: Log) -> bool:
    try:
        detect_format(log.layout, log.head, log.header)
    except CallerError as error:
        return error.code == "log_is_batch_input"  # what else is wrong is told when the file's turn comes
    return False


def _mapping(options: ReadOptions) -> CsvMapping | None:
    if options.mapping_file is not None:
        return read_mapping(options.mapping_file)
    return mapping_from_options(options.mapping) if options.mapping else None


@dataclass(slots=True)
class _Keeping:
    """Seals the texts of tasks whose policy keeps them."""

    policies: Mapping[str, TextPolicy]
    folder: Path
    today: date
    _keys: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, logged: Logged, its_id: UUID, task: str) -> list[tuple[str, bytes, str, date]]:
        policy = self.policies.get(task)
        if policy is None:
            return []
        key = self._keys.get(policy.key_name)
        if key is None:
            key = self._keys[policy.key_name] = read_key(self.folder / policy.key_name)
        delete_on = company_day(logged.at) + timedelta(days=policy.retention_days)
        if delete_on < self.today:
            return []
        parts = (("request", logged.request_body), ("response", logged.response_body))
        return [(part, seal(body, key, its_id, part), policy.key_name, delete_on) for part, body in parts if body]


def read_key(file: Path) -> bytes:
    """The encryption key in a file: 64 hexadecimal digits. Raises OperatorError ``text_key_unreadable``."""
    try:
        key = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise OperatorError("text_key_unreadable", file=file) from error
    if len(key) != KEY_BYTES:
        raise OperatorError("text_key_unreadable", file=file)
    return key
