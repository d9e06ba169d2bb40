"""``/v1/models``: what a key may ask for."""

from __future__ import annotations

import msgspec

from jitsuri.access.rules.keying import may
from jitsuri.flows.hot.attempting import refuse
from jitsuri.flows.hot.desk import Desk, Inquiry, Out
from jitsuri.flows.hot.telling import answer_headers
from jitsuri.routing.rules.choosing import TASK_PREFIX
from jitsuri.terms.outcomes import Refusal

_SINCE = 1_767_225_600
"""2026-01-01 UTC: models have a day of making in both dialects, and tasks have none that says anything."""


async def list_models(desk: Desk, inquiry: Inquiry, out: Out) -> None:
    """Tasks with a variant as ``task:NAME``, and the model names that upstreams list, as far as the key may use them."""
    call_id = str(desk.new_id())
    key = desk.keys.find(inquiry.authorization, inquiry.x_api_key, desk.now())
    if isinstance(key, Refusal):
        await refuse(desk, inquiry, None, key, out)
        return
    tasks, models = desk.table.offered()
    names = [TASK_PREFIX + task for task in tasks if key.task in ("", task)]
    if not key.task:
        names += [model for model in models if may(key, "", model, key.regions[0] if key.regions else "") is None]
    if inquiry.dialect == "anthropic":
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in names
        ]
        first, last = (names[0], names[-1]) if names else (None, None)
        body = msgspec.json.encode({"data": data, "has_more": False, "first_id": first, "last_id": last})
    else:
        rows = [{"id": name, "object": "model", "created": _SINCE, "owned_by": "jitsuri"} for name in names]
        body = msgspec.json.encode({"object": "list", "data": rows})
    await out.whole(200, answer_headers(call_id, len(body)), body)
