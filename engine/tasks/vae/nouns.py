"""What the sound task calls its data. No torch."""

from engine.rundir.record import Nouns

SOUNDS = Nouns(
    item="sound",
    items="sounds",
    measure="error",
    main="How well it copies sounds",
    held_out="One sound it never learnt, and its copy",
    made="Made from the same seed, newest first",
    prefer="your ears prefer another",
    panel="Listen",
    one="sound",
    found="Sounds",
    portions="Chunks",
    compare="Listen to",
    more="recordings",
)
