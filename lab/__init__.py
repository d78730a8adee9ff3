"""What plays a line to its limits, outside the product: the demo, storms, chaos, the bench."""
