"""Redis' protocol, the little that is needed: commands and answers over a socket of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from strongroom.core.errors import GuardError, KeyMissingError, StrongroomError, UnreachableError
from strongroom.core.secret import Secret

Word: TypeAlias = bytes | str | int
Answer: TypeAlias = "bytes | int | Refusal | list[Answer] | None"
_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server says that refuses a command."""

    place: str
    fact: str


class Client:
    """A connection to a server."""

    def __init__(self, stream: socket.socket, reader: BinaryIO, place: str) -> None:
        """Speak over an open socket, and the file that reads from it, to a server that is called ``place``."""
        self.place = place
        self._socket, self._reader = stream, reader

    def ask(self, *words: Word) -> Answer:
        """Give one command and return its answer. Raises UnreachableError, and what ``explain_refusal`` says."""
        answer = self.ask_all([words])[0]
        if isinstance(answer, Refusal):
            raise explain_refusal(answer)
        return answer

    def ask_all(self, commands: Sequence[Sequence[Word]]) -> list[Answer]:
        """Give several commands at once and return their answers, errors among them. Raises UnreachableError."""
        try:
            self._socket.sendall(b"".join(_encode(words) for words in commands))
            return [self._read() for _ in commands]
        except (OSError, ValueError) as error:
            raise UnreachableError(self.place, "does not answer any more", "run the same command again") from error

    def ask_text(self, *words: Word) -> str:
        """Give a command whose answer is a text, and return that."""
        answer = self.ask(*words)
        return answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)

    def read_info(self, section: str) -> dict[str, str]:
        """Return a section of what the server says of itself."""
        lines = self.ask_text("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def is_loading(self) -> bool:
        """Tell whether the server still reads its data."""
        (answer,) = self.ask_all([["PING"]])
        return isinstance(answer, Refusal) and answer.fact.startswith("LOADING")

    def scan(self) -> Iterator[list[bytes]]:
        """Yield the keys of the chosen database, some at a time; a key may come twice."""
        cursor: Word = 0
        while True:
            answer = self.ask("SCAN", cursor, "COUNT", 500)
            if not isinstance(answer, list) or not isinstance(answer[0], bytes) or not isinstance(answer[1], list):
                raise UnreachableError(self.place, "does not answer as Redis does", "see what it is")
            yield [key for key in answer[1] if isinstance(key, bytes)]
            cursor = answer[0]
            if cursor == b"0":
                return

    def _read(self) -> Answer:
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("the connection ended")
        mark, rest = line[:1], line[1:-2]
        if mark == b"+":
            return rest
        if mark == b"-":
            return Refusal(self.place, rest.decode(errors="replace"))
        if mark == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if mark == b"*":
            return [self._read() for _ in range(count)]
        content = self._reader.read(count + 2)
        if mark != b"$" or len(content) != count + 2:
            raise ValueError("the answer is cut short")
        return content[:-2]


@contextmanager
def open_client(path: Path, *, place: str, user: str | None = None, password: Secret | None = None) -> Iterator[Client]:
    """Connect by a socket, and log in where there is a password.

    Raises UnreachableError; KeyMissingError for a wrong password.
    """
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(_SECONDS)
        try:
            stream.connect(str(path))
        except OSError as error:
            raise UnreachableError(place, "cannot be reached", "see that it runs") from error
        with stream.makefile("rb") as reader:
            client = Client(stream, reader, place)
            if password is not None:
                client.ask("AUTH", *([user] if user else []), password.reveal())
            yield client


def explain_refusal(refused: Refusal) -> StrongroomError:
    """Say in our words what a server refused: of its answer only what it says, which repeats no key."""
    kind = refused.fact.partition(" ")[0]
    if kind in ("NOAUTH", "WRONGPASS"):
        return KeyMissingError(refused.place, "user or password is wrong, or missing", "set the right ones")
    if kind == "NOPERM":
        return GuardError(refused.place, "its user may not do that", "use one that may: see docker/redis/entrypoint")
    return UnreachableError(refused.place, f"refuses: {refused.fact.partition(',')[0]}", "see to what it says")


def _encode(words: Sequence[Word]) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)])
