"""The .multisample of Bitwig and PreSonus: a zip of the samples and ``multisample.xml``, after the schema they publish.

It maps samples and says nothing of how they are played: one-shots, envelopes and choke groups are the sampler's.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from engine.sharing.deterministic_zip import zip_bytes
from engine.tasks.vae.instrument.model import Instrument, Sample, Zone

MAPPING = "multisample.xml"
GENERATOR = "Sweetspot"


def multisample(instrument: Instrument, samples: Mapping[str, Sample], about: str) -> bytes:
    """A .multisample file with all samples of ``instrument`` in it."""
    used = dict.fromkeys(zone.sample for zone in instrument.zones)
    return zip_bytes([(MAPPING, mapping(instrument, samples, about)), *((name, samples[name].data) for name in used)])


def mapping(instrument: Instrument, samples: Mapping[str, Sample], about: str) -> bytes:
    """The text of its ``multisample.xml``."""
    root = ElementTree.Element("multisample", name=instrument.name)
    one_shots = all(zone.loop is None for zone in instrument.zones)
    for name, text in (
        ("generator", GENERATOR),
        ("category", "Drums" if one_shots else "Textures"),
        ("creator", GENERATOR),
        ("description", about),
    ):
        ElementTree.SubElement(root, name).text = text
    ElementTree.SubElement(root, "keywords")
    for sound in instrument.sounds:
        ElementTree.SubElement(root, "group", name=sound)
    for number, zones in enumerate(instrument.sounds.values()):
        for zone in zones:
            _sample(root, zone, number, len(samples[zone.sample].wave))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return found + b"\n"


def _sample(root: ElementTree.Element, zone: Zone, group: int, length: int) -> None:
    turns = "round-robin" if zone.turns > 1 else "always-play"
    said = {"sample-start": "0", "sample-stop": str(length), "gain": "0.0", "group": str(group), "zone-logic": turns}
    sample = ElementTree.SubElement(root, "sample", {"file": zone.sample, **said})
    tracks = {"root": str(zone.root), "track": "1.0", "tune": f"{zone.cents / 100:.2f}"}
    ElementTree.SubElement(sample, "key", tracks, low=str(zone.low_key), high=str(zone.high_key))
    ElementTree.SubElement(sample, "velocity", low=str(zone.low_velocity), high=str(zone.high_velocity))
    ElementTree.SubElement(sample, "select")
    loop = {"mode": "off"} if zone.loop is None else {"mode": "loop"}
    start, stop = (0, length) if zone.loop is None else (zone.loop.start, zone.loop.end)
    ElementTree.SubElement(sample, "loop", loop, start=str(start), stop=str(stop))
