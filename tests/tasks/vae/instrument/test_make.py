"""What a kit says of where it comes from and of its samples, whoever packed the model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from engine.errors import DataError
from engine.tasks.vae.instrument.decent_sampler import dspreset
from engine.tasks.vae.instrument.layout import lay_out
from engine.tasks.vae.instrument.make import _about, _Maker
from engine.tasks.vae.instrument.multisample import mapping
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.sfz import sfz
from engine.tasks.vae.instrument.wishes import Wish, read_file
from engine.tasks.vae.sounds.request import SoundRequest

EVIL = "kick\n<region> sample=../secret.wav\r\x00\x07\x1b[2J\udce9"


def generator(run: str) -> Any:
    return SimpleNamespace(trained=SimpleNamespace(run=run, uuid="1", state="best.safetensors"), of_textures=False)


def test_names_from_elsewhere_are_one_line_in_every_format(tmp_path: Path) -> None:
    """Of the run, which a packed model says, and of a sound, which is a file's."""
    rate = 48_000
    soundfile.write(tmp_path / "kick.wav", 0.1 * np.random.default_rng(0).standard_normal(rate // 4), rate)
    about = _about(generator(EVIL), InstrumentRequest())
    maker = _Maker(generator(EVIL), InstrumentRequest(), [{}], "kit", about, lambda done: None)
    voice = maker.voice(1, Wish(EVIL, SoundRequest(), tmp_path / "kick.wav"))
    (kit,) = lay_out("kit", [voice], "kit", ())
    text = sfz(kit, "samples", about).decode()
    assert [line.split()[0] for line in text.splitlines() if line] == ["//", "//", "//", "<group>", "<region>"]
    assert text.replace("\n", "").isprintable()
    for found in (dspreset(kit, "samples", about), mapping(kit, maker.samples, about)):
        ElementTree.fromstring(found)


@pytest.mark.parametrize(
    ("wave", "rate"),
    [
        (np.zeros((480, 3)), 48_000), (np.zeros(0), 48_000), (np.zeros(480), 1), (np.zeros(480), 2_000_000),
        (np.full(480, np.nan), 48_000), (np.full(480, np.inf), 48_000), (np.zeros(601 * 8_000), 8_000),
    ],
    ids=["three channels", "none", "1 Hz", "2 MHz", "no number", "endless", "too long"],
)  # fmt: skip
def test_a_starred_file_that_was_not_made_here_is_refused_before_it_is_used(
    wave: np.ndarray, rate: int, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", wave, rate, "FLOAT" if len(wave) < 1_000 else "PCM_16")
    with pytest.raises(DataError, match="is no sound that was made here") as refused:
        read_file(tmp_path / "a.wav")
    assert refused.value.remedy == "Take its star away."
