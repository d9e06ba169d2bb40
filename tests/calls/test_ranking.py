"""How long calls took, from counts per bucket: inside the right bucket, growing with the share, honest beyond the last."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from jitsuri.calls.rules.ranking import Rank, rank_of
from jitsuri.calls.shapes import BUCKETS_MS

TIMES = st.lists(st.integers(0, 200_000), min_size=1, max_size=60)
SHARES = st.sampled_from([Decimal("0.01"), Decimal("0.5"), Decimal("0.95"), Decimal(1)])


def counted(times: list[int]) -> list[int]:
    counts = [0] * (len(BUCKETS_MS) + 1)
    for ms in times:
        counts[bisect_left(BUCKETS_MS, ms)] += 1
    return counts


def test_nothing_counted_has_no_rank() -> None:
    assert rank_of((), Decimal("0.5")) is None
    assert rank_of([0] * 12, Decimal("0.5")) is None


def test_what_took_longer_than_the_last_bound_is_only_known_to_be_longer() -> None:
    assert rank_of(counted([90_000]), Decimal("0.5")) == Rank(80_000, is_beyond=True)
    assert rank_of(counted([10, 90_000]), Decimal("0.5")) == Rank(50)
    assert rank_of(counted([10, 90_000]), Decimal("0.95")) == Rank(80_000, is_beyond=True)


@given(TIMES, SHARES)
def test_a_rank_lies_in_the_bucket_of_the_call_that_has_it(times: list[int], share: Decimal) -> None:
    found = rank_of(counted(times), share)

    ordered = sorted(times)
    at = max(0, ceil(share * len(times)) - 1)
    bucket = bisect_left(BUCKETS_MS, ordered[at])
    assert found is not None
    if bucket == len(BUCKETS_MS):
        assert found.is_beyond
    else:
        assert (BUCKETS_MS[bucket - 1] if bucket else 0) <= found.ms <= BUCKETS_MS[bucket]


@given(TIMES)
def test_a_larger_share_never_took_less(times: list[int]) -> None:
    half, most = (rank_of(counted(times), share) for share in (Decimal("0.5"), Decimal("0.95")))

    assert half is not None
    assert most is not None
    assert half.ms <= most.ms
