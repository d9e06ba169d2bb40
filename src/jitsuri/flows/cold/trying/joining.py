"""What other rooms hand to a trial: people's labels of its pairs, and the versions of a task's prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from uuid import UUID

from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.trying.pricing import Around, PromptOf
from jitsuri.flows.cold.viewing.basing import rates_kept
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire.local_files import LocalFolder
from jitsuri.review import records as review_rows
from jitsuri.rightsizing.shapes.trials import PairLabel
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Site
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError


def labels_of(tx: Connection, trial_id: UUID) -> Sequence[PairLabel]:
    """What people said of a trial's pairs, the standing version of each label."""
    return [PairLabel(*one) for one in review_rows.labels_of_trial(tx, trial_id)]


def prompts_of(store: Store) -> PromptOf:
    """How the text of a version of a task's prompt is found; each is read once, for versions never change."""

    @cache
    def found(task: str, version: int) -> str | None:
        with store.reading() as tx:
            prompt = routing_rows.prompt(tx, task, version)
        return None if prompt is None else prompt.text

    return found


def around_of(
    store: Store, upstreams: Mapping[str, Upstream], sites: Mapping[str, Site], kind: RateKind, home: Path, folder: Path,
    most_output_tokens: int,
) -> Around:  # fmt: skip
    """What a trial works with, from an installation: ``home`` holds students and rule tables, ``folder`` the text keys.

    Raises OperatorError ``price_book_missing`` where no price book is in use.
    """
    with store.reading() as tx:
        book = book_in_use(tx)
        rates = rates_kept(tx, kind)
    if book is None:
        raise OperatorError("price_book_missing")
    names = LocalFolder(home / "variants").names()
    return Around(book[0], rates, upstreams, sites, folder, names, most_output_tokens, prompts_of(store))
