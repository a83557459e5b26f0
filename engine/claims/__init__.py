"""All that is claimed of a run, or of two, made from recorded figures. No torch, no task's own words.

figures: numbers in words; length: how long a run will be. evidence: from curves to the figures compared. verdict: what
they say of learning. kinds: every code with its severity and its label, and the one order of precedence. quality: the
beginner's figure. comparison: which of two runs is better, and how sure. advice: what to do after a failure; it alone
reads files, since what is kept must verify. headline: the one message that a run's state asks for.
"""
