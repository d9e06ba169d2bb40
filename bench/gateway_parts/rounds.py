"""The measuring itself: cell after cell, round after round, one target after the other and then in reverse."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway_parts.asking import CELLS, Cell, Target, request_of
from gateway_parts.starting import Place, tell_upstream
from gateway_parts.weighing import OTHER_CORE, pinned, weigh, yardstick_ms

Row = dict[str, Any]
"""One measurement, or one fact about the run: a line of the results."""


@dataclass(slots=True)
class Bench:
    """What a run needs: the load program, the place, who answers, and who keeps books."""

    load: Path
    place: Place
    targets: Sequence[Target]
    seconds: float
    write: Callable[[Row], None]
    books: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """By target: how many calls its books hold now."""
    homes: Mapping[str, Path] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Why the run is void; empty when it holds."""

    def run(self, cells: Sequence[str], rounds: int) -> list[Row]:
        rows = []
        for name in cells:
            cell = CELLS[name]
            tell_upstream(self.place.upstream_port, f"/set?chunks={cell.pieces}&gap_us={cell.gap_us}&think_us=0")
            able = [target for target in self.targets if cell.dialect == "chat" or cell.dialect in target.models]
            for target in able:
                self.measure(target, cell, 1.0)  # connections are opened and caches filled before anything counts
            for number in range(rounds):
                for target in able if number % 2 == 0 else able[::-1]:
                    measured = self.measure(target, cell, self.seconds)
                    row = {"name": target.name, "cell": name, "round": number, **measured}
                    rows.append(row)
                    self.write(row)
        return rows

    def measure(self, target: Target, cell: Cell, seconds: float) -> Row:
        """One load on one target; what its books and the upstream gained must be what was answered."""
        home = self.homes.get(target.name)
        books = self.books.get(target.name)
        entries = books() if books else 0
        asked = sum(tell_upstream(self.place.upstream_port, "/count").values())
        yardstick = yardstick_ms()
        before = weigh(target.pid, home)
        row = self.put_load(target, cell, seconds)
        after = weigh(target.pid, home)
        row["rps"] = round(row["ok"] / row["seconds"], 2)
        row["yardstick_ms"] = round((yardstick + yardstick_ms()) / 2, 2)
        if before and after and row["ok"]:
            row["cpu_us"] = round((after.cpu_s - before.cpu_s) * 1e6 / row["ok"], 1)
            row["cores"] = round((after.cpu_s - before.cpu_s) / row["seconds"], 2)
            row["pss_mb"] = after.pss_mb
            row["each_mb"] = after.each
            if after.postgres_pss_mb:
                row["postgres_cpu_us"] = round((after.postgres_cpu_s - before.postgres_cpu_s) * 1e6 / row["ok"], 1)
                row["postgres_pss_mb"] = after.postgres_pss_mb
        row["asked_upstream"] = sum(tell_upstream(self.place.upstream_port, "/count").values()) - asked
        if books:
            row["entries"] = books() - entries
        self.check(target, cell, row)
        return row

    def put_load(self, target: Target, cell: Cell, seconds: float) -> Row:
        request = self.place.folder / "request"
        request.touch(mode=0o600)
        request.write_bytes(request_of(target, cell))
        how = (target.port, request, cell.connections, seconds, cell.first, cell.last)
        words = [str(self.load), *(str(word) for word in how)]
        with pinned(OTHER_CORE, is_realtime=self.place.is_realtime or self.place.are_instruments_first):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            nothing = {"ok": 0, "refused": 0, "broken": 1, "seconds": seconds}
            return {**nothing, "last_refusal": done.stderr[:200]}
        row: Row = json.loads(done.stdout)
        return row

    def check(self, target: Target, cell: Cell, row: Row) -> None:
        """A run in which anything was refused, cut off, answered from elsewhere, or not booked exactly, is void."""
        place = f"{target.name} {cell.name}"
        if row["refused"] or row["broken"]:
            self.faults.append(
                f"{place}: {row['refused']} refused (last {row.get('last_status')} {row.get('last_refusal')}), "
                f"{row['broken']} broken"
            )
        if row["asked_upstream"] != row["ok"]:
            self.faults.append(f"{place}: {row['ok']} answers, but the upstream gave {row['asked_upstream']}")
        if "entries" in row and row["entries"] != row["ok"]:
            self.faults.append(f"{place}: {row['ok']} answers, but {row['entries']} entries in the books")
