"""Names: every document by name and by ID, and which documents a correlation comes down to."""

from collections.abc import Collection, Iterable, Iterator

from ekswatch.rules.compiler.drafts import CorrelationDraft, Draft, File, RuleDraft, document_id
from ekswatch.rules.compiler.errors import RuleError
from ekswatch.rules.compiler.suggest import suggestion


class Names:
    """The documents of some files, none of which is known under two names.

    `broken` are the names and IDs of documents whose files have errors: a reference to one is
    no riddle. `clashes` are the errors of documents whose name or ID another one had first.
    """

    def __init__(self, files: Iterable[File], broken: Collection[str] = ()) -> None:
        self.broken = frozenset(broken)
        self.drafts: dict[str, Draft] = {}
        self.files: dict[str, File] = {}
        self._ids: dict[str, str] = {}
        clashes = [self._add(file, draft) for file in files for draft in file.drafts]
        self.clashes = tuple(clash for clash in clashes if clash is not None)
        self._below = {name: self._reached(name) for name in self.drafts}

    def _add(self, file: File, draft: Draft) -> RuleError | None:
        id_ = document_id(draft.document)
        for known, key, label in ((self.drafts, draft.name, "name"), (self._ids, id_, "id")):
            if key and key in known:
                first = self.drafts[self._ids[key] if label == "id" else key].document.file
                message = f"the {label} {key!r} is already taken by {first}"
                return error_at(draft, message, label)
        self.drafts[draft.name] = draft
        self.files[draft.name] = file
        if id_:
            self._ids[id_] = draft.name
        return None

    def resolve(self, reference: str) -> Draft | None:
        """The document that a name or an ID means."""
        return self.drafts.get(self._ids.get(reference.lower(), reference))

    def unknown(self, reference: str) -> str:
        """Why a reference means nothing, or an empty string; broken files have errors enough."""
        if self.resolve(reference) is not None or self.is_broken(reference):
            return ""
        return f"there is no document {reference!r}{suggestion(reference, self.drafts)}"

    def is_broken(self, reference: str) -> bool:
        """Whether a reference means a document that is left out."""
        return self.resolve(reference) is None and not self.broken.isdisjoint(
            (reference, reference.lower())
        )

    def references(self, draft: Draft) -> tuple[str, ...]:
        """Names of the documents that a correlation correlates; a rule correlates none."""
        rules = draft.sigma.rules or () if isinstance(draft, CorrelationDraft) else ()
        found = (self.resolve(rule.reference) for rule in rules)
        return tuple(each.name for each in found if each is not None)

    def named(self, references: Iterable[str]) -> tuple[str, ...]:
        """The names of the documents that some references mean."""
        found = (self.resolve(reference) for reference in references)
        return tuple(each.name for each in found if each is not None)

    def bases(self, draft: Draft) -> Iterator[RuleDraft]:
        """The rules that a document comes down to: itself, or those below a correlation."""
        if isinstance(draft, RuleDraft):
            yield draft
        for name in self._below.get(draft.name, ()):
            below = self.drafts[name]
            if isinstance(below, RuleDraft):
                yield below

    def above(self, draft: Draft) -> list[CorrelationDraft]:
        """The correlations that refer to a document, directly or through others."""
        return [
            each
            for each in self.drafts.values()
            if isinstance(each, CorrelationDraft)
            and each is not draft
            and draft.name in self._below[each.name]
        ]

    def is_circular(self, draft: Draft) -> bool:
        """Whether a correlation comes down to itself."""
        return draft.name in self._below.get(draft.name, ())

    def serves_only(self, draft: Draft) -> bool:
        """Whether its own file correlates a document, without `generate`, so that it is silent."""
        own = [
            each
            for each in self.files[draft.name].drafts
            if isinstance(each, CorrelationDraft) and draft.name in self.references(each)
        ]
        return bool(own) and not any(each.sigma.generate for each in own)

    def aliases(self, draft: CorrelationDraft) -> dict[str, dict[str, str]]:
        """By the name of a group-by field, then of a rule, the field of that rule."""
        aliases: dict[str, dict[str, str]] = {}
        for alias in draft.sigma.aliases:
            found = ((self.resolve(ref.reference), name) for ref, name in alias.mapping.items())
            aliases[alias.alias] = {each.name: name for each, name in found if each is not None}
        return aliases

    def _reached(self, name: str) -> dict[str, None]:
        """Every document below one, in the order in which they are met; a loop, as files can
        hold chains longer than the stack."""
        reached: dict[str, None] = {}
        queue = [*self.references(self.drafts[name])]
        for each in queue:
            if each not in reached:
                reached[each] = None
                queue += self.references(self.drafts[each])
        return reached


def error_at(draft: Draft, message: str, *path: str | int) -> RuleError:
    """An error at a key path of a document."""
    return RuleError(str(draft.document.file), draft.document.line(*path), message)
