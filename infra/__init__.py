"""Where ekswatch runs: one construct per module, `stack.py` is the table of contents."""
