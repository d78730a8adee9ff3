"""Incidents: what calls, texts and walk-ins report, handed to agencies and followed to the end."""
