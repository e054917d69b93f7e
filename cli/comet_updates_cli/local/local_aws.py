"""A local AWS for the service on one machine: moto's S3 and SQS over HTTP, and the queue's trigger."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.model_instances import model_data
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from comet_updates import object_keys
from comet_updates.answer.errors import CometError
from comet_updates_cli import files
from comet_updates_cli.local.gateway import Handler
from comet_updates_cli.local.kept import Kept

POLL_S = 0.2
BATCH = 10
MAX_RECEIVE_COUNT = 5
VISIBILITY_TIMEOUT_S = 5
SWEEP_S = 10.0
SAMPLE_MAX_BYTES = 10_000_000  # far more than publishing accepts


class LocalAws:
    """An S3 in memory, with one bucket whose notifications go to a queue.

    Args:
        port: the port of the S3, on loopback.
        bucket: the bucket's name.
        region: the region of all resources.
    """

    def __init__(self, port: int, bucket: str, region: str) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self._bucket = bucket
        self._region = region
        self._stopping = threading.Event()
        self._worker: threading.Thread | None = None
        self.endpoint_url = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Start the server. Create the bucket, the queue with its dead-letter queue, and the notifications."""
        logging.getLogger("werkzeug").disabled = True  # it would print a line for every request
        self._server.start()
        self._s3 = boto3.client("s3", endpoint_url=self.endpoint_url, region_name=self._region)
        self._sqs = boto3.client("sqs", endpoint_url=self.endpoint_url, region_name=self._region)
        dead = self._arn(self._sqs.create_queue(QueueName="dead-letters")["QueueUrl"])
        self._queue = self._sqs.create_queue(
            QueueName="uploads",
            Attributes={
                "VisibilityTimeout": str(VISIBILITY_TIMEOUT_S),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVE_COUNT}),
            },
        )["QueueUrl"]
        self._s3.create_bucket(Bucket=self._bucket)
        self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_notification_configuration(
            Bucket=self._bucket,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": self._arn(self._queue),
                        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                    }
                    for prefix in object_keys.UPLOAD_PREFIXES
                ]
            },
        )
        forget_copies()

    def upload(self, folder: Path) -> None:
        """Upload the JSON files of `folder`, each under its relative path.

        Raises:
            UnreadableFileError: a file cannot be read.
        """
        for file in sorted(folder.rglob("*.json")):
            key = file.relative_to(folder).as_posix()
            body = files.read(file, SAMPLE_MAX_BYTES)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def restore(self, kept: Iterable[Kept]) -> int:
        """Upload objects, each with the time at which it was written first. Return their number."""
        number = 0
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        for number, (key, body, written_at) in enumerate(kept, 1):  # noqa: B007 (the last one is returned)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)
            backend.get_bucket(self._bucket).keys[key].last_modified = written_at.replace(tzinfo=None)
        return number

    def trigger(self, publish: Handler, after: Callable[[], None] = lambda: None) -> None:
        """Call `publish` with the queue's messages, and regularly for a sweep, until `stop`, as Lambda does.

        Call `after` after each of these calls, and at the end.
        """
        self._worker = threading.Thread(target=self._work, args=(publish, after), name="publish")
        self._worker.start()

    def stop(self) -> None:
        """Stop the worker and the server."""
        self._stopping.set()
        if self._worker:
            self._worker.join()
        self._server.stop()

    def _work(self, publish: Handler, after: Callable[[], None]) -> None:
        next_sweep = time.monotonic()
        while not self._stopping.wait(POLL_S):
            has_run = False
            with suppress(BotoCoreError, ClientError, CometError):  # moto is stopping, or the message comes again
                has_run = self._deliver(publish)
            if time.monotonic() >= next_sweep:
                with suppress(CometError):  # recorded by the function; the next sweep tries again
                    publish({"sweep": True}, None)
                has_run, next_sweep = True, time.monotonic() + SWEEP_S
            if has_run:
                after()
        after()

    def _deliver(self, publish: Handler) -> bool:
        """Publish what the messages in the queue name. Return whether there were any."""
        messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=BATCH).get("Messages", [])
        if not messages:
            return False
        records = [
            {"messageId": message["MessageId"], "eventSource": "aws:sqs", "body": message["Body"]}
            for message in messages
        ]
        failures = publish({"Records": records}, None)["batchItemFailures"]
        failed = {failure["itemIdentifier"] for failure in failures}
        for message in messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return True

    def _arn(self, queue: str) -> str:
        attributes = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return attributes["Attributes"]["QueueArn"]


def forget_copies() -> None:
    """Stop moto from keeping all objects that it ever created.

    It copies every version in a bucket for each listing and keeps the copies: gigabytes within minutes.
    """
    for service in ("s3", "sqs"):
        for model in model_data[service].values():
            model.instances_tracked = deque(maxlen=0)  # type: ignore[attr-defined]  # moto's metaclass adds it
