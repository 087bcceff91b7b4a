"""The file of settings: YAML whose values are text, and whose mistakes have a line."""

from pathlib import Path

import pytest

from infra.deploy_file import FileError, read_deploy_file


def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "deploy.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_values_are_text_lists_and_mappings(tmp_path: Path) -> None:
    """Nothing is guessed: a number with a zero in front, a yes, a date stay as written."""
    path = file(
        tmp_path,
        "clusters: [prod, on]\nsns: yes\ntags:\n  cost: 0123\n  since: 2026-11-20\nemail:\nx: ~\n",
    )

    read = read_deploy_file(path)

    assert read.values == {
        "clusters": ["prod", "on"],
        "sns": "yes",
        "tags": {"cost": "0123", "since": "2026-11-20"},
    }
    assert read.lines == {"clusters": 1, "sns": 2, "tags": 3, "email": 6, "x": 7}
    assert read.place("tags") == f"{path}:3"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    """As a file is before its first line is written."""
    assert read_deploy_file(file(tmp_path, text)).values == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("clusters: prod\nsns: [a\n", 3, "is no YAML: "),
        ("clusters: a\n\tsns: true\n", 2, "is no YAML: "),
        ("clusters: a\nsns: true\nclusters: b\n", 3, "clusters stands on line 1 already"),
        ("tags:\n  a: 1\n  a: 2\n", 3, "a stands on line 2 already"),
        ("- prod\n", 1, "write one setting per line, as `clusters: prod`"),
        ("\nprod\n", 2, "write one setting per line"),
        ("a: &x 1\nb: *x\n", 2, r"write the value instead of \*x"),
        ("a: &x [*x]\n", 1, r"write the value instead of \*x"),
        ("a: 1\nb: !Ref x\n", 2, "!Ref means nothing here, take it away"),
        ("? [a, b]\n: 1\n", 1, "a key must be a word"),
        ("a: 1\n---\nb: 1\n", 2, "is no YAML: "),
    ],
)
def test_what_is_no_mapping_of_settings_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    """The message says where, and what to write."""
    path = file(tmp_path, text)

    with pytest.raises(FileError, match=rf"^{path}:{line}: {words}"):
        read_deploy_file(path)


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, characters that YAML forbids, a folder, nothing at all."""
    with pytest.raises(FileError, match="is not text in UTF-8"):
        read_deploy_file(file(tmp_path, b"clusters: \xff\n"))
    with pytest.raises(FileError, match="is no YAML: "):
        read_deploy_file(file(tmp_path, "clusters: \x07\n"))
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        read_deploy_file(tmp_path)
    with pytest.raises(FileError, match=r"there is no file 'no\.yml' in /"):
        read_deploy_file(Path("no.yml"))
