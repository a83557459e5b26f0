"""DecentSampler: a .dspreset, XML beside its samples. After its developers' guide, 1.11."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from engine.tasks.vae.instrument.model import RELEASE_S, Instrument, Zone


def dspreset(instrument: Instrument, folder: str, about: str) -> bytes:
    """The text of a .dspreset file whose samples lie in ``folder`` beside it."""
    root = ElementTree.Element("DecentSampler", minVersion="1.0.0")
    root.append(ElementTree.Comment(re.sub("-(?=-)", "- ", f" {about} ")))
    groups = ElementTree.SubElement(root, "groups")
    for sound, zones in instrument.sounds.items():
        group = ElementTree.SubElement(groups, "group", {"name": sound, **_common(zones[0])})
        for zone in zones:
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
    if zone.cents:
        said["tuning"] = f"{zone.cents / 100:.2f}"
    if zone.turns > 1:
        said["seqPosition"] = str(zone.position)
    if zone.loop is not None:
        said |= {"loopStart": str(zone.loop.start), "loopEnd": str(zone.loop.last)}
    return said


def _text(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return found + b"\n"
