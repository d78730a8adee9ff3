"""Plays the death of each part of the line on a real line, and counts what it cost; seeded."""
