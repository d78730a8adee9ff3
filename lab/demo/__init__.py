"""The line played by SIPp: citizens, phones, and the demo that checks itself."""
