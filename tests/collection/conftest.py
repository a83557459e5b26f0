"""The fixtures of sound files."""

from tests.audio.conftest import cache_place, folder, write

__all__ = ["cache_place", "folder", "write"]
