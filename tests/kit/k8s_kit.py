"""
A Kubernetes API on this machine, as much of it as Lithops' backend uses; the pods of its Jobs are really run by podman.

Jobs: made, listed, watched, deleted. Pods: listed and watched. The master of Lithops, a Job that only hands out
numbers, is not run: a server answers for it, at an address of 127.0.0.0/8 of its own, because its port is fixed.
Storage is SeaweedFS, which pods reach because they are on this machine's network. Limits of memory are kept, those of
less than one CPU are not: at 0.2 CPUs the first Job, which asks the image for its packages, would take 20 s.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
import urllib.parse
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from podman_kit import IMAGE, NAMESPACE, NODE, Podman, Ran

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3_kit import Seaweed

MASTER_PORT = 8080
"""``lithops.serverless.backends.k8s.config.MASTER_PORT``."""

_JOBS = re.compile(r"/apis/batch/v1/namespaces/(?P<namespace>[^/]+)/jobs(?:/(?P<name>[^/]+))?")
_PODS = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/pods")


class Cluster:
    """
    What the API knows.

    Attributes:
        jobs: Each Job by its name, as it was sent, with its status.
        sent: All Jobs that ever were, in their order.
        ran: What their pods came to.
        entry: What images of Lithops have as /lithops.
        kubeconfig: The file that leads here.
    """

    def __init__(self, podman: Podman, master: str, entry: Path) -> None:
        self.podman = podman
        self.master = master
        self.entry = entry
        self.jobs: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []
        self.pods: dict[str, Any] = {}
        self.ran: list[Ran] = []
        self.changed = threading.Condition()
        self.version = 1
        self.closed = False
        self.ending: list[threading.Thread] = []
        self.workers = ThreadPoolExecutor(4)
        self.kubeconfig = ""

    def create(self, job: dict[str, Any]) -> None:
        """
        Start a Job.
        """
        name, count = job["metadata"]["name"], job["spec"].get("parallelism", 1)
        self.sent.append(json.loads(json.dumps(job)))
        job["status"] = {"active": count}
        is_master = job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "run_master"
        names = [f"{name}-{number}" for number in range(count)]
        with self.changed:
            self.jobs[name] = job
            for each in names:
                self.pods[each] = _pod_of(job, each, self.master)
            self._change()
        if not is_master:
            runs = [self.workers.submit(self._run, job, each) for each in names]
            threading.Thread(target=self._follow, args=(job, runs), daemon=True).start()

    def delete(self, name: str) -> bool:
        """
        End a Job and its pods; False when there is none.
        """
        with self.changed:
            job = self.jobs.pop(name, None)
            ended = [each for each, pod in self.pods.items() if pod["metadata"]["labels"]["job-name"] == name]
            alive = [each for each in ended if self.pods.pop(each)["status"]["phase"] == "Running"]
            self._change()
        if job and "run_master" not in json.dumps(job):
            # Deleting comes back at once, as with propagationPolicy=Background.
            self.ending += [threading.Thread(target=self.podman.end, args=(each,)) for each in alive]
            for thread in self.ending[len(self.ending) - len(alive) :]:
                thread.start()
        return job is not None

    def listed(self, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """
        Return the Jobs or pods that a query's selectors leave.
        """
        found = list((self.jobs if kind == "jobs" else self.pods).values())
        field, label = query.get("fieldSelector", ""), query.get("labelSelector", "")
        if field:
            found = [each for each in found if field == f"metadata.name={each['metadata']['name']}"]
        if label:
            key, _, value = label.partition("=")
            found = [each for each in found if each["metadata"].get("labels", {}).get(key) == value]
        return json.loads(json.dumps(found))

    def close(self) -> None:
        """
        End everything that runs.
        """
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for name in list(self.jobs):
            self.delete(name)
        self.workers.shutdown(wait=True, cancel_futures=True)
        for thread in self.ending:
            thread.join()

    def _run(self, job: dict[str, Any], name: str) -> bool:
        spec = json.loads(json.dumps(job["spec"]["template"]["spec"]))
        box = spec["containers"][0]
        box["resources"]["limits"]["cpu"] = "1"
        values = {each["name"]: each.get("value", "") for each in box["env"]}
        # As a kubelet does with $(NAME).
        box["args"] = [re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], each) for each in box["args"]]
        volume = {"name": "lithops", "hostPath": {"path": str(self.entry), "type": "Directory"}}
        spec["volumes"] = [*spec.get("volumes", ()), volume]
        mount = {"name": "lithops", "mountPath": "/lithops", "readOnly": True}
        box["volumeMounts"] = [*box.get("volumeMounts", ()), mount]
        ran = self.podman.play(spec, name)
        self.ran.append(ran)
        with self.changed:
            if name in self.pods:
                self.pods[name]["status"]["phase"] = "Failed" if ran.code else "Succeeded"
            self._change()
        return ran.code == 0

    def _follow(self, job: dict[str, Any], runs: list[Any]) -> None:
        good = 0
        for run in runs:
            try:
                good += run.result()
            except Exception:  # its Job was deleted
                continue
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self.changed:
            job["status"] = {"succeeded": good or None, "failed": len(runs) - good or None, "completionTime": ended}
            self._change()

    def _change(self) -> None:
        self.version += 1
        self.changed.notify_all()


def _pod_of(job: dict[str, Any], name: str, address: str) -> dict[str, Any]:
    labels = {"job-name": job["metadata"]["name"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": job["metadata"]["namespace"], "labels": labels},
        "spec": {"nodeName": NODE, "containers": job["spec"]["template"]["spec"]["containers"]},
        "status": {"phase": "Running", "podIP": address},
    }


class _Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def do_GET(self) -> None:
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = "jobs" if _JOBS.fullmatch(url.path) else "pods" if _PODS.fullmatch(url.path) else ""
        if not kind:
            self._answer(404, _status(404, "NotFound"))
        elif query.get("watch", "").lower() == "true":
            self._watch(kind, query)
        else:
            listed = self.cluster.listed(kind, query)
            metadata = {"resourceVersion": str(self.cluster.version)}
            self._answer(200, {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": listed})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if _JOBS.fullmatch(urllib.parse.urlparse(self.path).path):
            self.cluster.create(body)
            self._answer(201, body)
        else:
            self._answer(404, _status(404, "NotFound"))

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _JOBS.fullmatch(urllib.parse.urlparse(self.path).path)
        if found and found["name"] and self.cluster.delete(found["name"]):
            self._answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
        else:
            self._answer(404, _status(404, "NotFound"))

    def _watch(self, kind: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        until, seen, cluster = time.monotonic() + float(query.get("timeoutSeconds", 30)), 0, self.cluster
        try:
            while time.monotonic() < until and not cluster.closed:
                with cluster.changed:
                    if cluster.version == seen:
                        cluster.changed.wait(0.5)
                    found, new, seen = cluster.listed(kind, query), cluster.version != seen, cluster.version
                for each in found if new else ():
                    each["metadata"]["resourceVersion"] = str(seen)
                    self._chunk(json.dumps({"type": "MODIFIED", "object": each}).encode() + b"\n")
                # A server may end a watch when it likes; Lithops looks at what it has seen only then.
                if found and kind == "jobs" and not any("active" in each["status"] for each in found):
                    break
            self._chunk(b"")
        except OSError:  # the client has seen what it waited for
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, code: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """
        Keep quiet.
        """


def _status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}


class _Master(BaseHTTPRequestHandler):
    """
    Hands out ranges of calls, as ``get_range`` in Lithops' entry point does.
    """

    given: dict[str, int]
    lock = threading.Lock()

    def do_GET(self) -> None:
        _, _, job, total, size = self.path.split("/")
        with self.lock:
            start = self.given.get(job, 0)
            end = self.given[job] = min(start + int(size), int(total))
        data = b"-1" if start == int(total) else f"{start}-{end}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """
        Keep quiet.
        """


@contextmanager
def cluster(podman: Podman, folder: Path) -> Iterator[Cluster]:
    """
    Start the API, and end it with everything that runs in it.

    Args:
        podman: What runs the pods.
        folder: For the files.
    """
    entry = folder / "lithops-entry"
    _unpack_entry_point(entry)
    address = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"
    made = Cluster(podman, address, entry)
    api = ThreadingHTTPServer(("127.0.0.1", 0), type("Api", (_Api,), {"cluster": made}))
    master = ThreadingHTTPServer((address, MASTER_PORT), type("Master", (_Master,), {"given": {}}))
    made.kubeconfig = str(_kubeconfig(folder, api.server_address[1]))
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,)) for server in (api, master)]
    for server, thread in zip((api, master), threads, strict=True):
        server.daemon_threads = True
        thread.start()
    try:
        yield made
    finally:
        made.close()
        for server, thread in zip((api, master), threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def _unpack_entry_point(folder: Path) -> None:
    """
    Make what ``lithops runtime build`` puts into an image as /lithops.
    """
    from lithops import utils
    from lithops.serverless.backends import k8s

    archive = folder.parent / "lithops_k8s.zip"
    utils.create_handler_zip(str(archive), k8s.__file__.replace("__init__.py", "entry_point.py"), "lithopsentry.py")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)


def _kubeconfig(folder: Path, port: int) -> Path:
    file = folder / "kubeconfig"
    context = {"cluster": "test", "user": "me", "namespace": NAMESPACE}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "test", "context": context}],
        "current-context": "test",
        "users": [{"name": "me", "user": {"token": "x"}}],
    }
    file.write_text(json.dumps(config))
    return file


def lithops_config(cluster: Cluster, s3: Seaweed, **k8s: Any) -> dict[str, Any]:
    """
    Return the configuration of an executor whose jobs go to the cluster.
    """
    general = {"backend": "k8s", "storage": "minio", "monitoring_interval": 0.1, "data_cleaner": False}
    own = {"kubecfg_path": cluster.kubeconfig, "runtime": IMAGE, "docker_server": "localhost", "max_workers": 2}
    keys = {"access_key_id": s3.key, "secret_access_key": s3.secret}
    minio = {"storage_bucket": s3.bucket, "endpoint": s3.endpoint, "region": "us-east-1", **keys}
    return {"lithops": general, "k8s": {**own, **k8s}, "minio": minio}
