"""Secrets are told by how they begin, in Japanese text without blanks, and in streams as in whole texts."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from secret_parts import ALNUM, HEX, drawn, jwt, of_vendors, pem

from jitsuri import words
from jitsuri.guardrails.rules.secrets.finding import OPEN_ENDED, RECOGNISED, SecretCheck
from jitsuri.guardrails.rules.secrets.vendors import VENDORS
from jitsuri.guardrails.shapes import Finding
from jitsuri.guardrails.wire.proving import prove

CHECK = SecretCheck()


def found(text: str) -> list[tuple[str, str]]:
    return [(one.reason, text[one.start : one.end]) for one in CHECK.find(text)]


@pytest.mark.parametrize(
    "around", ["{}", "鍵は{}です。", "「{}」を使う", "key={} ", "本番:{}、検証", "{}\n次", '"{}",', "`{}`"]
)
def test_keys_of_vendors_are_found_whatever_stands_beside_them(around: str) -> None:
    for seed in range(4):
        for reason, keys in of_vendors(seed).items():
            for key in keys:
                assert found(around.format(key)) == [(reason, key)]


def test_every_beginning_of_the_table_is_found_and_by_its_first_characters() -> None:
    missed = []
    for rule, begin, alphabet, least, _most, _free in VENDORS:
        letters = "".join(chr(one) for one in range(33, 127) if re.match(f"[{alphabet}]", chr(one)))
        if not any(one.isdigit() for one in letters):
            continue
        key = begin + drawn(least, letters)
        text = f"鍵は{key[:RECOGNISED] if len(key) > RECOGNISED else key}"
        if not any(one.start == 2 for one in CHECK.find(text)):
            missed.append((rule, key))
    assert missed == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("パスワード：abc123 です".replace("：", ":"), "abc123"),
        ("パスワードは Tanaka2024! です", "Tanaka2024!"),
        ("初期パスワードは「Welcome1」です。", "Welcome1"),
        ("password=hunter2", "hunter2"),
        ("DB_PASSWORD='s3cr3t!x'", "s3cr3t!x"),
        ('"password": "Xk29!dkfj"', "Xk29!dkfj"),
        ("Server=x;User Id=sa;Pwd=Str0ng!Pass;", "Str0ng!Pass"),
        ("暗証番号:1234", "1234"),
        ("postgresql://app:p4ssw0rd@db.local:5432/x", "p4ssw0rd"),
        ("mongodb+srv://u:Pa55word@cluster0.example.net/", "Pa55word"),
        (f"aws_secret_access_key = {drawn(40)}", drawn(40)),
        (f"AccountKey={drawn(86)}==;EndpointSuffix=core.windows.net", drawn(86) + "=="),
        (f"APIキー:{drawn(32, HEX)}", drawn(32, HEX)),
        (f"Authorization: Bearer {drawn(40)}", drawn(40)),
    ],
)
def test_what_is_said_to_be_a_password_or_key(text: str, value: str) -> None:
    assert [one[1] for one in found(text)] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "パスワードは8文字以上で設定してください",
        "パスワードを忘れた場合",
        "パスワード変更のお願い",
        "パスワードが3回間違えた",
        "password: required",
        "password = os.environ['X']",
        "password: <your password>",
        "password=${DB_PASSWORD}",
        "パスワード:******",
        "パスワード:2024年",
        'password = form.exact("password")',
        "password = request.form.get(x1)",
        "postgresql://jitsuri:…@db.example.jp/x",
        "max_tokens: 4096",
        "token=None",
        "secret: true",
        "tokenizer: cl100k_base_v2",
        "pwd: /home/user",
        f"commit {drawn(40, HEX)}",
        f"sha256:{drawn(64, HEX)}",
        "id 550e8400-e29b-41d4-a716-446655440000",
        f"data:image/png;base64,iVBORw0KGgo{drawn(2_000, ALNUM + '+/')}",
        "型番 SK-1234-ABCD-5678",
        "http://localhost:8080/a@b",
        "Basic認証を使います",
        "test_case_name_for_something_long_enough_1",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "-----BEGIN CERTIFICATE-----\nMIIC",
        "-----BEGIN PUBLIC KEY-----\nMIIB",
        "見積番号 EST-2024-000123-A、注文番号 PO-99887766、JAN 4901234567894",
        "10.0.0.1:8080",
        "https://example.jp/a?x=1&y=2",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert found(text) == []


def test_blocks_and_tokens_are_whole() -> None:
    for key in (pem(), pem(30, "OPENSSH PRIVATE KEY"), pem(5, "PRIVATE KEY", "\\n"), pem(3, "EC PRIVATE KEY", "\r\n")):
        assert found(f"鍵です：{key}\n以上") == [("secret_private_key", key)]
    token = jwt(800)
    assert found(f"トークン {token} を") == [("secret_jwt", token)]


def test_a_secret_does_not_hide_the_next() -> None:
    for first in (jwt(100), of_vendors()["secret_anthropic"][0], "password=" + drawn(50)):
        assert [one[0] for one in found(f"{first}{pem(4)}")][1:] == ["secret_private_key"]
    value = drawn(40)
    assert found(f"SG.{drawn(22)}.{drawn(43)}api_key={value}")[-1] == ("secret_named", value)


LONG = [
    (pem(30), "secret_private_key"),
    (jwt(700), "secret_jwt"),
    (of_vendors()["secret_anthropic"][0], "secret_anthropic"),
    ("password=" + "a1B!" * 60, "secret_password"),
    (f"api_key={drawn(300)}", "secret_named"),
]


@pytest.mark.parametrize(("secret", "reason"), LONG, ids=[reason for _secret, reason in LONG])
def test_a_long_secret_is_recognised_early_and_grows(secret: str, reason: str) -> None:
    whole = f"前の文。{secret}。次の文。"
    (last,) = CHECK.find(whole)
    assert last.reason == reason
    assert reason in OPEN_ENDED
    for come in range(4 + RECOGNISED, last.end + 1):
        (now,) = CHECK.find(whole[:come])
        assert (now.start, now.reason, now.score) == (last.start, last.reason, last.score)
        assert now.end == come


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from([key for keys in of_vendors().values() for key in keys]),
            st.sampled_from(
                [
                    "パスワード:Abc123!",
                    "password=hunter22 ",
                    "https://u:p4ssw0rd@h/",
                    pem(2),
                    jwt(40),
                    "です。",
                    "\n",
                    " ",
                ]
            ),
            st.text(max_size=20),
        ),
        max_size=8,
    )
)
def test_any_text_is_survived_and_findings_are_sound(parts: list[str]) -> None:
    text = "".join(parts)
    seen = 0
    for one in CHECK.find(text):
        assert seen <= one.start < one.end <= len(text)
        assert one.type == "SECRET"
        assert words.has_text(f"guard_reason.{one.reason}")
        seen = one.end


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "ghp_",
        "password=",
        "パスワード:",
        "-----BEGIN PRIVATE KEY-----\n",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6",
        "https://a:",
        "bearer ",
        "a1",
        "token=" + "a1b2c3d4e5f6",
        "xoxb-1",
        "AKIA",
        "://:@",
        "password:\n\n",
        "-----BEGIN PRIVATE KEY-----\nProc-Type: ",
    ],
)
def test_a_hundred_thousand_candidates_take_linear_time(piece: str) -> None:
    text = (piece * 100_000)[:1_000_000]
    began = time.thread_time()
    CHECK.find(text)
    assert time.thread_time() - began < 8


def test_it_keeps_the_contract_of_checks() -> None:
    texts = [f"案内です。鍵は{key}です。よろしく。" * 2 for keys in of_vendors().values() for key in keys]
    texts += [
        "パスワードは Tanaka2024! です。" * 3,
        f"前{pem(4)}後",
        f"前 {jwt(200)} 後",
        "postgresql://app:p4ssw0rd@db.local:5432/x と",
    ]

    assert prove(CHECK, texts) >= len(texts)


def test_offsets_are_those_of_the_text_even_where_lower_case_is_longer() -> None:
    key = of_vendors()["secret_github"][0]
    text = "İİİ" + "\ud800" + key

    assert list(CHECK.find(text)) == [Finding(4, 4 + len(key), "SECRET", 0.97, "secret_github")]
