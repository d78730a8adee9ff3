"""The engine: one inbox, one writer; events, claims, requests to Asterisk, the clock."""
