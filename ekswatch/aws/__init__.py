"""The AWS edge: sinks, state and signals, with their clients as arguments."""
