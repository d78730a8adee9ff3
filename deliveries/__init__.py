"""How a report is brought to an agency by machine: one attempt at a time, nothing is kept."""
