"""Where an upstream is asked and what it is told: its address, its key's header, what of a caller's headers travels."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from jitsuri.providers.shapes import Upstream
from jitsuri.terms.outcomes import Refusal

LOCAL_KINDS: Final = frozenset({"llama_cpp", "student", "rules"})
"""Kinds that answer on this machine and are never asked over HTTP."""

VENDOR_KINDS: Final = frozenset({"openai", "azure", "anthropic", "gemini", "bedrock", "openrouter"})
"""Kinds that a vendor runs on its own machines: never on premises, never without a key."""

OFFICIAL_ADDRESSES: Final[Mapping[str, str]] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "openrouter": "https://openrouter.ai/api/v1",
}
"""Where kinds with one address for everybody are asked, as their vendors' references say; the others need their own."""

ANTHROPIC_VERSION: Final = "2023-06-01"
"""The Messages API's version where neither the upstream nor the caller names one. Source: Anthropic's API reference,
"Versions": the newest of two, unchanged since 2023."""

MOST_QUOTED: Final = 1_000
"""Names of deployments remembered as they stand in a path: more than an installation asks; beyond it the oldest are looked at again."""

TRAVELLING: Final = frozenset(
    {
        "accept",
        "anthropic-beta",
        "anthropic-version",
        "content-type",
        "openai-beta",
        "openai-organization",
        "openai-project",
        "traceparent",
        "tracestate",
        "x-client-request-id",
    }
)
"""A caller's headers that go on to the upstream, in lower case. Everything else stays here: the caller's key, cookies,
addresses of its network (``x-forwarded-for``), and ``baggage``, which may hold anything. Decision 0019."""

TRAVELLING_BYTES: Final = frozenset(name.encode() for name in TRAVELLING)

KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
"""Headers that carry an upstream's key; named among the upstream's own ``headers``, they take the key's place."""

FRAMING: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to the connection (RFC 9110 §7.6.1) or are ours: an upstream's ``headers`` may not set them."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name: ``token`` of RFC 9110 §5.6.2."""

_VALUE = re.compile(r"[\t\x20-\x7e]*")
"""A header's value on one line, in the characters that every server reads alike (RFC 9110 §5.5)."""

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+/?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
"""An absolute path with an optional query (RFC 3986 §3.3, §3.4), no empty segment in it."""

_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
_HIDDEN = re.compile(r"%(?:2f|5c|00|0a|0d|25)", re.IGNORECASE)
"""A slash, a backslash, an end of line or a second percent sign, hidden from who compares paths."""


def upstream_fault(upstream: Upstream) -> Refusal | None:
    """What is wrong with an upstream's definition, said at settings time; None when it may be asked.

    Refuses: ``upstream_url_missing``, ``upstream_url_invalid``, ``upstream_url_insecure``, ``upstream_url_unused``,
    ``upstream_not_on_premises``, ``upstream_key_twice``, ``upstream_key_unnamed``, ``upstream_version_missing``,
    ``upstream_proxy_invalid``, ``upstream_header_invalid``.
    """
    if upstream.kind in LOCAL_KINDS:
        return _refuse("upstream_url_unused", upstream, kind=upstream.kind) if upstream.base_url else None
    if upstream.is_on_premises and upstream.kind in VENDOR_KINDS:
        return _refuse("upstream_not_on_premises", upstream, kind=upstream.kind)
    return _url_fault(upstream) or _key_fault(upstream) or _proxy_fault(upstream) or _header_fault(upstream)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone; nothing is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_path(path: str) -> bool:
    """Whether a path may be put behind a base address: nothing in it leaves the base or hides something.

    >>> is_safe_path("/chat/completions"), is_safe_path("/../admin"), is_safe_path("//example.jp/")
    (True, False, False)
    """
    if _PATH.fullmatch(path) is None:
        return False
    before = path.partition("?")[0]
    return _HIDDEN.search(before) is None and all(_DOTS.fullmatch(part) is None for part in before.split("/"))


def path_for(upstream: Upstream, path: str, model: str) -> str:
    """Where an operation's path (``/chat/completions``) lies behind the upstream's address.

    Azure's older form names the deployment in the path and needs ``api-version``; its newer one (an address that ends
    in ``/openai/v1``) is like OpenAI's. Source: Azure OpenAI REST reference, "v1" and "2024-10-21".

    >>> azure = Upstream("a", "azure", "openai", "https://a.openai.azure.com", "azure", api_version="2024-10-21")
    >>> path_for(azure, "/chat/completions", "gpt-4o 東京")
    '/openai/deployments/gpt-4o%20%E6%9D%B1%E4%BA%AC/chat/completions?api-version=2024-10-21'
    """
    if upstream.kind != "azure" or is_azure_v1(upstream.base_url):
        return path
    before, mark, query = path.partition("?")
    version = f"api-version={_quoted(upstream.api_version)}"
    asked = f"{version}&{query}" if mark else version
    if before == "/models":
        return f"/openai/models?{asked}"
    return f"/openai/deployments/{_quoted(model)}{before}?{asked}"


@lru_cache(maxsize=MOST_QUOTED)
def _quoted(part: str) -> str:
    return quote(part, safe="")


def is_azure_v1(base_url: str) -> bool:
    """Whether an Azure address is of the newer form, which names no deployment in its path."""
    return base_url.rstrip("/").endswith("/openai/v1")


