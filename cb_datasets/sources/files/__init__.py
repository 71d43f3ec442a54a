"""What is read from disk and from the Hub: files to raw rows, each with its place."""
