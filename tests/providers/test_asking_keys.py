"""Upstreams' keys: from where they are read, when they are read again, and that nobody else sees them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jitsuri import words
from jitsuri.providers.shapes import Upstream
from jitsuri.providers.wire import keying
from jitsuri.providers.wire.keying import Keys
from jitsuri.terms.errors import OperatorError

NONE = Upstream("社外", "compatible", "openai", "https://llm.example.jp/v1", "見本")


def test_without_a_place_there_is_no_key() -> None:
    assert Keys({"KEY": "k"}).key_of(NONE) == ""


def test_a_variable_holds_it_and_blanks_around_it_are_no_part() -> None:
    assert Keys({"KEY": " sk-1\r\n"}).key_of(replace(NONE, key_env="KEY")) == "sk-1"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "upstream_key_missing"),
        ({"KEY": "  "}, "upstream_key_missing"),
        ({"KEY": "sk-\n1"}, "upstream_key_unusable"),
        ({"KEY": "sk-鍵"}, "upstream_key_unusable"),
    ],
)
def test_a_variable_without_a_usable_key_is_named_but_not_told(environment: dict[str, str], code: str) -> None:
    with pytest.raises(OperatorError) as raised:
        Keys(environment).key_of(replace(NONE, key_env="KEY"))

    assert (raised.value.code, raised.value.facts) == (code, {"upstream": "社外", "place": "KEY"})
    assert all(words.sentence("error", code, lang, raised.value.facts) for lang in words.LANGUAGES)


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keying, "LOOK_EVERY_S", 0.0)
    file = tmp_path / "key"
    file.write_text("\ufeffsk-1\n", "utf-8")
    keys, one = Keys({}), replace(NONE, key_file=str(file))
    assert keys.key_of(one) == "sk-1"

    new = tmp_path / "new"
    new.write_text("sk-2\n")
    os.replace(new, file)
    assert keys.key_of(one) == "sk-2"

    file.unlink()
    with pytest.raises(OperatorError) as raised:
        keys.key_of(one)
    assert (raised.value.code, raised.value.facts["place"]) == ("upstream_key_missing", str(file))
    file.write_text("sk-3")
    assert keys.key_of(one) == "sk-3"


def test_a_file_is_not_looked_at_for_every_call(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1")
    keys, one = Keys({}), replace(NONE, key_file=str(file))
    assert keys.key_of(one) == "sk-1"
    file.unlink()

    assert keys.key_of(one) == "sk-1"


@pytest.mark.parametrize(("content", "code"), [(b"", "upstream_key_missing"), (b"\xff\xfe", "upstream_key_unreadable")])
def test_a_file_without_a_key_is_the_keepers_matter(tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)

    with pytest.raises(OperatorError) as raised:
        Keys({}).key_of(replace(NONE, key_file=str(file)))
    assert raised.value.code == code


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        Keys({}).key_of(replace(NONE, key_file=str(tmp_path)))
    assert raised.value.code == "upstream_key_unreadable"
    assert all(words.sentence("error", raised.value.code, lang, raised.value.facts) for lang in words.LANGUAGES)


def test_no_repr_shows_a_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-hidden")
    keys = Keys({"KEY": "sk-hidden"})
    keys.key_of(replace(NONE, key_file=str(file)))

    assert "sk-hidden" not in repr(keys)
