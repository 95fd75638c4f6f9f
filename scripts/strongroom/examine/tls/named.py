"""Which servers a system and its variables name, and what is wrong with how they name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from strongroom.core.backup_entry import Bucket, ResticStore
from strongroom.core.errors import ConfigurationError
from strongroom.core.key_entries import AwsKey, VaultKey, check_address
from strongroom.core.system import System
from strongroom.core.transit import is_this_machine
from strongroom.examine.tls.finding import Complaint, Grade
from strongroom.examine.tls.server import Kind, Server
from strongroom.keys.vault.session import find_authorities
from strongroom.postgres.dsn import Endpoint, find_weakness, list_endpoints, read_parameters
from strongroom.redis.address import PORT, Address, find_weaknesses, parse_address

_LIBPQ = ("PGHOST", "PGSERVICE", "PGHOSTADDR")
_STAYS = "goes without TLS, and does not leave this machine"
_SOCKET = "is a socket of this machine"
_HIGHEST = 65535
_AWS_BUNDLE = "AWS_CA_BUNDLE"
_PORTS = {"https": 443, "http": 80}


def list_servers(system: System | None, environment: Mapping[str, str], local: Mapping[Kind, Server]) -> list[Server]:
    """Return the servers that are named, each once.

    Where none is, the ``local`` ones stand for them; where others are, the local PostgreSQL, as for every task.
    """
    named = [] if system is None else [*_list_redis(system, environment), *_list_keys(system, environment)]
    named += [] if system is None else _list_buckets(system)
    named = [*_list_postgres(system, environment), *named]
    kinds = {server.kind for server in named}
    stand_in = [server for kind, server in local.items() if not named or kind is Kind.POSTGRES]
    return _merge([*named, *(server for server in stand_in if server.kind not in kinds)])


def _merge(servers: list[Server]) -> list[Server]:
    """Let a server that is named several times, in the same way, be one."""
    found = dict[Server, list[str]]()
    for server in servers:
        found.setdefault(replace(server, named_by=""), []).append(server.named_by)
    return [replace(server, named_by=", ".join(dict.fromkeys(names))) for server, names in found.items()]


def _list_postgres(system: System | None, environment: Mapping[str, str]) -> Iterator[Server]:
    variables = () if system is None else system.postgres.variables
    named = {name: environment[name] for name in variables if environment.get(name)}
    if not named:
        named = {name: "" for name in _LIBPQ if environment.get(name)}
        named = dict(list(named.items())[:1])
    for name in () if system is None else sorted({one.dsn for one in system.columns if one.dsn is not None}):
        if environment.get(name):
            named[name] = environment[name]
        else:
            yield _unnamed(Kind.POSTGRES, f"columns: dsn: {name}", "is named by a variable that is not set", "set it")
    for name, dsn in named.items():
        try:
            parameters = read_parameters(dsn, name, environment)
        except ConfigurationError as error:
            yield _misnamed(Kind.POSTGRES, name, error)
            continue
        yield from (_make_postgres(name, parameters, one) for one in list_endpoints(parameters))


def _make_postgres(named_by: str, parameters: Mapping[str, str], endpoint: Endpoint) -> Server:
    weak = find_weakness(parameters)
    complaints = [] if weak is None else [Complaint(Grade.SETTING, weak.fact, weak.hint)]
    if endpoint.is_socket:
        return Server(kind=Kind.POSTGRES, named_by=named_by, local=_SOCKET)
    if weak is None and parameters.get("sslmode") == "disable":
        return Server(kind=Kind.POSTGRES, named_by=named_by, local=_STAYS)
    if not endpoint.name:
        fact = f"names an address alone ({endpoint.address}), which no certificate is compared with"
        complaints.append(Complaint(Grade.SETTING, fact, "say host= too: the name that its certificate bears"))
    is_port = endpoint.port.isdecimal() and 0 < int(endpoint.port) <= _HIGHEST
    if not is_port:
        complaints.append(Complaint(Grade.SETTING, "names a port that is none", "correct it: a number, as 5432"))
    authority, own = parameters.get("sslrootcert", "system"), parameters.get("sslcert")
    return Server(
        kind=Kind.POSTGRES,
        named_by=named_by,
        host=endpoint.name,
        address=endpoint.address,
        port=int(endpoint.port) if is_port else 0,
        authority=None if authority == "system" else Path(authority),
        certificate=None if not own else (Path(own), Path(parameters.get("sslkey") or own)),
        user=parameters.get("user", ""),
        database=parameters.get("dbname", ""),
        is_direct=parameters.get("sslnegotiation") == "direct",
        complaints=tuple(complaints),
    )


def _list_redis(system: System, environment: Mapping[str, str]) -> Iterator[Server]:
    entry = None if system.backup is None else system.backup.redis
    if entry is None:
        return
    named = [name for name in (*entry.variables, *entry.restore_variables) if environment.get(name)]
    if not any(environment.get(name) for name in entry.variables):
        fact = f"is named by no variable that is set ({', '.join(entry.variables)})"
        yield _unnamed(Kind.REDIS, "backup: redis:", fact, "set one of them")
    ca_file = None if entry.ca_file is None else Path(entry.ca_file)
    for name in named:
        try:
            address = parse_address(environment[name], name, ca_file=ca_file)
        except ConfigurationError as error:
            yield _misnamed(Kind.REDIS, name, error)
        else:
            yield _make_redis(name, address)


def _make_redis(named_by: str, address: Address) -> Server:
    weak = tuple(Complaint(Grade.SETTING, one.fact, one.hint) for one in find_weaknesses(address))
    if address.socket is not None or (not address.has_tls and not weak):
        return Server(kind=Kind.REDIS, named_by=named_by, local=_STAYS if address.socket is None else _SOCKET)
    is_remote = not is_this_machine(address.host)
    return Server(
        kind=Kind.REDIS,
        named_by=named_by,
        host=address.host,
        port=address.port,
        authority=address.ca_file,
        certificate=address.certificate,
        plain_port=PORT if is_remote and address.port != PORT else None,
        complaints=weak,
    )


def _list_keys(system: System, environment: Mapping[str, str]) -> Iterator[Server]:
    for name, entry in system.keys.items():
        named_by = f"key {name}"
        if isinstance(entry, VaultKey):
            yield _make_vault(named_by, entry, environment)
        elif isinstance(entry, AwsKey) and entry.endpoint is not None:
            usual = environment.get(_AWS_BUNDLE) or str(find_authorities())
            yield _make_https(Kind.SECRETS, named_by, entry.endpoint, entry.ca_file or usual)


def _make_vault(named_by: str, entry: VaultKey, environment: Mapping[str, str]) -> Server:
    address = entry.address or environment.get(str(entry.address_variable))
    if not address:
        fact = f"is named by no variable that is set ({entry.address_variable})"
        return _unnamed(Kind.VAULT, named_by, fact, "let it name the server's address")
    try:
        return _make_https(Kind.VAULT, named_by, check_address(address), entry.ca_file or str(find_authorities()))
    except ValueError as error:
        return _unnamed(Kind.VAULT, named_by, f"its address ({entry.address_variable}) {error}", "correct it")


def _list_buckets(system: System) -> Iterator[Server]:
    entry = system.backup
    for name, store in () if entry is None else (("store", entry.store), ("second", entry.second)):
        bucket: Bucket | None = store.bucket if isinstance(store, ResticStore) else None
        if bucket is not None:
            yield _make_https(Kind.S3, f"backup: {name}:", bucket.endpoint, bucket.ca_file)


def _make_https(kind: Kind, named_by: str, address: str, ca_file: str | None) -> Server:
    parts = urlsplit(address)
    if parts.scheme == "http":
        return Server(kind=kind, named_by=named_by, local=_STAYS)
    port = parts.port or _PORTS[parts.scheme]
    authority = None if ca_file is None else Path(ca_file)
    return Server(kind=kind, named_by=named_by, host=parts.hostname or "", port=port, authority=authority)


def _misnamed(kind: Kind, named_by: str, error: ConfigurationError) -> Server:
    subject = "" if error.subject == named_by else f"{error.subject} "
    return _unnamed(kind, named_by, f"{subject}{error.fact}", error.hint)


def _unnamed(kind: Kind, named_by: str, fact: str, hint: str) -> Server:
    """Return a server of which no more is known than what is wrong."""
    complaint = Complaint(Grade.SETTING, fact, hint)
    return Server(kind=kind, named_by=named_by, local=fact, complaints=(complaint,))
