"""Addresses, paths, headers and proxies of upstreams: what a definition may say, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from jitsuri import words
from jitsuri.providers.rules.addressing import (
    ANTHROPIC_VERSION,
    OFFICIAL_ADDRESSES,
    is_safe_path,
    joined_headers,
    path_for,
    proxy_for,
    standing_headers,
    travelling,
    upstream_fault,
    without_secret,
)
from jitsuri.providers.shapes import Upstream

BASE = Upstream("社外", "compatible", "openai", "https://llm.example.jp/v1", "見本", key_env="KEY")
AZURE = replace(BASE, kind="azure", base_url="https://sample.openai.azure.com", api_version="2024-10-21")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"key_env": ""},
        {"base_url": "http://localhost:8000/v1"},
        {"base_url": "http://127.0.0.1:8000/v1"},
        {"base_url": "http://[::1]:8000/v1"},
        {"base_url": "http://gpu.example.jp:8000/v1", "is_on_premises": True},
        {"kind": "llama_cpp", "base_url": ""},
        {"kind": "rules", "base_url": "", "is_on_premises": True},
        {"kind": "openai", "base_url": OFFICIAL_ADDRESSES["openai"]},
        {"kind": "openai", "key_env": "", "headers": (("Authorization", "Bearer x"),)},
        {"kind": "azure", "base_url": "https://sample.openai.azure.com", "api_version": "2024-10-21"},
        {"kind": "azure", "base_url": "https://sample.openai.azure.com/openai/v1"},
        {"proxy": "http://user:p%40ss@proxy.example.jp:3128"},
        {"headers": (("HTTP-Referer", "https://www.example.jp/"), ("X-Title", "Sample"))},
    ],
)
def test_definitions_that_may_be_asked(change: dict[str, Any]) -> None:
    assert upstream_fault(replace(BASE, **change)) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"base_url": ""}, "upstream_url_missing"),
        ({"base_url": "llm.example.jp/v1"}, "upstream_url_invalid"),
        ({"base_url": "ftp://llm.example.jp"}, "upstream_url_invalid"),
        ({"base_url": "https://"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp/v1/"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp/v1?x=1"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp/v1#x"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp:port/v1"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp/../v1"}, "upstream_url_invalid"),
        ({"base_url": "https://llm.example.jp/v1\n"}, "upstream_url_invalid"),
        ({"base_url": "https://例え.jp/v1"}, "upstream_url_invalid"),
        ({"base_url": "https://user:s3cret@llm.example.jp/v1"}, "upstream_url_invalid"),
        ({"base_url": "http://llm.example.jp/v1"}, "upstream_url_insecure"),
        ({"base_url": "http://10.0.0.7/v1"}, "upstream_url_insecure"),
        ({"base_url": "http://127.0.0.1.example.jp/v1"}, "upstream_url_insecure"),
        ({"kind": "student"}, "upstream_url_unused"),
        ({"kind": "openai", "is_on_premises": True}, "upstream_not_on_premises"),
        ({"key_file": "/run/key"}, "upstream_key_twice"),
        ({"kind": "anthropic", "key_env": ""}, "upstream_key_unnamed"),
        ({"kind": "azure"}, "upstream_version_missing"),
        ({"proxy": "socks5://proxy.example.jp"}, "upstream_proxy_invalid"),
        ({"proxy": "proxy.example.jp:3128"}, "upstream_proxy_invalid"),
        ({"headers": (("Host", "x"),)}, "upstream_header_invalid"),
        ({"headers": (("Content-Length", "1"),)}, "upstream_header_invalid"),
        ({"headers": (("X Team", "1"),)}, "upstream_header_invalid"),
        ({"headers": (("X-Team", "a\r\nx: b"),)}, "upstream_header_invalid"),
        ({"headers": (("X-Team", "総務"),)}, "upstream_header_invalid"),
    ],
)
def test_definitions_that_may_not_are_refused_with_a_reason(change: dict[str, Any], code: str) -> None:
    refusal = upstream_fault(replace(BASE, **change))

    assert refusal is not None
    assert (refusal.code, refusal.facts["upstream"]) == (code, "社外")
    for lang in words.LANGUAGES:
        sentence = words.sentence("refusal", refusal.code, lang, refusal.facts)
        assert "社外" in sentence
        assert "s3cret" not in sentence


def test_a_path_leads_to_the_deployment_or_behind_the_newer_address() -> None:
    chat = "/chat/completions"
    assert path_for(BASE, chat, "gpt-4o") == chat
    assert path_for(AZURE, chat, "gpt-4o") == "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert path_for(AZURE, "/models", "") == "/openai/models?api-version=2024-10-21"
    assert path_for(replace(AZURE, base_url="https://a.openai.azure.com/openai/v1"), chat, "gpt-4o") == chat


@given(st.text(max_size=60))
def test_whatever_a_model_is_called_its_path_stays_behind_the_address(model: str) -> None:
    path = path_for(AZURE, "/chat/completions", model.encode(errors="replace").decode())

    if is_safe_path(path):
        address = URL(AZURE.base_url + path, encoded=True)
        assert address.host == "sample.openai.azure.com"
        assert address.raw_path.startswith("/openai/deployments/")
        assert address.raw_path.endswith("/chat/completions")
        assert address.raw_path.count("/") == 5
        assert address.raw_query_string == "api-version=2024-10-21"


@given(st.text(alphabet="/.%2efF5cC?#@:\\a \r\n\x00", max_size=24))
def test_no_path_leaves_its_base(path: str) -> None:
    if is_safe_path(path):
        address = URL(BASE.base_url + path, encoded=True)
        assert (address.scheme, address.host, address.fragment) == ("https", "llm.example.jp", "")
        assert address.raw_path.startswith("/v1/")
        assert URL(str(address)).raw_path.startswith("/v1/")


def test_each_kind_has_its_own_header_for_the_key() -> None:
    sent = {
        name: standing_headers(one, "sk", "jitsuri")
        for name, one in {
            "openai": BASE,
            "azure": AZURE,
            "claude": replace(BASE, kind="anthropic", dialect="anthropic"),
            "pinned": replace(BASE, kind="anthropic", dialect="anthropic", api_version="2024-01-01"),
            "none": replace(BASE, key_env=""),
            "own": replace(BASE, headers=(("Authorization", "Bearer own"),)),
        }.items()
    }
    assert sent["openai"]["authorization"] == "Bearer sk"
    assert sent["azure"]["api-key"] == "sk"
    assert (sent["claude"]["x-api-key"], sent["claude"]["anthropic-version"]) == ("sk", ANTHROPIC_VERSION)
    assert sent["pinned"]["anthropic-version"] == "2024-01-01"
    assert sent["own"]["authorization"] == "Bearer own"
    for told in sent.values():
        assert len({"authorization", "x-api-key", "api-key"} & set(told)) == 1
    assert "authorization" not in standing_headers(BASE, "", "jitsuri")


def test_only_headers_on_the_list_travel_whatever_their_case() -> None:
    pairs = [(b"TraceParent", b"00-1"), (b"authorization", b"Bearer x"), (b"anthropic-beta", b"a"), (b"baggage", b"x")]

    assert travelling(pairs) == {"TraceParent": "00-1", "anthropic-beta": "a"}
    pinned = replace(BASE, dialect="anthropic", api_version="2024-01-01", headers=(("OpenAI-Project", "ours"),))
    asked = {
        "Traceparent": "00-1",
        "X-Api-Key": "theirs",
        "anthropic-version": "2020-01-01",
        "openai-project": "theirs",
    }
    joined = joined_headers(pinned, standing_headers(pinned, "ours", "jitsuri"), asked)
    assert joined["traceparent"] == "00-1"
    assert (joined["x-api-key"], joined["anthropic-version"], joined["openai-project"]) == (
        "ours",
        "2024-01-01",
        "ours",
    )
    assert "anthropic-version" not in joined_headers(BASE, {}, asked)


@pytest.mark.parametrize(
    ("change", "environment", "proxy"),
    [
        ({}, {}, ""),
        ({}, {"HTTPS_PROXY": "http://p.example.jp:3128"}, "http://p.example.jp:3128"),
        ({}, {"https_proxy": "p.example.jp:3128", "HTTPS_PROXY": "http://other"}, "http://p.example.jp:3128"),
        ({}, {"HTTP_PROXY": "http://p.example.jp"}, ""),
        ({}, {"ALL_PROXY": "http://p.example.jp"}, "http://p.example.jp"),
        ({}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "llm.example.jp"}, ""),
        ({}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.jp, .Example.jp"}, ""),
        ({}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "ample.jp"}, "http://p"),
        ({}, {"HTTPS_PROXY": "http://p", "no_proxy": "*"}, ""),
        ({"base_url": "https://10.1.2.3/v1"}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, ""),
        ({"base_url": "https://11.1.2.3/v1"}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "10.0.0.0/8"}, "http://p"),
        ({"base_url": "https://a.jp:444/v1"}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.jp:444"}, ""),
        ({"base_url": "https://a.jp:445/v1"}, {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.jp:444"}, "http://p"),
        ({"proxy": "http://own"}, {"NO_PROXY": "*"}, "http://own"),
        ({"base_url": "http://localhost:8000/v1"}, {"HTTP_PROXY": "http://p"}, ""),
        ({"is_on_premises": True}, {"HTTPS_PROXY": "http://p"}, ""),
        ({"is_on_premises": True, "proxy": "http://own"}, {}, "http://own"),
    ],
)
def test_the_proxy_follows_from_the_definition_and_the_environment(
    change: dict[str, Any], environment: dict[str, str], proxy: str
) -> None:
    assert proxy_for(replace(BASE, **change), environment) == proxy


def test_an_address_is_shown_without_its_secret() -> None:
    assert without_secret("http://user:p@ss@proxy.example.jp") == "http://…@proxy.example.jp"
