"""``sweetspot cache``: what was decoded and computed once, how large it is, and how it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from engine.audio.files import pruning
from engine.audio.files.cache import default_cache
from engine.audio.files.pruning import IN_USE_S, Entry, limit_bytes
from engine.printable import escaped, printable
from engine.quantities import counted
from engine.rundir.encoding import encode

_KINDS = {"decoded sounds": True, "prepared collections": False}


@click.group("cache", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List what is kept so that a second start need not wait.

    All of it is made again when it is needed. It holds at most 20 GB, or the gigabytes that SWEETSPOT_CACHE_GB names:
    what was used least recently goes first. SWEETSPOT_CACHE names another place for it.
    """
    if context.invoked_subcommand is not None:
        return
    cache, limit = default_cache(), limit_bytes()
    kinds = {name: _figures([e for e in pruning.entries(cache) if e.is_sound is kind]) for name, kind in _KINDS.items()}
    if as_json:
        told = {"place": printable(cache.root), "limit_bytes": limit, "kinds": kinds}
        click.echo(encode(told, indent=2).decode(), nl=False)
        return
    click.echo(f"{'':<22}{'count':>8}{'size':>12}{'last used':>18}{'longest unused':>18}")
    for name, figures in kinds.items():
        ages = (_age(figures["newest_s"]), _age(figures["oldest_s"]))
        click.echo(f"{name:<22}{figures['count']:>8}{_size(figures['bytes']):>12}{ages[0]:>18}{ages[1]:>18}")
    total = sum(figures["bytes"] or 0 for figures in kinds.values())
    click.echo(f"{escaped(printable(cache.root))}: {_size(total)} of at most {_size(limit)}.")


@command.command("clear")
@click.option("--all", "everything", is_flag=True, help="Also what was used within the last hour.")
def clear(everything: bool) -> None:
    """Remove what is kept.

    What was used within the last hour stays unless --all asks for it too: a training that starts just now may be about
    to open it. One that is past its start loses nothing.
    """
    cache = default_cache()
    free = pruning.clear(cache, 0 if everything else IN_USE_S)
    kept = sum(entry.size for entry in pruning.entries(cache))
    rest = f" {_size(kept)} used within the last hour stay: --all removes them too." if kept else ""
    click.echo(f"{_size(free)} are free.{rest}")


def _figures(entries: Sequence[Entry]) -> dict[str, float | int | None]:
    """newest_s, oldest_s: seconds since the last use of the one used last, and of the one used longest ago."""
    ages = [entry.age(time.time()) for entry in entries]
    return {
        "count": len(entries),
        "bytes": sum(entry.size for entry in entries),
        "newest_s": round(min(ages), 1) if ages else None,
        "oldest_s": round(max(ages), 1) if ages else None,
    }


def _size(count: float | None) -> str:
    megabytes = (count or 0) / 1e6
    return f"{megabytes / 1e3:.1f} GB" if megabytes >= 1e3 else f"{megabytes:.1f} MB"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return "just now"
