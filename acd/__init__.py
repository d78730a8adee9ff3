"""Automatic call distribution: operators, the queue, who gets which call, and the call record."""
