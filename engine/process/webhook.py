"""``python -m engine.process.webhook SECONDS ADDRESS FACTS``: tell what happened to a run, as JSON, by POST.

In a process of its own, so that nobody waits for it. Imports nothing of the project: it is to be there at once.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main(seconds: float, address: str, facts: str) -> None:
    """POST ``facts``, which are JSON; what went wrong is said on stdout."""
    headers = {"Content-Type": "application/json", "User-Agent": "sweetspot"}
    try:
        request = urllib.request.Request(address, facts.encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        print(f"The address of --notify answered {error.code} {error.reason}.", flush=True)
    except (OSError, ValueError) as error:  # no such host, nobody there, too slow; no address at all
        print(f"The address of --notify was not reached: {getattr(error, 'reason', error)}.", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), *sys.argv[2:4])
