"""Cloud functions on this machine, for tests: each call starts the handler in a process of its own,
behind HTTP, with a key, a time limit and a start that takes as long as it is told. `faults` says
what happens to the next calls."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

API_KEY = "AQVN-test-key-of-the-functions"
PROGRAM = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import index

class Context:
    request_id, until = "r1", float(sys.argv[3])
    def get_remaining_time_in_millis(self):
        return (self.until - time.time()) * 1000

event = dict(httpMethod="POST", body=sys.stdin.read(), isBase64Encoded=False)
print("\\n" + json.dumps(getattr(index, sys.argv[2])(event, Context())))
"""
INDEX = """
from plastinka.jobs.function import forecast_handler as forecast
from plastinka.jobs.function import train_handler as train
"""
QUICK = '''
import json, sys, time, zipfile
from plastinka.jobs import function
function.CHILD = """
import json, os, signal, sys, time, zipfile
job = json.load(open("job.json"))
print("at work on", job["run"], flush=True)
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
until = time.time() + job["parameters"]["wait"]
while time.time() < until and not stopped:
    time.sleep(0.05)
status = "cancelled" if stopped else "succeeded"
error = dict(kind="cancelled", step=None, type="", message="stopped") if stopped else None
data = [dict(path=each["path"], sha256=each["sha256"]) for each in job["inputs"]]
receipt = dict(status=status, notebook="count", parameters={}, declared=[], seconds=0.1)
receipt |= dict(artifacts=[], data=data[:1], scores=dict(letters=13), error=error)
with zipfile.ZipFile("result.zip", "w") as packed:
    packed.writestr("receipt.json", json.dumps(receipt))
"""
from plastinka.jobs.function import forecast_handler as forecast
from plastinka.jobs.function import train_handler as train
'''


class Functions:
    "The service: two functions, and an address for notices."

    def __init__(self, folder: Path, source: Path, index: str = INDEX, seconds: float = 600):
        self.folder, self.source, self.seconds = folder, source, seconds
        self.python = sys.executable
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.py").write_text(index)
        self.calls, self.faults, self.notices, self.notify = [], [], [], 1
        self.target, self.running = "", []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.service = True, self
        self.place = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for process in self.running:
            end(process)

    def call(self, name: str, body: bytes, fault: dict) -> tuple[int, bytes]:
        "Execute a handler; 504 where it took too long, 502 where it died."
        time.sleep(fault.get("cold", 0))
        own = {
            name: value  # A function has no keys, and no settings of the caller
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "YC_", "PLASTINKA_"))
        }
        variables = own | dict(PLASTINKA_OWN_NOTEBOOKS="1", PYTHONPATH=str(self.source))
        seconds = fault.get("seconds", self.seconds)
        given = [str(self.folder), name, str(time.time() + seconds)]
        process = subprocess.Popen(
            [self.python, "-c", PROGRAM, *given],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.running.append(process)
        if "kill" in fault:
            threading.Timer(fault["kill"], end, [process]).start()
        try:
            told, _ = process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process)
            return 504, b"{}"
        if process.returncode:
            return 502, b"{}"
        answer = json.loads(told.decode().splitlines()[-1])
        return answer["statusCode"], answer["body"].encode()


def end(process):
    "End a call with all of its processes, as the service does."
    with contextlib.suppress(psutil.Error):
        for each in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                each.send_signal(signal.SIGKILL)
    process.kill()
    process.wait()


class Handler(BaseHTTPRequestHandler):
    "Calls, and notices on their way."

    def do_POST(self):
        service = self.server.service
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/notice":
            return self.pass_on(service, body)
        fault = service.faults.pop(0) if service.faults and b'"check"' not in body else {}
        service.calls.append(self.path)
        if self.headers.get("Authorization") != f"Api-Key {API_KEY}":
            return self.answer(401)
        if "code" in fault:
            return self.answer(fault["code"])
        if self.path not in ("/forecast", "/train"):
            return self.answer(404)
        if fault.get("drop"):  # The line breaks, and the function goes on
            self.close_connection = True
            self.connection.close()
            service.call(self.path[1:], body, fault)
            return None
        return self.answer(*service.call(self.path[1:], body, fault))

    def pass_on(self, service, body):
        "A notice goes on once, never, or twice."
        signature = self.headers["X-Plastinka-Signature"]
        for _ in range(service.notify):
            about = {"X-Plastinka-Signature": signature}
            request = urllib.request.Request(service.target, body, about, method="POST")
            try:
                service.notices.append(urllib.request.urlopen(request, timeout=10).status)
            except urllib.error.HTTPError as error:
                service.notices.append(error.code)
        self.answer(204)

    def answer(self, code, body=b"{}"):
        with contextlib.suppress(OSError):
            self.send_response(code)
            self.send_header("Content-Length", str(0 if code == 204 else len(body)))
            self.end_headers()
            self.wfile.write(b"" if code == 204 else body)

    def log_message(self, *arguments):
        pass
