"""What can be known of a model file before llama.cpp is started; it need not be installed for this."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitsuri import words
from jitsuri.providers.wire import llama
from jitsuri.terms.errors import OperatorError


def test_what_can_be_known_beforehand_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = tmp_path / "a.gguf", tmp_path / "a.bin"
    model.write_bytes(b"GGUF" + bytes(100))
    other.write_bytes(b"PK\x03\x04")

    def code(path: Path, **asked: int) -> str:
        with pytest.raises(OperatorError) as found:
            llama.start(path, threads=1, context=256, **asked)
        for lang in words.LANGUAGES:
            assert words.text(f"error.{found.value.code}", lang, **found.value.facts)
        return found.value.code

    monkeypatch.setattr(llama, "PACKAGE", "a_package_that_nobody_has")
    assert code(model) == "llama_not_installed"
    monkeypatch.setattr(llama, "PACKAGE", "json")  # installed, whatever else is not
    assert code(tmp_path / "none.gguf") == "llama_file_missing"
    assert code(tmp_path) == "llama_file_unreadable"
    assert code(other) == "llama_not_gguf"
    with monkeypatch.context() as small:
        small.setattr(llama.psutil, "virtual_memory", lambda: SimpleNamespace(available=103))
        assert code(model) == "llama_memory"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert code(model, port=taken.getsockname()[1]) == "llama_port_taken"


def test_no_key_of_an_upstream_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("DATABASE_URL", "secret")
    monkeypatch.setenv("LLAMA_ARG_MODEL_URL", "secret")

    kept = llama._environment()

    assert "secret" not in kept.values()
    assert kept.get("PATH") == os.environ.get("PATH")


def test_the_child_without_a_wish_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jitsuri.providers.wire.llama"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b"")


def test_a_native_end_is_told_with_the_reason_that_llama_gave(tmp_path: Path) -> None:
    lines = ["0.00.1 W x: warning", "0.00.119.557 E llama_model_load: error loading model: no such tensor", "more"]
    for code, kept, expected in (
        (-6, lines, "no such tensor"),
        (-11, [], "SIGSEGV"),
        (3, ["last"], "last"),
        (1, [], "exit 1"),
    ):
        fault = llama._ended(tmp_path, code, deque(kept))
        assert (fault.code, fault.facts["why"]) == ("llama_failed", expected)
    assert llama._ended(tmp_path, -9, deque()).code == "llama_killed"
