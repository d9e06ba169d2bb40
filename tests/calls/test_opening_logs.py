"""Files as they come: compressed, in any encoding, broken off, too long, and none at all."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from jitsuri.calls.shapes import Fault
from jitsuri.calls.wire import unpacking
from jitsuri.calls.wire.opening import layout_of, open_log
from jitsuri.terms.errors import CallerError, OperatorError
from jitsuri.terms.zstd import CompressionParameter, compress
from jitsuri.words import text

LINES = [json.dumps({"n": n, "text": "納期はいつですか。" * (n % 7)}, ensure_ascii=False) for n in range(500)]
TEXT = ("\n".join(LINES) + "\n").encode()
HASHES = "".join(json.dumps({"n": sha256(n.to_bytes(2)).hexdigest()}) + "\n" for n in range(20_000)).encode()
"""Lines that hardly shrink, so that the middle of an archive is the middle of the text."""


@pytest.fixture
def records(tmp_path):
    """What a file with this content gives."""

    def read(content: bytes, **options):
        path = tmp_path / "log"
        path.write_bytes(content)
        with open_log(path, **options) as log:
            return list(log)

    return read


@pytest.fixture
def refused(tmp_path):
    """The error that a file with this content is refused by."""

    def read(content: bytes) -> CallerError:
        path = tmp_path / "log"
        path.write_bytes(content)
        with pytest.raises(CallerError) as raised:
            open_log(path)
        for lang in ("ja", "en"):
            assert str(path) in text(f"error.{raised.value.code}", lang, **raised.value.facts)
        return raised.value

    return read


def numbered(lines):
    return [(number, line.encode()) for number, line in enumerate(lines, 1)]


def with_checksum(data):
    return compress(data, options={CompressionParameter.checksum_flag: 1})


PACKED = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "gzip in members": gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]) + b"\0" * 512,
    "zstd": compress(TEXT),
    "zstd with checksum": with_checksum(TEXT),
    "zstd in frames": compress(TEXT[:5000]) + compress(TEXT[5000:]),
    "zstd behind a skippable frame": b"\x50\x2a\x4d\x18\x04\0\0\0size" + compress(TEXT),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_packing_is_told_by_the_first_bytes(records, packed):
    assert records(packed) == numbered(LINES)


@pytest.mark.parametrize("block", [5, 333, 4096])
@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_borders_of_blocks_do_not_matter(records, monkeypatch, packed, block):
    monkeypatch.setattr(unpacking, "BLOCK_BYTES", block)
    assert records(packed) == numbered(LINES)


@pytest.mark.parametrize("pack", [gzip.compress, compress], ids=["gzip", "zstd"])
def test_an_archive_that_breaks_off_gives_the_lines_before_and_says_so(records, pack):
    whole = pack(HASHES)
    *lines, last = records(whole[: len(whole) // 2])
    assert isinstance(last[1], Fault)
    assert last[1].code == "archive_truncated"
    assert 0 < len(lines) < 20_000
    assert [raw for _, raw in lines] == HASHES.splitlines()[: len(lines)]
    assert last[0] == last[1].line == len(lines) + 1


def test_a_whole_line_before_the_break_is_not_lost(records):
    member = gzip.compress(TEXT[: TEXT.index(b"\n") + 1])
    cut = member + gzip.compress(TEXT[TEXT.index(b"\n") + 1 :])[:12]
    assert records(cut) == [(1, LINES[0].encode()), (2, Fault(2, "archive_truncated"))]


def test_a_damaged_archive_gives_what_came_before(records):
    for pack, checksum_at in ((gzip.compress, -8), (with_checksum, -1)):
        packed = bytearray(pack(HASHES))
        packed[checksum_at] ^= 0xFF
        *lines, last = records(bytes(packed))
        assert last[1].code == "archive_damaged"
        assert len(lines) > 18_000
        assert [raw for _, raw in lines] == HASHES.splitlines()[: len(lines)]
    rubbish_behind = gzip.compress(TEXT) + b"rubbish"
    assert records(rubbish_behind)[-1] == (501, Fault(501, "archive_damaged"))


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (b"", "log_empty"),
        (b" \r\n\t\n", "log_blank"),
        (b"\xef\xbb\xbf\n", "log_blank"),
        (gzip.compress(b"", mtime=0), "log_blank"),
        (gzip.compress(TEXT, mtime=0)[:10], "archive_truncated"),
        (gzip.compress(TEXT, mtime=0)[:10] + b"\xff" * 50, "archive_damaged"),
        (compress(TEXT)[:8], "archive_truncated"),
        (b"PK\x03\x04....", "log_kind_unknown"),
        (b"PAR1....", "log_kind_unknown"),
    ],
)
def test_a_file_with_nothing_readable_is_refused_with_its_name(refused, packed, code):
    assert refused(packed).code == code


def test_what_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(CallerError, match="log_missing"):
        open_log(tmp_path / "none.jsonl")
    with pytest.raises(CallerError, match="log_unreadable"):
        open_log(tmp_path)


def test_a_disk_that_fails_is_the_keepers_affair(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(TEXT * 100)
    with open_log(path) as log:
        iterator = iter(log)
        next(iterator)

        class Failing:
            def read(self, size):
                raise OSError(5, "Input/output error")

            def close(self):
                pass

        log._file.close()
        monkeypatch.setattr(log, "_file", Failing())
        with pytest.raises(OperatorError, match="log_read_failed"):
            list(iterator)


def test_the_position_runs_to_the_size_of_the_file_as_it_lies_there(tmp_path):
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(TEXT * 100))
    with open_log(path) as log:
        assert log.size == path.stat().st_size
        assert 0 < log.position <= log.size
        seen = [log.position for _ in log]
    assert seen == sorted(seen)
    assert seen[-1] == log.size


JAPANESE = ['{"text": "表示の表"}', '{"text": "ソート機能"}', '{"text": "能力と予算"}']
"""Characters whose second byte in Shift_JIS is a backslash."""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_in_any_form_becomes_utf_8(records, encoding):
    assert records("\r\n".join(JAPANESE).encode(encoding)) == numbered(JAPANESE)


def test_a_mark_of_utf_8_may_stand_alone_in_a_short_block(records, monkeypatch):
    monkeypatch.setattr(unpacking, "BLOCK_BYTES", 2)
    assert records("\n".join(JAPANESE).encode("utf-8-sig")) == numbered(JAPANESE)


def test_mixed_encodings_are_read_line_by_line(read_file):
    lines = [
        json.dumps({"timestamp": "2026-11-20T00:00:00Z", "request": {"model": "gpt-4o", "messages": [
            {"role": "user", "content": words}]}, "response": {"object": "chat.completion", "model": "gpt-4o",
            "usage": {"prompt_tokens": 1}}}, ensure_ascii=False)
        for words in ("表示", "ソート", "能力", "\\表\\")
    ]  # fmt: skip
    encodings = ["utf-8", "cp932", "utf-8", "cp932"]
    calls = read_file(b"\n".join(line.encode(e) for line, e in zip(lines, encodings, strict=True)))
    assert [call.prompt for call in calls] == ["表示", "ソート", "能力", "\\表\\"]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("block", [3, 50, 1024 * 1024])
def test_a_document_in_shift_jis_is_split_by_its_text(records, monkeypatch, indent, block):
    monkeypatch.setattr(unpacking, "BLOCK_BYTES", block)
    values = [{"text": words} for words in ("表", "ソ]}", "能\\", "[ー", '予\\"表', "plain")]
    content = json.dumps(values, ensure_ascii=False, indent=indent).encode("cp932")
    assert [json.loads(raw) for _, raw in records(content)] == values


def test_a_document_of_both_encodings_is_read_line_by_line(records):
    content = b'[\n{"a": "' + "表".encode("cp932") + b'"},\n{"a": "' + "表".encode() + b'"}\n]'
    assert [json.loads(raw) for _, raw in records(content)] == [{"a": "表"}] * 2


@pytest.mark.parametrize(
    ("first", "layout"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "lines"),
        (b'{"a": 1', "lines"),  # one line, longer than a block
        (b'{"a": 1\n{"a": 2}\n{"a"', "lines"),  # the first line is broken
        (b'9}}\n{"a": 2}\n', "lines"),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}', "document"),
        (b'[{"a": 1}]', "document"),
        (b"[\n", "document"),
        (b"[]", "document"),
        (b'{"data": [{"a": 1}], "meta": {}}\n', "document"),
        (b'{"data": [{"a": 1}, {"a', "document"),
        (b'{"trace": {"id": 1}, "observations": [{"a', "document"),
        (b'{"resourceSpans":[{"resource":{}}]}\n{"resourceSpans":[]}\n', "document"),
        (b'{"request": {"data": [1]}, "response": {"data": []}}\n', "lines"),
        (b"a,b\n1,2\n", "table"),
        (b"[2026-11-20] started\n", "table"),
    ],
)
def test_the_layout_is_told_by_the_first_block(first, layout):
    assert layout_of(first) == layout


def test_blank_lines_count_but_are_no_records(records):
    assert records(b'\n{"a": 1}\r\n\r\n  \n{"a": 2}') == [(2, b'{"a": 1}'), (5, b'{"a": 2}')]


def test_a_line_too_long_is_passed_over_with_its_size(records, monkeypatch):
    monkeypatch.setattr(unpacking, "BLOCK_BYTES", 16)
    content = b'{"a": 1}\n{"a": "' + b"x" * 100 + b'"}\n{"a": 2}\n' + b'{"b": "' + b"y" * 200
    found = records(content, max_line_bytes=64)
    assert found == [
        (1, b'{"a": 1}'), (2, Fault(2, "line_too_long", {"size": 109})), (3, b'{"a": 2}'),
        (4, Fault(4, "line_too_long", {"size": 207})),
    ]  # fmt: skip


def test_a_line_of_the_longest_size_goes_in(records, monkeypatch):
    line = b'{"a": "' + b"x" * 55 + b'"}'
    for block in (10, 1000):
        monkeypatch.setattr(unpacking, "BLOCK_BYTES", block)
        assert records(line + b"\n" + line + b"x\n", max_line_bytes=64) == [
            (1, line), (2, Fault(2, "line_too_long", {"size": 65})),
        ]  # fmt: skip


def test_an_open_quote_costs_one_line_of_a_table(records):
    rows = [b"a,b"] + [b"%d,x" % n for n in range(30)]
    rows[5] = b'"4,x'
    found = records(b"\n".join(rows))
    assert found[4] == (6, Fault(6, "csv_quote_open")) or found[4][1].code == "csv_quote_open"
    assert [raw for _, raw in found if isinstance(raw, bytes)] == rows[1:5] + rows[6:]


PEAK = """
import sys
from pathlib import Path
from jitsuri.calls.wire.opening import open_log
with open_log(Path(sys.argv[1])) as log:
    for number, raw in log:
        print(number, raw if isinstance(raw, bytes) else (raw.code, raw.facts["size"]))
