"""The password hasher, with its decoy and its limit on memory."""

from __future__ import annotations

from threading import BoundedSemaphore

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

AT_ONCE = 4
"""Hashes at one time: each takes 64 MiB, and a flood of sign-ins must not take the machine's memory (decision 0005)."""


class Passwords:
    """Hashes passwords with argon2id and compares them.

    Parameters: the second recommended option of RFC 9106 §4 (64 MiB, 3 passes, 4 lanes), as argon2-cffi ships it.
    Every comparison costs one hash, also for a login that does not exist.
    """

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY, at_once: int = AT_ONCE) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._places = BoundedSemaphore(at_once)
        self._decoy = self._hasher.hash("nobody's password")

    def hash(self, password: str) -> str:
        """A hash with its salt and parameters, as text."""
        with self._places:
            return self._hasher.hash(password)

    def is_right(self, password_hash: str, password: str) -> bool:
        """Does this password belong to this hash? With no hash ('') the answer is no, after the same work."""
        with self._places:
            try:
                self._hasher.verify(password_hash or self._decoy, password)
            except (VerificationError, InvalidHashError):
                return False
        return password_hash != ""

    def is_outdated(self, password_hash: str) -> bool:
        """Was this hash made with other parameters than today's? Then it is made anew at the next sign-in."""
        return self._hasher.check_needs_rehash(password_hash)
