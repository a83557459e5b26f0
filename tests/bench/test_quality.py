"""The bench's own rulers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests import forkserver
from tests.bench import visqol
from tests.bench.features import diversity, features, frechet, onset_s, seam
from tests.bench.quality import command
from tests.bench.scoring import RATE, mel_power, relative_db, score


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    wave = np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 0.1
    return wave.astype(np.float32)


def test_a_wave_is_at_distance_zero_from_itself() -> None:
    wave = noise(0.7)
    assert all(value == pytest.approx(0, abs=1e-5) for value in score(wave, wave).values())


def test_a_change_of_level_costs_its_decibels() -> None:
    wave = noise(0.7)
    found = score(wave, wave * 10 ** (-6 / 20))
    assert found["active_db"] == pytest.approx(6, abs=0.05)
    assert found["spectral_convergence"] == pytest.approx(0.5, abs=0.01)


def test_missing_sound_counts_as_silence() -> None:
    wave = noise(1.0)
    assert score(wave, wave[: RATE // 2])["active_db"] > 20


def test_bins_below_minus_sixty_are_not_active() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    found = score(tone, (tone + noise(1.0) * 10 ** (-30 / 20)).astype(np.float32))
    assert found["active_db"] < 1 < found["all_db"]


def test_the_same_sounds_have_no_frechet_distance_and_full_diversity() -> None:
    items = np.stack([features(relative_db(mel_power(noise(1.0, seed)))) for seed in range(12)])
    assert frechet(items, items) == pytest.approx(0, abs=1e-6)
    assert frechet(items, items + 5) > 1
    assert diversity(items[:1].repeat(4, 0), items.std(0)) == 0


def test_an_onset_is_where_the_sound_sets_in() -> None:
    wave = np.concatenate([np.zeros(RATE // 2, np.float32), noise(0.5)])
    assert onset_s(relative_db(mel_power(wave))) == pytest.approx(0.5, abs=0.03)


def test_chunks_set_end_to_end_have_a_seam_and_one_pass_has_none() -> None:
    whole = relative_db(mel_power(noise(6.0)))
    assert seam(whole, RATE) == pytest.approx(1, abs=0.15)
    louder = [noise(1.0, seed) * 10 ** (-seed * 6 / 20) for seed in range(6)]
    assert seam(relative_db(mel_power(np.concatenate(louder))), RATE) > 1.2


@pytest.mark.slow
def test_the_bench_trains_and_prints_one_line_of_figures(drums: Path) -> None:
    options = ("--steps", 4, "--threads", 1, "--samples", 4, "--", "--channels", 8, "--batch-size", 2)
    done = forkserver.run("tests.bench", "quality", "--data", drums, *options, timeout=500)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["inversion"]["active_db"] < 2 < line["gated"]["active_db"]
    assert {
        "gated",
        "ungated",
        "constant",
        "nearest_window",
        "inversion",
        "samples",
        "ten_seconds",
        "wins",
        "attack",
        "inversion_attack",
    } <= line.keys()
    assert line["inversion_attack"]["env_db"] < line["attack"]["env_db"]
    assert line["samples"]["beginnings"].keys() == line["samples"]["beginnings_data"].keys()


@pytest.mark.slow
def test_the_bench_of_lengths_keeps_what_it_measured_and_goes_on(drums: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "lengths.jsonl"
    (data / "sonicpi").mkdir(parents=True)
    for number, path in enumerate(sorted(drums.iterdir())):
        (data / "sonicpi" / f"drum_{number}{path.suffix}").write_bytes(path.read_bytes())
    options = ("--data", data, "--set", "drums", "--out", out)
    for wanted in (["--steps", "2"], ["--steps", "2", "--steps", "3"]):
        done = forkserver.run("tests.bench", "lengths", *options, *wanted, timeout=500)
        assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["steps"] for line in lines] == [2, 3], "what stands there is not trained again"
    assert all(line["files"] == 10 and line["best_db"] > 0 and line["constant_db"] > 0 for line in lines)


def test_what_visqol_needs_is_asked_for_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(visqol, "find_spec", lambda name: None)
    done = CliRunner().invoke(command, ["--data", str(tmp_path), "--visqol"])
    assert done.exit_code == 1 and 'pip install -e ".[bench]"' in done.output


def test_visqol_hears_short_sounds_and_what_is_wrong_with_them() -> None:
    pytest.importorskip("visqol", reason="the extra bench is not installed")
    sound = noise(0.3) * np.linspace(1, 0, round(0.3 * RATE))
    same, worse = (visqol.quality(sound, other) for other in (sound, sound + 0.3 * noise(0.3, 1)))
    assert 4.5 < same < 5 and worse < same - 0.3
