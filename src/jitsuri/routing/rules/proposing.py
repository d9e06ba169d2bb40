"""Proposals: prompt groups that look like one business task, for a person to name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from jitsuri.routing.shapes import Group, Proposal
from jitsuri.terms.ids import derived_id

ALIKE = 0.6
"""Jaccard similarity of character bigrams from which two beginnings count as the same (decision 0008)."""

MOST_COMPARED = 400
"""Groups compared with each other, dearest first; what is beyond it is gathered: the work stays bounded (decision 0008)."""


def propose(
    groups: Sequence[Group], costs_jpy: Mapping[UUID, Decimal], calls: Mapping[UUID, int],
    models: Mapping[UUID, Sequence[str]],
) -> list[Proposal]:  # fmt: skip
    """Join groups whose samples are alike, dearest first.

    A group joins the dearest proposal it resembles. What shares no beginning with anything is gathered per kind into one
    proposal, so that a person is not asked a thousand times.
    """
    ordered = sorted(
        groups, key=lambda g: (-costs_jpy.get(g.group_id, Decimal(0)), -calls.get(g.group_id, 0), g.group_id)
    )
    heads: list[tuple[Group, frozenset[str], list[Group]]] = []
    rest: dict[str, list[Group]] = {}
    for at, group in enumerate(ordered):
        shingles = _shingles(group.sample)
        home = None
        if at < MOST_COMPARED:
            home = next((h for h in heads if h[0].kind == group.kind and _alike(h[1], shingles) >= ALIKE), None)
        if home is not None:
            home[2].append(group)
        elif at >= MOST_COMPARED or (
            group.kind == "template" and not (group.sample and calls.get(group.group_id, 0) > 1)
        ):
            rest.setdefault(group.kind, []).append(group)
        else:
            heads.append((group, shingles, [group]))
    found = [_proposal(members, costs_jpy, calls, models, head.sample) for head, _, members in heads]
    found += [_proposal(members, costs_jpy, calls, models, "") for members in rest.values()]
    return sorted(found, key=lambda p: (-p.cost_jpy, -p.calls, p.proposal_id))


def _proposal(
    members: Sequence[Group], costs_jpy: Mapping[UUID, Decimal], calls: Mapping[UUID, int],
    models: Mapping[UUID, Sequence[str]], sample: str,
) -> Proposal:  # fmt: skip
    ids = tuple(sorted(g.group_id for g in members))
    its_id = derived_id("proposal", *(i.bytes for i in ids))
    return Proposal(
        proposal_id=its_id,
        groups=ids,
        suggested_name=f"task-{its_id.hex[:4]}",
        suggested_title=sample[:24].strip(),
        sample=sample,
        calls=sum(calls.get(i, 0) for i in ids),
        cost_jpy=sum((costs_jpy.get(i, Decimal(0)) for i in ids), Decimal(0)),
        models=tuple(sorted({m for i in ids for m in models.get(i, ())})),
    )


def _shingles(sample: str) -> frozenset[str]:
    folded = "".join(unicodedata.normalize("NFKC", sample).lower().split())
    return frozenset(folded[i : i + 2] for i in range(len(folded) - 1))


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    if not one or not other:
        return 0.0
    return len(one & other) / len(one | other)
