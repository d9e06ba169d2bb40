"""What a worker of jobs is told when it is started."""

from __future__ import annotations

import msgspec


class JobOrder(msgspec.Struct, frozen=True):
    """What a worker of jobs is told on its command line."""

    home: str
    config: str
    at_once: int = 1
    """Jobs at once, each on a thread."""
    heartbeat_s: float = 5.0
    stalled_s: float = 30.0
    """After so long without a heartbeat a worker counts as dead (decision 0032)."""
    mend_s: float = 5.0
    """How often what dead workers left is looked for."""
