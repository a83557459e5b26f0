from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.files.io import wave_bytes
from engine.audio.mel import AudioSpectrogram
from engine.audio.settings import SpectrogramConfig
from engine.errors import DataError
from engine.task import FileRow, OpenContext
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.features import features_of
from engine.tasks.mlp.labelled_sounds import read_sounds
from engine.tasks.mlp.labels import FEATURE_NAMES, read_labels

RATE = 48_000


def tone(hertz: float, seconds: float = 0.4) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hertz * time) * np.exp(-4 * time)).astype(np.float32)


def sounds(folder: Path) -> Path:
    """Three low and three high tones in folders of their own, and one that lies beside."""
    for name, pitches in {"low": (110, 130, 150), "high": (2000, 2300, 2600)}.items():
        (folder / name).mkdir(parents=True)
        for pitch in pitches:
            (folder / name / f"{pitch}.wav").write_bytes(wave_bytes(tone(pitch), RATE))
    (folder / "stray.wav").write_bytes(wave_bytes(tone(500), RATE))
    return folder


def labels_csv(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_sub_folder_is_a_class_and_what_lies_beside_has_none(tmp_path: Path) -> None:
    seen: list[list[FileRow]] = []
    table = read_sounds(
        sounds(tmp_path / "s"), MLPConfig(labels="folders"), OpenContext(on_files=seen.append), torch.device("cpu")
    )
    assert table.class_names == ("high", "low")
    assert table.features.shape == (6, len(FEATURE_NAMES))
    skipped = [row for row in table.files if row.verdict == "skipped"]
    assert [(row.path, row.reason) for row in skipped] == [("stray.wav", "has no label")]
    assert len(table.files) == 7


def test_a_csv_labels_files_by_their_path_in_the_folder(tmp_path: Path) -> None:
    folder = sounds(tmp_path / "s")
    rows = [f"low/{pitch}.wav,{pitch}.5" for pitch in (110, 130, 150)] + [r"high\2000.wav,2000"]
    config = MLPConfig(labels=labels_csv(tmp_path / "l.csv", "file,pitch", *rows))
    table = read_sounds(folder, config, OpenContext(), torch.device("cpu"))
    assert table.task_type == "regression" and table.target_name == "pitch"
    assert dict(zip(table.row_files, table.target.tolist(), strict=True))["low/130.wav"] == 130.5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("file,label", "low/110.wav,x", "gone.wav,y"), "names files that are not in"),
        (("file,label", "low/110.wav,x", "low/110.wav,y"), "twice, again on line 3"),
        (("file,label", "low/110.wav,"), "'label' has no value on line 2"),
        (("file", "low/110.wav"), "only the column 'file'"),
    ],
)
def test_bad_labels_are_refused_with_their_place(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    folder = sounds(tmp_path / "s")
    with pytest.raises(DataError, match=said):
        read_labels(folder, labels_csv(tmp_path / "l.csv", *lines), None)


def test_too_few_labelled_sounds_are_refused(tmp_path: Path) -> None:
    config = MLPConfig(labels=labels_csv(tmp_path / "l.csv", "file,label", "low/110.wav,x", "low/130.wav,y"))
    with pytest.raises(DataError, match="7 files found, 2 of them usable and labelled"):
        read_sounds(sounds(tmp_path / "s"), config, OpenContext(), torch.device("cpu"))


def test_features_tell_sounds_apart_whatever_their_length() -> None:
    transform = AudioSpectrogram(SpectrogramConfig())

    def of(wave: np.ndarray) -> np.ndarray:
        return features_of(torch.from_numpy(wave / np.abs(wave).max()), transform)

    assert len(of(tone(440))) == len(FEATURE_NAMES)
    near, far = of(tone(440)) - of(tone(450)), of(tone(440)) - of(tone(3000))
    assert np.linalg.norm(near) < 0.3 * np.linalg.norm(far)
    for seconds in (0.005, 0.1, 70.0):
        assert np.isfinite(of(tone(440, seconds))).all()


def test_features_know_the_direction_of_time() -> None:
    transform = AudioSpectrogram(SpectrogramConfig())
    forwards = np.concatenate([tone(3000, 0.3), tone(200, 0.3)])
    first, second = (features_of(torch.from_numpy(wave), transform) for wave in (forwards, forwards[::-1].copy()))
    assert np.abs(first - second).max() > 1
