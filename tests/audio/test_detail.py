"""The second picture, and inversion with it: attacks stay where they were."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import rng
from engine.audio import detail, onsets
from engine.audio.inversion import FAST, invert_mel
from engine.audio.mel import AudioSpectrogram, to_power
from engine.audio.settings import SpectrogramConfig
from tests.bench.attack import compare
from tests.sampling import later

CONFIG = SpectrogramConfig()
CPU = torch.device("cpu")


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing remembered of the shipped file, before and after."""
    detail.shipped.cache_clear()
    yield
    detail.shipped.cache_clear()


def stroke(lead_s: float = 0.1, seconds: float = 0.5) -> np.ndarray:
    """Silence, then noise and a tone that die away."""
    moment = np.arange(round(seconds * 48_000)) / 48_000
    noise = rng.generator(0, "stroke").standard_normal(len(moment))
    sound = (0.3 * noise + np.sin(2 * np.pi * 700 * moment)) * np.exp(-moment / 0.08)
    return np.concatenate([np.zeros(round(lead_s * 48_000)), sound / np.abs(sound).max()]).astype(np.float32)


def there_and_back(wave: np.ndarray, sharp: bool, config: SpectrogramConfig = CONFIG) -> np.ndarray:
    power = to_power(AudioSpectrogram(config)(torch.from_numpy(wave)[None]))
    shape = (1, config.n_fft // 2 + 1, power.shape[-1])
    phase = torch.from_numpy(rng.generator(0, "phase").random(shape, dtype=np.float32))
    with torch.inference_mode():
        fine = detail.infer(power, config) if sharp else None
        return invert_mel(power, config, len(wave), phase, FAST, fine)[0].numpy()


def test_with_the_second_picture_nothing_hisses_before_a_stroke() -> None:
    wave = stroke()
    soft, sharp = (compare(wave, there_and_back(wave, sharp)) for sharp in (False, True))
    assert sharp["env_db"] < 0.5 * soft["env_db"]
    assert sharp["attack_ms"] < soft["attack_ms"]
    assert sharp["first_db"] < 1


def test_equal_spectrograms_give_equal_waves_whatever_lies_beside_them() -> None:
    wave = stroke()
    power = to_power(AudioSpectrogram(CONFIG)(torch.from_numpy(np.stack([wave, 0.1 * wave[::-1].copy()]))))
    phase = torch.rand(1, 1025, power.shape[-1], generator=torch.Generator().manual_seed(1))
    both = invert_mel(power, CONFIG, len(wave), phase.expand(2, -1, -1), FAST, detail.infer(power, CONFIG))
    alone = invert_mel(power[:1], CONFIG, len(wave), phase, FAST, detail.infer(power[:1], CONFIG))
    again = invert_mel(power[:1], CONFIG, len(wave), phase, FAST, detail.infer(power[:1], CONFIG))
    assert torch.equal(alone, again)
    torch.testing.assert_close(both[:1], alone, atol=1e-3, rtol=0)


def test_a_sound_twice_as_loud_comes_back_twice_as_loud() -> None:
    wave = stroke()
    np.testing.assert_allclose(there_and_back(2 * wave, True), 2 * there_and_back(wave, True), atol=0.02)


def test_silence_stays_silence() -> None:
    power = torch.zeros(2, 128, 20)
    back = invert_mel(power, CONFIG, 9000, torch.rand(2, 1025, 20), FAST, detail.infer(power, CONFIG))
    assert back.shape == (2, 9000) and float(back.abs().max()) == 0.0


@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_the_shortest_spectrograms_come_back_too(frames: int) -> None:
    power = torch.rand(1, 128, frames)
    back = invert_mel(power, CONFIG, 600, torch.rand(1, 1025, frames), FAST, detail.infer(power, CONFIG))
    assert back.shape == (1, 600) and torch.isfinite(back).all()


@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({}, True),
        ({"sample_rate": 44_100}, True),
        ({"sample_rate": 22_050, "n_fft": 1024, "hop_length": 256}, True),
        ({"sample_rate": 16_000}, False),
        *later(({"n_mels": 80}, False), ({"hop_length": 256}, False), ({"n_fft": 4096, "hop_length": 1024}, False)),
    ],
)
def test_spectrograms_that_the_net_does_not_know_are_inverted_as_ever(changed: dict[str, int], known: bool) -> None:
    config = SpectrogramConfig(**changed)
    assert detail.fits(config) == known
    wave = stroke()
    differs = not np.array_equal(there_and_back(wave, True, config), there_and_back(wave, False, config))
    assert differs == known


def test_the_shipped_file_is_the_one_it_is_described_to_be() -> None:
    about = json.loads(detail.WEIGHTS.with_suffix(".json").read_text())
    content = detail.WEIGHTS.read_bytes()
    assert hashlib.sha256(content).hexdigest() == about["sha256"]
    assert len(content) < 2_000_000 and about["licence"] and "CC0" in about["data"] and about["made_by"]


@pytest.mark.parametrize("damage", ["missing", "one bit", *later("cut", "no description", "no json")])
def test_a_damaged_net_is_said_in_one_sentence_and_left_out(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fresh: None
) -> None:
    content, about = detail.WEIGHTS.read_bytes(), detail.WEIGHTS.with_suffix(".json").read_bytes()
    copy = tmp_path / "detail.safetensors"
    if damage != "missing":
        turned = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        copy.write_bytes({"one bit": turned, "cut": content[:1000]}.get(damage, content))
    if damage != "no description":
        copy.with_suffix(".json").write_bytes(b"{" if damage == "no json" else about)
    monkeypatch.setattr(detail, "WEIGHTS", copy)
    wave = stroke(seconds=0.2)
    with caplog.at_level(logging.WARNING):
        sharp = there_and_back(wave, True)
        there_and_back(wave, True)
    assert np.array_equal(sharp, there_and_back(wave, False)), "as without a second picture"
    assert len(caplog.messages) == 1 and str(copy) in caplog.messages[0] and "Install" in caplog.messages[0]


def test_an_onset_is_found_to_the_sample_where_the_picture_is_true() -> None:
    hop, n_fft = 128, 512
    for start in range(6000, 6000 + 2 * hop, 19):
        wave = torch.zeros(1, 12_800)
        wave[:, start:] = torch.randn(1, 12_800 - start, generator=torch.Generator().manual_seed(start)).sign()
        window = torch.hann_window(n_fft)
        power = torch.stft(wave, n_fft, hop, window=window, pad_mode="constant", return_complex=True).abs().square()
        power = power.transpose(1, 2)
        level = onsets.level_db(power, power.sum(2).amax(1, keepdim=True))
        found = onsets.clear_onsets(level, n_fft, hop)
        assert found
        assert [sample + onsets.EARLY for _, _, sample in found] == pytest.approx([start] * len(found), abs=5)


def test_a_steady_sound_has_no_onset_and_is_left_alone() -> None:
    level = torch.full((1, 200), -3.0)
    assert onsets.clear_onsets(level, 512, 128) == []
    assert torch.all(onsets.fine_weight(level, 128) == onsets.LEAST)
    wave = torch.randn(1, 128 * 199)
    assert torch.equal(onsets.quiet_before_onsets(wave, level, level + 5, 512, 128), wave)
