"""Keeping texts: compressed, then encrypted, bound to their call and part.

A sealed text is one version byte, a 12-byte nonce and AES-256-GCM over zstd-compressed JSON, with the call id and the
part as associated data, so that a text cannot be passed off as another call's. Source: NIST SP 800-38D (AES-GCM, 96-bit
nonces); the nonce is derived from call id, part and text, which never repeat under one key with another text.
"""

from __future__ import annotations

from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jitsuri.terms.errors import OperatorError
from jitsuri.terms.ids import digest_16
from jitsuri.terms.zstd import compress, decompress

_VERSION = b"\x01"
KEY_BYTES = 32


def seal(text: bytes, key: bytes, call_id: UUID, part: str) -> bytes:
    """Compress and encrypt the JSON of one part of a call."""
    nonce = digest_16(b"nonce", call_id.bytes, part.encode(), digest_16(text))[:12]
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, compress(text), _bound(call_id, part))


def unseal(sealed: bytes, key: bytes, call_id: UUID, part: str) -> bytes:
    """The JSON again. Raises OperatorError ``text_key_wrong`` when the key or the text is not the one."""
    try:
        packed = AESGCM(key).decrypt(sealed[1:13], sealed[13:], _bound(call_id, part))
    except InvalidTag as error:
        raise OperatorError("text_key_wrong", call=call_id, part=part) from error
    return decompress(packed)


def _bound(call_id: UUID, part: str) -> bytes:
    return call_id.bytes + part.encode()
