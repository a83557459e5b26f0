"""DecentSampler: a .dspreset, XML beside its samples. After its developers' guide, 1.11."""

from __future__ import annotations

from itertools import groupby
from xml.etree import ElementTree

from engine.tasks.vae.instrument.model import RELEASE_S, Instrument, Zone


def dspreset(instrument: Instrument, folder: str, about: str) -> bytes:
    """The text of a .dspreset file whose samples lie in ``folder`` beside it."""
    root = ElementTree.Element("DecentSampler", minVersion="1.0.0")
    root.append(ElementTree.Comment(f" {about.replace('--', '- -')} "))
    groups = ElementTree.SubElement(root, "groups")
    for sound, zones in groupby(instrument.zones, key=lambda zone: zone.sound):
        group = ElementTree.SubElement(groups, "group", {"name": sound, **_common(first := next(zones))})
        for zone in (first, *zones):
            ElementTree.SubElement(group, "sample", {"path": f"{folder}/{zone.sample}", **_place(zone)})
    return _text(root)


def _common(zone: Zone) -> dict[str, str]:
    """What all zones of one sound share."""
    if zone.loop is None:
        said = {"ampEnvEnabled": "false", "loopEnabled": "false"}
    else:
        said = {"attack": str(zone.loop.attack_s), "release": str(RELEASE_S), "loopEnabled": "true"}
    if zone.turns > 1:
        said |= {"seqMode": "round_robin", "seqLength": str(zone.turns)}
    if zone.choke:
        said |= {"tags": f"choke{zone.choke}", "silencedByTags": f"choke{zone.choke}", "silencingMode": "fast"}
    return said


def _place(zone: Zone) -> dict[str, str]:
    said = {
        "rootNote": str(zone.root),
        "loNote": str(zone.low_key),
        "hiNote": str(zone.high_key),
        "loVel": str(zone.low_velocity),
        "hiVel": str(zone.high_velocity),
    }
    if round(zone.tune):
        said["tuning"] = f"{zone.tune / 100:.2f}"
    if zone.turns > 1:
        said["seqPosition"] = str(zone.position)
    if zone.loop is not None:
        said |= {"loopStart": str(zone.loop.start), "loopEnd": str(zone.loop.end - 1)}  # the last sample of the loop
    return said


def _text(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return found + b"\n"
