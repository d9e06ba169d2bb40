"""A gateway that is wrong on purpose: it answers before its books are durable. The kill test must find it out."""

import sys

LATE_S = 0.5
"""Long enough that a kill at any moment under load meets an answer whose entry is not written yet."""

if any("jitsuri.app.worker" in word for word in sys.orig_argv):
    from jitsuri.flows.hot.booking import CallUnderWay
    from jitsuri.store.committing import Committer

    async def durable(self: CallUnderWay) -> None:
        """Does not wait."""

    pump = Committer._pump

    def late(self: Committer) -> None:
        self._loop.call_later(LATE_S, pump, self)

    CallUnderWay.durable = durable
    Committer._pump = late
