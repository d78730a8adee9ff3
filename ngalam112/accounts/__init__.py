"""Phones, operators, PINs and skills, in the database."""
