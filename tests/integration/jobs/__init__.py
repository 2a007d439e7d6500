"""The queue of jobs on the real servers."""
