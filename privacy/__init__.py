"""What the line owes the people whose data it keeps: decided here, without I/O."""
