"""The size of an archive, given as a folder or as a zip file."""

from pathlib import Path

from benchmarks.archive import archive, zipped


def made(folder: Path) -> Path:
    (folder / "lambdas").mkdir(parents=True)
    (folder / "lambdas" / "stream.py").write_text("x = 1\n" * 1000)
    (folder / "ruleset.json").write_text("{}")
    return folder


def test_a_folder_is_measured_as_its_zip_file(tmp_path: Path) -> None:
    """Both sizes are bytes."""
    folder = made(tmp_path / "code")

    of_folder = archive(folder, build=False)
    of_zip = archive(zipped(folder, tmp_path / "code.zip"), build=False)

    assert of_folder == of_zip
    assert of_folder is not None
    assert of_folder.unzipped_bytes == 6002
    assert 0 < of_folder.zipped_bytes < 1000


def test_zipping_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """The size does not depend on the clock."""
    folder = made(tmp_path / "code")

    one, two = zipped(folder, tmp_path / "1.zip"), zipped(folder, tmp_path / "2.zip")

    assert one.read_bytes() == two.read_bytes()
