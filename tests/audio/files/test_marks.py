"""Loop, root note and tempo in a WAV: read back by libsndfile, and no other reader is disturbed."""

from __future__ import annotations

import io
import struct
import warnings
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files.io import Subtype, wave_bytes
from engine.audio.files.marks import Marks, Tempo
from tests.audio.files.marks import SamplerMarks, TempoMarks, sampler_marks, tempo_marks

LENGTH = 4_801
WAVES = [np.random.default_rng(0).uniform(-0.9, 0.9, shape).astype(np.float32) for shape in (LENGTH, (LENGTH, 2))]
WALTZ = Tempo(97.5, 12, 3)


def written(path: Path, marks: Marks, sound: np.ndarray = WAVES[0], subtype: Subtype = "PCM_24") -> Path:
    path.write_bytes(wave_bytes(sound, 48_000, subtype, marks=marks, info={"INAM": "odd"}))
    return path


def test_libsndfile_reads_loop_root_and_tempo(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", Marks(loop=True, root=45, tempo=WALTZ))
    assert sampler_marks(path) == SamplerMarks(45, (0, LENGTH))
    assert tempo_marks(path) == TempoMarks((3, 4), True, 12, 97.5, 45)
    data = path.read_bytes()
    period_ns = struct.unpack_from("<I", data, data.index(b"smpl") + 16)[0]
    assert period_ns == round(1e9 / 48_000), "libsndfile passes over it"


def test_what_is_not_known_is_not_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", Marks())
    assert sampler_marks(path) is None and tempo_marks(path) is None
    path = written(tmp_path / "b.wav", Marks(root=72))
    assert sampler_marks(path) == SamplerMarks(72, None) and tempo_marks(path) is None
    path = written(tmp_path / "c.wav", Marks(loop=True, tempo=WALTZ))
    assert sampler_marks(path) == SamplerMarks(60, (0, LENGTH)), "as it sounds at middle C"
    found = tempo_marks(path)
    assert found is not None and found.root == -1


@pytest.mark.parametrize("sound", WAVES, ids=["mono", "stereo"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_every_reader_finds_the_samples_as_before(sound: np.ndarray, subtype: Subtype, tmp_path: Path) -> None:
    from scipy.io import wavfile  # here, so that only the worker that asks takes a second to import it

    bare = written(tmp_path / "bare.wav", Marks(), sound, subtype)
    marked = written(tmp_path / "marked.wav", Marks(loop=True, root=45, tempo=WALTZ), sound, subtype)
    content = marked.read_bytes()
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8, "the size of the whole holds the marks too"
    assert np.array_equal(soundfile.read(marked)[0], soundfile.read(bare)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # it says of each chunk that it passes over it
        assert np.array_equal(wavfile.read(marked)[1], wavfile.read(bare)[1])
    if subtype != "FLOAT":
        with wave.open(io.BytesIO(content)) as one, wave.open(str(bare)) as other:
            assert one.getparams() == other.getparams() and one.readframes(LENGTH) == other.readframes(LENGTH)
