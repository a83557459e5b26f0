"""What is said of a sound file that was read to its end."""

from __future__ import annotations

from engine.audio.files.stream import SoundFile
from engine.audio.levels import amplitude_to_db
from engine.quantities import counted, duration

LOUD = 10.0  # +20 dB: more than a float recording that was driven a little hot
LOST = 10 ** (9 / 20)  # a mix that much below its loudest channel: one side of a stereo sound alone loses 6 dB
SILENT = 1e-3  # -60 dB of full scale: 16 bits have few steps left below it


def failure(source: SoundFile, low: float, high: float) -> str | None:
    """Why what was read is no usable sound, else None. low, high: the smallest and the largest sample of the mono."""
    if not source.frames:
        nothing = source.missing_s or source.coded
        return "damaged: no sample of it can be read" if nothing else "empty: it has a header and no sound"
    if source.broken > source.frames / 10:
        return f"broken: {source.broken / source.frames:.0%} of its samples are NaN, infinite or beyond 120 dB"
    if (high - low) / 2 >= SILENT:
        return None
    if source.frames < source.sample_rate / 1000:
        return f"too short: {counted(source.frames, 'sample')}"
    if source.channel_peak < SILENT:
        return "silent: it stays more than 60 dB below full scale"
    if source.channels > 1 and max(-low, high) < SILENT:
        return "silent in mono: its channels cancel each other, so save one of them alone"
    return "silent: it holds a constant offset and nothing else"


def notes(source: SoundFile, peak: float) -> tuple[str, ...]:
    """What its user should know of a sound that is used all the same."""
    notes = []
    if source.unfinished:
        notes.append("its header was never finished, as when a recorder loses power: all behind it is used")
    if source.missing_s:
        notes.append(_missing(source))
    if source.beyond:
        notes.append(
            f"its header ends it after {source.duration_s:.2f} s: {source.beyond:,} bytes behind that are left out"
        )
    if source.broken:
        notes.append(f"{counted(source.broken, 'broken sample')} (NaN, infinite or beyond 120 dB), now silent")
    if source.shortened:
        notes.append(f"very long: its first {duration(source.duration_s)} are used")
    if source.altered:
        notes.append(
            "its sound is not what its own checksum says: damaged, or changed by a program that left it as it was"
        )
    if peak > 0 and source.channel_peak > LOST * peak:
        lost = amplitude_to_db(source.channel_peak) - amplitude_to_db(peak)
        notes.append(
            f"mixed from {source.channels} channels, {lost:.0f} dB below the loudest of them: save that one alone "
            "if it is the sound"
        )
    if peak > LOUD:
        notes.append(f"its peak lies {amplitude_to_db(peak):.0f} dB above full scale: brought down to it")
    return tuple(notes)


def _missing(source: SoundFile) -> str:
    declared = source.duration_s + source.missing_s
    if declared < 86_400:
        return f"cut off: {source.duration_s:.2f} s of {declared:.2f} s could be read"
    return f"its header gives no true length: all {source.duration_s:.2f} s in it are used"
