"""``python -m tests.golden``: write the golden losses and the list of options anew, for a change that is meant.

``python -m tests.golden options`` or ``losses`` renews one of the two. The commit says why they moved.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.golden import losses, options


def main() -> None:
    asked = sys.argv[1:] or ["options", "losses"]
    if not {"options", "losses"}.issuperset(asked):
        sys.exit("usage: python -m tests.golden [options] [losses]")
    if "options" in asked:
        options.renew()
    if "losses" in asked:
        with tempfile.TemporaryDirectory() as place:
            losses.renew(Path(place))


if __name__ == "__main__":
    main()
