"""A gateway that is wrong on purpose: it answers before its books are durable. The kill test must find it out."""

import sys

if any("jitsuri.app.worker" in word for word in sys.orig_argv):
    import time

    from jitsuri.flows.hot.booking import CallUnderWay
    from jitsuri.store.committing import Committer

    async def durable(self: CallUnderWay) -> None:
        """Does not wait."""

    write = Committer._write

    def late(self: Committer, batch: list) -> None:
        time.sleep(0.05)
        write(self, batch)

    CallUnderWay.durable = durable
    Committer._write = late
