"""Who waits, who may have a call, who gets it, and what the waiting citizen hears."""
