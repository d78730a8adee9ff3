"""The board of the line: what it shows, where that comes from, and the screen."""
