"""What an answer that is passed through untouched reports of itself: its use, model and id, wherever a vendor puts them.

OpenAI's paths have ``usage`` at the top or below ``response``; Gemini's own (``:generateContent``) ``usageMetadata``, once
per piece and growing, and name the model in the path. Sources: ``openai`` 3.57.0 and ``google-genai`` 3.6.1 (``types``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from jitsuri.providers.shapes import Told

_DECODER = msgspec.json.Decoder()
_MODEL_IN_PATH = re.compile(r"/(?:models|tunedModels)/([^/:]+):([A-Za-z]+)$")


def model_of_path(path: str) -> tuple[str, bool]:
    """The model that a path of Gemini's own names, and whether it asks for pieces; ('', False) for any other path.

    >>> model_of_path("/models/gemini-2.5-flash:streamGenerateContent"), model_of_path("/audio/speech")
    (('gemini-2.5-flash', True), ('', False))
    """
    found = _MODEL_IN_PATH.search(path)
    return (unquote(found[1]), found[2].startswith("stream")) if found else ("", False)


def told_of(data: bytes) -> Told:
    """What a JSON answer reports. Pieces that came as one list (``:streamGenerateContent``) are told by the last."""
    try:
        found = _DECODER.decode(data)
    except msgspec.DecodeError:
        return Told()
    if not isinstance(found, list):
        return _told(found)
    return next((told for told in map(_told, reversed(found)) if told.usage is not None), Told())


def told_of_events(tail: bytes) -> Told:
    """What the last event reports that reports a use."""
    for line in reversed(tail.split(b"\n")):
        if line.startswith(b"data:") and b'"usage' in line:
            told = told_of(line[5:].strip())
            if told.usage is not None:
                return told
    return Told()


def _told(found: Any) -> Told:
    if not isinstance(found, dict):
        return Told()
    native = found.get("usageMetadata")
    if isinstance(native, dict):
        return Told(response_id=_text(found, "responseId"), model=_text(found, "modelVersion"), usage=native)
    inner, usage = found.get("response"), found.get("usage")
    if not isinstance(usage, dict) and isinstance(inner, dict):
        found, usage = inner, inner.get("usage")
    return Told(
        response_id=_text(found, "id"), model=_text(found, "model"), tier=_text(found, "service_tier"),
        usage=usage if isinstance(usage, dict) else None,
    )  # fmt: skip


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
