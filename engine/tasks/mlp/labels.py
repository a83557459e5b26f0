"""What the sounds of a folder are called: by their sub-folder, or by a CSV of file and label. No torch."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from engine.audio.files.find import find_files
from engine.errors import DataError
from engine.printable import escaped
from engine.tasks.mlp.config import FOLDERS
from engine.tasks.mlp.csv_file import missing_values, read_columns, refuse

FILE_COLUMNS = ("file", "filename", "path")
CEPSTRA = 20
PARTS = 4

# What engine.tasks.mlp.features measures of a sound, in its order.
FEATURE_NAMES = (
    *(f"cepstrum {number}, part {part} of {PARTS}" for part in range(1, PARTS + 1) for number in range(CEPSTRA)),
    *(f"spread of cepstrum {number}" for number in range(CEPSTRA)),
    *(f"movement of cepstrum {number}" for number in range(CEPSTRA)),
    "logarithm of its length",
)


def read_labels(folder: Path, labels: str, target: str | None) -> tuple[dict[str, str], str]:
    """The label of each labelled file, by its path relative to ``folder`` (forward slashes), and the target's name.

    labels: "folders", where the first sub-folder is the label, or the path of a CSV; its column ``target`` (None: the
    last that is not the file's) is the label. ``DataError`` when a file it names is not there, or named twice.
    """
    found = [file.shown for file in find_files(folder)]
    if labels == FOLDERS:
        return {path: parts[0] for path in found if len(parts := PurePosixPath(path).parts) > 1}, "folder"
    columns = read_columns(Path(labels))
    file_column = next((name for name in columns.names if name.lower() in FILE_COLUMNS), columns.names[0])
    others = [name for name in columns.names if name != file_column]
    if not others:
        raise DataError(f"{columns.path.name} has only the column {file_column!r}.", "Add one with the labels.")
    target = columns.named(target) if target is not None else others[-1]
    missing = missing_values(columns, (file_column, target))
    refuse(columns.path, [*columns.doubled, *columns.complaints, *missing], "Correct the file.")
    named = [PurePosixPath(path.replace("\\", "/")).as_posix() for path in columns.column(file_column)]
    known = set(found)
    missing = [
        f"{escaped(path)} (line {line})" for path, line in zip(named, columns.lines, strict=True) if path not in known
    ]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DataError(
            f"{columns.path.name} names files that are not in {folder}: {', '.join(missing[:3])}{more}.",
            "Correct the names: they are relative to the folder, with their suffix.",
        )
    result: dict[str, str] = {}
    for path, label, line in zip(named, columns.column(target), columns.lines, strict=True):
        if path in result:
            raise DataError(f"{columns.path.name} names {escaped(path)} twice, again on line {line}.", "Keep one line.")
        result[path] = label
    return result, target
