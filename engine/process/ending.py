"""How a command ends: its exit code, and one sentence in place of a failure that the engine knows."""

from __future__ import annotations

import atexit
import gc
import os
import sys

import click

from engine.errors import StorageError, SweetspotError
from engine.printable import escaped
from engine.process.streams import open_streams


def run(command: click.Command) -> None:
    """Run a command to its end; a failure the engine knows becomes one sentence and its exit code."""
    open_streams()
    # Threads that spin while they wait for one another starve on a machine that also trains: measured with four threads
    # beside ten busy ones, 7.8 s a sound with spinning and 0.22 s without. Read once, when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # All memory goes at once. To look for cycles in it takes .5 s after the last word, where torch is loaded.
    atexit.register(gc.freeze)
    try:
        sys.exit(command.main(standalone_mode=False, prog_name=f"sweetspot {command.name}".removesuffix(" group")))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SweetspotError as error:
        click.echo(f"Error: {escaped(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # who reads has heard enough; what is left must not be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        click.echo(f"Error: {escaped(str(StorageError.of(error)))}", err=True)
        sys.exit(StorageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
