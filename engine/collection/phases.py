"""What opening a collection is busy with, by phase and in words: who reports a phase gives its code."""

PHASES = {"scan": "looking for sounds", "decode": "reading sounds", "compare": "comparing sounds"}
