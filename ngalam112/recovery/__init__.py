"""How an engine learns at its start, or after an outage, what goes on in its line."""
