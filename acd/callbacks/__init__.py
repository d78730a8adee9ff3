"""Callbacks: each lost call makes one, an operator takes it, the line rings the citizen."""
