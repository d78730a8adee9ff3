"""Connections to machines that others name, guarded: which URLs and addresses, names, HTTP."""
