"""The keys of upstreams, read where their definitions say: a variable of the environment or a file.

A key is handed to nobody but the request that needs it: it stands in no error, no log and no ``repr``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from jitsuri.providers.shapes import Upstream
from jitsuri.terms.errors import OperatorError

LOOK_EVERY_S = 1.0
"""How often a key's file is looked at, in seconds: a changed key holds within this time, and a call costs no file access."""

LARGEST_FILE = 65_536
"""Bytes of a key's file that are read; a key is a line."""

_Stamp = tuple[int, int, int]


class Keys:
    """The keys of all upstreams; one object per process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._files: dict[str, tuple[_Stamp, str]] = {}
        self._looked_s: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Keys({len(self._files)} files read)"

    def key_of(self, upstream: Upstream) -> str:
        """The upstream's key; '' where its definition names none.

        A file is read again when it has changed. Raises OperatorError ``upstream_key_missing``,
        ``upstream_key_unreadable``, ``upstream_key_unusable``.
        """
        if upstream.key_env:
            key = self._environment.get(upstream.key_env, "").strip()
            place = upstream.key_env
        elif upstream.key_file:
            key = self._read(upstream)
            place = upstream.key_file
        else:
            return ""
        if not key:
            raise OperatorError("upstream_key_missing", upstream=upstream.name, place=place)
        if not (key.isascii() and key.isprintable()):
            raise OperatorError("upstream_key_unusable", upstream=upstream.name, place=place)
        return key

    def _read(self, upstream: Upstream) -> str:
        path = upstream.key_file
        now_s = time.monotonic()
        known = self._files.get(path)
        if known is not None and now_s - self._looked_s[path] < LOOK_EVERY_S:
            return known[1]
        try:
            found = os.stat(path)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if known is None or known[0] != stamp:
                with open(path, "rb") as file:
                    known = (stamp, file.read(LARGEST_FILE).decode("utf-8-sig").strip())
        except FileNotFoundError:
            self._files.pop(path, None)
            raise OperatorError("upstream_key_missing", upstream=upstream.name, place=path) from None
        except (OSError, ValueError) as error:
            self._files.pop(path, None)
            reason = error.strerror if isinstance(error, OSError) else "UTF-8"
            raise OperatorError("upstream_key_unreadable", upstream=upstream.name, place=path, reason=reason) from None
        self._files[path] = known
        self._looked_s[path] = now_s
        return known[1]
