"""A gateway that is wrong on purpose: it answers before its books are durable. The kill test must find it out."""

import sys

if any("jitsuri.app.worker" in word for word in sys.orig_argv):
    from jitsuri.flows.hot.booking import CallUnderWay
    from jitsuri.store.committing import Committer

    async def durable(self: CallUnderWay) -> None:
        """Does not wait."""

    def late(self: Committer) -> None:
        self._loop.call_later(0.05, self._pump)

    CallUnderWay.durable = durable
    Committer._look = late
