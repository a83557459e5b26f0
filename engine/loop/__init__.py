"""Learning, whatever is learned: the loop, what it remembers, what it keeps, what its curves say."""
