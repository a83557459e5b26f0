"""``python -m engine.process.webhook SECONDS ADDRESS FACTS``: tell what happened to a run, as JSON, by POST.

In a process of its own, so that nobody waits for it. Imports nothing of the project: it is to be there at once. What it
says goes to the run's log, which is given away with the run: no word of a server's, and nothing of the address, which
may be a secret.
"""

from __future__ import annotations

import contextlib
import http.client
import sys
import threading
import urllib.error
import urllib.request
from typing import Any


def main(seconds: float, address: str, facts: str) -> None:
    """POST ``facts``, which are JSON; what went wrong is said on stdout. Takes ``seconds`` at most, whoever answers."""
    said: list[str] = []
    asking = threading.Thread(target=lambda: said.append(_post(address, facts)), daemon=True)
    asking.start()
    asking.join(seconds)  # the only limit: one that sends a letter a second is never silent for long
    wrong = said[0] if said else f"had not answered after {seconds:g} s"
    if wrong:
        print(f"The address of --notify {wrong}.", flush=True)


class _Nowhere(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: urllib would send a GET there, without the facts, and call that a success."""

    def redirect_request(self, *given: Any) -> None:
        return None


def _post(address: str, facts: str) -> str:
    """What went wrong; "" when it was told."""
    headers = {"Content-Type": "application/json", "User-Agent": "sweetspot"}
    try:
        request = urllib.request.Request(address, facts.encode(), headers, method="POST")
        with urllib.request.build_opener(_Nowhere).open(request):
            return ""
    except urllib.error.HTTPError as error:
        elsewhere = ", which leads elsewhere: name the place it leads to" if 300 <= error.code < 400 else ""
        return f"answered {error.code}{_phrase(error.code)}{elsewhere}"
    except http.client.InvalidURL:
        return "is none of the web"
    except http.client.HTTPException:
        return "gave an answer that is none of the web's"
    except OSError as error:  # no such host, nobody there
        return f"was not reached: {getattr(error, 'reason', error)}"
    except ValueError:
        return "is none of the web"


def _phrase(code: int) -> str:
    with contextlib.suppress(ValueError):
        return f" {http.HTTPStatus(code).phrase}"
    return ""


if __name__ == "__main__":
    main(float(sys.argv[1]), *sys.argv[2:4])
