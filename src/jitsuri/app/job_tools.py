"""What a job in the background is handed, and what a job is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitsuri.flows.cold.stepping import Step
from jitsuri.providers.shapes import Ask
from jitsuri.settings import Settings
from jitsuri.store.door import Store


@dataclass(frozen=True, slots=True)
class JobTools:
    """What a job works with. It is built anew for every run."""

    store: Store
    step: Step
    now: Callable[[], datetime]
    settings: Settings
    environment: Mapping[str, str]
    ask: Ask
    """Asks models (``app.replaying``); its connections are there from the first question on."""
    progress: Callable[..., None]
    """``progress(done, total)``: how far it is, for pages; total may be left out."""
    look: Callable[[], None]
    """Raises where the job is to end now (cancelled, or its worker stops); a long step may ask in between."""


JobWork = Callable[[JobTools, dict[str, Any]], None]
"""An adapter: takes what it needs from the tools and calls a cold flow."""
