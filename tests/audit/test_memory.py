"""Memory: bounded, and what is met all the time stays."""

from ekswatch.audit.memory import Memory

ROOM = 10


def test_what_is_put_is_found() -> None:
    """Until it is put anew."""
    memory: Memory[str, int] = Memory(ROOM)

    memory.put("a", 1)
    memory.put("a", 2)

    assert (memory.get("a"), memory.get("b"), len(memory)) == (2, None, 1)


def test_the_last_ones_are_remembered() -> None:
    """As many as there is room for, whenever one looks."""
    memory: Memory[int, str] = Memory(ROOM)

    for number in range(7 * ROOM):
        memory.put(number, str(number))
        last = range(max(0, number - ROOM + 1), number + 1)
        assert [memory.get(one) for one in last] == [str(one) for one in last]


def test_it_is_bounded() -> None:
    """Twice the room is never exceeded, and what nobody asks for is forgotten."""
    memory: Memory[int, int] = Memory(ROOM)

    sizes = []
    for number in range(5 * ROOM):
        memory.put(number, number)
        sizes.append(len(memory))

    assert max(sizes) == 2 * ROOM
    assert memory.get(0) is None


def test_a_flood_does_not_displace_what_is_met_all_the_time() -> None:
    """What is found counts as put."""
    memory: Memory[str, int] = Memory(ROOM)
    memory.put("hot", 1)

    for number in range(9 * ROOM):
        memory.put(f"once-{number}", number)
        if number % (ROOM // 2) == 0:
            assert memory.get("hot") == 1

    assert memory.get("once-0") is None


def test_a_look_that_costs_no_more_than_a_dictionary() -> None:
    """It finds what was met lately, however often the memory has turned over."""
    memory: Memory[int, int] = Memory(ROOM)
    lately = memory.lately

    for number in range(3 * ROOM + 1):
        memory.put(number, number)
        assert lately(number) == number

    assert lately(ROOM) is None


def test_what_is_large_takes_more_room() -> None:
    """The bound is on all together; what alone takes more than that is still remembered."""
    memory: Memory[int, str] = Memory(ROOM, len)

    sizes = []
    for number in range(9):
        memory.put(number, "x" * (ROOM // 2))
        sizes.append(len(memory))
    memory.put(9, "x" * (ROOM + 1))

    assert max(sizes) == 4
    assert memory.get(9) is not None
    memory.put(10, "x")
    assert len(memory) == 2
