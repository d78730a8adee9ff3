"""Recordings of calls: what Asterisk has written becomes files that can be proven."""
