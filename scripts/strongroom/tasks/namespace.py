"""The tasks of ``./inv``, assembled in the order in which the list shows them."""

from __future__ import annotations

from invoke.collection import Collection

from strongroom.tasks import (
    backup,
    bench,
    check,
    consolidate,
    demo,
    doctor,
    engine,
    fleet,
    guard,
    image,
    inventory,
    k8s,
    keys,
    paths,
    postgres,
    sqlcipher,
    stack,
    test,
    tls,
    why,
)

namespace = Collection(
    demo.demo,
    test.test,
    why.why,
    inventory.namespace,
    paths.namespace,
    consolidate.namespace,
    backup.namespace,
    keys.namespace,
    postgres.namespace,
    sqlcipher.namespace,
    fleet.namespace,
    k8s.namespace,
    guard.namespace,
    engine.namespace,
    image.namespace,
    stack.namespace,
    tls.namespace,
    doctor.namespace,
    bench.namespace,
    check.namespace,
)
