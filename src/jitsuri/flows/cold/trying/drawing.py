"""Drawing a sample (標本): kept requests opened once, read so that they can be asked again, and chosen by stratum.

That they were opened is evidence before anything is done with them: one record for the whole trial, with the count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jitsuri.calls.records import reading as call_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.records.texts import KeptThread
from jitsuri.calls.rules.rereading import Reply, Reread, asked_again, reread_answer, reread_request
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.flows.cold.trying.pricing import asked_of
from jitsuri.ledger.records.reading import amounts_of_calls
from jitsuri.ledger.shapes.views import CallAmounts
from jitsuri.providers.shapes import Asked
from jitsuri.rightsizing.rules.sampling import Sampled, chosen_of
from jitsuri.rightsizing.shapes.trials import Drawn, SampledRequest
from jitsuri.store.door import Connection

OPENED_PER_REQUEST = 4
FEWEST_OPENED, MOST_OPENED = 400, 4_000
"""Texts opened to draw one request: enough to fold near-duplicates and fill every stratum, and no more (decision 0031)."""
CHANNEL, CUSTOMER_TYPE = ("channel", "チャネル"), ("customer_type", "顧客区分")


class Keys:
    """Text keys by name, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}

    def __call__(self, name: str) -> bytes:
        """The key of this name. Raises OperatorError ``text_key_unreadable``."""
        if name not in self._kept:
            self._kept[name] = read_key(self._folder / name)
        return self._kept[name]


@dataclass(frozen=True, slots=True)
class Usable:
    """A kept call that can be asked again. ``reply`` is today's answer; None where none is kept."""

    thread: KeptThread
    request: Reread
    reply: Reply | None
    reply_until: date | None
    """The last day of the kept answer."""
    key_name: str
    asked: Asked
    amounts: CallAmounts | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn: the requests in the order in which they are asked, and what stands behind each."""

    requests: tuple[SampledRequest, ...]
    usable: tuple[Usable, ...]
    """One per request."""
    drawn: Drawn


def draw(
    tx: Connection,
    threads: Sequence[KeptThread],
    size: int,
    seed: int,
    keys: Keys,
    most_output: int,
    *,
    needs_reply: bool,
) -> Sample:
    """Draw ``size`` requests from these threads. ``needs_reply``: without a kept answer of today a request is of no use.

    Raises OperatorError ``text_key_unreadable`` and ``text_key_wrong``.
    """
    wanted = min(len(threads), MOST_OPENED, max(FEWEST_OPENED, OPENED_PER_REQUEST * size))
    order = drawn_order([str(one.call_id) for one in threads], seed)[:wanted]
    looked_at = [threads[at] for at in order]
    amounts = amounts_of_calls(tx, [one.call_id for one in looked_at])
    kept = text_rows.of_calls(tx, [one.call_id for one in looked_at])
    usable: list[Usable] = []
    unusable: Counter[str] = Counter()
    for one in looked_at:
        found = _usable(
            one, kept.get(one.call_id, {}), amounts.get(one.call_id), keys, most_output, needs_reply=needs_reply
        )
        if isinstance(found, str):
            unusable[found] += 1
        else:
            usable.append(found)
    pool = [_sampled(one) for one in usable]
    chosen = chosen_of(pool, size, seed)
    requests = tuple(
        SampledRequest(
            at, usable[c.place].thread.call_id, usable[c.place].thread.thread_id, usable[c.place].thread.at, c.stratum,
            c.slices, c.stands_for,
        )
        for at, c in enumerate(chosen)
    )  # fmt: skip
    folded = len(usable) - len(chosen_of(pool, len(pool), seed)) if pool else 0
    told = Drawn(
        len(threads), len(looked_at), folded, dict(unusable.most_common()),
        dict(Counter(one.stratum for one in requests).most_common()),
    )  # fmt: skip
    return Sample(requests, tuple(usable[c.place] for c in chosen), told)


def opened_requests(tx: Connection, requests: Sequence[SampledRequest], keys: Keys) -> dict[int, Reread]:
    """The requests of a sample by position; those whose text has been deleted meanwhile are missing."""
    kept = text_rows.of_calls(tx, [one.call_id for one in requests])
    sources = {call.call_id: call.source for call in call_rows.of_ids(tx, [one.call_id for one in requests])}
    found: dict[int, Reread] = {}
    for one in requests:
        if (part := kept.get(one.call_id, {}).get("request")) is None:
            continue
        read = reread_request(unseal(part[0], keys(part[1]), one.call_id, "request"), sources.get(one.call_id, ""))
        if isinstance(read, Reread):
            found[one.position] = read
    return found


def _usable(
    thread: KeptThread, parts: Mapping[str, tuple[bytes, str, date]], amounts: CallAmounts | None, keys: Keys,
    most_output: int, *, needs_reply: bool,
) -> Usable | str:  # fmt: skip
    """A kept call as it can be asked again, or the code of why not."""
    request = parts.get("request")
    if request is None:
        return "request_deleted"
    read = reread_request(unseal(request[0], keys(request[1]), thread.call_id, "request"), thread.source)
    if isinstance(read, str):
        return read
    asked = asked_of(read.dialect, asked_again(read, most_output))
    if not isinstance(asked, Asked):
        return "request_unreadable"
    if asked.unbounded:
        return "request_unbounded"
    response = parts.get("response")
    reply = None
    if response is not None:
        reply = reread_answer(unseal(response[0], keys(response[1]), thread.call_id, "response"))
    if needs_reply and reply is None:
        return "answer_not_kept" if response is None else "answer_unreadable"
    return Usable(thread, read, reply, response[2] if response is not None else None, request[1], asked, amounts)


def _sampled(one: Usable) -> Sampled:
    told = {name.lower(): value for name, value in one.thread.metadata.items()}
    channel, customer = (next((told[n] for n in names if told.get(n)), "")[:60] for names in (CHANNEL, CUSTOMER_TYPE))
    tokens = one.amounts.input_tokens if one.amounts is not None else 0
    return Sampled(
        str(one.thread.call_id), one.thread.at, tokens or one.asked.input_bytes, channel, customer, one.request.text
    )
