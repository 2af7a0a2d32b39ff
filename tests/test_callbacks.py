"""Callbacks over HTTPS: a receiver with a certificate of its own authority is told where a service
knows that authority, and nobody else is: not one whose certificate is unknown, nor one with a
certificate for another name."""

import json
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytest.importorskip("fastapi", reason="the service needs: pip install 'plastinka[api]'")

from plastinka.doors.callbacks import (  # noqa: E402
    CallbackRules,
    keep_callback,
    list_callbacks,
    open_callbacks,
    sign_callback,
    tell_ended,
)
from plastinka.doors.keys import open_keys  # noqa: E402
from plastinka.jobs.core import Job  # noqa: E402
from plastinka.jobs.queue import claim_job, end_job, open_queue, put_job  # noqa: E402
from plastinka.store.opening import make_engine, store_url  # noqa: E402

SECRET = b"shared"


class Receiver(BaseHTTPRequestHandler):
    "Keeps what it is told, and whether its signature is right."

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        stamp, given = (self.headers[f"x-plastinka-{name}"] for name in ("timestamp", "signature"))
        right = sign_callback(SECRET, stamp, body) == given
        self.server.told.append((right, json.loads(body)["status"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


class QuietServer(HTTPServer):
    "A server that says nothing of those who went away."

    def handle_error(self, request, client_address):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    "A certificate for the name localhost, signed by itself, and its key."
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("authority")
    names = ["-subj", "/CN=receiver", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made += ["-nodes", "-days", "2", "-keyout", "key.pem", "-out", "good.pem", *names]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    return folder / "good.pem", folder / "key.pem"


@pytest.fixture
def receiver(certificate):
    "A server that speaks TLS."
    server = QuietServer(("127.0.0.1", 0), Receiver)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(*certificate)
    server.socket = secure.wrap_socket(server.socket, server_side=True)
    server.told = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def told_at(folder, address, authority):
    "What became of telling an address of a job's end."
    queue = open_queue(make_engine(store_url(str(folder / "queue.db"))))
    rules = CallbackRules((address,), True, SECRET, str(authority or ""))
    callbacks = open_callbacks(queue, open_keys(queue.database.engine), rules=rules)
    job, _ = put_job(queue, Job("forecast"))
    keep_callback(callbacks, job["job_id"], address)
    end_job(queue, claim_job(queue, "w"), "succeeded", {})
    tell_ended(callbacks)
    return list_callbacks(callbacks)[0]


def test_a_known_authority_is_told(receiver, certificate, tmp_path):
    found = told_at(tmp_path, f"https://localhost:{receiver.server_port}/done", certificate[0])
    assert (found["status"], found["problem"]) == ("told", None)
    assert receiver.told == [(True, "succeeded")]


@pytest.mark.parametrize(
    ("host", "knows", "problem"),
    [
        ("localhost", False, "self-signed certificate"),
        ("127.0.0.1", True, "IP address mismatch"),
    ],
)
def test_nobody_else_is_told(receiver, certificate, tmp_path, host, knows, problem):
    address = f"https://{host}:{receiver.server_port}/done"
    found = told_at(tmp_path, address, certificate[0] if knows else None)
    assert found["status"] == "waiting" and problem in found["problem"]
    assert receiver.told == []


def test_an_authority_that_is_not_there_is_said(receiver, tmp_path):
    address = f"https://localhost:{receiver.server_port}/done"
    found = told_at(tmp_path, address, tmp_path / "none.pem")
    assert found["status"] == "waiting" and "No such file" in found["problem"]
