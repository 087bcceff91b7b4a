"""Databases of places that the settings name under `geo`, checked before anything is deployed.

Here a database is only looked at; `write_artefact` copies it to where the functions open it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from ekswatch.audit.places import BadDatabase
from ekswatch.rules.compiler.errors import RuleError
from ekswatch.rules.compiler.settings import Settings
from ekswatch.rules.ruleset import Database

MAX_DATABASES_BYTES = 200 * 1024 * 1024
"""Of all together. Lambda unzips 262,144,000 bytes at most, of which libraries and code need a
tenth. Source: AWS Lambda developer guide, "Lambda quotas"."""

Gives = Literal["country", "asn"]

FIELDS: Mapping[str, Gives] = {
    "source.country": "country",
    "source.city": "country",
    "source.asn": "asn",
    "source.as_org": "asn",
}
"""What each field is read from."""

FITTING = {"country": ("Country", "City", "Enterprise"), "asn": ("ASN", "ISP", "Enterprise")}
"""Words of which the type of a database must have one. Source: MaxMind, GeoIP2-python, Reader."""


def unknown(fields: Iterable[str], databases: Iterable[Database]) -> tuple[str, ...]:
    """Those of the fields that no event has, as their database is missing."""
    given = {each.gives for each in databases}
    return tuple(field for field in fields if field in FIELDS and FIELDS[field] not in given)


def read_databases(
    settings: Settings, tuning: Path | None, errors: list[RuleError]
) -> tuple[Database, ...]:
    """The databases that the settings name; what is wrong with one is an error at its key."""
    named = _named(settings, tuning) if tuning else {}
    size = _bytes(named.values())
    if size > MAX_DATABASES_BYTES:
        errors.append(settings.error(_too_large(size), "geo"))
        return ()
    found = []
    for gives, file in named.items():
        try:
            found.append(_checked(gives, file))
        except BadDatabase as bad:
            errors.append(settings.error(f"geo.{gives}: {bad}", "geo", gives))
    return tuple(found)


def _named(settings: Settings, tuning: Path) -> dict[Gives, Path]:
    geo = settings.tuning.geo
    paths = {gives: getattr(geo, gives) for gives in get_args(Gives)}
    return {gives: tuning.resolve() / path for gives, path in paths.items() if path}


def _bytes(files: Iterable[Path]) -> int:
    """What the files need in the archive, one that is named twice counted once."""
    return sum(file.stat().st_size for file in {file.resolve() for file in files if _is_file(file)})


def _is_file(file: Path) -> bool:
    """Whether it is one; a name that is too long, or in a closed folder, is none."""
    try:
        return file.is_file()
    except OSError:
        return False


def _too_large(size: int) -> str:
    return (
        f"geo: the databases have {size:,} bytes, together they may have {MAX_DATABASES_BYTES:,}, "
        "as they are deployed with the functions; use smaller ones: countries instead of cities"
    )


def _checked(gives: Gives, file: Path) -> Database:
    """Raises: BadDatabase."""
    from maxminddb import InvalidDatabaseError, open_database  # for those who have a database

    if not _is_file(file):
        raise BadDatabase(f"there is no file {file}; a path is as seen from the tuning folder")
    try:
        with open_database(file) as database:
            about = database.metadata()
            database.get("192.0.2.1")
        built = datetime.fromtimestamp(about.build_epoch, UTC).date().isoformat()
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except (OSError, ValueError, TypeError, OverflowError, InvalidDatabaseError) as error:
        raise BadDatabase(
            f"{file} cannot be read as a MaxMind database (MMDB): {error}; fetch it again, unpacked"
        ) from None
    if not any(word in about.database_type for word in FITTING[gives]):
        wanted = ", ".join(FITTING[gives])
        raise BadDatabase(
            f"{file} is of the type {about.database_type!r}; its type must have one of {wanted}"
        )
    return Database(gives, str(file), digest, about.database_type, built)
