"""Keeping the map of a thread's marks: each value encrypted under the thread's own key, bound to its mark.

AES-256-GCM (NIST SP 800-38D) with a nonce derived from key, mark and value: the same value under the same mark is the same
ciphertext, and no two values under one key share a nonce.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12


def sealed_value(value: str, key: bytes, mark: str) -> bytes:
    """A value, encrypted: one byte of version, the nonce, the ciphertext."""
    text = value.encode("utf-8", "surrogatepass")
    nonce = hmac.digest(key, b"nonce\0" + mark.encode() + b"\0" + text, sha256)[:_NONCE]
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, text, mark.encode())


def type_of(mark: str) -> str:
    """The type of what a mark stands for: ``[PERSON_4821]`` → ``PERSON``."""
    return mark.strip("[]").rpartition("_")[0]


def open_value(sealed: bytes, key: bytes, mark: str) -> str:
    """The value again. Raises InvalidTag where key or mark is another."""
    text = AESGCM(key).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], mark.encode())
    return text.decode("utf-8", "surrogatepass")
