"""Text conversations: citizens who write to 112 instead of calling, and who answers them."""
