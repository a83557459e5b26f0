"""The desktop's own dialog for a folder, in a process of its own, where this computer has a screen."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from engine.child import command, environment
from engine.errors import SweetspotError

TITLE = "A folder of sounds"
CANCELLED = 1  # what each of them ends with then
_REMEDY = "Paste the folder's path in its place."
_POWERSHELL = (
    "Add-Type -AssemblyName System.Windows.Forms; [Console]::OutputEncoding = [Text.Encoding]::UTF8; "
    "$dialog = New-Object System.Windows.Forms.FolderBrowserDialog; "
    "if ($dialog.ShowDialog() -eq 'OK') { $dialog.SelectedPath } else { exit 1 }"
)
_OF_SYSTEMS = {
    "darwin": ("osascript", "-e", f'POSIX path of (choose folder with prompt "{TITLE}")'),
    "win32": ("powershell", "-NoProfile", "-STA", "-Command", _POWERSHELL),
}
_OF_DESKTOPS = (
    ("zenity", "--file-selection", "--directory", f"--title={TITLE}"),
    ("kdialog", "--title", TITLE, "--getexistingdirectory", "."),
)


def offered(viewer: str | None) -> list[str] | None:
    """The command that opens it; None where there is no screen, no dialog, or the viewer sits elsewhere.

    viewer: the address that the browser comes from, None from this computer (as ``st.context.ip_address`` says it).
    """
    if viewer is not None:
        return None
    if not has_screen():
        return None
    if sys.platform in _OF_SYSTEMS:
        return _found(_OF_SYSTEMS[sys.platform])
    return next(filter(None, map(_found, _OF_DESKTOPS)), _tk())


def has_screen() -> bool:
    """Whether what is opened from here is seen by whoever sits before this computer."""
    if sys.platform in _OF_SYSTEMS:
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _found(words: tuple[str, ...]) -> list[str] | None:
    return list(words) if shutil.which(words[0]) else None


def _tk() -> list[str] | None:
    """Tk's own, which looks like no desktop and is nearly everywhere; it knows X alone."""
    there = importlib.util.find_spec("_tkinter") is not None and os.environ.get("DISPLAY")
    return command("app.runs.tk_dialog", TITLE) if there else None


@dataclass
class FolderDialog:
    """One that is open. It is let alone when nobody asks for its answer any more."""

    process: subprocess.Popen[bytes]

    @classmethod
    def opened(cls, words: list[str]) -> FolderDialog:
        """``SweetspotError`` when it cannot be started."""
        none, kept = subprocess.DEVNULL, subprocess.PIPE
        try:
            return cls(subprocess.Popen(words, stdin=none, stdout=kept, stderr=kept, env=environment()))
        except OSError as error:
            raise SweetspotError(f"The dialog cannot be opened: {error.strerror or error}.", _REMEDY) from error

    @property
    def open(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """Without an answer."""
        if self.open:
            self.process.terminate()
        self.process.communicate()

    def answer(self) -> str | None:
        """The folder; None where nobody chose one. Once it is closed; ``SweetspotError`` when it failed."""
        out, err = self.process.communicate()
        chosen, why = os.fsdecode(out).rstrip("\r\n"), os.fsdecode(err).strip().splitlines()
        code = self.process.returncode
        if code == 0 and chosen:
            return chosen
        if code in (0, CANCELLED) and "display" not in "".join(why):
            return None
        raise SweetspotError(f"The dialog failed: {why[-1] if why else f'it ended with code {code}'}.", _REMEDY)
