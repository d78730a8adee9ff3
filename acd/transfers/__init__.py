"""How a citizen is handed over: to whom, by which keys or REFER, step by step."""
