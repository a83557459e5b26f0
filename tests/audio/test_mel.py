"""Spectrograms, their scale, their inversion, the variations."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine import rng
from engine.audio import augment, mel_scale
from engine.audio.inversion import BEST, FAST, Quality, invert_mel
from engine.audio.mel import AudioSpectrogram, Scale, mel_filterbank, power_to_db, to_power
from engine.audio.mel_scale import functional, melscale_fbanks
from engine.audio.picture import mel_png
from engine.audio.settings import SpectrogramConfig
from engine.errors import ConfigError
from engine.tasks.vae.config import VAEConfig
from engine.validation import validated

CONFIG = SpectrogramConfig()


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    time = torch.arange(round(seconds * CONFIG.sample_rate)) / CONFIG.sample_rate
    return torch.sin(2 * math.pi * hertz * time) * torch.exp(-3 * time)


@pytest.mark.slow
def test_the_mel_scale_is_torchaudios_whether_or_not_its_compiled_part_loads() -> None:
    """As beside another build of torch, wherever this runs: its loader is made to fail."""
    program = (
        "import torch\n"
        "def refuse(path): raise OSError('cannot load')\n"
        "torch.ops.load_library = refuse\n"
        "from engine.audio.mel_scale import melscale_fbanks\n"
        "print(melscale_fbanks.__module__, melscale_fbanks(5, 0.0, 100.0, 3, 200).shape)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "torchaudio.functional.functional torch.Size([5, 3])\n", result.stderr


RANGES = [SpectrogramConfig(), SpectrogramConfig(f_min=300.0, f_max=9_000.0)]


@pytest.mark.parametrize("config", RANGES, ids=["all", "part"])
def test_rows_are_where_the_filterbank_has_its_bands(config: SpectrogramConfig) -> None:
    """A frequency between two centres lies as far between their rows as the triangles and the scale say."""
    rate, bands, low, top = config.sample_rate, config.n_mels, config.f_min, config.top_hz
    hertz = mel_scale.centres(bands, low, top)
    assert torch.allclose(mel_scale.rows(hertz, bands, low, top), torch.arange(bands).float(), atol=1e-4)
    bank = melscale_fbanks(rate + 1, low, top, bands, rate, None, "slaney")
    assert torch.allclose(bank.argmax(0) / 2, hertz, atol=0.51)
    assert mel_scale.rows(torch.tensor([low, top]), bands, low, top).tolist() == pytest.approx([-1, bands], abs=1e-3)


@pytest.mark.parametrize("config", RANGES, ids=["all", "part"])
def test_a_row_comes_from_torchaudios_scale(config: SpectrogramConfig) -> None:
    low, top = (functional._hz_to_mel(hertz, "slaney") for hertz in (config.f_min, config.top_hz))
    step = (top - low) / (config.n_mels + 1)
    for hertz in (320.0, 440.0, 999.0, 1003.0, 7040.0, 10_000.0):
        exact = (functional._hz_to_mel(hertz, "slaney") - low) / step - 1
        row = mel_scale.rows(torch.tensor([hertz]), config.n_mels, config.f_min, config.top_hz)
        assert float(row) == pytest.approx(exact, abs=3e-4)


def test_the_bands_lie_between_the_frequencies_that_were_asked_for() -> None:
    bank = mel_filterbank(RANGES[1])
    hertz = torch.linspace(0, 24_000, len(bank))
    heard = hertz[bank.sum(1) > 0]
    assert 300 <= float(heard.min()) < 330 and 8_900 < float(heard.max()) <= 9_000
    plain = melscale_fbanks(1025, 0.0, 24_000.0, 128, 48_000, None, "slaney")
    assert torch.equal(mel_filterbank(SpectrogramConfig()), plain)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_a_sound_comes_back_whatever_its_bands_add_up(power: float) -> None:
    config = SpectrogramConfig(f_min=100.0, f_max=12_000.0, power=power)
    transform = AudioSpectrogram(config)
    wave = tone(440.0) + 0.3 * tone(2_000.0)
    db = transform(wave[None])
    phase = torch.from_numpy(rng.generator(0, "phase").random((1, 1025, db.shape[-1]), dtype=np.float32))
    back = transform(invert_mel(to_power(db), config, len(wave), phase, BEST))
    active = db > db.max() - 40
    assert float((back - db)[active].abs().mean()) < 2.0
    assert float(db.max()) == pytest.approx(float(AudioSpectrogram(CONFIG)(wave[None]).max()), abs=6), "still power"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"f_min": 900.0, "f_max": 400.0}, "f_min = 900 Hz must lie below f_max = 400 Hz"),
        ({"f_max": 30_000.0}, "f_max = 30000 Hz lies above half the sample rate: at most 24000"),
        ({"f_max": 500.0}, "has 21 frequencies, too few for 128 bands: widen the range"),
    ],
)
def test_a_range_that_leaves_bands_empty_is_refused_in_a_sentence(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        validated(VAEConfig, {"spectrogram": wrong})
    assert sentence in str(error.value) and "{" not in str(error.value)


def test_a_chunk_has_the_frames_of_its_sound() -> None:
    transform = AudioSpectrogram(CONFIG)
    wave = torch.randn(1, 96_000, generator=torch.Generator().manual_seed(0))
    whole = transform(wave)
    start = 20 * CONFIG.hop_length
    margin = CONFIG.n_fft // 2
    chunk = transform(wave[:, start - margin : start + 24_000 + margin], padded=True)
    assert chunk.shape[-1] == CONFIG.frames(24_000)
    torch.testing.assert_close(chunk, whole[..., 20 : 20 + chunk.shape[-1]], atol=1e-3, rtol=0)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    db = AudioSpectrogram(CONFIG)(tone(2000.0)[None])[0].amax(1)
    centres = mel_filterbank(CONFIG).argmax(0) * CONFIG.sample_rate / CONFIG.n_fft
    assert abs(float(centres[int(db.argmax())]) - 2000) < 100


def test_a_scale_restores_what_it_standardised_and_keeps_its_limits() -> None:
    scale = Scale(ref=30.0, mean=-10.0, std=15.0)
    db = torch.tensor([30.0, 0.0, -49.0, -80.0, 50.0])
    restored = scale.restore(scale.standardise(db))
    torch.testing.assert_close(restored, torch.tensor([30.0, 0.0, -49.0, -50.0, 36.0]))
    assert scale.power(restored)[3] == 0.0, "the floor is silence"
    assert scale.power(restored)[2] == 0.0, "and so is what lies 1.5 dB above it"


@pytest.mark.parametrize("hertz", [220.0, 1000.0, 5000.0])
def test_inversion_gives_back_a_wave_with_the_same_mel_spectrogram(hertz: float) -> None:
    wave = tone(hertz)[None]
    transform = AudioSpectrogram(CONFIG)
    db = transform(wave)
    phase = torch.rand(1, 1025, db.shape[-1], generator=torch.Generator().manual_seed(1))
    errors = {}
    for name, quality in {"none": Quality(0, 0), "fast": FAST, "best": BEST}.items():
        back = invert_mel(to_power(db), CONFIG, wave.shape[-1], phase, quality)
        assert back.shape == wave.shape and torch.isfinite(back).all()
        active = db > db.max() - 60
        errors[name] = float((transform(back) - db)[active].abs().mean())
    assert errors["best"] <= errors["fast"] < errors["none"] and errors["fast"] < 2.5


def test_silence_inverts_to_silence() -> None:
    back = invert_mel(torch.zeros(1, 128, 20), CONFIG, 9000, torch.rand(1, 1025, 20))
    assert float(back.abs().max()) == 0.0


def test_neutral_draws_change_nothing() -> None:
    db = AudioSpectrogram(CONFIG)(tone(500.0)[None])
    neutral = augment.draw(rng.generator(0, "augment"), 1, 0.0, 0.5)
    varied = augment.apply(db, neutral, torch.ones_like(db), float(db.max()), CONFIG)
    torch.testing.assert_close(varied, db, atol=0.02, rtol=0)


def test_gain_is_an_offset_and_pitch_moves_a_tone_by_its_ratio() -> None:
    db = AudioSpectrogram(CONFIG)(tone(2000.0)[None])
    draws = {
        "gain_db": torch.tensor([5.0]),
        "pitch": torch.tensor([1.5]),
        "speed": torch.tensor([1.0]),
        "noise_db": torch.tensor([-math.inf]),
        "colour_db": torch.zeros(1, augment.COLOUR_KNOTS),
        "mix_db": torch.tensor([-math.inf]),
    }
    varied = augment.apply(db, draws, torch.zeros_like(db), 0.0, CONFIG)
    expected = AudioSpectrogram(CONFIG)(tone(3000.0)[None])
    assert int(varied[0].amax(1).argmax()) == pytest.approx(int(expected[0].amax(1).argmax()), abs=1)
    still = augment.apply(db, draws | {"pitch": torch.tensor([1.0])}, torch.zeros_like(db), 0.0, CONFIG)
    torch.testing.assert_close(still, db + 5, atol=0.02, rtol=0)


def test_speed_shortens_and_leaves_pitch() -> None:
    db = AudioSpectrogram(CONFIG)(tone(500.0)[None])
    draws = augment.draw(rng.generator(0, "augment"), 1, 0.0, 0.5) | {"speed": torch.tensor([2.0])}
    varied = augment.apply(db, draws, torch.zeros_like(db), 0.0, CONFIG)
    torch.testing.assert_close(varied[0, :, 10:40], db[0, :, 20:80:2], atol=0.1, rtol=0)


def test_noise_adds_in_power_at_its_level() -> None:
    silence = torch.full((1, 128, 2000), -120.0)
    draws = augment.draw(rng.generator(0, "augment"), 1, 0.0, 0.5) | {"noise_db": torch.tensor([-50.0])}
    noise = torch.from_numpy(rng.generator(0, "noise").standard_exponential((1, 128, 2000), dtype=np.float32))
    varied = augment.apply(silence, draws, noise, 20.0, CONFIG)
    assert float(power_to_db(to_power(varied).mean())) == pytest.approx(-30.0, abs=0.1)


def test_about_half_the_chunks_are_left_alone_by_each_variation() -> None:
    draws = augment.draw(rng.generator(0, "augment"), 4000, 1.0, 0.5)
    for name, neutral in {"gain_db": 0.0, "pitch": 1.0, "speed": 1.0, "noise_db": -math.inf}.items():
        assert 0.45 < float((draws[name] == neutral).float().mean()) < 0.55, name


def test_a_picture_is_small_and_dark_where_nothing_is() -> None:
    import io

    from PIL import Image

    db = np.full((128, 100), -100.0, dtype=np.float32)
    db[:64] = 0.0
    image = Image.open(io.BytesIO(mel_png(db, 2.0, 0.01)))
    assert image.size == (640, 112)
    assert image.getpixel((100, 100)) > (200, 200, 100), "low notes are at the bottom, bright where loud"
    assert image.getpixel((100, 10)) == image.getpixel((600, 100)) == (0, 0, 4), "silent and missing time are dark"
