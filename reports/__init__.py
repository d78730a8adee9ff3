"""What supervisors read: calls and totals that must add up. Reads the tables, writes nothing."""
