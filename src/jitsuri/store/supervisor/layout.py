"""Where the embedded server keeps what, under the home folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one embedded server; ``home`` is absolute and resolved."""

    home: Path

    @property
    def root(self) -> Path:
        """Everything of PostgreSQL."""
        return self.home / "postgres"

    @property
    def programs(self) -> Path:
        """One folder per version of the programs, kept so that an old major can still be started."""
        return self.root / "programs"

    @property
    def sockets(self) -> Path:
        """The Unix socket's folder, mode 0700, of the server's account."""
        return self.root / "socket"

    @property
    def logs(self) -> Path:
        """The server's own log, a few files of limited size."""
        return self.root / "log"

    @property
    def start_log(self) -> Path:
        """What the server said before its log was open."""
        return self.logs / "start.log"

    @property
    def current(self) -> Path:
        """One line: the major whose data folder is in use. Its renaming into place is the moment of an upgrade."""
        return self.root / "current"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def port(self) -> Path:
        """One line: the TCP port, where a socket's path would be too long."""
        return self.root / "port"

    @property
    def in_use_lock(self) -> Path:
        """Held shared by every process that uses the server; who can hold it alone is the last."""
        return self.root / "in-use.lock"

    @property
    def turn_lock(self) -> Path:
        """Held by whoever is starting or stopping the server just now."""
        return self.root / "turn.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes (inherited), so it is free exactly when all of them are gone."""
        return self.root / "server.lock"

    def data(self, major: int) -> Path:
        return self.root / f"data-{major}"

    def data_majors(self) -> list[int]:
        """The majors that have a data folder, ascending."""
        names = (path.name.removeprefix("data-") for path in self.root.glob("data-*") if path.is_dir())
        return sorted(int(name) for name in names if name.isdigit())
