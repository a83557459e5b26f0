"""What the table task calls its data. No torch."""

from engine.rundir.record import Nouns

ROWS = Nouns(items="rows", panel="Its answers", one="answer")
NUMBERS = ROWS.model_copy(update={"lacks": "squared error"})  # what an R² lacks to 1
