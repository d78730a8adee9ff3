"""Alarms: which there are, when they begin and end, and who has acknowledged them."""
