"""A citizen's dialogue before an operator answers: the menu as data, and what walks it."""
