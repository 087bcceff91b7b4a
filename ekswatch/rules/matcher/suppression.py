"""Suppression: which filter says that a match is expected.

Filters are screened like rules: what a profile decides is remembered with it, the rest is
asked when a match is there.
"""

from collections.abc import Sequence
from functools import partial

from ekswatch.audit.event import AuditEvent
from ekswatch.rules.expression import ALWAYS, fields_of, implied, inlined, split
from ekswatch.rules.fields import Subject, getter
from ekswatch.rules.matcher.profile import Profile, is_of_event, is_steady, reads_only
from ekswatch.rules.matcher.screen import Failed, Part, Screen, bits_of
from ekswatch.rules.ruleset import Filter, Rule


class Suppression:
    """The filters of a ruleset; bit i stands for the i-th."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = tuple(filters)
        parts: list[Part] = [
            (each.name, 1 << index, part)
            for index, each in enumerate(filters)
            for part in split(inlined(each.excludes, each.selections))
        ]
        get = partial(getter, view="")
        steady: list[Part] = []
        varying: list[Part] = []
        self._on_row: list[Part] = []
        for name, bit, part in parts:
            if reads_only(part, is_steady):
                steady.append((name, bit, part))
                continue
            if (needed := implied(part, is_steady)) != ALWAYS:
                steady.append((name, bit, needed))
            of_event = reads_only(part, is_of_event)
            (varying if of_event else self._on_row).append((name, bit, part))
        self._steady = Screen(steady, get)
        self._varying = Screen(varying, get)
        self._rows: dict[str, Screen] = {}
        self._views: dict[str, int] = {}
        """The filters that are for some rule on a view."""
        self._unsure = self._varying.constrained
        for _, bit, _ in self._on_row:
            self._unsure |= bit
        for index, each in enumerate(filters):
            self._unsure |= (1 << index) if each.expires else 0

    def mask(self, rule: Rule, *, seeded: bool) -> int:
        """The filters that are for a rule."""
        mask = sum(
            1 << index
            for index, filter_ in enumerate(self.filters)
            if (not filter_.rules or rule.name in filter_.rules)
            and filter_.view in ("", rule.view)
            and not (seeded and filter_.default)
        )
        self._views[rule.view] = self._views.get(rule.view, 0) | mask
        return mask

    def fields(self, mask: int) -> set[str]:
        """The fields that these filters read."""
        found = (self.filters[bit.bit_length() - 1] for bit in bits_of(mask))
        return {f for each in found for part in each.selections.values() for f in fields_of(part)}

    def standing(
        self, itself: Subject, profile: Profile, mask: int, failed: Failed
    ) -> tuple[int, str]:
        """What the event's profile says of these filters: those to be asked, and one that holds.

        Those behind the first that holds need not be asked.
        """
        known = profile.filters.get(mask)
        if known is not None:
            return known
        raised: list[Exception] = []

        def noted(name: str, event: AuditEvent, error: Exception) -> None:
            raised.append(error)
            failed(name, event, error)

        possible = self._steady.passing(itself, mask, noted)
        sure = possible & ~self._unsure
        first = sure & -sure
        name = self.filters[first.bit_length() - 1].name if first else ""
        standing = possible & self._unsure & (first - 1), name
        if not raised:  # else each rule is to count it
            profile.filters[mask] = standing
        return standing

    def by(self, unsure: int, view: str, subject: Subject, failed: Failed) -> str:
        """The name of the first of these filters that holds, or an empty string.

        A filter that raises suppresses nothing; it is counted like a broken rule.
        """
        unsure = self._varying.passing(subject, unsure, failed)
        if view:
            unsure = self._screen(view).passing(subject, unsure, failed)
        for bit in bits_of(unsure):
            found = self.filters[bit.bit_length() - 1]
            if not found.expires or subject.event.at.date().isoformat() <= found.expires:
                return found.name
        return ""

    def _screen(self, view: str) -> Screen:
        if view not in self._rows:
            parts = [part for part in self._on_row if part[1] & self._views[view]]
            self._rows[view] = Screen(parts, partial(getter, view=view))
        return self._rows[view]
