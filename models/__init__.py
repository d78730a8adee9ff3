"""The tables of the line: phones, operators, call records and the events they are made of."""
