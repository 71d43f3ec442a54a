"""Dialects of messages: how chats, calls and injections are written, and read as one."""
