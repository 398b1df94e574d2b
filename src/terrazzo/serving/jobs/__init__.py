"""The table of jobs, the supervisor that owns worker processes, and the workers."""
