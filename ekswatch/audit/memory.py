"""Memory: what was worked out of values that mostly come again, bounded whatever comes."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Memory(Generic[Key, Made]):
    """What was made of the keys met last: of the last `room` at least, of twice as many at most.

    When so many were put, those that were neither put nor found since the time before are
    forgotten. So a flood of keys that nobody meets again, which an attacker can send, does not
    displace those that come all the time. None is no value.
    `size` says how much room a value takes: 1 without it. One that takes more than all is
    remembered alone.
    """

    __slots__ = ("_before", "_lately", "_room", "_size", "_taken", "lately")

    def __init__(self, room: int, size: Callable[[Made], int] | None = None) -> None:
        self._room = room
        self._size = size
        self._taken = 0
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
        """Remember it; what takes the place of another is to be as large."""
        if key not in self._lately:
            size = 1 if self._size is None else self._size(made)
            if self._taken + size > self._room:
                self._before = self._lately.copy()
                self._lately.clear()
                self._taken = 0
            self._taken += size
        self._lately[key] = made
