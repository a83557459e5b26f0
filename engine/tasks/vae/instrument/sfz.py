"""SFZ: a text file beside its samples. Opcodes of its version 1 only (https://sfzformat.com)."""

from __future__ import annotations

from engine.tasks.vae.instrument.model import RELEASE_S, Instrument, Zone


def sfz(instrument: Instrument, folder: str, about: str) -> bytes:
    """The text of an .sfz file whose samples lie in ``folder`` beside it."""
    lines = [f"// {instrument.name}", f"// {about}"]
    for sound, zones in instrument.sounds.items():
        lines += ["", f"// {sound}", f"<group> {_common(zones[0])}"]
        lines += [f"<region> {_region(zone, folder)}" for zone in zones]
    return ("\n".join(lines) + "\n").encode()


def _common(zone: Zone) -> str:
    """What all zones of one sound share."""
    opcodes: dict[str, object] = {"lokey": zone.low_key, "hikey": zone.high_key}
    if zone.loop is None:
        opcodes["loop_mode"] = "one_shot"
    else:
        opcodes |= {"loop_mode": "loop_continuous", "ampeg_attack": zone.loop.attack_s, "ampeg_release": RELEASE_S}
    if zone.choke:
        opcodes |= {"group": zone.choke, "off_by": zone.choke}
    return _said(opcodes)


def _region(zone: Zone, folder: str) -> str:
    opcodes: dict[str, object] = {"lovel": zone.low_velocity, "hivel": zone.high_velocity, "pitch_keycenter": zone.root}
    if zone.cents:
        opcodes["tune"] = zone.cents
    if zone.turns > 1:
        opcodes |= {"seq_length": zone.turns, "seq_position": zone.position}
    if zone.loop is not None:
        opcodes |= {"loop_start": zone.loop.start, "loop_end": zone.loop.last}
    return f"{_said(opcodes)} sample={folder}/{zone.sample}"


def _said(opcodes: dict[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in opcodes.items())
