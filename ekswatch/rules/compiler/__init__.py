"""Sigma files in, a ruleset out: once, before anything is deployed."""
