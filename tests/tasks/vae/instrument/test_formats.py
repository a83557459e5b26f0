"""Each format by its own rules, read back by a parser that is not its writer's."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.audio import finish
from engine.audio.pitch import Pitch
from engine.sharing.deterministic_zip import zip_bytes
from engine.tasks.vae.instrument.decent_sampler import dspreset
from engine.tasks.vae.instrument.kit_zip import members
from engine.tasks.vae.instrument.layout import Take, Voice, lay_out
from engine.tasks.vae.instrument.model import Instrument, Kit, Loop, Zone
from engine.tasks.vae.instrument.multisample import MAPPING, mapping, multisample
from engine.tasks.vae.instrument.naming import LONGEST, file_stem
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.sfz import sfz
from engine.tasks.vae.instrument.soundfont import soundfont
from tests.tasks.vae.instrument.kits import LOOP, WAVES, kit

pytestmark = pytest.mark.filterwarnings("ignore:'audioop' is deprecated")
KIT = kit()
DRUMS, TUNED = KIT.instruments
LENGTH = len(WAVES["drums-004.wav"])


def regions(text: str) -> list[dict[str, str]]:
    """The regions of an SFZ file with what their groups hand down; a sample's name may hold spaces and comes last."""
    found, group = [], {}
    for line in text.splitlines():
        if not line or line.startswith("//"):
            continue
        header, _, rest = line.partition(" ")
        rest, _, sample = rest.partition("sample=")
        opcodes = dict(pair.split("=") for pair in rest.split())
        assert header in ("<group>", "<region>") and set(opcodes) <= OPCODES, line
        if header == "<group>":
            group = opcodes
        else:
            found.append({**group, **opcodes, "sample": sample})
    return found


OPCODES = {  # of version 1, with the types and ranges of its reference
    "lokey", "hikey", "lovel", "hivel", "pitch_keycenter", "tune", "seq_length", "seq_position", "loop_mode",
    "loop_start", "loop_end", "group", "off_by", "ampeg_attack", "ampeg_release",
}  # fmt: skip


def test_sfz_says_every_zone() -> None:
    found = regions(sfz(DRUMS, "samples", "tones").decode())
    assert [one["sample"] for one in found] == [f"samples/{zone.sample}" for zone in DRUMS.zones]
    for one, zone in zip(found, DRUMS.zones, strict=True):
        said = [int(one[name]) for name in ("lokey", "hikey", "lovel", "hivel", "pitch_keycenter")]
        assert said == [zone.low_key, zone.high_key, zone.low_velocity, zone.high_velocity, zone.root]
        assert one["loop_mode"] == ("loop_continuous" if zone.loop else "one_shot")
        assert one.get("ampeg_release") == ("0.3" if zone.loop else None)
        assert int(one.get("group", 0)) == int(one.get("off_by", 0)) == zone.choke
        assert (int(one.get("seq_position", 1)), int(one.get("seq_length", 1))) == (zone.position, zone.turns)
    assert (found[6]["loop_start"], found[6]["loop_end"]) == ("0", str(LENGTH - 1)), "the last sample of the loop"
    (tuned,) = regions(sfz(TUNED, "samples", "tones").decode())
    assert (tuned["pitch_keycenter"], tuned["tune"], tuned["lokey"], tuned["hikey"]) == ("69", "-47", "0", "127")


