"""Our server, and nobody else: what a pid file says is believed only when the process proves it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

PID_FILE = "postmaster.pid"


def _is_server_on(process: psutil.Process, data: Path) -> bool:
    """Is this a living ``postgres`` on this data folder?

    A container's root may not see where another account's process stands; then its command line tells.
    """
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return False
        try:
            return os.path.samefile(process.cwd(), data)
        except psutil.AccessDenied:
            return str(data) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False


def postmaster(data: Path) -> psutil.Process | None:
    """The living server that the pid file names; None when the file is missing, torn, stale, or names another."""
    try:
        first = (data / PID_FILE).read_text("utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    if not first.isdigit() or not 0 < int(first) < 2**31:
        return None
    try:
        process = psutil.Process(int(first))
    except psutil.NoSuchProcess:
        return None
    return process if _is_server_on(process, data) else None


def server_processes(data: Path) -> list[psutil.Process]:
    """All living processes of a server on this data folder, also those that a killed postmaster left behind."""
    return [process for process in psutil.process_iter() if _is_server_on(process, data)]


def first_of(data: Path) -> psutil.Process | None:
    """The process that the others of a server come from, where no pid file tells; None where none lives."""
    living = server_processes(data)
    pids = {process.pid for process in living}
    for process in living:
        try:
            if process.ppid() not in pids:
                return process
        except psutil.NoSuchProcess:
            continue
    return None
