"""Warnings of an authority to the public (CAP 1.2): read, named by kecamatan, kept in force."""
