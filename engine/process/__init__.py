"""What a process does around the loop: from its settings to a run, resuming, signals, progress, disk space."""
