"""The institutions that calls and reports are handed to, as rows that change on a living line."""
