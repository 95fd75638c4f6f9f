"""Service files of libpq: connections by name, as ``PGSERVICE`` and ``service=`` mean them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from pathlib import Path

from strongroom.core.errors import ConfigurationError


def read_service(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a service's section says; nothing for no name.

    The files are libpq's: ``PGSERVICEFILE``, else ``~/.pg_service.conf``; then ``PGSYSCONFDIR/pg_service.conf``.
    Raises ConfigurationError for a service that none of them holds, or a file that is none.
    """
    if not name:
        return {}
    looked = list(_list_files(environment))
    for file in looked:
        parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",), strict=False)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (Error, UnicodeDecodeError) as error:
            raise ConfigurationError(file, "is no service file", "[NAME], then lines of parameter=value") from error
        except OSError:
            continue
        if parser.has_section(name):
            return dict(parser[name])
    places = ", ".join(map(str, looked)) or "no file"
    raise ConfigurationError(f"service {name}", f"is defined nowhere: looked in {places}", "set PGSERVICEFILE")


def _list_files(environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("PGSERVICEFILE"):
        yield Path(environment["PGSERVICEFILE"])
    elif environment.get("HOME"):
        yield Path(environment["HOME"]) / ".pg_service.conf"
    if environment.get("PGSYSCONFDIR"):
        yield Path(environment["PGSYSCONFDIR"]) / "pg_service.conf"
