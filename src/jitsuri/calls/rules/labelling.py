"""Short texts by which rules tell tasks apart, out of whatever a log carries along, without names of people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

Names = dict[str, None]
"""Names in order of preference; a dictionary, as it is compared with a record's in one step."""

MOST_LABELS = 20
MOST_LABEL_CHARACTERS = 200

TASK_NAMES = dict.fromkeys(("task", "jitsuri_task", "jitsuri.task"))
DEPARTMENT_NAMES = dict.fromkeys(("department", "jitsuri_department", "jitsuri.department", "部門", "部署"))
THREAD_NAMES = dict.fromkeys((
    "thread", "thread_id", "threadId", "conversation_id", "conversationId", "session_id", "sessionId", "trace_id",
    "traceId",
))  # fmt: skip
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
            if _is_label(name) and name not in found and len(found) < MOST_LABELS and (text := _label(value)):
                found[name] = text
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


def names_of(*names: str) -> Names:
    """Names to look for, the preferred ones first."""
    return dict.fromkeys(names)


def first_text(source: Any, names: Names) -> str:
    """The first of these names that holds a text or a whole number, as text; '' where none does."""
    if type(source) is dict and not names.keys().isdisjoint(source):
        for name in names:
            if text := text_at(source, name):
                return text
    return ""


def text_at(source: Any, name: str) -> str:
    """The text or whole number under a name, as text; '' for anything else."""
    value = source.get(name) if type(source) is dict else None
    if type(value) is str:
        return value
    return str(value) if type(value) is int else ""


def headers_of(value: Any) -> dict[str, str]:
    """Headers with lower-case names, from an object or a list of pairs; credentials are not taken over."""
    if isinstance(value, list):
        value = {pair[0]: pair[1] for pair in value if isinstance(pair, list) and len(pair) == 2 and _is_text(pair[0])}
    found: dict[str, str] = {}
    for name, given in value.items() if isinstance(value, dict) else ():
        lower = name.lower()
        if lower in _HEADERS:
            given = given[0] if isinstance(given, list) and given else given
            if isinstance(given, str):
                found[lower] = given
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


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
    if isinstance(value, str):
        return "" if len(value) > MOST_LABEL_CHARACTERS or _LOOKS_PERSONAL.search(value) else value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else ""


@lru_cache(maxsize=4096)
def _is_label(name: str) -> bool:
    return len(name) <= MOST_LABEL_CHARACTERS and _NOT_A_LETTER.sub("", name.lower()) not in _NO_LABEL
