"""Die at every file operation, lose power after every change of names, resume: it is the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PARTS = 2


def test_wherever_it_dies_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    running = []
    for part in range(PARTS):
        folder = tmp_path / f"part-{part}"
        folder.mkdir()
        command = [sys.executable, "-m", "tests.reliability.crash_points", folder, str(part), str(PARTS)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=550)[0] for process in running]
    reports = [json.loads(text.splitlines()[-1]) for text in said]
    wrong = [complaint for report in reports for complaint in report["wrong"]]
    assert not wrong, "\n".join(wrong[:20])
    assert all(report["operations"] > 150 for report in reports)
    assert sum(report["points"] for report in reports) > 2 * reports[0]["operations"]