def test_a_dspreset_says_every_zone() -> None:
    root = ElementTree.fromstring(dspreset(DRUMS, "samples", "a -- b"))
    assert root.tag == "DecentSampler" and [child.tag for child in root] == ["groups"]
    groups = root.findall("groups/group")
    assert [one.get("name") for one in groups] == ["01 A3", "02", "03", "04", "05"]
    pairs = [(group, sample) for group in groups for sample in group]
    for (group, one), zone in zip(pairs, DRUMS.zones, strict=True):
        said = [int(one.get(name, -1)) for name in ("rootNote", "loNote", "hiNote", "loVel", "hiVel")]
        assert said == [zone.root, zone.low_key, zone.high_key, zone.low_velocity, zone.high_velocity]
        assert one.get("path") == f"samples/{zone.sample}"
        assert (group.get("ampEnvEnabled") == "false") == (zone.loop is None), "a one-shot has no release"
        assert (group.get("loopEnabled") == "true") == (zone.loop is not None)
        assert group.get("release") == ("0.3" if zone.loop else None)
        assert group.get("tags") == group.get("silencedByTags") == ("choke1" if zone.choke else None)
        assert group.get("silencingMode") == ("fast" if zone.choke else None)
        assert group.get("seqMode") == ("round_robin" if zone.turns > 1 else None)
        assert group.get("seqLength") == (str(zone.turns) if zone.turns > 1 else None)
        assert one.get("seqPosition") == (str(zone.position) if zone.turns > 1 else None)
    (loop,) = groups[3]
    assert (loop.get("loopStart"), loop.get("loopEnd")) == ("0", str(LENGTH - 1))
    tuned = ElementTree.fromstring(dspreset(TUNED, "samples", "")).find("groups/group/sample")
    assert tuned is not None and (tuned.get("rootNote"), tuned.get("tuning")) == ("69", "-0.47")


@pytest.mark.parametrize("about", ["run drums---v2", "-", "--", "a -- b ---- c-", "<&>"])
def test_a_dspreset_can_be_read_whatever_its_run_is_called(about: str) -> None:
    text = dspreset(DRUMS, "samples", about)
    assert ElementTree.fromstring(text).tag == "DecentSampler"
    (comment,) = re.findall(rb"<!--(.*?)-->", text, re.DOTALL)
    assert comment.replace(b" ", b"") == about.replace(" ", "").encode()


def test_a_multisample_holds_its_samples_and_follows_its_schema() -> None:
    with zipfile.ZipFile(io.BytesIO(multisample(DRUMS, KIT.samples, "tones"))) as archive:
        assert archive.testzip() is None and all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())
        assert all(archive.read(name) == KIT.samples[name].data for name in archive.namelist() if name != MAPPING)
        names, root = archive.namelist(), ElementTree.fromstring(archive.read(MAPPING))
    order = [child.tag for child in root]
    assert order == ["generator", "category", "creator", "description", "keywords", *["group"] * 5, *["sample"] * 8]
    groups = [one.get("name") for one in root.findall("group")]
    for one, zone in zip(root.findall("sample"), DRUMS.zones, strict=True):
        assert [child.tag for child in one] == ["key", "velocity", "select", "loop"]
        key, velocity, _, loop = one
        said = [int(part.get(name, -1)) for part, name in ((key, "root"), (key, "low"), (key, "high"))]
        assert said == [zone.root, zone.low_key, zone.high_key]
        assert (int(velocity.get("low", 0)), int(velocity.get("high", 0))) == (zone.low_velocity, zone.high_velocity)
        assert one.get("file") == zone.sample in names
        assert (one.get("sample-start"), one.get("sample-stop")) == ("0", str(len(WAVES[zone.sample])))
        assert float(one.get("gain", "nan")) == 0 and one.get("group") == str(groups.index(zone.sound))
        assert one.get("zone-logic") == ("round-robin" if zone.turns > 1 else "always-play")
        assert loop.get("mode") == ("loop" if zone.loop else "off")
        turn = zone.loop or Loop(0, len(WAVES[zone.sample]))
        assert (loop.get("start"), loop.get("stop")) == (str(turn.start), str(turn.end))
    assert root.findtext("category") == "Textures", "one of them loops"
    with zipfile.ZipFile(io.BytesIO(multisample(TUNED, KIT.samples, "tones"))) as archive:
        other = ElementTree.fromstring(archive.read(MAPPING))
        tuned = other.find("sample/key")
        assert archive.namelist() == [MAPPING, "drums-006.wav"]
    assert tuned is not None and (tuned.get("root"), tuned.get("tune"), tuned.get("track")) == ("69", "-0.47", "1.0")
    assert other.findtext("category") == "Drums"


