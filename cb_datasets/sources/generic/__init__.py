"""Anyone's conversations with tool calls, read by a mapping of columns."""
