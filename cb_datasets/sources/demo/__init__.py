"""The built-in suite of harmless tool-flip scenarios in a made-up world."""
