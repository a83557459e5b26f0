"""``python -m app.runs.tk_dialog TITLE``: Tk's dialog for a folder. Prints the chosen one, ends with 1 without any."""

from __future__ import annotations

import os
import sys
import tkinter
from tkinter import filedialog


def main(title: str) -> int:
    root = tkinter.Tk()
    root.withdraw()
    root.attributes("-topmost", True)
    found = filedialog.askdirectory(parent=root, title=title, mustexist=True)
    if not found:
        return 1
    sys.stdout.buffer.write(os.fsencode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
