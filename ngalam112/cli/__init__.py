"""The command line: what supervisors and engineers type, and how answers are shown."""
