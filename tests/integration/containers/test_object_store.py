"""SeaweedFS: objects over S3, under TLS, for its one identity."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, SSLError

from strongroom.containers.images import Built
from strongroom.containers.stack import Folder
from tests.servers import S3, Running, running


def connect(server: Running, **changes: Any) -> Any:
    settings: dict[str, Any] = {
        "endpoint_url": f"https://localhost:{server.port}",
        "aws_access_key_id": "strongroom",
        "aws_secret_access_key": server.password("s3-secret-key"),
        "region_name": "us-east-1",
        "verify": server.authority,
    }
    return boto3.client("s3", **(settings | changes))


def test_an_object_comes_back_as_it_was_and_strangers_get_nothing(images: dict[str, Built], folder: Folder) -> None:
    with running(S3, folder) as server:
        client = connect(server)
        client.create_bucket(Bucket="backups")
        content = bytes(range(256)) * 4096
        client.put_object(Bucket="backups", Key="a/b", Body=content)
        assert client.get_object(Bucket="backups", Key="a/b")["Body"].read() == content
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            connect(server, aws_secret_access_key="another").list_buckets()
        with pytest.raises(SSLError):
            connect(server, verify=True).list_buckets()
