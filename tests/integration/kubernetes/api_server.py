"""A small API server for kubectl: it keeps objects, answers dry runs, and notes each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

KINDS: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    "v1": (
        ("configmaps", "ConfigMap", True),
        ("namespaces", "Namespace", False),
        ("secrets", "Secret", True),
        ("serviceaccounts", "ServiceAccount", True),
    ),
    "batch/v1": (("cronjobs", "CronJob", True), ("jobs", "Job", True)),
}
VERBS = ["create", "get", "list", "patch"]


@dataclass(kw_only=True)
class Cluster:
    """What a server keeps, and what it was asked."""

    objects: dict[str, Any] = field(default_factory=dict)
    """By path, as in ``/api/v1/namespaces/a/configmaps/b``."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Methods and addresses."""
    forbids: bool = False

    def keep(self, content: Mapping[str, Any]) -> None:
        """Keep an object as though somebody had applied it."""
        text = json.dumps(content)
        kept = json.loads(text)
        kept["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": text}
        self.objects[_path_of(content)] = kept

    @property
    def changes(self) -> list[tuple[str, str]]:
        """The requests that would change something, were they no dry runs."""
        return [
            (method, path)
            for method, path in self.requests
            if method != "GET" and parse_qs(urlsplit(path).query).get("dryRun") != ["All"]
        ]


@contextmanager
def serve(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """Serve a cluster on the loopback interface; give the kubeconfig that leads there, its context ``played``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cluster": cluster}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "played", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "played", "context": {"cluster": "played", "user": "nobody"}}],
        "current-context": "played",
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(config), encoding="utf-8")
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def _path_of(content: Mapping[str, Any]) -> str:
    version, metadata = content["apiVersion"], content["metadata"]
    plural, _, is_namespaced = next(kind for kind in KINDS[version] if kind[1] == content["kind"])
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    where = f"/namespaces/{metadata['namespace']}" if is_namespaced else ""
    return f"{root}{where}/{plural}/{metadata['name']}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_GET(self) -> None:
        path = self._note()
        known = _discover(path)
        if known is not None:
            self._answer(200, known)
        elif self.cluster.forbids:
            self._answer(403, _status(403, "Forbidden", f'"{path}" is forbidden: nobody may look at it'))
        elif path in self.cluster.objects:
            self._answer(200, self.cluster.objects[path])
        else:
            self._answer(404, _status(404, "NotFound", f"{path.rpartition('/')[2]} not found"))

    def do_POST(self) -> None:
        self._note()
        self._answer(201, self._read())

    def do_PATCH(self) -> None:
        path = self._note()
        self._answer(200, _merge(self.cluster.objects[path], self._read()))

    def _note(self) -> str:
        self.cluster.requests.append((self.command, self.path))
        return urlsplit(self.path).path

    def _read(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, code: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature
        pass


def _discover(path: str) -> object:
    """Answer what kubectl asks first: which kinds there are."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        version = {"groupVersion": "batch/v1", "version": "v1"}
        group = {"name": "batch", "versions": [version], "preferredVersion": version}
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
    for version, kinds in KINDS.items():
        if path in (f"/api/{version}", f"/apis/{version}"):
            resources = [
                {"name": plural, "singularName": "", "namespaced": is_namespaced, "kind": kind, "verbs": VERBS}
                for plural, kind, is_namespaced in kinds
            ]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
    return None


def _status(code: int, reason: str, message: str) -> object:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
            "message": message}  # fmt: skip


def _merge(one: Any, other: Any) -> Any:
    """Merge a patch as RFC 7386 says; lists are replaced."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    merged = dict(one)
    for name, value in other.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
