"""Zstandard (RFC 8878): Python's own from 3.14 on, before that its backport, which has the same names (PEP 784)."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdDecompressor, ZstdError, compress, decompress
else:
    from backports.zstd import CompressionParameter, ZstdDecompressor, ZstdError, compress, decompress

__all__ = ["CompressionParameter", "ZstdDecompressor", "ZstdError", "compress", "decompress"]
