"""Other ways to do it, on the same events with the same rules, each against the floor."""

from benchmarks.peers.peer import Peer

__all__ = ["Peer"]
