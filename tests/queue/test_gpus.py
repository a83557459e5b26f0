"""Which GPU a training gets, by names alone: no GPU is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.queue.gpus import VISIBLE, Gpus, allowed, listed

TWO = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-8a56e4f2-0b1d-4c77-9a57-1f6e9d3c2b10)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-13c9d7aa-52e1-4d0f-8b8e-7c1f2a9e6d44)
"""
CUT = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.20gb     Device  1: (UUID: MIG-0ae5e0ee-c7c9-5ea5-aab9-3fd2b1f1f1c8)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-29e0b6ed-b2ca-4f6b-8ee6-9d5b9d7d3a55)
"""


def test_trainings_are_dealt_out_evenly_and_the_first_free_one_comes_next() -> None:
    gpus = Gpus(("a", "b", "c"))
    taken: list[str] = []
    for _ in range(5):
        taken.append(gpus.taken_by("auto", taken))
    assert taken == ["a", "b", "c", "a", "b"]
    assert gpus.taken_by("cuda", ["a", "c", "a"]) == "b"
    assert gpus.taken_by("auto", ["", ""]) == "a", "what computes on the processor takes none"


def test_who_names_a_gpu_or_none_at_all_has_it_and_sees_what_the_worker_sees() -> None:
    gpus = Gpus(("a", "b"))
    assert [gpus.taken_by(device, []) for device in ("cpu", "mps", "cuda:1", "cuda:2")] == ["", "", "b", ""]
    assert gpus.environment("cuda:1", "b") == {} == gpus.environment("cpu", "")
    assert gpus.environment("auto", "b") == {VISIBLE: "b"}
    assert gpus.taken_by("auto", [gpus.taken_by("cuda:0", [])]) == "b", "and others keep away from it"


@pytest.mark.parametrize("names", [(), ("a",)])
def test_without_a_choice_nothing_is_told_to_a_training(names: tuple[str, ...]) -> None:
    assert Gpus(names).taken_by("auto", []) == ""


@pytest.mark.parametrize(
    ("variable", "names"),
    [
        ("", ()),
        ("-1", ()),
        ("2", ("2",)),
        ("3, 1", ("3", "1")),
        ("0,-1,2", ("0",)),
        ("GPU-8a,MIG-c6", ("GPU-8a", "MIG-c6")),
    ],
)
def test_the_variable_is_read_as_cuda_reads_it(variable: str, names: tuple[str, ...]) -> None:
    assert allowed(variable) == names == Gpus.of({VISIBLE: variable}).names


def test_the_list_of_the_driver_gives_every_gpu_and_of_one_that_is_cut_its_parts() -> None:
    assert [name[:6] for name in listed(TWO)] == ["GPU-8a", "GPU-13"]
    assert [name[:6] for name in listed(CUT)] == ["MIG-c6", "MIG-0a", "GPU-29"]
    assert listed("No devices were found\n") == ()


def test_without_the_variable_the_driver_is_asked_and_one_that_is_not_there_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Gpus.of({}).names == ()
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] && echo "{TWO}"\n')
    program.chmod(0o755)
    assert Gpus.of({}).names == listed(TWO)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, {}),
        ({VISIBLE: "1,0"}, {}),
    ],
    ids=["as the driver lists them", "the user's own order", "the user's own list"],
)
def test_a_number_means_the_gpu_that_the_worker_counts_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: dict[str, str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "{TWO}"\n')
    program.chmod(0o755)
    gpus = Gpus.of(given)
    taken = gpus.taken_by("cuda:1", [])
    assert taken == gpus.names[1] and gpus.environment("cuda:1", taken) == told
    assert gpus.environment("auto", taken) == {VISIBLE: taken}, "a UUID means one GPU in any order"


def test_what_an_earlier_worker_gave_is_known_from_the_process() -> None:
    own = os.environ.get(VISIBLE)
    assert Gpus(("a", "b")).of_process(os.getpid()) == (own if own in ("a", "b") else "")
    assert Gpus(("a", "b")).of_process(2**22 + 1) == "", "no such process"
