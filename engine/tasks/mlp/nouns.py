"""What the table task calls its data. No torch."""

from engine.rundir.schema import Nouns

ROWS = Nouns(items="rows", panel="Its answers", one="answer")
