"""How a command may end: an API, on which Kubernetes Jobs and CI pipelines branch (README, "Exit codes")."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

_RESUMES = "Run the same command again: it goes on from there. consolidate.rollback takes back what was begun instead."


class ExitCode(IntEnum):
    """How a command may end: ``meaning`` and ``job``, what a Kubernetes Job does about it, are the README's.

    ``advice`` is what a person does next; ``why`` says it, and so do summaries.
    """

    meaning: str
    job: str
    advice: str

    def __new__(cls, code: int, meaning: str, job: str, advice: str) -> Self:
        """Make a code that is a number, and knows what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning, member.job, member.advice = meaning, job, advice
        return member

    @classmethod
    def find(cls, code: int) -> ExitCode | None:
        """Return a code of ours by its number; None for any other."""
        return next((one for one in cls if one == code), None)

    DONE = 0, "done and proven, or nothing to do", "", "Nothing."
    BUG = (
        1,
        "unexpected error (a bug: traceback)",
        "retry",
        (
            "Run the same command again: it goes on, or clears away what was begun. If it ends so again, report the "
            "traceback; consolidate.status says meanwhile what is live, and consolidate.rollback puts back what was."
        ),
    )
    USAGE = (
        2,
        "wrong usage, configuration or plan",
        "fail",
        (
            "Correct what the error names: a flag, a variable, or a line of the plan; nothing was written. For files "
            "that no system describes, inventory.draft writes a first plan."
        ),
    )
    DIFFERENCES = (
        3,
        "verification found differences; nothing was published, or the error names the way back",
        "fail",
        (
            "Change nothing by hand. The run's report.json lists every difference: correct the plan, and run again. "
            "Where the error says that the targets are live, consolidate.rollback puts back what was there before. "
            "A damaged backup: keep it, and take a new one now (backup.create); backup.verify --full says which sets "
            "are sound."
        ),
    )
    DECISION = (
        4,
        "needs a decision: quarantine over budget (staged, not published), partial backup set",
        "fail",
        (
            "Nothing is live yet. consolidate.quarantine shows the rows that wait, with their reasons. Those that no "
            "rule decides consolidate.decide puts side by side, and the next run does what you choose. Or let a rule "
            "of the plan decide, or allow so many with --quarantine-budget; they stay readable. A backup set that is "
            "not whole holds what it lists, and older sets stay until a whole one is there: remove the cause that is "
            "named beside each missing member, then backup.create. Rows of encrypted columns that are left as they are "
            "stand there with their reason: columns.encrypt takes plain ones in; what opens nowhere was moved or "
            "changed, so let its application write that secret anew."
        ),
    )
    UNREACHABLE = (
        5,
        "source, target, store or provider unreachable",
        "retry",
        "See that what the error names is there: the path mounted and readable, the server up. Then the same command.",
    )
    REFUSED = (
        6,
        "refused by a guard (damaged source, source changed, target exists or in use); nothing written",
        "fail",
        (
            "The error names what might have been lost. Damaged: inventory.recover saves what is left. Changed since "
            "the preview: consolidate.preview again. Exists: another --target, or --replace. In use: stop who uses "
            "it."
        ),
    )
    PENDING = (
        7,
        "pending or stale (`status`, `verify`)",
        "fail",
        (
            "Look at what is named. A run that was interrupted: the same consolidate.run goes on, "
            "consolidate.rollback takes it back. Schemas behind their files: postgres.apply. Containers: stack.logs, "
            "then stack.up. A backup or drill that is too old: .github/runbooks/backups-stopped.md. Encrypted columns: "
            "columns.rotate, and once more after five minutes where applications wrote under the version before."
        ),
    )
    ROLLED_BACK = (
        8,
        "failed and rolled back",
        "fail",
        "The previous state is back. Remove the cause that the error names, and run again.",
    )
    ROLLBACK_FAILED = (
        9,
        "rollback failed: a person is needed",
        "fail",
        (
            "Stop what uses the databases, delete nothing, and follow .github/runbooks/restore.md: the backup and the"
            " run's own folder hold everything that was there."
        ),
    )
    NOT_INITIALISED = (
        10,
        "backup repository not initialised",
        "fail",
        (
            "Where there were backups before, nothing is mounted there, or the path is another: correct that, and make "
            "no new store over it. Where there were none: backup.init, once; then the same command."
        ),
    )
    LOCKED = (
        11,
        "another run holds the lock",
        "retry",
        (
            "Wait until the other run has ended (consolidate.status; of a store of backups the error names who holds "
            "it), then the same command. A process that died holds no lock, or for one more minute where it ran on "
            "another machine: there is nothing to remove."
        ),
    )
    KEY = (
        12,
        "key missing or wrong",
        "fail",
        (
            "Bring the key that the error names to where keys are read from. Nothing is decrypted with another one, "
            "and nothing was written."
        ),
    )
    VERSION = (
        13,
        "version mismatch (of a document, a tool or a server)",
        "fail",
        (
            "Use the version that the error names: of this tool for a run's documents (its run.json says which wrote "
            "it), of the server or program otherwise."
        ),
    )
    NO_SPACE = (
        14,
        "no space",
        "fail",
        (
            "Free space on the disk that the error names; consolidate.clean removes runs that nothing needs any more, "
            "backup.prune the sets that no rule keeps. Then the same command."
        ),
    )
    INTERRUPTED = 130, "interrupted; the same command resumes", "retry", _RESUMES
    TERMINATED = 143, "interrupted; the same command resumes", "retry", _RESUMES
