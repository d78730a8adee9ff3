"""Telephone numbers: whose they are, and which may be dialled."""