def proxy_for(upstream: Upstream, environment: Mapping[str, str]) -> str:
    """The proxy through which an upstream is asked, as an address; '' is none.

    The upstream's own comes first; then ``HTTPS_PROXY`` (``HTTP_PROXY`` for an ``http`` address) or ``ALL_PROXY`` of the
    environment, in either case, unless ``NO_PROXY`` names the host, a domain above it, or a network that holds it. Never
    by the environment: this machine, and upstreams on premises – what is to stay in the house is not sent through
    a proxy that nobody named for it.
    """
    if upstream.proxy:
        return upstream.proxy
    parts = urlsplit(upstream.base_url)
    host = parts.hostname or ""
    if upstream.is_on_premises or is_loopback(host):
        return ""
    named = _variable(environment, f"{parts.scheme}_proxy") or _variable(environment, "all_proxy")
    if not named or any(_covers(entry, host, parts.port) for entry in _variable(environment, "no_proxy").split(",")):
        return ""
    return named if "://" in named else f"http://{named}"


def is_usable_proxy(proxy: str) -> bool:
    """Whether a proxy's address is one that can be spoken to: http or https, with a host."""
    return _host_of(proxy, ("http", "https"), with_secret=True) is not None


def without_secret(url: str) -> str:
    """An address as it may be shown: a name and password before the host are left out."""
    return re.sub(r"//[^/]*@", "//…@", url)[:200]


def standing_headers(upstream: Upstream, key: str, agent: str) -> dict[str, str]:
    """What every request to the upstream carries, names in lower case; the upstream's own ``headers`` win.

    ``key`` may be '' where the upstream needs none. An answer is asked for unpacked: texts of a few kilobytes gain
    nothing by packing, and packed pieces of a stream arrive late.
    """
    found = {
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": agent,
    }
    if upstream.dialect == "anthropic":
        found["anthropic-version"] = upstream.api_version or ANTHROPIC_VERSION
    own = {name.lower(): value for name, value in upstream.headers}
    if key and KEY_HEADERS.isdisjoint(own):
        name, value = _key_header(upstream, key)
        found[name] = value
    return found | own


def travelling(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Those of a caller's headers that go on, names in lower case; ``pairs`` as they came."""
    return {
        name.decode("latin-1"): value.decode("latin-1") for name, value in pairs if name.lower() in TRAVELLING_BYTES
    }


def joined_headers(upstream: Upstream, standing: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """The headers of one request: the standing ones, and of those asked for what may travel.

    The version that an upstream pins (``api_version``) stays, whatever the caller asks for; so do its own ``headers``.
    """
    found = dict(standing)
    own = {name.lower() for name, _ in upstream.headers}
    for name, value in asked.items():
        low = name.lower()
        if low not in TRAVELLING or low in own or _VALUE.fullmatch(value) is None:
            continue
        if low == "anthropic-version" and (upstream.api_version or upstream.dialect != "anthropic"):
            continue
        found[low] = value
    return found


def _key_header(upstream: Upstream, key: str) -> tuple[str, str]:
    if upstream.kind == "azure":
        return "api-key", key
    if upstream.dialect == "anthropic":
        return "x-api-key", key
    if upstream.kind == "gemini" and not upstream.base_url.endswith("/openai"):
        # its own paths take no bearer but OAuth's. Source: google-genai 3.6.1, _api_client
        return "x-goog-api-key", key
    return "authorization", f"Bearer {key}"


def _refuse(code: str, upstream: Upstream, **facts: object) -> Refusal:
    return Refusal(code, {"upstream": upstream.name, **facts})


def _url_fault(upstream: Upstream) -> Refusal | None:
    if not upstream.base_url:
        return _refuse("upstream_url_missing", upstream)
    host = _host_of(upstream.base_url, ("http", "https"))
    if host is None or upstream.base_url.endswith("/"):
        return _refuse("upstream_url_invalid", upstream, value=without_secret(upstream.base_url))
    if upstream.base_url.startswith("http:") and not (upstream.is_on_premises or is_loopback(host)):
        return _refuse("upstream_url_insecure", upstream, value=upstream.base_url)
    if upstream.kind == "azure" and not upstream.api_version and not is_azure_v1(upstream.base_url):
        return _refuse("upstream_version_missing", upstream)
    return None


def _key_fault(upstream: Upstream) -> Refusal | None:
    if upstream.key_env and upstream.key_file:
        return _refuse("upstream_key_twice", upstream)
    named = upstream.key_env or upstream.key_file
    own = {name.lower() for name, _ in upstream.headers}
    if not named and upstream.kind in VENDOR_KINDS and KEY_HEADERS.isdisjoint(own):
        return _refuse("upstream_key_unnamed", upstream)
    return None


def _proxy_fault(upstream: Upstream) -> Refusal | None:
    if upstream.proxy and not is_usable_proxy(upstream.proxy):
        return _refuse("upstream_proxy_invalid", upstream, value=without_secret(upstream.proxy))
    return None


def _variable(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether one entry of ``NO_PROXY`` means this host."""
    named = entry.strip().lower().lstrip(".")
    if named == "*":
        return True
    if "/" in named:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(named, strict=False)
        except ValueError:
            return False
    if port is not None and named == f"{host}:{port}":
        return True
    return bool(named) and (host == named or host.endswith(f".{named}"))


def _header_fault(upstream: Upstream) -> Refusal | None:
    for name, value in upstream.headers:
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or name.lower() in FRAMING:
            return _refuse("upstream_header_invalid", upstream, header=name[:100])
    return None


def _host_of(url: str, schemes: tuple[str, ...], *, with_secret: bool = False) -> str | None:
    """The host of an address that has a scheme, a host and a path at most; None where it is another thing."""
    if not url.isascii() or any(sign in url for sign in ' \\?#"<>\t\r\n'):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in schemes or not parts.hostname or (not with_secret and "@" in parts.netloc):
        return None
    return parts.hostname if not parts.path or parts.path == "/" or is_safe_path(parts.path) else None
