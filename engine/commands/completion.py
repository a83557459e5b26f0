"""``sweetspot completion SHELL``: what makes the shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print what lets a shell complete commands, options, data sets and epochs.

    \b
    bash: echo 'eval "$(sweetspot completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(sweetspot completion zsh)"' >> ~/.zshrc   (after compinit)
    fish: sweetspot completion fish > ~/.config/fish/completions/sweetspot.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows all three"
    program = click.get_current_context().find_root().command
    click.echo(kind(program, {}, "sweetspot", "_SWEETSPOT_COMPLETE").source())
