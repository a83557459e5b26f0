"""A kit as one zip: a folder of samples, and beside it each instrument in every format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.audio.pitch import Pitch
from engine.piano_keys import key_name
from engine.rundir.encoding import encode
from engine.tasks.vae.instrument.decent_sampler import dspreset
from engine.tasks.vae.instrument.model import Instrument, Kit
from engine.tasks.vae.instrument.multisample import multisample
from engine.tasks.vae.instrument.naming import LONGEST, file_stem
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.sfz import sfz
from engine.tasks.vae.instrument.soundfont import soundfont

SAMPLES = "samples"
SHEET = "kit.json"
_OF_RECIPES = {"duration_s", "temperature", "quality", "stereo"}  # starred sounds keep their own


def members(kit: Kit, request: InstrumentRequest) -> Iterator[tuple[str, bytes]]:
    """Names and contents for :func:`engine.sharing.deterministic_zip.write_zip`, all in one folder."""
    for name, sample in kit.samples.items():
        yield f"{kit.name}/{SAMPLES}/{name}", sample.data
    for one in kit.instruments:
        # Past the kit's own name its sound's number comes first, which no other has: that is never cut off.
        stem = f"{kit.name}/{file_stem(one.name, most=2 * LONGEST)}"
        yield f"{stem}.sfz", sfz(one, SAMPLES, kit.about)
        yield f"{stem}.dspreset", dspreset(one, SAMPLES, kit.about)
        yield f"{stem}.multisample", multisample(one, kit.samples, kit.about)
    yield f"{kit.name}/{kit.name}.sf2", soundfont(kit)
    yield f"{kit.name}/{SHEET}", encode(sheet(kit, request), indent=1)


def sheet(kit: Kit, request: InstrumentRequest) -> dict[str, Any]:
    """What is in a kit, for people and programs."""
    return {
        "about": kit.about,
        "threads": kit.threads,
        "request": request.model_dump(exclude=_OF_RECIPES if request.source == "starred" else None),
        "instruments": [{"name": one.name, "sounds": list(_sounds(one))} for one in kit.instruments],
        "pitches": {name: _told(sample.pitch) for name, sample in kit.samples.items() if sample.pitch},
        "remarks": list(kit.remarks),
    }


def _told(pitch: Pitch) -> dict[str, float]:
    """note: of MIDI, with its cents behind the point."""
    return {"hz": round(pitch.hz, 2), "note": round(pitch.note, 2), "confidence": round(pitch.confidence, 2)}


def _sounds(instrument: Instrument) -> Iterator[dict[str, Any]]:
    """Each sound once, with its keys."""
    for sound, zones in instrument.sounds.items():
        low, high = zones[0].low_key, zones[0].high_key
        names = key_name(low) if low == high else f"{key_name(low)} to {key_name(high)}"
        yield {"sound": sound, "keys": [low, high], "names": names, "samples": [zone.sample for zone in zones]}
