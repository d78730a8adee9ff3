"""The incidents: what each is, what happens to it, and what people do with it."""
