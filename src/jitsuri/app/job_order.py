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
    pool_s: float = 30.0
    """How long the library's statements wait for a database that is away, before the worker begins anew."""
    grace_s: float = 30.0
    """How long a worker that is to end waits for steps under way; what goes on longer is taken up again by another one."""
    local_models: dict[str, tuple[str, str]] = {}  # msgspec copies it
    """Upstream name → base address and file with the key, of models on this machine."""
