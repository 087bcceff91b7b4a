"""Events in, the matches of a ruleset out."""
