"""What a process does around the loop: from its settings to a run, resuming, signals, what a terminal shows."""
