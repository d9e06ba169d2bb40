"""The server's settings, written anew at every start, so that a new version of ours brings its own."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from jitsuri.store.supervisor.layout import Layout

SOCKET_PORT = 5432
"""The number in the socket's name; nothing listens on this TCP port."""
SOCKET_PATH_BYTES = 100
"""Longest socket path that is tried. The kernel's own limits: 107 bytes (Linux, unix(7)), 103 (macOS)."""
FORBIDDEN = '"$`\\\n\r'
"""Characters that PostgreSQL's own tools hand to a shell unquoted; a home folder may not have them in its path."""

_SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "128MB",
    "min_dynamic_shared_memory": "32MB",  # parallel queries then need less of a container's small /dev/shm
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "restart_after_crash": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, YMD",
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
    "cluster_name": "jitsuri",
    "logging_collector": "on",
    "log_destination": "stderr",
    "log_filename": "postgres-%Y%m%d-%H%M%S.log",
    "log_rotation_size": "10MB",
    "log_rotation_age": "0",
    "log_file_mode": "0600",
    "log_checkpoints": "off",
    # A log keeps no business data: neither statements nor the rows that an error's detail would quote.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
LOG_FILES = 5
"""How many of the server's logs are kept, of 10 MB each (decision 0002)."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens: a socket folder, or 127.0.0.1 with a port of its own."""

    host: str
    port: int

    @property
    def is_tcp(self) -> bool:
        return not self.host.startswith("/")


def fits_socket(layout: Layout) -> bool:
    """May the socket's full path be used? A comma would make libpq read two hosts."""
    full = layout.sockets / f".s.PGSQL.{SOCKET_PORT}"
    return len(os.fsencode(full)) <= SOCKET_PATH_BYTES and "," not in str(full)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on just now, chosen by the kernel."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def conf_text(layout: Layout, address: Address) -> str:
    """The text of ``jitsuri.conf``."""
    folders = '"' + str(layout.sockets).replace('"', '""') + '"'
    settings = _SETTINGS | {
        "listen_addresses": address.host if address.is_tcp else "",
        "port": str(address.port),
        "unix_socket_directories": "" if address.is_tcp else folders,
        "log_directory": str(layout.logs),
    }
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    head = "# Written by jitsuri at every start; changes belong into postgresql.auto.conf (ALTER SYSTEM)."
    return "\n".join([head, *lines, ""])


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that it is either the old one or the whole new one, also after a power cut."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def drop_old_logs(layout: Layout) -> None:
    """Keep the newest LOG_FILES logs."""
    for path in sorted(layout.logs.glob("postgres-*.log"))[: -LOG_FILES or None]:
        path.unlink(missing_ok=True)
