"""Sound files: found, decoded in a process of their own, cached, written."""
