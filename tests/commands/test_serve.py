"""``sweetspot serve``: a real process, asked line by line."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.audio.files.io import AudioError
from engine.commands.generate import command as generate
from engine.commands.resynthesise import command as resynthesise
from engine.errors import RunDirectoryError
from engine.tasks.vae.sounds.server import RequestHandler
from tests import forkserver
from tests.audio.files.marks import tempo_marks
from tests.audio.sounds import chirp
from tests.rundir.conftest import open_writer

Ask = Callable[..., dict[str, Any]]


class Served:
    """A process that serves a run."""

    def __init__(self, run: Path, *options: object) -> None:
        self.process = forkserver.Popen(
            "engine", "serve", run, "--threads", 1, *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        answer = self.send(json.dumps({"id": op, "op": op, **values}))
        assert answer.pop("id") == op
        return answer

    def end(self) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(120)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def served(drum_run: Path) -> Iterator[Served]:
    served = Served(drum_run)
    yield served
    assert served.end() == 0


def test_hello_says_what_the_model_is(served: Served) -> None:
    answer = served.ask("hello")
    assert answer["ok"] and answer["protocol"] == 1 and answer["run"] == "drums"
    assert answer["model"]["kind"] == "one-shots" and answer["model"]["sample_rate"] == 48_000
    names = [state["name"] for state in answer["checkpoints"]]
    assert names[:2] == ["best", "last"] and len(names) > 2
    for name in names:
        assert served.ask("hello", checkpoint=name)["model"]["state"] in {s["file"] for s in answer["checkpoints"]}


def test_pictures_along_a_direction_are_those_of_the_sounds_there(served: Served, tmp_path: Path) -> None:
    place = {"kind": "place", "x": 0.0, "y": 0.0}
    told = served.ask("along", of=place, axes=[1, 2], at=[-2, 0, 2])["pictures"]
    assert [(one["axis"], one["at"]) for one in told] == [(1, -2), (1, 0), (1, 2), (2, -2), (2, 0), (2, 2)]
    assert len({one["png"] for one in told}) == 5, "at 0 it is the sound itself"
    frame_s = 512 / 48_000
    for one in told:
        made = served.ask("move", out=str(tmp_path), of=place, axes={one["axis"]: one["at"]})["sounds"][0]
        assert abs(made["duration_s"] - one["duration_s"]) <= frame_s
        assert Image.open(io.BytesIO(base64.b64decode(one["png"]))).format == "PNG"
    assert served.ask("along", of=place, axes=[99])["error"]["kind"] == "ConfigError"


def test_a_sound_is_the_one_that_the_command_line_makes(served: Served, drum_run: Path, tmp_path: Path) -> None:
    answer = served.ask("generate", out=str(tmp_path / "a"), seed=5, first=1, count=2, quality="best", duration_s=0.5)
    options = ["--out", str(tmp_path / "b"), "--seed", "5", "--count", "3", "--duration", "0.5", "--threads", "1"]
    generate.main([str(drum_run), *options], standalone_mode=False)
    for number, sound in zip((2, 3), answer["sounds"], strict=True):
        path = tmp_path / "b" / f"drums-seed5-00{number}.wav"
        assert Path(sound["path"]).read_bytes() == path.read_bytes()
        assert Path(sound["recipe"]).read_bytes() == path.with_suffix(".json").read_bytes()
        assert (sound["duration_s"], sound["origin"]) == (0.5, {"kind": "prior", "index": number - 1})
    again = served.ask("generate", out=str(tmp_path / "a"), seed=5, first=1, count=2, quality="best", duration_s=0.5)
    assert again == answer and len(list((tmp_path / "a").iterdir())) == 4


def test_a_loop_in_time_has_its_tempo_in_its_name(served: Served, tmp_path: Path) -> None:
    (sound,) = served.ask("generate", out=str(tmp_path), bars=1, bpm=120)["sounds"]
    assert Path(sound["path"]).name.endswith("-120bpm-1bar.wav") and sound["duration_s"] == 2.0
    assert tempo_marks(Path(sound["path"])) is not None
    refused = served.ask("generate", out=str(tmp_path), bars=1)
    assert "takes both bars and bpm" in refused["error"]["cause"]


def test_the_map_shows_every_file_and_a_point_gives_that_file(served: Served, drums: Path, tmp_path: Path) -> None:
    answer = served.ask("map")
    points = {point["path"]: point for point in answer["points"]}
    assert set(points) == {path.name for path in drums.iterdir()} and answer["files"] == len(points)
    assert {point["side"] for point in points.values()} == {"train", "val"}
    assert all(Path(point["file"]).is_file() for point in points.values())
    point = answer["points"][2]
    near = served.ask("nearest", origin={"kind": "place", "x": point["x"], "y": point["y"]})
    assert near["nearest"][0]["path"] == point["path"] and near["nearest"][0]["distance"] < 0.01
    assert near["remarks"] == []
    place = served.ask("place", x=point["x"], y=point["y"], out=str(tmp_path))["sounds"][0]
    assert np.abs(soundfile.read(place["path"])[0]).max() > 0.05 and place["remarks"] == []


def test_far_away_it_warns(served: Served, tmp_path: Path) -> None:
    sound = served.ask("place", x=1e4, y=0, out=str(tmp_path))["sounds"][0]
    assert "far from everything learned" in sound["remarks"][0]


def test_axes_move_a_sound_and_morph_and_vary_answer_with_files(served: Served, tmp_path: Path) -> None:
    axes = served.ask("axes")["axes"]
    assert [axis["number"] for axis in axes] == list(range(1, len(axes) + 1))
    assert all(abs(change["r"]) >= 0.6 for axis in axes for change in axis["changes"])
    first, second = (point["path"] for point in served.ask("map")["points"][:2])
    out = str(tmp_path)
    still, moved = (
        served.ask("move", of={"kind": "prior", "index": 1}, axes={"1": amount}, out=out)["sounds"][0]
        for amount in (0, 2)
    )
    assert Path(still["path"]).read_bytes() != Path(moved["path"]).read_bytes()
    assert len(served.ask("morph", first=first, second=second, steps=3, out=out)["sounds"]) == 3
    assert len(served.ask("morph", first=first, second=second, position=0.25, out=out)["sounds"]) == 1
    assert len(served.ask("vary", file=first, amount=0.3, count=2, out=out)["sounds"]) == 2
    for path in tmp_path.glob("*.wav"):
        assert soundfile.info(path).frames > 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "no JSON"),
        ("[1, 2]", "no JSON object"),
        (f'{{"op": "map", "id": {"[" * 400}{"]" * 400}}}', "too deep"),
        ('{"op": "nix"}', "no operation 'nix'"),
        ('{"op": ["map"]}', "no operation"),
        ("{}", "no operation None"),
        ('{"op": "place", "x": "a", "y": 1, "out": "o"}', "x = 'a'"),
        ('{"op": "place", "x": NaN, "y": 1, "out": "o"}', "x = nan"),
        ('{"op": "generate"}', "out is missing"),
        ('{"op": "generate", "out": "o", "nix": 1}', "nix is no setting"),
        ('{"op": "generate", "out": "o", "count": 0}', "count = 0"),
        ('{"op": "generate", "out": "/dev/null/x"}', "cannot be written"),
        ('{"op": "map", "checkpoint": "../../etc/passwd"}', "names no checkpoint"),
        ('{"op": "map", "checkpoint": "epoch-999"}', "weights of epoch 999 were not kept"),
        ('{"op": "move", "out": "/tmp", "axes": {"99": 1}}', "no axis 99"),
        ('{"op": "move", "out": "/tmp", "axes": {"1": 1, "01": 2}}', "01 is no axis"),
        ('{"op": "move", "out": "/tmp", "axes": {"1": true}}', "true and false are no value of it"),
        ('{"op": "along", "axes": [true]}', "axes = [True]: true and false are no value of it"),
        ('{"op": "generate", "out": "/tmp", "count": true}', "count = True: true and false are no value of it"),
        ('{"op": "generate", "out": "/tmp", "seed": false}', "seed = False: true and false are no value of it"),
        ('{"op": "vary", "out": "/tmp", "file": "no.wav"}', "no sound no.wav"),
        ('{"op": "place", "out": "/tmp", "x": 1e300, "y": 0}', "no sound so far"),
        ('{"op": "nearest", "origin": {"kind": "place", "x": 1e300, "y": 0}}', "no sound so far"),
        ('{"op": "nearest", "origin": {"kind": "place", "x": 0, "y": -1e30}}', "no sound so far"),
    ],
)
def test_an_error_is_an_answer_with_cause_and_remedy(line: str, said: str, served: Served) -> None:
    answer = served.send(line)
    assert answer["ok"] is False and said in answer["error"]["cause"] and answer["error"]["remedy"]
    assert served.ask("hello")["ok"]


@pytest.mark.parametrize(
    ("wave", "said"),
    [
        (np.full(4_800, 1e37), "broken: 100% of its samples are NaN, infinite or beyond 120 dB"),
        (np.full(1, 0.5), "too short: 1 sample"),
        (np.full(4_800, 1e-4), "silent: it stays more than 60 dB below full scale"),
    ],
)
def test_a_given_file_is_judged_as_a_scan_judges_it(
    wave: np.ndarray, said: str, served: Served, tmp_path: Path
) -> None:
    path = tmp_path / "given.wav"
    soundfile.write(path, wave, 48_000, "FLOAT")
    for answer in (
        served.ask("vary", file=str(path), out=str(tmp_path)),
        served.ask("nearest", origin={"kind": "file", "file": str(path)}),
    ):
        assert answer["ok"] is False
        assert answer["error"]["cause"] == f"{path} cannot be used: {AudioError(said).in_sentence}."
    soundfile.write(tmp_path / "other.wav", np.sin(np.arange(48_000) / 20), 48_000)
    scanned = json.loads(forkserver.run("engine.commands.scan", tmp_path, "--json").stdout)
    assert [row["reason"] for row in scanned["files"] if row["path"] == "given.wav"] == [said]


def test_it_ends_when_idle(drum_run: Path) -> None:
    served = Served(drum_run, "--idle-s", 0.5)
    try:
        assert served.process.wait(120) == 0
    finally:
        served.end()


def test_a_run_that_cannot_be_served_says_so_and_ends_with_2(tmp_path: Path) -> None:
    with open_writer(tmp_path / "empty"):
        pass
    served = Served(tmp_path / "empty")
    assert served.process.stdout is not None
    answer = json.loads(served.process.stdout.readline())
    assert answer["id"] is None and not answer["ok"] and answer["error"]["remedy"]
    assert served.end() == 2


def test_a_picture_stands_beside_a_sound_when_asked_for(served: Served, tmp_path: Path) -> None:
    plain, drawn = (served.ask("generate", out=str(tmp_path / name), picture=name == "b") for name in "ab")
    assert "picture" not in plain["sounds"][0] and len(list((tmp_path / "a").iterdir())) == 2
    sound, picture = (Path(drawn["sounds"][0][key]) for key in ("path", "picture"))
    assert sound.read_bytes() == Path(plain["sounds"][0]["path"]).read_bytes(), "the picture is no part of the sound"
    with Image.open(picture) as image:
        assert picture.stem == sound.stem and image.size == (640, 112)
        assert np.ptp(np.asarray(image.convert("L"))) > 50, "some is bright and some dark, whatever it learnt from"


def test_a_recording_of_the_collection_can_be_heard_and_nothing_else(
    served: Served, drums: Path, tmp_path: Path
) -> None:
    name = served.ask("map")["points"][0]["path"]
    answer = served.ask("original", file=name, out=str(tmp_path), picture=True)
    wave, rate = soundfile.read(answer["path"])
    assert answer["whole"] and abs(len(wave) / rate - soundfile.info(drums / name).duration) < 0.001
    assert abs(np.abs(wave).max() - 0.891) < 0.01 and Path(answer["picture"]).is_file()
    for strange in (str(drums / name), "../drums/" + name, "/etc/hostname"):
        refused = served.ask("original", file=strange, out=str(tmp_path))
        assert not refused["ok"] and "is no sound of this collection" in refused["error"]["cause"]


def test_a_warm_request_reads_its_model_again_only_when_a_file_of_it_changed(
    drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(drum_run, tmp_path / "drums"))
    opened: list[Path] = []
    read = Path.read_bytes

    def counted(path: Path) -> bytes:
        if path.suffix == ".safetensors":
            opened.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    handler = RequestHandler(run)
    for _ in range(3):
        assert handler.hello({"checkpoint": "best"})["model"]["state"] == "best.safetensors"
    assert [path.name for path in opened] == ["best.safetensors"]
    snapshot = sorted((run / "snapshots").glob("*.safetensors"))[-1]
    data = bytearray(snapshot.read_bytes())
    assert handler.hello({"checkpoint": snapshot.name})["model"]["state"] == snapshot.name
    data[-1] ^= 1
    snapshot.write_bytes(bytes(data))
    with pytest.raises(RunDirectoryError, match="damaged"):
        handler.hello({"checkpoint": snapshot.name})


def test_a_request_that_fails_unforeseen_is_answered_and_so_is_the_next(drum_run: Path) -> None:
    class Faulty(RequestHandler):
        def hello(self, request: dict[str, Any]) -> dict[str, Any]:
            raise IndexError("index 7 is out of bounds")

    handler = Faulty(drum_run)
    answer = handler.answer(b'{"id": 3, "op": "hello"}')
    assert (answer["id"], answer["ok"]) == (3, False) and "index 7 is out of bounds" in answer["error"]["cause"]
    assert handler.answer(b'{"id": 4, "op": "map"}')["ok"]


def test_a_sound_of_ones_own_is_answered_in_grains_as_on_the_command_line(
    served: Served, drum_run: Path, tmp_path: Path
) -> None:
    voice = tmp_path / "voice.wav"
    left = chirp(3, rate=16_000)
    soundfile.write(voice, np.stack([left, 0.2 * left[::-1]], axis=1), 16_000)
    answer = served.ask("resynthesise", out=str(tmp_path / "a"), file=str(voice), seed=2, picture=True)
    (sound,) = answer["sounds"]
    assert sound["origin"] == {"kind": "resynthesis", "file": str(voice)}
    assert sound["duration_s"] == pytest.approx(len(left) / 16_000, abs=1e-3)
    assert Path(sound["picture"]).is_file() and Path(answer["given"]["picture"]).is_file()
    given = soundfile.read(answer["given"]["path"])[0]
    assert given.shape[1] == 2 and 0.8 < np.abs(given).max() < 0.9 and answer["given"]["whole"]
    options = ["--seed", "2", "--quality", "fast", "--threads", "1"]
    resynthesise.main([str(drum_run), str(voice), "--out", str(tmp_path / "b.wav"), *options], standalone_mode=False)
    assert (tmp_path / "b.wav").read_bytes() == Path(sound["path"]).read_bytes()
    again = ["--again", sound["recipe"], "--out", str(tmp_path / "c")]
    generate.main([str(drum_run), *again], standalone_mode=False)
    assert (tmp_path / "c" / Path(sound["path"]).name).read_bytes() == Path(sound["path"]).read_bytes()


@pytest.mark.parametrize(
    ("wish", "said"),
    [({"duration_s": 2}, "duration_s"), ({"loop": True}, "loop"), ({"file": "gone.wav"}, "There is no sound gone.wav")],
)
def test_what_grains_cannot_follow_is_refused(
    served: Served, drums: Path, tmp_path: Path, wish: dict[str, Any], said: str
) -> None:
    asked = {"out": str(tmp_path), "file": str(min(drums.iterdir()))} | wish
    answer = served.ask("resynthesise", **asked)
    assert not answer["ok"] and said in answer["error"]["cause"]
    on_map = served.ask("nearest", origin={"kind": "resynthesis", "file": asked["file"]})
    assert on_map["error"]["kind"] == "ConfigError", "it has no place there"
    assert not list(tmp_path.iterdir())
