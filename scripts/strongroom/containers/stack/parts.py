"""The parts of the stack: its services, their ports, and the passwords and certificates that each begins with."""

from __future__ import annotations

PORTS = {"postgres": 5432, "redis": 6379, "vault": 8200, "secrets": 5000, "s3": 8333}
"""Service to its port on loopback where nobody says another."""
ALWAYS = ("postgres", "redis")
PROFILES = {"keys": ("vault", "secrets"), "storage": ("s3",)}
PASSWORDS = {
    "postgres": ("postgres-password",),
    "redis": ("redis-password", "redis-backup-password", "redis-monitor-password"),
    "vault": ("vault-token", "vault-unseal-key"),
    "s3": ("s3-secret-key",),
    "ops": ("postgres-deploy-password", "postgres-monitor-password"),
}
"""The files of passwords that a service begins with; those of ops stand in a file of libpq's as well."""
ROLES = {"deploy": "strongroom_deploy", "monitor": "strongroom_monitor"}
"""What tasks do in PostgreSQL (change schemas, look) to the role as which they do it."""
VOLUMES = ("postgres", "redis", "vault", "s3")


def name_port(service: str) -> str:
    """Return the variable that says a service's port."""
    return f"STRONGROOM_{service.upper()}_PORT"


def name_memory(service: str) -> str:
    """Return the variable that says how much memory a service may use."""
    return f"STRONGROOM_{service.upper()}_MEMORY"


def name_files(service: str) -> str:
    """Return the variable that holds the hash of the files which a service begins with."""
    return f"STRONGROOM_{service.upper()}_FILES"
