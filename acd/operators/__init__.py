"""Operators and phones: status, state, wrap-up."""