DOCUMENTED = {  # of each element, in the developers' guide of DecentSampler; what a group may say for its samples too
    "DecentSampler": {"minVersion"},
    "groups": {"volume", "globalTuning", "glideTime", "glideMode"},
    "group": {
        "name", "enabled", "volume", "ampVelTrack", "groupTuning", "tags", "silencedByTags", "silencingMode",
        "silencingDecay", "seqMode", "seqLength", "loopEnabled", "ampEnvEnabled", "attack", "decay", "sustain",
        "release",
    },
    "sample": {
        "path", "rootNote", "loNote", "hiNote", "loVel", "hiVel", "start", "end", "tuning", "volume", "pan",
        "pitchKeyTrack", "trigger", "tags", "loopStart", "loopEnd", "loopCrossfade", "loopCrossfadeMode",
        "loopEnabled", "ampEnvEnabled", "attack", "decay", "sustain", "release", "seqMode", "seqLength", "seqPosition",
        "silencedByTags", "silencingMode", "silencingDecay",
    },
}  # fmt: skip
WORDS = {"silencingMode": {"fast", "normal"}, "seqMode": {"random", "true_random", "round_robin", "always"}}
RANGE = {"low", "high", "low-fade", "high-fade"}
SCHEMA = {  # of the .multisample: elements with their attributes, in the schema that its makers publish
    "multisample": {"name"},
    "generator": set(),
    "category": set(),
    "creator": set(),
    "description": set(),
    "keywords": set(),
    "group": {"name", "color"},
    "sample": {"file", "sample-start", "sample-stop", "gain", "group", "parameter-1", "parameter-2", "parameter-3",
               "reverse", "zone-logic"},
    "key": RANGE | {"root", "track", "tune"},
    "velocity": RANGE,
    "select": RANGE,
    "loop": {"mode", "start", "stop", "fade"},
}  # fmt: skip


@pytest.mark.parametrize("instrument", [DRUMS, TUNED], ids=["drums", "tuned"])
def test_a_dspreset_says_nothing_that_its_guide_does_not_know(instrument: Instrument) -> None:
    for element in ElementTree.fromstring(dspreset(instrument, "samples", "tones")).iter():
        assert element.tag in DOCUMENTED and set(element.keys()) <= DOCUMENTED[element.tag], element.attrib
        for name, words in WORDS.items():
            assert element.get(name) in {None, *words}
        assert {element.get("loopEnabled"), element.get("ampEnvEnabled")} <= {None, "true", "false"}


@pytest.mark.parametrize("instrument", [DRUMS, TUNED], ids=["drums", "tuned"])
def test_a_multisample_says_nothing_that_its_schema_does_not_know(instrument: Instrument) -> None:
    for element in ElementTree.fromstring(mapping(instrument, KIT.samples, "tones")).iter():
        assert element.tag in SCHEMA and set(element.keys()) <= SCHEMA[element.tag], element.attrib
        assert element.get("zone-logic") in {None, "always-play", "round-robin"}
        assert element.get("mode") in {None, "off", "loop", "ping-pong"}


def test_a_loop_fades_in_as_fast_as_it_says_in_every_format() -> None:
    """A stroke's in a quarter of a millisecond, or as fast as SoundFont 2 knows; others in five."""
    quick = Loop(LOOP.start, LOOP.end, finish.ATTACK_S)
    for loop, seconds, timecents in ((quick, 0.00025, -12_000), (LOOP, 0.005, -9_173)):
        one = Instrument("one", (Zone("drums-004.wav", "04", 39, 39, 39, loop=loop),))
        assert [float(found["ampeg_attack"]) for found in regions(sfz(one, "samples", "").decode())] == [seconds]
        (group,) = ElementTree.fromstring(dspreset(one, "samples", "")).iter("group")
        assert float(group.get("attack", 0)) == seconds
        (found, *_) = parsed(soundfont(Kit("drums", "tones", (one,), KIT.samples))).instruments
        assert [generator(bag, 34) for bag in found.bags if bag.sample is not None] == [timecents]


def parsed(data: bytes) -> Any:
    """As another's reader finds it: one that Python 3.13 no longer runs."""
    pytest.importorskip("audioop", reason="sf2utils needs it")
    from sf2utils.sf2parse import Sf2File

    return Sf2File(io.BytesIO(data))


@pytest.fixture(scope="module")
def read_back() -> Any:
    return parsed(soundfont(KIT))


