"""The commands: they wire the rooms together and speak with people."""
