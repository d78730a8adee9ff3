"""What is kept: the write-ahead log on disk, and the batches that go into the database."""
