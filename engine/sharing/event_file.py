"""Event files of TensorBoard, written by its own means. Knows nothing of runs.

They are a format that more programs read than any other of experiments. The package ``tensorboard`` is imported when
a file is opened: it is an extra, and brings no torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import soundfile
from PIL import Image

from engine.errors import ConfigError, DataError
from engine.installation import MONITOR, install
from engine.printable import escaped
from engine.rundir.atomic import beside, commit, discard

_VERSION = "brain.Event:2"  # of the format; from 2 on a restart is said, not guessed
_MARK = "tfevents"  # TensorBoard reads every file with this in its name, and no other


class EventFile:
    """A new event file in ``out``, open to be written; closed at the end of a ``with``.

    live: TensorBoard is to see it while it grows. Else it is one only once it is whole: what fails or is stopped leaves
    none, which would be in the way of the next. ``DataError`` when ``out`` has one already: TensorBoard would show both
    as one run, each point twice. ``ConfigError`` when TensorBoard is not installed. Raises OSError.
    """

    def __init__(self, out: Path, begun_at: float, *, live: bool) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise ConfigError("TensorBoard is not installed.", f"Install it: {install(MONITOR)}.") from error
        self._events, self._summaries = event_pb2, summary_pb2
        self._out = out
        self._path = out / f"events.out.{_MARK}.{int(begun_at):010d}.sweetspot"
        self._growing = self._path if live else beside(self._path)
        self._whole = False
        self._records = RecordWriter(_created(out, self._growing))
        self._write(begun_at, file_version=_VERSION)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with self._named():
                self._records.close()
                if self._whole and self._growing != self._path:
                    _refuse_others(self._out)
                    commit(self._growing, self._path)
        finally:
            if self._growing != self._path:
                discard(self._growing)  # there still where it is no whole one

    def finish(self) -> None:
        """All is written that is to be: only now does one that is not live become an event file."""
        self._whole = True

    def scalars(self, values: Mapping[str, float], step: int, at: float) -> None:
        """One point of each curve in ``values``, by its tag. The format holds single precision. at: Unix seconds."""
        self._summary([self._value(tag, simple_value=value) for tag, value in values.items()], step, at)

    def sound(self, tag: str, wav: bytes, step: int, at: float) -> bool:
        """A WAV file as it is; False when it is none."""
        try:
            info = soundfile.info(io.BytesIO(wav))
        except soundfile.LibsndfileError:
            return False
        audio = self._summaries.Summary.Audio(
            sample_rate=info.samplerate, num_channels=info.channels, length_frames=info.frames,
            encoded_audio_string=wav, content_type="audio/wav",
        )  # fmt: skip
        self._summary([self._value(tag, audio=audio)], step, at)
        return True

    def picture(self, tag: str, png: bytes, step: int, at: float) -> bool:
        """A PNG file as it is; False when it is none. Nothing of it is unfolded."""
        try:
            with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
                (width, height), channels = opened.size, len(opened.getbands())
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return False
        image = self._summaries.Summary.Image(width=width, height=height, colorspace=channels, encoded_image_string=png)
        self._summary([self._value(tag, image=image)], step, at)
        return True

    def restart(self, step: int, at: float) -> None:
        """What was written of ``step`` and later steps no longer counts: they come again."""
        log = self._events.SessionLog(status=self._events.SessionLog.START)
        self._write(at, step=step, session_log=log)

    def flush(self) -> None:
        """Let readers see all that was written. Raises OSError."""
        with self._named():
            self._records.flush()

    def _value(self, tag: str, **content: Any) -> Any:
        return self._summaries.Summary.Value(tag=escaped(tag), **content)

    def _summary(self, values: list[Any], step: int, at: float) -> None:
        self._write(at, step=step, summary=self._summaries.Summary(value=values))

    def _write(self, at: float, **content: Any) -> None:
        with self._named():
            self._records.write(self._events.Event(wall_time=at, **content).SerializeToString())

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What the disk refuses within this names the directory: a write names no file."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self._out)
            raise


def _created(out: Path, path: Path) -> io.BufferedWriter:
    """The file ``path`` in ``out``. A live one has a name of which there can be but one: of two processes at once, the
    second is refused."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file.", "Name a directory for the event files.")
    out.mkdir(parents=True, exist_ok=True)
    _refuse_others(out)
    try:
        return path.open("xb")
    except FileExistsError:
        raise _taken(out) from None


def _refuse_others(out: Path) -> None:
    if any(_MARK in path.name for path in out.iterdir()):
        raise _taken(out)


def _taken(out: Path) -> DataError:
    return DataError(
        f"{out} has event files already: with others beside them each point would be there twice.",
        "Name another directory with --out, or remove this one to write it anew.",
    )