# not ru_maxrss: that begins with what the process had that started this one
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "beginning", [b'{"request": "', b'[{"request": "', b'a,b\n1,"'], ids=["line", "document", "table"]
)
def test_a_line_of_a_gigabyte_costs_time_and_no_memory(tmp_path: Path, beginning: bytes):
    path = tmp_path / "long"
    gigabyte = 1024**3
    end = (
        b'"}\n{"a": 1}\n'
        if beginning.startswith(b"{")
        else b'"}, {"a": 1}]'
        if beginning.startswith(b"[")
        else b'"\n2,3\n'
    )
    with path.open("wb") as file:  # sparse: what is not written reads as zeros
        file.write(beginning)
        file.seek(gigabyte, 1)
        file.write(end)
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    *told, peak_kib = done.stdout.splitlines()
    last = "2,3" if beginning.startswith(b"a") else '{"a": 1}'
    assert "line_too_long" in told[0]
    assert int(told[0].rstrip(")").rpartition(" ")[2]) >= gigabyte
    assert told[1].endswith(f"b'{last}'")
    assert int(peak_kib) < 400 * 1024


def test_an_archive_of_files_is_refused_by_its_kind(tmp_path, read_file):
    inner = tmp_path / "a.jsonl"
    inner.write_bytes(TEXT)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(inner)
    for content in ((tmp_path / "a.tar").read_bytes(), gzip.compress((tmp_path / "a.tar").read_bytes())):
        with pytest.raises(CallerError, match="log_kind_unknown") as raised:
            read_file(content)
        assert raised.value.facts["kind"] == "tar"
