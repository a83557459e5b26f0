"""What changes below a directory of runs, told by the system instead of asked for: an idle page touches no file.

One observer a directory. Where nothing is told (network drives, where others write; no watches left), watchdog's
polling observer asks once a second for all pages together.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

POLL_S = 1.0
LOCAL = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "tmpfs", "overlay", "fuseblk",
    "vfat", "exfat", "msdos", "ntfs", "ntfs3", "fat32", "apfs", "hfs", "ufs",
})  # fmt: skip
# What watchdog 7 says, of its own making, where a folder is made within one that was just made: its walk through the
# outer one meets the inner one, and then the system tells of that too. The same callback takes its own place.
_MET_TWICE = "Callback with id .* already exists for watch"
# Without "opened" and "closed", which our own reading would cause.
_TELLING: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileDeletedEvent,
    events.FileAttribEvent, events.DirCreatedEvent, events.DirModifiedEvent, events.DirMovedEvent,
    events.DirDeletedEvent, events.DirAttribEvent,
]  # fmt: skip
_ENDS = (events.EVENT_TYPE_CREATED, events.EVENT_TYPE_MOVED, events.EVENT_TYPE_DELETED)
_OF_PARENT: list[type[events.FileSystemEvent]] = [events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent]
_log = logging.getLogger(__name__)
_known: dict[Path, Changes] = {}


class Changes(events.FileSystemEventHandler):
    """Counts what happens in each entry of ``runs_dir``, from the first :meth:`told` to :meth:`close`."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._real = runs_dir
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._elsewhere: set[str] = set()
        self._forgotten = 0
        self._observer: BaseObserver | None = None
        self._lost = False

    @property
    def observer(self) -> str:
        """The kind of observer at work, "" when there is none (then :meth:`told` says None)."""
        return type(self._observer).__name__ if self._observer is not None else ""

    def told(self, name: str = "") -> int | None:
        """A number that grows with every change in the entry ``name``, or ("") in which entries there are.

        None: nobody can tell, so look. Also of an entry that lies elsewhere, behind a link or another mount.
        """
        with self._lock:
            if self._lost or self._observer is None:
                self._restart()
            if self._observer is None or name in self._elsewhere:
                return None
            return self._counts[name] + self._forgotten

    def forget(self) -> None:
        """Let everybody look again, whatever was told."""
        self._forgotten += 1

    def entered(self, name: str) -> None:
        """Say once of an entry, when it is first seen, whether what happens in it can be told."""
        place = self._real / name
        try:
            if place.is_symlink() or place.stat().st_dev != self._real.stat().st_dev:
                self._elsewhere.add(name)
        except OSError:
            return

    def close(self) -> None:
        with self._lock:
            self._stop()
        if _known.get(self.runs_dir) is self:
            del _known[self.runs_dir]

    def on_any_event(self, event: events.FileSystemEvent) -> None:
        real = str(self._real)
        within = real if real.endswith(os.sep) else real + os.sep
        for said in (event.src_path, event.dest_path):
            path = os.fsdecode(said)  # a live run is told of some forty times a second: no Path is made of it
            if path == real:
                self._lost |= event.event_type in _ENDS
            elif path.startswith(within):
                name, _, rest = path.removeprefix(within).partition(os.sep)
                self._counts[name] += 1
                if not rest and event.event_type in _ENDS:
                    self._counts[""] += 1
                    self._elsewhere.discard(name)

    def _restart(self) -> None:
        self._stop()
        self._lost = False
        self._forgotten += 1
        if not self.runs_dir.is_dir():
            return
        self._real = self.runs_dir.resolve()
        kind = filesystem(self._real)
        for begin in (_native, _polling) if kind in LOCAL else (_polling,):
            self._observer = begin(self, self._real)
            if self._observer is not None:
                level = logging.WARNING if begin is _polling else logging.INFO
                _log.log(level, "%s watches %s (%s)", self.observer, self.runs_dir, kind or "unknown file system")
                return

    def _stop(self) -> None:
        """Its threads are daemons, so they also end with the server."""
        if self._observer is not None:
            self._observer.stop()
            self._observer = None


def _native(handler: Changes, place: Path) -> BaseObserver | None:
    """The system's observer; None when it has no watches left.

    A directory below ``place`` that gets none is passed over in silence, so the parent's watch comes last: it fails
    when one before it did. It also tells when ``place`` itself is moved or made again.
    """
    warnings.filterwarnings("ignore", _MET_TWICE, RuntimeWarning)
    observer = Observer()
    try:
        observer.start()
        observer.schedule(handler, str(place), recursive=True, event_filter=_TELLING)
        observer.schedule(handler, str(place.parent), event_filter=_OF_PARENT)
    except PermissionError:
        return observer  # the parent is not ours to watch
    except OSError as error:
        _log.warning("%s: %s", place, error)
        observer.stop()
        return None
    return observer


def _polling(handler: Changes, place: Path) -> BaseObserver | None:
    observer = PollingObserverVFS(os.stat, _shallow(place), polling_interval=POLL_S)
    try:
        observer.start()
        observer.schedule(handler, str(place), recursive=True, event_filter=_TELLING)
    except OSError as error:
        _log.warning("%s: %s", place, error)
        observer.stop()
        return None
    return observer


def _shallow(place: Path) -> Callable[[str | None], Iterator[os.DirEntry[str]]]:
    """``os.scandir`` of ``place`` and of each run. What lies deeper is renamed into its folder, whose time says so."""

    def listed(path: str | None) -> Iterator[os.DirEntry[str]]:
        deep = path is not None and place not in (Path(path), Path(path).parent)
        return iter(()) if deep else os.scandir(path)

    return listed


def filesystem(place: Path) -> str:
    """The type of the file system that holds ``place``; "" when it cannot be known or is another computer's."""
    mounts = {Path(part.mountpoint): part for part in psutil.disk_partitions(all=True)}
    fitting = [mount for mount in mounts if place.is_relative_to(mount)]
    if not fitting:
        return ""
    found = mounts[max(fitting, key=lambda mount: len(mount.parts))]
    return "" if "remote" in found.opts.split(",") else found.fstype.lower()


def watch(runs_dir: Path) -> Changes:
    """The one observer of ``runs_dir`` in this process; :meth:`Changes.close` ends it."""
    return _known.setdefault(runs_dir, Changes(runs_dir))


def told(root: Path) -> int | None:
    """What :meth:`Changes.told` says of the run in ``root``; None where its directory is not watched."""
    found = _known.get(root.parent)
    return None if found is None else found.told(root.name)
