"""``sweetspot``, as pip installs it: the commands of the engine and of the app, of this checkout and no other."""

import sys

from engine.__main__ import main
from engine.process.ending import run

if __name__ == "__main__":
    if sys.argv[1:2] == ["report"]:
        from app.report.command import command

        del sys.argv[1]
        run(command)
    main()
