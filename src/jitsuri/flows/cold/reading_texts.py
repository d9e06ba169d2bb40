"""Reading kept texts: opened with their key for one who may see them, and that somebody did is kept as evidence."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal


def read_texts(store: Store, call_id: UUID, folder: Path, actor: str, now: datetime) -> dict[str, str] | Refusal:
    """The kept parts of a call as JSON texts: ``request``, ``response``. The evidence stands before anything is shown.

    ``folder`` is where the key files' names are looked for. Refuses ``texts_not_kept``. Raises OperatorError
    ``text_key_unreadable`` and ``text_key_wrong``.
    """
    with store.reading() as tx:
        kept = text_rows.of_call(tx, call_id)
    if not kept:
        return Refusal("texts_not_kept")
    opened = {
        part: unseal(sealed, read_key(folder / key_name), call_id, part).decode("utf-8", "replace")
        for part, (sealed, key_name, _) in kept.items()
    }
    with store.transaction() as tx:
        facts = {"parts": sorted(opened)}
        evidence_rows.append(tx, record_of(now, actor, "texts_viewed", f"call:{call_id}", facts))
    return opened
