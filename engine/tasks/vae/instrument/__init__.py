"""New sounds as instruments that samplers play: one model of an instrument, one writer a format."""
