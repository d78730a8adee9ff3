"""The processes of a line: who runs, who waits, who watches, who is started again."""
