"""How pairs came to people, put into a trial's table: the columns that make a verdict weight them back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jitsuri.rightsizing.rules.pairing import SHARE, STRATUM, STRATUM_SIZE
from jitsuri.rightsizing.shapes.outcomes import Table

Drawn = tuple[str, str, int]
"""(stratum, share or '', pairs of the stratum)."""


def with_shares(
    table: Table, ways: Mapping[str, int], positions: Mapping[str, int], shares: Mapping[tuple[int, int], Drawn]
) -> Table:
    """The table with ``share`` and ``stratum_size``, and with the strata of the draw in place of the sample's.

    ``ways``: model → number; ``positions``: prompt id → position; ``shares`` by way and position. Without any draw the table
    stays as it is.
    """
    if not shares:
        return table
    found = [
        shares.get((ways.get(model, 0), positions.get(prompt_id, -1)))
        for model, prompt_id in zip(table.models, table.prompt_ids, strict=True)
    ]
    strata = table.fields.get(STRATUM, ("",) * len(table))
    fields = {
        **table.fields,
        STRATUM: tuple(one[0] if one else stratum for one, stratum in zip(found, strata, strict=True)),
        SHARE: tuple(one[1] if one else "" for one in found),
        STRATUM_SIZE: tuple(str(one[2]) if one else "" for one in found),
    }
    return replace(table, fields=fields)