def test_a_soundfont_holds_a_preset_for_each_instrument(read_back: Any) -> None:
    presets = [one for one in read_back.presets if one.name != "EOP"]
    assert [(one.bank, one.preset, one.name) for one in presets] == [(0, 0, "drums"), (0, 1, "drums 06 A4")]
    assert [[bag.instrument.name for bag in one.bags] for one in presets] == [["drums"], ["drums 06 A4"]]


def test_a_soundfont_says_the_first_of_each_turn(read_back: Any) -> None:
    drums, tuned = read_back.instruments[:2]
    zones = [zone for zone in DRUMS.zones if zone.position == 1]
    bags = [bag for bag in drums.bags if bag.sample is not None]
    expected = [zone for zone in zones for _ in range(WAVES[zone.sample].ndim)]
    for bag, zone in zip(bags, expected, strict=True):
        assert tuple(bag.key_range) == (zone.low_key, zone.high_key)
        assert tuple(bag.velocity_range) == (zone.low_velocity, zone.high_velocity)
        assert bag.base_note == zone.root and named(bag.sample) == zone.sample
        assert bool(bag.sample_loop) == (zone.loop is not None)
        assert generator(bag, 57) == zone.choke
        assert generator(bag, 38) == (-2_084 if zone.loop else 8_000), "timecents: 0.3 s, or as slowly as it can"
    (one,) = [bag for bag in tuned.bags if bag.sample is not None]
    assert (one.base_note, one.fine_tuning, tuple(one.key_range)) == (69, -47, (0, 127))
    left, right = bags[-2:]
    assert (generator(left, 17), generator(right, 17)) == (-500, 500)
    assert left.sample.sample_link == bags.index(right) and right.sample.sample_link == bags.index(left)


def named(sample: Any) -> str:
    """The file that a sample of a SoundFont was made of: its name leaves out the kit's."""
    return f"drums-{sample.name.removesuffix('_L').removesuffix('_R')}.wav"


def generator(bag: Any, number: int) -> int:
    return next((one.short for one in bag.gens.values() if one.oper == number), 0)


def test_a_soundfont_holds_the_samples_with_silence_around_each(read_back: Any) -> None:
    data = soundfont(KIT)
    start = data.index(b"smpl") + 8
    pool = np.frombuffer(data[start : start + struct.unpack("<I", data[start - 4 : start])[0]], "<i2")
    samples = [one for one in read_back.samples if one.name != "EOS"]
    wanted = [
        (name, column / WAVES[name].ndim ** 0.5)  # both sides of a stereo sample 3 dB lower
        for name in dict.fromkeys(zone.sample for one in KIT.instruments for zone in one.zones if zone.position == 1)
        for column in WAVES[name].reshape(len(WAVES[name]), -1).T
    ]
    for one, (name, wave) in zip(samples, wanted, strict=True):
        assert one.sample_rate == 48_000 and named(one) == name
        lead = one.start + round(0.0015 * one.sample_rate)
        assert not pool[one.start : lead].any()
        assert np.abs(pool[lead : lead + len(wave)] / 2**15 - wave).max() <= 0.5 / 2**15 + 1e-7
        assert not pool[one.end : one.end + 46].any()
    looped = samples[4]
    begin, end = looped.start + looped.start_loop, looped.start + looped.end_loop
    assert end - begin == LOOP.end - LOOP.start
    assert np.array_equal(pool[begin - 8 : begin + 8], pool[end - 8 : end + 8]), "both ends of the loop are the same"


def test_a_riff_is_as_long_as_it_says() -> None:
    data = soundfont(KIT)
    assert data[:4] == b"RIFF" and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    lists = {
        name: data[(at := data.index(name)) + 8 :][: struct.unpack("<I", data[at + 4 : at + 8])[0]] for name in RECORDS
    }
    sizes = {name: len(records) for name, records in lists.items()}
    assert data[data.index(b"ifil") + 8 :][:4] == struct.pack("<HH", 2, 1) and b"INAM" in data[: data.index(b"pdta")]
    for name in (b"pgen", b"igen"):  # none, and it counts: the last of the bags before it points there
        assert lists[name][-4:] == bytes(4)
    assert not [name for name, size in sizes.items() if size % RECORDS[name]]
    assert sizes[b"pmod"] == sizes[b"imod"] == 10, "the end of an empty list is still there"


