"""Citizens and phones, played by SIPp and baresip."""
