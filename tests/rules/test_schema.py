"""The keys under `ekswatch:` are documented."""

from ekswatch.rules.compiler.schema import ekswatch_keys


def test_every_key_has_a_sentence() -> None:
    """The generated reference has something to say of each key, nested ones too."""
    keys = ekswatch_keys()

    assert [key.key for key in keys if not key.doc.endswith(".")] == []
    assert {
        "message",
        "dedup.key",
        "dedup.period",
        "severity.when",
        "severity.level",
        "novel.key",
    } <= {key.key for key in keys if key.document == "detection"}
    assert {key.key for key in keys if key.required} == {
        "reason",
        "owner",
        "severity.when",
        "severity.level",
        "novel.key",
    }
