"""A folder of sounds, judged once."""
