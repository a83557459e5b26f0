"""What is read from run directories, and the only place that starts a process."""
