"""A call to 112 while it lives, its record, and what the next engine has to know of it."""
