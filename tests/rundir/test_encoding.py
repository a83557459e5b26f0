"""Every record survives its way to the disk and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from engine.rundir import protocol
from engine.rundir.encoding import MOST_DEEP, decode, encode, seal, unseal
from engine.rundir.findings import Diagnosis
from engine.rundir.reading import read_record, read_records
from engine.rundir.record import DatasetRecord, FileRow, MetricSpec, Monitor, Parent, RunConfig, RunRecord, Source
from engine.rundir.status import Best, CheckpointRef, ErrorInfo, Memory, PhaseProgress, State, Status

SESSION = protocol.SessionRecord(
    session="s", pid=1, process_started_at=2.5, boot_id="b", host="h", started_at=3.5, device="cpu", threads=2,
    versions={"torch": "2.11"}, process_start_ticks=7, resumed_from_step=None,
)  # fmt: skip
RUN = RunRecord(
    uuid="u", name="NaN", created_at=1.5, task="vae",
    config=RunConfig(training={"seed": 0, "threads": None}, task={"n_mels": 128}),
    source=Source(kind="folder", name="Gürtel 🎸", path="/sounds"), fingerprint="f", num_train=17,
    batch_size=4, steps_per_epoch=5, total_steps=100, total_epochs=20,
    metrics=[MetricSpec(name="val_recon_db", label="Reconstruction", unit="dB", chart="quality")],
    monitor=Monitor(metric="val_recon_db", reference="train_recon_db", baseline=12.0),
    parent=Parent(run="r", uuid="v", checkpoint="best.safetensors"),
)  # fmt: skip
STATUS = Status(
    session="s", state=State.RUNNING, metrics={"a": math.inf, "b": -math.inf, "c": 1.0}, eta_s=math.inf,
    memory=Memory(process_bytes=1, system_used_bytes=2, system_total_bytes=3),
    best=Best(metric="val_recon_db", value=math.inf, raw=2.0, epoch=3, step=4),
    diagnosis=[Diagnosis(code="overfit", severity="warning", message="parting")], warnings=["w"],
    last_checkpoint=CheckpointRef(file="step-00000012.safetensors", step=12, epoch=1, at=1.0),
    commands=[protocol.HandledCommand(id="i", command="cancel", result="done", at=1.0)],
    error=ErrorInfo(kind="x", cause="y"), progress=PhaseProgress(done=1, total=2),
)  # fmt: skip
RECORDS: list[BaseModel] = [
    SESSION,
    RUN,
    STATUS,
    DatasetRecord(files=[FileRow(path="a/ü.wav", verdict="skipped", reason="silent", peak_db=-math.inf)]),
    protocol.Command(id="i", command="save_now", issued_at=1.0, session="s"),
    protocol.Manifest(file="f", step=1, epoch=1, bytes=10, sha256="00", metrics={"val_loss": math.inf}),
    protocol.Event.model_validate({"event": "step", "at": 1.0, "elapsed_s": 2.0, "train_loss": 0.5}),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was_and_an_unknown_key_is_no_harm(record: BaseModel) -> None:
    raw = encode(record, indent=1)
    json.loads(raw, parse_constant=pytest.fail)  # strict: no bare NaN
    assert type(record).model_validate_json(raw) == record
    foreign = {**json.loads(raw), "key_of_tomorrow": [1]}
    assert type(record).model_validate_json(json.dumps(foreign)).model_dump().items() >= record.model_dump().items()


def test_a_status_keeps_a_metric_that_is_not_a_number() -> None:
    status = STATUS.model_copy(update={"metrics": {"train_loss": math.nan}})
    assert math.isnan(Status.model_validate_json(encode(status)).metrics["train_loss"])


def test_an_event_keeps_nan_and_infinity_at_any_depth() -> None:
    event: Mapping[str, Any] = {"a": math.nan, "b": [1, {"c": -math.inf}], "d": (math.inf,), "e": "NaN?", "f": None}
    line = encode(event)
    json.loads(line, parse_constant=pytest.fail)
    back = decode(line)
    assert back is not None
    assert math.isnan(back["a"])
    assert back["b"] == [1, {"c": -math.inf}]
    assert (back["d"], back["e"], back["f"]) == ([math.inf], "NaN?", None)


def test_scalars_of_numpy_are_numbers() -> None:
    event = {"a": np.float32(0.5), "b": np.int64(3), "c": np.float64(np.nan), "d": np.float32(np.inf)}
    back = decode(encode(event))
    assert back is not None
    assert (back["a"], back["b"], back["d"]) == (0.5, 3, math.inf)
    assert math.isnan(back["c"])


def test_a_line_is_one_line_of_utf8_whatever_it_says() -> None:
    line = encode({"message": "two\nlines \u2028 \udc80 ü"})
    assert line.count(b"\n") == 1
    assert (decode(line) or {})["message"] == "two\nlines \u2028 ? ü"


@pytest.mark.parametrize("damaged", [b"", b"{", b"[1]", b"\xff\xfe", b"\0" * 40, b'{"a": }', b"[" * 100_000])
def test_a_damaged_line_is_none(damaged: bytes) -> None:
    assert decode(damaged) is None


def test_what_is_no_number_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(TypeError, match="no place in a record"):
        encode({"a": object()})


@pytest.mark.parametrize("word", ['"NaN"', "1"])
@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_a_line_deeper_than_any_record_is_damaged_and_one_that_is_not_comes_back(
    word: str, opening: str, closing: str
) -> None:
    def line(depth: int) -> bytes:
        return f'{{"event":"x","v":{word},"a":{opening * depth}1{closing * depth}}}'.encode()

    for depth in (MOST_DEEP, 200, 480, 900, 100_000):  # with the object itself: one too many
        assert decode(line(depth)) is None and unseal(line(depth)) is None
    back = decode(line(MOST_DEEP - 1))
    assert back is not None and back["event"] == "x"
    flat = b'{"a":[' + b",".join([b"[]"] * 1000) + b"]}"
    assert decode(flat) == {"a": [[]] * 1000}, "many beside each other are not deep"


def test_records_deeper_than_any_are_damaged(tmp_path: Path) -> None:
    """What is deep in a key that nobody knows or that takes anything would end whoever walks it."""
    deep: Any = 1
    for _ in range(150):  # less than the parser of records itself refuses
        deep = [deep]
    path = tmp_path / "record.json"
    path.write_bytes(encode({**STATUS.model_dump(), "key_of_tomorrow": deep}))
    assert read_record(path, Status) is None
    path.write_bytes(seal({**RUN.model_dump(), "config": {"training": {"a": deep}, "task": {}}}))
    assert read_record(path, RunRecord) is None
    path.write_bytes(encode(SESSION) + encode({**SESSION.model_dump(), "key_of_tomorrow": deep}))
    assert read_records(path, protocol.SessionRecord) == [SESSION]
