"""Runs that wait for their turn: requests as files beside the runs, and one worker that trains them."""
