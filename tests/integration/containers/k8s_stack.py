"""What overlay dev reaches: the stack's servers by the names of their Services, and who reviews tokens."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import hvac
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.containers.stack import Folder
from strongroom.containers.tokens import PUBLIC, sign_claims
from strongroom.engine import Client
from strongroom.kubernetes.rendering import Tree, find_kustomize, render_with_job
from strongroom.kubernetes.running import JobRun
from tests.integration.containers.k8s_site import Cluster
from tests.servers import POSTGRES, REDIS, S3, TAG, VAULT, Running, running

SERVERS = (POSTGRES, REDIS, S3, VAULT)
AUDIENCE = "vault"
IMAGES = {f"strongroom/{name}:local": f"strongroom/{name}:{TAG}" for name in ("ops", "drill")}
_POLICY = 'path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }'


class _Reviews(BaseHTTPRequestHandler):
    """Says whose a token is, as a cluster's API does: only of tokens that our key signed, for the audience, in time."""

    def do_POST(self) -> None:
        server: Any = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = judge_token(str(asked["spec"]["token"]), server.public)
        said = json.dumps({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


def judge_token(token: str, public: Path) -> dict[str, Any]:
    """Return the status of a review."""
    head, body, signature = token.split(".")
    key: Any = serialization.load_pem_public_key(public.read_bytes())
    raw = _decode(signature)
    halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(encode_dss_signature(*halves), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return {"authenticated": False, "error": "no key of ours signed it"}
    claims = json.loads(_decode(body))
    if AUDIENCE not in claims["aud"] or not claims["nbf"] <= time.time() < claims["exp"]:
        return {"authenticated": False, "error": "not for this audience, or not now"}
    user = {"username": claims["sub"], "uid": claims["kubernetes.io"]["serviceaccount"]["uid"], "groups": []}
    return {"authenticated": True, "user": user, "audiences": [AUDIENCE]}


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def reviewing(address: str, public: Path) -> Iterator[int]:
    """Review tokens at an address of this machine; give the port."""
    server: Any = ThreadingHTTPServer((address, 0), _Reviews)
    server.public = public
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@dataclass(frozen=True, kw_only=True)
class Dev:
    """Overlay dev, its servers, and what stands for its claims."""

    cluster: Cluster
    tree: Tree
    network: str
    servers: Mapping[str, Running]
    claims: Mapping[str, str]
    vault: Any

    def run(
        self, job: str, changes: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None, **request: Any
    ) -> JobRun:
        """Run a Job of the overlay as it is rendered.

        ``changes`` are texts of the rendering, old and new; ``files`` stand in the place of a ConfigMap's, by its name.
        """
        kustomize = find_kustomize(os.environ, lambda: None)
        objects = json.dumps(render_with_job(self.tree, "dev", job, kustomize).objects)
        for old, new in (changes or {}).items():
            assert old in objects
            objects = objects.replace(old, new)
        rendered = json.loads(objects)
        for one in rendered:
            name = one["metadata"]["name"]
            if one["kind"] == "ConfigMap" and name in (files or {}):
                one["data"] = dict.fromkeys(one["data"], (files or {})[name])
        given = {"network": self.network, "claims": self.claims, "images": IMAGES, "job": job, **request}
        return self.cluster.run(*rendered, **given)


@contextmanager
def standing(client: Client, repository: Path, folder: Folder, place: Path) -> Iterator[Dev]:
    """Have all that overlay dev needs for a while: a copy of the manifests with secrets, servers, empty claims."""
    shutil.copytree(repository / "k8s", place / "k8s")
    overlay = place / "k8s" / "overlays" / "dev"
    subprocess.run(["sh", str(overlay / "take-secrets"), str(folder.root)], check=True, timeout=60)
    claims = {name: place / name for name in ("data", "backups", "state", "tenants", "results")}
    for path in claims.values():
        path.mkdir()
    with ExitStack() as stack:
        network = client.networks.create(f"strongroom-k8s-{os.getpid()}")
        stack.callback(network.remove)
        servers = {server.name: stack.enter_context(running(server, folder)) for server in SERVERS}
        for name, server in servers.items():
            container = server.container.get_wrapped_container().id
            network.connect(container, aliases=[name])
            stack.callback(network.disconnect, container, force=True)
        network.reload()
        gateway = str(network.attrs["IPAM"]["Config"][0]["Gateway"])
        sign_claims(folder.tls, {})  # makes the key
        port = stack.enter_context(reviewing(gateway, folder.tls / PUBLIC))
        vault = open_vault(servers["vault"], f"http://{gateway}:{port}", overlay / "secrets" / "sqlite-key")
        cluster = Cluster(client=client, sign=lambda claims: sign_claims(folder.tls, claims))
        yield Dev(
            cluster=cluster,
            tree=Tree(root=place / "k8s"),
            network=str(network.name),
            servers=servers,
            claims={f"strongroom-{name}": str(path) for name, path in claims.items()},
            vault=vault,
        )


def open_bucket(server: Running) -> None:
    """Make the bucket that overlay dev names."""
    client = boto3.client(
        "s3",
        endpoint_url=f"https://localhost:{server.port}",
        aws_access_key_id="strongroom",
        aws_secret_access_key=server.password("s3-secret-key"),
        region_name="us-east-1",
        verify=server.authority,
    )
    client.create_bucket(Bucket="backups")


def open_vault(server: Running, reviewer: str, key: Path) -> Any:
    """Put a key into the vault, and let the service account of our Pods in."""
    vault: Any = hvac.Client(
        url=f"https://localhost:{server.port}", token=server.password("vault-token"), verify=server.authority
    )
    vault.secrets.kv.v2.create_or_update_secret("aragora/sqlite", secret={"key": key.read_text().strip()})
    vault.sys.create_or_update_policy("strongroom", _POLICY)
    vault.sys.enable_auth_method("kubernetes")
    vault.auth.kubernetes.configure(
        kubernetes_host=reviewer,
        kubernetes_ca_cert=Path(server.authority).read_text(encoding="utf-8"),
        token_reviewer_jwt="reviewer",
        disable_local_ca_jwt=True,
    )
    vault.auth.kubernetes.create_role(
        "strongroom",
        bound_service_account_names=["strongroom"],
        bound_service_account_namespaces=["strongroom"],
        audience=AUDIENCE,
        policies=["strongroom"],
        ttl="60s",
    )
    return vault
