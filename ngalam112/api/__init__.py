"""The HTTP API on loopback: what it tells, what it changes, and the metrics."""
