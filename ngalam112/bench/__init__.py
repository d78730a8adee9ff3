"""The measurements: the line beside its peers, and each part against its limit."""
