"""Sounds that are dropped: kept under their names, and an archive that would do anything else is refused whole."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from app.runs.dropped import PLACE, keep, shown
from engine.errors import DataError, OutOfMemoryError

SOUND = b"RIFF0000WAVE"


def packed(*members: tuple[str, bytes], link: str = "") -> memoryview:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return memoryview(out.getvalue())


def inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("source", ["/home/ana/kit", "iris", "", "kit", ".dropped/kit", "/a/.dropped/b/c/d"])
def test_a_folder_of_ones_own_is_shown_as_it_is(source: str) -> None:
    assert shown(source) == source


def test_a_folder_keeps_its_name_and_what_lies_in_it(tmp_path: Path) -> None:
    files = [("kit/kick.wav", SOUND), ("kit/hats/open.flac", SOUND), ("kit/readme.txt", b"x")]
    kept = keep(tmp_path, [(name, memoryview(data)) for name, data in files])
    assert kept.source.name == "kit" and kept.passed == 1 and not kept.table
    assert inside(kept.source) == ["hats/open.flac", "kick.wav"]
    assert kept.source.is_relative_to(tmp_path / ".dropped")
    again = keep(tmp_path, [(name, memoryview(data)) for name, data in files])
    assert again == kept, "the same files are not kept twice"


def test_an_archive_gives_its_sounds_and_no_halves_of_macos(tmp_path: Path) -> None:
    data = packed(("a/kick.wav", SOUND), ("a/kick.txt", b"x"), ("__MACOSX/a/._kick.wav", b"x"), (".x/hat.wav", b"x"))
    kept = keep(tmp_path, [("my drums.zip", data)])
    assert kept.source.name == "my drums" and inside(kept.source) == ["a/kick.wav"]


@pytest.mark.parametrize("name", ["prices.csv", "here/prices.TSV", "..\\prices.csv", "prices.zip"])
def test_a_table_is_kept_as_what_it_is(tmp_path: Path, name: str) -> None:
    data = packed(("in/prices.csv", b"a,b\n"), ("in/x.txt", b"")) if name == "prices.zip" else memoryview(b"a,b\n")
    kept = keep(tmp_path, [(name, data), ("notes.txt", memoryview(b"x")), (".hidden.csv", memoryview(b"x"))])
    assert kept.table and kept.source.read_bytes() == b"a,b\n" and kept.passed == (2 if name == "prices.zip" else 1)
    assert kept.source.parent.parent == tmp_path / PLACE and kept.source.stem == "prices"
    assert shown(str(kept.source)) == f"{kept.source.name} (dropped)"


def test_of_several_tables_none_is_taken_and_beside_sounds_none_is_meant(tmp_path: Path) -> None:
    one, other = ("a.csv", memoryview(b"a,b\n")), ("x.zip", packed(("b.csv", b"c,d\n")))
    with pytest.raises(DataError, match="2 tables, and a run learns from one"):
        keep(tmp_path, [one, other])
    assert not list(tmp_path.rglob("*.csv"))
    kept = keep(tmp_path, [one, ("kick.wav", memoryview(SOUND))])
    assert not kept.table and inside(kept.source) == ["kick.wav"] and kept.passed == 1


def test_of_two_of_one_name_both_are_kept(tmp_path: Path) -> None:
    kept = keep(tmp_path, [("kick.wav", memoryview(SOUND)), ("kick.wav", memoryview(SOUND + b"2"))])
    assert inside(kept.source) == ["kick-2.wav", "kick.wav"]


@pytest.mark.parametrize("name", ["../kick.wav", "a/../../kick.wav", "/tmp/kick.wav", "C:\\kick.wav", "..\\kick.wav"])
def test_a_name_that_leads_out_refuses_the_archive(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"x\.zip was not unpacked: .* outside of its folder"):
        keep(tmp_path / "runs", [("x.zip", packed(("good.wav", SOUND), (name, SOUND)))])
    assert not list(tmp_path.rglob("*.wav")), "nothing of it was unpacked"


def test_a_name_that_a_browser_says_never_leads_out(tmp_path: Path) -> None:
    kept = keep(tmp_path / "runs", [("../../x/\\..\\kick.wav", memoryview(SOUND)), ("/etc/hat.wav", memoryview(SOUND))])
    assert all(path.is_relative_to(kept.source) for path in tmp_path.rglob("*.wav")) and len(inside(kept.source)) == 2


def test_a_link_refuses_the_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a link"):
        keep(tmp_path, [("x.zip", packed(("good.wav", SOUND), link="secret.wav"))])


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"would unpack to 0\.[0-9] GB"):
        keep(tmp_path, [("x.zip", packed(("a.wav", bytes(200 << 20))))])


def test_an_archive_that_lies_of_its_sizes_is_damaged(tmp_path: Path) -> None:
    data = bytearray(packed(("a.wav", bytes(40 << 20))))
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 1000)
    with pytest.raises(DataError, match="is damaged"):
        keep(tmp_path, [("x.zip", memoryview(data))])


@pytest.mark.parametrize("honest_crc", [False, True])
def test_no_more_of_an_archive_is_unpacked_than_it_claims(tmp_path: Path, honest_crc: bool) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = b"".join([*(packer.compress(bytes(1 << 24)) for _ in range(16)), packer.flush()])
    crc = zlib.crc32(bytes(1000)) if honest_crc else 0
    data = raw_archive([(b"kick.wav", 0)], zipfile.ZIP_DEFLATED, stream, crc, claims=1000)
    tracemalloc.start()
    try:
        with nullcontext() if honest_crc else pytest.raises(DataError, match="is damaged"):
            keep(tmp_path, [("x.zip", data)])
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_only_unpacked_whole_is_refused(tmp_path: Path, method: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("kick.wav", SOUND)
    with pytest.raises(DataError, match="not common to zip archives"):
        keep(tmp_path, [("x.zip", memoryview(out.getvalue()))])


def test_files_that_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    data = raw_archive([(b"kick.wav", 0), (b"hat.wav", 0)], zipfile.ZIP_STORED, SOUND, zlib.crc32(SOUND))
    with pytest.raises(DataError, match="lie in each other"):
        keep(tmp_path, [("x.zip", data)])


def test_too_little_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> None:
        raise MemoryError

    archive = packed(("kick.wav", SOUND))
    monkeypatch.setattr(zipfile.ZipFile, "open", too_large)
    with pytest.raises(OutOfMemoryError, match="more memory than is free"):
        keep(tmp_path, [("x.zip", archive)])


def raw_archive(
    entries: list[tuple[bytes, int]], method: int, stream: bytes, crc: int, claims: int | None = None
) -> memoryview:
    """An archive of one ``stream`` that each of ``entries`` (name, where it begins) is said to be."""
    size = len(stream) if claims is None else claims
    name = entries[0][0]
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, method, 0, 33, crc, len(stream), size, len(name), 0) + name
    central = b"".join(
        struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, method, 0, 33, crc, len(stream), size, len(said), 0, 0, 0, 0, 0, at
        )
        + said
        for said, at in entries
    )
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(central), len(local) + len(stream), 0
    )
    return memoryview(local + stream + central + end)


@pytest.mark.parametrize(
    "files",
    [
        [("a.txt", b"x")],
        [("x.zip", b"no archive")],
        [
            ("x.zip", bytes(packed(("a.txt", b"")))),
        ],
    ],
)
def test_where_there_is_no_sound_it_says_so(tmp_path: Path, files: list[tuple[str, bytes]]) -> None:
    with pytest.raises(DataError):
        keep(tmp_path, [(name, memoryview(data)) for name, data in files])
    assert not list(tmp_path.glob(".dropped/*/*"))


def test_a_damaged_stream_in_an_archive_is_said(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kick.wav", SOUND * 1000)
        at, weighs = archive.infolist()[0].header_offset + 30 + len("kick.wav"), archive.infolist()[0].compress_size
    data = bytearray(out.getvalue())
    data[at + 4 : at + weighs] = b"\xff" * (weighs - 4)
    with pytest.raises(DataError, match=r"x\.zip is damaged"):
        keep(tmp_path, [("x.zip", memoryview(data))])
    data = bytearray(packed(("kick.wav", SOUND)))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1  # encrypted
    with pytest.raises(DataError, match="encrypted"):
        keep(tmp_path, [("x.zip", memoryview(data))])


def test_hidden_files_of_a_dropped_folder_are_left_out(tmp_path: Path) -> None:
    names = ["kit/kick.wav", "kit/._kick.wav", "kit/.DS_Store", "kit/.old/hat.wav", "kit\\.old\\snare.wav"]
    kept = keep(tmp_path, [(name, memoryview(SOUND)) for name in names])
    assert inside(kept.source) == ["kick.wav"] and kept.passed == 0


def test_what_is_no_sound_is_counted_in_archives_too(tmp_path: Path) -> None:
    data = packed(("a/kick.wav", SOUND), ("a/kick.txt", b"x"), ("a/cover.png", b"x"), ("__MACOSX/a/._kick.txt", b"x"))
    files = [("my.zip", data), ("loose.txt", memoryview(b"x"))]
    assert keep(tmp_path, files).passed == keep(tmp_path, files).passed == 3


@pytest.mark.parametrize("name", ["音" * 110, "é" * 125, "CON", "nul.loud", "com1", "LPT¹", "aux "])
def test_a_name_is_made_one_that_every_system_takes(tmp_path: Path, name: str) -> None:
    folder = keep(
        tmp_path, [(f"{name}/{name}.wav", memoryview(SOUND)), (f"{name}/{name}.wav", memoryview(b"2"))]
    ).source
    written = [folder, *folder.rglob("*")]
    assert len(written) == 3 and [path for path in written[1:] if path.suffix != ".wav"] == []
    reserved = re.compile(r"(con|nul|com1|lpt¹|aux) *(\.|$)", re.IGNORECASE)
    assert not any(reserved.match(path.name) or len(path.name.encode()) > 143 for path in written)


def test_two_tabs_that_keep_the_same_at_once_keep_it_once(tmp_path: Path) -> None:
    files = [("kit/kick.wav", memoryview(SOUND)), ("kit/hat.wav", memoryview(SOUND))]

    class Meanwhile(list[tuple[str, memoryview]]):
        """Files that another tab has kept by the time they are written."""

        def __iter__(self) -> Iterator[tuple[str, memoryview]]:
            yield from super().__iter__()
            if any(tmp_path.rglob("sounds")):
                keep(tmp_path, files)

    kept = keep(tmp_path, Meanwhile(files))
    assert inside(kept.source) == ["hat.wav", "kick.wav"] and kept == keep(tmp_path, files)
    assert [path.name for path in kept.source.parent.iterdir()] == ["kit"]


def test_many_of_one_name_are_each_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def exists(path: Path) -> bool:
        nonlocal looked
        looked += 1
        return os.path.lexists(path)

    monkeypatch.setattr(Path, "exists", exists)
    kept = keep(tmp_path, [("a.wav", memoryview(SOUND + b"%d" % number)) for number in range(300)])
    assert len(inside(kept.source)) == 300 and "a-300.wav" in inside(kept.source)
    assert looked < 1000


def test_a_file_and_a_folder_of_one_name_are_both_kept(tmp_path: Path) -> None:
    one, other = ("a.wav", SOUND), ("a.wav/b.wav", SOUND)
    kept = keep(tmp_path / "first", [("x.zip", packed(one, other, ("a.wav/c.wav", SOUND)))])
    assert inside(kept.source) == ["a-2.wav/b.wav", "a-2.wav/c.wav", "a.wav"]
    kept = keep(tmp_path / "second", [("x.zip", packed(other, one))])
    assert inside(kept.source) == ["a-2.wav", "a.wav/b.wav"]


@pytest.mark.parametrize("zipped", [True, False])
def test_what_lies_too_deep_is_refused_and_nothing_of_a_refused_drop_stays(tmp_path: Path, zipped: bool) -> None:
    deep = "a/" * 1500 + "b.wav"
    files = [("x.zip", packed((deep, SOUND)))] if zipped else [("c.wav", memoryview(SOUND)), (deep, memoryview(SOUND))]
    with pytest.raises(DataError, match="lies in more than 32 folders"):
        keep(tmp_path, files)
    with pytest.raises(DataError, match="neither a sound nor a table"):
        keep(tmp_path, [("a.txt", memoryview(b"x"))])
    assert not list((tmp_path / PLACE).glob("*")), "nor an empty place"


def test_what_a_killed_drop_left_goes_with_the_next(tmp_path: Path) -> None:
    dying = "import os, sys\nfrom pathlib import Path\nimport app.runs.dropped as dropped\n"
    dying += "dropped._settle = lambda *_: os._exit(9)\ndropped.keep(Path(sys.argv[1]), [('a.wav', memoryview(b'x'))])"
    assert subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=False).returncode == 9
    assert list((tmp_path / PLACE).glob("**/a.wav")), "it was killed in the midst"
    kept = keep(tmp_path, [("b.wav", memoryview(SOUND))])
    assert [path.name for path in (tmp_path / PLACE).glob("**/*.wav")] == ["b.wav"] == inside(kept.source)


def test_an_encrypted_archive_is_called_so(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.wav", b"x")
    data = bytearray(made.getvalue())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + flags] |= 1
    with pytest.raises(DataError, match=r"x\.zip was not unpacked: it is encrypted\."):
        keep(tmp_path, [("x.zip", memoryview(bytes(data)))])


@pytest.mark.parametrize("name", [b"", b"\0kick.wav"])
def test_a_file_without_a_name_in_an_archive_is_passed_over(tmp_path: Path, name: bytes) -> None:
    archive = raw_archive([(b"kick.wav", 0)], zipfile.ZIP_STORED, SOUND, zlib.crc32(SOUND))
    with pytest.raises(DataError, match="neither a sound nor a table"):
        keep(tmp_path, [("x.zip", raw_archive([(name, 0)], zipfile.ZIP_STORED, SOUND, zlib.crc32(SOUND)))])
    assert inside(keep(tmp_path, [("x.zip", archive)]).source) == ["kick.wav"]
