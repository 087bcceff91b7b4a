"""Memory: what was worked out of values that mostly come again, bounded whatever comes."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Memory(Generic[Key, Made]):
    """What was made of the keys met last: of the last `room` at least, of twice as many at most.

    When so many were put, those that were neither put nor found since the time before are
    forgotten. So a flood of keys that nobody meets again, which an attacker can send, does not
    displace those that come all the time. None is no value.
    """

    __slots__ = ("_before", "_lately", "_room", "lately")

    def __init__(self, room: int) -> None:
        self._room = room
        self._before: dict[Key, Made] = {}
        self._lately: dict[Key, Made] = {}
        self.lately = self._lately.get
        """Most of what `get` finds, at the cost of a dictionary; None where `get` may know more."""

    def __len__(self) -> int:
        """How much is remembered; what was found again may count twice."""
        return len(self._before) + len(self._lately)

    def get(self, key: Key) -> Made | None:
        found = self._lately.get(key)
        if found is None and (found := self._before.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Key, made: Made) -> None:
        if len(self._lately) >= self._room and key not in self._lately:
            self._before = self._lately.copy()
            self._lately.clear()
        self._lately[key] = made
