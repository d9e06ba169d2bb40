"""Short texts by which rules tell tasks apart, out of whatever a log carries along, without names of people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

MOST_LABELS = 20
MOST_LABEL_CHARACTERS = 200

TASK_NAMES = ("task", "jitsuri_task", "jitsuri.task")
DEPARTMENT_NAMES = ("department", "jitsuri_department", "jitsuri.department", "部門", "部署")
THREAD_NAMES = (
    "thread", "thread_id", "threadId", "conversation_id", "conversationId", "session_id", "sessionId", "trace_id",
    "traceId",
)  # fmt: skip
"""In this order: what a caller calls a conversation is nearer to one piece of business than a technical trace."""

_PERSONAL = frozenset({
    "user", "userid", "username", "enduser", "enduserid", "email", "mail", "mailaddress", "phone", "tel", "employee",
    "employeeid", "employeename", "name", "fullname", "firstname", "lastname", "displayname", "customer",
    "customername", "customerid", "person", "author", "ip", "ipaddress", "requesteripaddress", "address", "apikey",
    "authorization", "key", "token", "secret", "password", "cookie", "userapikey", "userapikeyuserid",
    "userapikeyuseremail", "userapikeyhash", "userapikeyenduserid", "氏名", "名前",
    "社員番号", "社員名", "担当者", "担当", "利用者",
    "ユーザー", "ユーザ", "メール", "電話", "顧客名", "お客様名", "住所",
})  # fmt: skip
_NO_LABEL = _PERSONAL | {re.sub("[^a-z]", "", n.lower()) for n in (*TASK_NAMES, *THREAD_NAMES)} | {"requestid", "id"}
_NOT_A_LETTER = re.compile(r"[\s_.\-]+")
_LOOKS_PERSONAL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|^(sk-|Bearer |pk-lf-|AKIA)", re.IGNORECASE)
_SECRET = re.compile(r"^(sk-|Bearer\s|AIza|AKIA|gsk_|xai-|hf_|pplx-)|^[A-Za-z0-9+/_\-]{40,}={0,2}$", re.IGNORECASE)
_HASH = re.compile(r"^[0-9a-f]{40,128}$")


def labels_of(*sources: Any) -> dict[str, str]:
    """Short scalar values of these objects by name, earlier objects first; at most 20, each at most 200 characters.

    Left out: names and addresses of people, credentials, ids of threads and requests (no rule needs them).
    """
    found: dict[str, str] = {}
    for source in sources:
        if not isinstance(source, dict):
            continue
        for name, value in source.items():
            text = _label(value)
            if text and name not in found and _bare(name) not in _NO_LABEL and len(found) < MOST_LABELS:
                found[name[:MOST_LABEL_CHARACTERS]] = text
    return found


def tags_of(value: Any) -> str:
    """Tags as one text, joined by commas; what LiteLLM adds by itself (``User-Agent: …``) is left out."""
    if isinstance(value, str):
        return _label(value)
    if not isinstance(value, list):
        return ""
    return ",".join(tag for one in value if (tag := _label(one)) and not tag.startswith("User-Agent:"))[
        :MOST_LABEL_CHARACTERS
    ]


def first_text(source: Any, names: tuple[str, ...]) -> str:
    """The first of these names that holds a text or number, as text; '' where none does."""
    if isinstance(source, Mapping):
        for name in names:
            value = source.get(name)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
    return ""


def headers_of(value: Any) -> dict[str, str]:
    """Headers with lower-case names, from an object or a list of pairs; credentials are not taken over."""
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found: dict[str, str] = {}
    for pair in pairs:
        if isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str):
            name = pair[0].lower()
            given = pair[1][0] if isinstance(pair[1], list) and pair[1] else pair[1]
            if name in _HEADERS and isinstance(given, str):
                found[name] = given
    return found


_HEADERS = frozenset({
    "x-jitsuri-task", "x-jitsuri-thread", "x-jitsuri-department", "traceparent", "x-request-id", "request-id",
})  # fmt: skip
"""All that is ever read of headers."""


def trace_of(headers: Mapping[str, str]) -> str:
    """The trace id of a W3C ``traceparent`` header (Trace Context §3.2: version-trace-parent-flags); '' without one."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 and parts[1].strip("0") else ""


def key_alias(value: Any) -> str:
    """A name for a credential: the alias as it is, the first 8 characters of a hash, never the credential itself."""
    if not isinstance(value, str) or not value:
        return ""
    if _HASH.match(value):
        return value[:8]
    if _SECRET.search(value):
        return "key-" + blake2b(value.encode(), digest_size=4).hexdigest()
    return value[:MOST_LABEL_CHARACTERS]


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or len(value) > MOST_LABEL_CHARACTERS or _LOOKS_PERSONAL.search(value):
        return ""
    return value.strip()


def _bare(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())
