"""The key of an installation's pseudonyms: 64 hexadecimal digits in a file that only its keeper reads."""

from __future__ import annotations

import os
from pathlib import Path

from jitsuri.terms.errors import OperatorError

KEY_BYTES = 32


def guard_key(file: Path) -> bytes:
    """The key in the file, which is made where there is none. Raises OperatorError ``guard_key_unreadable``.

    Of processes that begin at once one makes it, the others read it: it is linked into place whole.
    """
    try:
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = file.with_name(f"{file.name}.{os.getpid()}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
                opened.write(os.urandom(KEY_BYTES).hex() + "\n")
                opened.flush()
                os.fsync(opened.fileno())
            try:
                os.link(fresh, file)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        key = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise OperatorError("guard_key_unreadable", file=file) from error
    if len(key) != KEY_BYTES:
        raise OperatorError("guard_key_unreadable", file=file)
    return key
