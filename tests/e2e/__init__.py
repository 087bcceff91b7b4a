"""The stack deployed for real into a local AWS, over HTTP: `python -m tests.e2e`, or `make e2e`."""
