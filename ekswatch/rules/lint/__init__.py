"""What compiles and would still not do what was meant."""