RECORDS = {b"phdr": 38, b"pbag": 4, b"pmod": 10, b"pgen": 4, b"inst": 22, b"ibag": 4, b"imod": 10, b"igen": 4,
           b"shdr": 46}  # fmt: skip


def test_every_file_that_a_format_names_lies_in_the_kit() -> None:
    found = dict(members(KIT, InstrumentRequest()))
    assert len(found) == len(WAVES) + 2 * 3 + 2
    for name, data in found.items():
        if name.endswith((".sfz", ".dspreset")):
            named = re.findall(r"samples/[\w.-]+", data.decode())
            assert named and {f"drums/{one}" for one in named} <= found.keys()
    assert all(re.fullmatch(r"drums/(samples/)?[A-Za-z0-9.-]+", name) for name in found)


def test_a_kit_is_the_same_bytes_twice() -> None:
    first, again = (zip_bytes(members(kit(), InstrumentRequest())) for _ in range(2))
    assert first == again


def test_names_are_of_plain_letters_and_short_where_a_format_wants_it() -> None:
    zone = Zone("a-very-long-name-that-goes-on-and-on.wav", "Übung", 36, 36, 36)
    one = Kit("drums", "tones", (Instrument("日本 C#3", (zone,)),), {zone.sample: KIT.samples["drums-001.wav"]})
    assert parsed(soundfont(one)).samples[0].name == "a-very-long-name-th"
    assert "drums/RiBen-Cs3.sfz" in dict(members(one, InstrumentRequest()))


def test_a_long_name_of_a_kit_leaves_its_instruments_files_of_their_own() -> None:
    voices = [
        Voice(f"{number:02} {'tone' * 30} A3", ((Take("drums-006.wav", Pitch(220.0, 0.9), None),),))
        for number in (1, 2, 3)
    ]
    name = "x" * LONGEST
    long = Kit(name, "tones", lay_out(name, voices, "chromatic", ()), {"drums-006.wav": KIT.samples["drums-006.wav"]})
    names = [found for found, _ in members(long, InstrumentRequest())]
    assert len(set(names)) == len(names) == 1 + 3 * 3 + 2 and max(len(one.split("/")[-1]) for one in names) < 143
    assert f"{name}/{name}-02-{'tone' * 15}.sfz" in names


def test_what_tells_a_name_from_others_is_never_cut_off() -> None:
    assert file_stem("drums", "-new-3fa21c") == "drums-new-3fa21c"
    found = file_stem("x" * 100, "-new-3fa21c")
    assert len(found) == LONGEST and found.endswith("x-new-3fa21c") and file_stem(found) == found


def test_names_are_none_that_windows_keeps_for_devices() -> None:
    found = [file_stem(text) for text in ("con", "AUX", "nul.v2", "COM¹", "lpt9", "console", "aux-1", "--", "cañón")]
    assert found == ["kit-con", "kit-AUX", "kit-nul.v2", "kit-COM1", "kit-lpt9", "console", "aux-1", "sound", "canon"]


@pytest.mark.parametrize("stem", ["demo-20261122-194046", "x" * 40])
def test_no_two_of_a_soundfont_bear_one_name(stem: str) -> None:
    """Presets of one run begin alike, and a name has nineteen letters."""
    voices = [f"{number:02} {note}" for number, note in enumerate(("A2", "A3", "C#4", "A2"), 1)]
    tuned = [Instrument(f"{stem} {voice}", (Zone("drums-005.wav", voice, 69, 0, 127),)) for voice in voices]
    same = Instrument(tuned[0].name, (Zone("drums-006.wav", "again", 69, 0, 127),))
    found = parsed(soundfont(Kit(stem, "tones", (*tuned, same), KIT.samples)))
    for names in ([one.name for one in rows] for rows in (found.presets, found.instruments, found.samples)):
        assert len(set(names)) == len(names)
    presets = [one.name for one in found.presets]
    assert [name.endswith(voice) for name, voice in zip(presets, voices, strict=False)].count(True) >= 3
