"""All that is claimed of a run, as pure functions of recorded figures. No torch, no files, no task's own words.

figures: numbers in words. evidence: from curves to the figures compared. progress: what they say of learning. kinds:
every code with its severity and its label, and the one order of precedence. quality: the beginner's figure. advice:
what to do after a failure. headline: the one message that a run's state asks for.
"""
