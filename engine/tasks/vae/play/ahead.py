"""Makes sounds before anybody asks for them: those of the present spot, then those around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

from engine.errors import SweetspotError
from engine.tasks.vae.play.midi import Tell
from engine.tasks.vae.play.rendered import Rendered, RenderedSounds
from engine.tasks.vae.play.spot import Spot

AROUND = (1, -1, 2, -2)  # steps along the axis that was moved last, in the direction it was moved first
SPOTS = 1 + len(AROUND)
Wish = tuple[int, Spot]
Render = Callable[[int, Spot], Rendered]


def wishes(spot: Spot, heading: int, slots: Sequence[int]) -> Iterator[Wish]:
    """What to have ready, the most urgent first. heading: the axis that was moved last, negative downwards, 0: none.

    slots: all of them, those played last first: who turns a controller hears it on what is being played.
    """
    sign = 1 if heading > 0 else -1
    around = [spot.beside(abs(heading), sign * steps) for steps in AROUND] if heading else []
    for where in (spot, *around):
        yield from ((slot, where) for slot in slots)


class RenderAhead:
    """Keeps ``sounds`` filled around where it is aimed at. tell: told once what cannot be made."""

    def __init__(self, render: Render, slots: int, sounds: RenderedSounds, tell: Tell) -> None:
        self.render, self.sounds, self.tell = render, sounds, tell
        self._slots = list(range(slots))
        self._spot, self._heading = Spot(), 0
        self._failed: set[Wish] = set()
        self._changed = threading.Condition()
        self._ended = False

    def aim(self, spot: Spot, heading: int) -> None:
        """From now on around ``spot``; ``heading`` as :func:`wishes` takes it. Returns at once."""
        with self._changed:
            self._spot, self._heading = spot, heading
            self._changed.notify()

    def played(self, slot: int) -> None:
        """This one is of interest."""
        with self._changed:
            self._slots.remove(slot)
            self._slots.insert(0, slot)

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def run(self) -> None:
        """Render until :meth:`end`; on a thread of its own."""
        while (wish := self._next()) is not None:
            try:
                self.sounds.put(*wish, self.render(*wish))
            except SweetspotError as error:
                with self._changed:
                    self._failed.add(wish)
                self.tell(str(error))

    def _next(self) -> Wish | None:
        """What is wanted most and not there; waits while all is there. None: it is over."""
        with self._changed:
            while not self._ended:
                wanted = wishes(self._spot, self._heading, self._slots)
                missing = (wish for wish in wanted if wish not in self.sounds and wish not in self._failed)
                if (wish := next(missing, None)) is not None:
                    return wish
                self._changed.wait()
            return None
