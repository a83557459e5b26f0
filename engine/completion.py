"""What a shell offers at the press of its completion key where click alone cannot know it. Imports no torch."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from engine.registry import datasets
from engine.rundir.reader import RunReader


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For a text that may be a path."""
    return [CompletionItem(incomplete, type="file")]


def sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Data sets whose names begin so, once something is typed; else files and folders."""
    names = sorted(name for name in datasets() if incomplete and name.startswith(incomplete))
    return [CompletionItem(name) for name in names] or files(ctx, param, incomplete)


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What ``--checkpoint`` takes, of the run that the line names before it; nothing that is damaged."""
    run = _run_on_the_line(ctx)
    if run is None:
        return []
    saved = RunReader(run).saved_states()
    names = [one.name if one.name in ("best", "last") else f"epoch-{one.epoch}" for one in saved]
    names += [f"step-{one.step}" for one in saved]
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _run_on_the_line(ctx: click.Context) -> Path | None:
    """That of --from, where a command begins with what another run learned; else the first argument."""
    if "origin" in ctx.params:
        found: Path | None = ctx.params["origin"]
        return found
    # An option that still lacks its value leaves what stands before it unparsed.
    return Path(ctx.args[0]) if ctx.args else None
