"""What a worker of the gateway is told when it is started."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct, frozen=True):
    """What a worker is told on its command line."""

    home: str
    config: str
    socket: int
    number: int
    workers: int
    local_models: dict[str, tuple[str, str]] = {}  # msgspec copies it
    """Upstream name → base address and file with the key, of models on this machine."""
