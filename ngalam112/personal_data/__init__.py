"""Writes what is done with personal data, a little at a time, beside an engine that serves."""
