"""A storm on a whole line: random citizens, random phones, operators who come and go; seeded."""
