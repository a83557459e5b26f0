"""Paths on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from engine.errors import ConfigError
from engine.home import expanded


class UserPath(click.Path):
    """A :class:`pathlib.Path`, its ``~`` put in full; a home that nobody here has is refused, not made as a folder, and
    so is an empty name, such as a variable of the shell that was never set: it would be the current folder."""

    def __init__(self, *, exists: bool = False, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(exists=exists, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("an empty name leads nowhere.", param, ctx)
        try:
            place = expanded(os.fspath(value), strict=True)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return super().convert(place, param, ctx)
