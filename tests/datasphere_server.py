"""A DataSphere on this machine, for tests and the tutorial: TLS gRPC from the stubs inside the
`datasphere` package, a store for presigned addresses, a CONNECT proxy that leads the SDK's
constant names here. It really executes a job's command, in an empty folder.

    python datasphere_server.py --folder cloud --python /path/of/the/jobs/python

needs an interpreter with `datasphere`; it prints one line of JSON: the environment variables with
which an unmodified SDK comes here, and the address for `/control` (faults, and what was done).
`Cloud` starts it so from any interpreter.

What it cannot show: the cloud's own build of an environment, its quotas, its prices. The pins of a
job are compared with the interpreter given (`--python`) instead of being installed."""

import argparse
import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HOSTS = [f"{name}.api.cloud.yandex.net" for name in ("datasphere", "operation", "iam")]
PROJECT, FORBIDDEN = "bt1projectproject1pr", "bt1forbiddenforbidde"
TOKEN = "t1.test-token-of-the-cloud"
SETTINGS = dict(
    tokens=[TOKEN],  # IAM tokens that are let in
    expire_after=None,  # The call, made from now on, after which the first token is refused
    no_capacity=[],  # Instance types of which none is free
    instances=["c1.4", "c1.8", "g1.1"],  # Instance types that exist
    seconds=None,  # Time that a job is given
    bad_checksum=0,  # Downloads whose bytes are wrong
    told_size=None,  # Bytes that an output is said to have
    slow=0.0,  # Seconds that an upload waits
    refused=0,  # Uploads that are refused
    expired=0,  # Downloads whose address has expired
    cut=0,  # Downloads that break off in the middle
    faults=[],  # dict(method, when="before" or "after", code or drop=True, seconds, times)
)


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    "An authority of our own, and a key and a certificate for the service's names."
    names = ",".join(f"DNS:{name}" for name in HOSTS)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    (folder / "names.txt").write_text(f"subjectAltName={names}\n")
    for arguments in (
        ["req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test"],
        ["req", *curve[:-2], "-keyout", "key.pem", "-out", "own.csr", "-subj", f"/CN={HOSTS[0]}"],
        ["x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key"]
        + ["-CAcreateserial", "-days", "2", "-out", "own.pem", "-extfile", "names.txt"],
    ):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem", folder / "key.pem", folder / "own.pem"


class Proxy(threading.Thread):
    "Answers CONNECT for the service's names with a tunnel to the port of the gRPC server."

    def __init__(self, target: int):
        super().__init__(daemon=True)
        self.target, self.pairs, self.closed_until = target, [], 0.0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def run(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            host = head.split()[1].decode().partition(":")[0]
            if host not in HOSTS or time.monotonic() < self.closed_until:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.pairs.append((client, server))
            self.pump(client, server)
        client.close()

    @staticmethod
    def pump(client, server):
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    client.close()
                    server.close()
                    return
                (server if ready is client else client).sendall(data)

    def drop(self, seconds: float):
        "Cut every connection, and let none in for a while."
        self.closed_until = time.monotonic() + seconds
        for pair in self.pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self.pairs = []


class Store:
    "Files behind addresses that hold for some minutes."

    def __init__(self, folder: Path, state):
        self.folder, self.state, self.tickets = folder, state, {}
        folder.mkdir()
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                time.sleep(store.state.settings["slow"])
                data = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(store.put(self.path, data))

            def do_GET(self):
                if self.path == "/control":
                    return self.answer((200, json.dumps(store.state.report()).encode()))
                begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
                self.answer(store.get(self.path, begin))

            def do_POST(self):
                data = self.rfile.read(int(self.headers["Content-Length"]))
                store.state.change(json.loads(data))
                self.answer((200, b"{}"))

            def answer(self, pair):
                status, data, *told = pair
                self.send_response(status)
                self.send_header("Content-Length", str(*told or [len(data)]))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def presign(self, sha256: str, seconds: int = 600) -> str:
        "An address for one object."
        ticket = uuid.uuid4().hex
        self.tickets[ticket] = (sha256, time.time() + seconds)
        return f"{self.address}/object?ticket={ticket}"

    def ticket(self, path):
        found = self.tickets.get(parse_qs(urlsplit(path).query).get("ticket", [""])[0])
        return found[0] if found and found[1] > time.time() else None

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def put(self, path, data):
        sha256, settings = self.ticket(path), self.state.settings
        if settings["refused"] > 0:
            settings["refused"] -= 1
            return 403, b"refused"
        if not sha256 or hashlib.sha256(data).hexdigest() != sha256:
            return 403, b"refused"
        self.path(sha256).write_bytes(data)
        return 200, b""

    def get(self, path, begin=0):
        sha256, settings = self.ticket(path), self.state.settings
        if settings["expired"] > 0:
            settings["expired"] -= 1
            sha256 = None
        if not sha256:
            return 403, b"refused"
        data = self.path(sha256).read_bytes()[begin:]
        if settings["cut"] > 0:
            settings["cut"] -= 1
            return (206 if begin else 200), data[: len(data) // 2], len(data)
        if self.state.settings["bad_checksum"] > 0:
            self.state.settings["bad_checksum"] -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        return (206 if begin else 200), data

    def keep(self, path: Path) -> tuple[str, int]:
        "Take a file in; its sha256 and size."
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copyfile(path, self.path(sha256))
        return sha256, path.stat().st_size


class State:
    "All that the service knows: jobs, operations, settings, and what was called."

    def __init__(self, folder: Path, python: str):
        self.folder, self.python, self.lock = folder, python, threading.RLock()
        self.settings, self.jobs, self.operations = dict(SETTINGS), {}, {}
        self.calls, self.runs, self.since = [], {}, 0
        self.store, self.proxy = Store(folder / "store", self), None

    def report(self) -> dict:
        from datasphere.api import jobs_pb2

        status = jobs_pb2.JobStatus.Name
        jobs = [
            dict(id=each.id, name=each.name, status=status(each.status), parent=each.parent_job_id)
            | dict(executed=self.runs.get(each.id, 0), config=each.config)
            for each in self.jobs.values()
        ]
        return dict(jobs=jobs, calls=self.calls, settings=self.settings)

    def change(self, values: dict):
        if "drop" in values:
            self.proxy.drop(values.pop("drop"))
        self.since = len(self.calls)
        self.settings.update(values)

    def fault(self, method: str, when: str, context):
        "Do what the settings want to go wrong at this point."
        import grpc

        for rule in self.settings["faults"]:
            fits = rule["method"] == method and rule.get("when", "before") == when
            if fits and rule.get("times", 1) > 0:
                rule["times"] = rule.get("times", 1) - 1
                time.sleep(rule.get("seconds", 0))
                if rule.get("drop"):
                    self.proxy.drop(rule.get("closed", 0))
                    time.sleep(0.05)
                if rule.get("code"):
                    context.abort(getattr(grpc.StatusCode, rule["code"]), "a fault by the test")


def guarded(method):
    "A call of the service: let in by its token, noted, with the faults that are asked for."

    def call(self, request, context):
        import grpc

        name, state = method.__name__, self.state
        state.calls.append(name)
        state.fault(name, "before", context)
        given = dict(context.invocation_metadata()).get("authorization", "")
        settings, token = state.settings, given.removeprefix("Bearer ")
        late = settings["expire_after"] in state.calls[state.since : -1]
        expired = late and token == settings["tokens"][0]
        if token not in settings["tokens"] or expired:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is invalid or has expired")
        answer = method(self, request, context)
        state.fault(name, "after", context)
        return answer

    return call


def make_services(state: State):
    "The four services, made from the stubs inside the package."
    import grpc
    from datasphere.api import iam_token_service_pb2 as iam
    from datasphere.api import iam_token_service_pb2_grpc as iam_grpc
    from datasphere.api import jobs_pb2 as jobs
    from datasphere.api import operation_pb2 as operation
    from datasphere.api import operation_service_pb2_grpc as operation_grpc
    from datasphere.api import project_job_service_pb2 as service
    from datasphere.api import project_job_service_pb2_grpc as service_grpc
    from datasphere.api import project_pb2 as project
    from datasphere.api import project_service_pb2_grpc as project_grpc
    from google.protobuf.empty_pb2 import Empty

    finished = (jobs.SUCCESS, jobs.ERROR, jobs.CANCELLED)

    def new_operation(metadata):
        one = operation.Operation(id=f"op{uuid.uuid4().hex[:18]}")
        one.metadata.Pack(metadata)
        state.operations[one.id] = one
        return one

    def find(job_id, context):
        if job_id not in state.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Job {job_id} not found")
        return state.jobs[job_id]

    def allowed(project_id, context):
        if project_id == FORBIDDEN:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "Permission denied")
        if project_id != PROJECT:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Project {project_id} not found")

    def add(parameters, request, context, project_id, parent=""):
        for each in parameters.cloud_instance_types:
            if each.name not in state.settings["instances"]:
                problem = f"unknown cloud instance type: {each.name}"
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, problem)
        job = jobs.Job(id=f"bt1{uuid.uuid4().hex[:17]}", name=request.name, desc=request.desc)
        job.status, job.project_id, job.parent_job_id = jobs.CREATING, project_id, parent
        job.config = getattr(request, "config", "")
        job.job_parameters.CopyFrom(parameters)
        job.created_at.GetCurrentTime()
        job.data_expires_at.FromSeconds(int(time.time()) + request.data_ttl.seconds)
        state.jobs[job.id] = job
        missing = [
            jobs.StorageFile(file=file, url=state.store.presign(file.sha256))
            for file in [*parameters.input_files, *parameters.env.python_env.local_modules]
            if not state.store.path(file.sha256).exists()
        ]
        return job, missing

    class Jobs(service_grpc.ProjectJobServiceServicer):
        def __init__(self):
            self.state = state

        @guarded
        def Create(self, request, context):
            allowed(request.project_id, context)
            job, missing = add(request.job_parameters, request, context, request.project_id)
            meta = service.CreateProjectJobMetadata(project_id=request.project_id, job_id=job.id)
            one = new_operation(meta)
            one.response.Pack(service.CreateProjectJobResponse(job_id=job.id, upload_files=missing))
            one.done = True
            return one

        @guarded
        def Clone(self, request, context):
            source, parameters = find(request.source_job_id, context), jobs.JobParameters()
            parameters.CopyFrom(source.job_parameters)
            new = {file.desc.var: file for file in request.job_parameters_overrides.input_files}
            kept = [file for file in parameters.input_files if file.desc.var not in new]
            del parameters.input_files[:]
            parameters.input_files.extend([*kept, *new.values()])
            kinds = request.job_parameters_overrides.cloud_instance_types
            if kinds:
                del parameters.cloud_instance_types[:]
                parameters.cloud_instance_types.extend(kinds)
            job, missing = add(parameters, request, context, source.project_id, source.id)
            one = new_operation(
                service.CloneProjectJobMetadata(project_id=job.project_id, job_id=job.id)
            )
            one.response.Pack(service.CloneProjectJobResponse(job_id=job.id, upload_files=missing))
            one.done = True
            return one

        @guarded
        def Execute(self, request, context):
            job = find(request.job_id, context)
            with state.lock:
                for one in state.operations.values():
                    meta = service.ExecuteProjectJobMetadata()
                    if one.metadata.Unpack(meta) and meta.job.id == job.id:
                        return one
                one = new_operation(service.ExecuteProjectJobMetadata(job=job))
                job.status = jobs.PREPARING
            threading.Thread(target=Work(state, job, one).run, daemon=True).start()
            return one

        @guarded
        def Get(self, request, context):
            return find(request.job_id, context)

        @guarded
        def List(self, request, context):
            allowed(request.project_id, context)
            found = list(state.jobs.values())
            start = int(request.page_token or 0)
            page = found[start : start + 2]  # Pages of two: a client that reads one page only fails
            token = str(start + 2) if start + 2 < len(found) else ""
            return service.ListProjectJobResponse(jobs=page, next_page_token=token)

        @guarded
        def Cancel(self, request, context):
            job = find(request.job_id, context)
            work = Work.at_work.get(job.id)
            if job.status in finished:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the job has ended")
            if work:
                work.cancel(request.graceful)
            else:
                job.status = jobs.CANCELLED
            return Empty()

        @guarded
        def Delete(self, request, context):
            job = find(request.job_id, context)
            del state.jobs[job.id]
            one = new_operation(service.DeleteProjectJobMetadata(job_id=job.id))
            one.response.Pack(Empty())
            one.done = True
            return one

        @guarded
        def SetDataTtl(self, request, context):
            job = find(request.job_id, context)
            job.data_expires_at.FromSeconds(int(time.time()) + request.ttl.seconds)
            return service.SetProjectJobDataTtlResponse()

        @guarded
        def DownloadJobFiles(self, request, context):
            files = [
                jobs.StorageFile(file=file, url=state.store.presign(file.sha256))
                for file in request.files
            ]
            return service.DownloadProjectJobFilesResponse(download_files=files)

        def ReadLogs(self, request, context):
            job, offset = find(request.job_id, context), max(request.offset, 0)
            path = state.folder / "logs" / job.id
            while context.is_active():
                data = path.read_bytes()[offset:] if path.exists() else b""
                if data:
                    offset += len(data)
                    log = service.LogMessage(content=data, standard_stream=service.OUT)
                    yield service.ReadProjectJobLogsResponse(logs=[log], offset=offset)
                elif job.status in finished:
                    return
                time.sleep(0.05)

    class Operations(operation_grpc.OperationServiceServicer):
        def __init__(self):
            self.state = state

        @guarded
        def Get(self, request, context):
            if request.operation_id not in state.operations:
                context.abort(grpc.StatusCode.NOT_FOUND, "Operation not found")
            return state.operations[request.operation_id]

    class Projects(project_grpc.ProjectServiceServicer):
        def __init__(self):
            self.state = state

        @guarded
        def Get(self, request, context):
            allowed(request.project_id, context)
            return project.Project(id=PROJECT, name="shop", community_id="bt1community")

    class Tokens(iam_grpc.IamTokenServiceServicer):
        def Create(self, request, context):
            state.calls.append("IamToken")
            if "bad" in request.yandex_passport_oauth_token + request.jwt:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "OAuth token is invalid")
            token = f"t1.issued-{uuid.uuid4().hex}"
            state.settings["tokens"] = [*state.settings["tokens"], token]
            return iam.CreateIamTokenResponse(iam_token=token)

    return [
        (service_grpc.add_ProjectJobServiceServicer_to_server, Jobs()),
        (operation_grpc.add_OperationServiceServicer_to_server, Operations()),
        (project_grpc.add_ProjectServiceServicer_to_server, Projects()),
        (iam_grpc.add_IamTokenServiceServicer_to_server, Tokens()),
    ]


class Refused(Exception):
    "A job ends in an error of the cloud: a code, and what the details say."


class Work:
    "One job at work: an empty folder, its files, its command, its outputs."

    at_work = {}

    def __init__(self, state: State, job, one):
        from datasphere.api import jobs_pb2, project_job_service_pb2

        self.state, self.job, self.one, self.process = state, job, one, None
        self.jobs, self.service, self.cancelled = jobs_pb2, project_job_service_pb2, False
        self.folder = state.folder / "work" / job.id
        self.log = state.folder / "logs" / job.id
        Work.at_work[job.id] = self

    def run(self):
        try:
            self.prepare()
            code = self.execute()
            self.finish(code)
        except Refused as error:
            self.refuse(*error.args)
        except Exception as error:
            self.refuse(13, f"{type(error).__name__}: {error}")
        finally:
            Work.at_work.pop(self.job.id, None)

    def refuse(self, code, details):
        cancelled = code == 1
        self.job.status_details = details
        self.one.error.code, self.one.error.message = code, details
        self.job.status = self.jobs.CANCELLED if cancelled else self.jobs.ERROR
        self.job.finished_at.GetCurrentTime()
        self.one.done = True

    def prepare(self):
        wanted = [each.name for each in self.job.job_parameters.cloud_instance_types]
        free = [name for name in wanted if name not in self.state.settings["no_capacity"]]
        if not free:
            raise Refused(8, f"no capacity for instance types {', '.join(wanted)}")
        self.job.actual_cloud_instance_type.name = free[0]
        self.folder.mkdir(parents=True)
        self.log.parent.mkdir(exist_ok=True)
        self.check_requirements()
        for file in self.job.job_parameters.input_files:
            self.place(file, self.folder / file.desc.path)
        for file in self.job.job_parameters.env.python_env.local_modules:
            self.place(file, self.folder / "module")

    def check_requirements(self):
        "Compare the pins with the interpreter that executes jobs, as a build would."
        pins = list(self.job.job_parameters.env.python_env.requirements)
        code = (
            "import importlib.metadata as m, json, sys\n"
            "def version(name):\n"
            "    try: return m.version(name).split('+')[0]\n"
            "    except m.PackageNotFoundError: return None\n"
            "print(json.dumps([p for p in json.load(sys.stdin) if '==' in p"
            " and version(p.split('[')[0].split('==')[0]) != p.split('==')[1]]))"
        )
        done = subprocess.run(
            [self.state.python, "-c", code], input=json.dumps(pins), capture_output=True, text=True
        )
        missing = json.loads(done.stdout)
        if missing:
            raise Refused(9, f"No matching distribution found for {missing[0]}")

    def place(self, file, path: Path):
        source = self.state.store.path(file.sha256)
        if not source.exists():
            raise Refused(9, f"file {file.desc.path} was not uploaded")
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.compression_type == self.jobs.FileCompressionType.ZIP:
            with zipfile.ZipFile(source) as archive:
                archive.extractall(path.parent)
        else:
            shutil.copyfile(source, path)

    def command(self) -> str:
        parameters = self.job.job_parameters
        values = {file.desc.var: file.desc.path for file in parameters.input_files}
        values |= {file.var: file.path for file in parameters.output_files}
        values |= {each.name: each.value for each in parameters.arguments}
        return re.sub(r"\$\{(.+?)}", lambda found: values[found[1]], parameters.cmd)

    def execute(self) -> int:
        self.job.status = self.jobs.EXECUTING
        self.job.started_at.GetCurrentTime()
        self.state.runs[self.job.id] = self.state.runs.get(self.job.id, 0) + 1
        kept = ("HOME", "LANG", "LC_ALL", "TMPDIR")
        surroundings = {name: os.environ[name] for name in kept if name in os.environ}
        surroundings["PATH"] = f"{Path(self.state.python).parent}:/usr/local/bin:/usr/bin:/bin"
        surroundings |= {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "")}
        surroundings |= dict(self.job.job_parameters.env.vars)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", "exec " + self.command()],
                cwd=self.folder,
                env={name: value for name, value in surroundings.items() if value},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                code = self.process.wait(self.state.settings["seconds"])
            except subprocess.TimeoutExpired:
                self.kill(signal.SIGKILL)
                raise Refused(4, "the job has exceeded its time to live") from None
        self.job.status = self.jobs.UPLOADING_OUTPUT
        return code

    def kill(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def cancel(self, graceful: bool):
        self.cancelled = True
        self.job.status = self.jobs.CANCELLING
        if self.process:
            if graceful:
                with contextlib.suppress(ProcessLookupError):
                    self.process.terminate()
                threading.Timer(20, self.kill, [signal.SIGKILL]).start()
            else:
                self.kill(signal.SIGKILL)

    def finish(self, code: int):
        response = self.service.ExecuteProjectJobResponse()
        response.result.return_code = code
        for desc in self.job.job_parameters.output_files:
            path = self.folder / desc.path
            if not path.is_file():
                lost = self.jobs.FileUploadError(output_file_desc=desc, description="not found")
                response.output_files_errors.append(lost)
                self.job.file_errors.append(lost)
                continue
            sha256, size = self.state.store.keep(path)
            file = self.jobs.File(desc=desc, sha256=sha256)
            file.size_bytes = self.state.settings["told_size"] or size
            self.job.output_files.append(file)
            url = self.state.store.presign(sha256)
            response.output_files.append(self.jobs.StorageFile(file=file, url=url))
        if self.cancelled:
            raise Refused(1, "the job was cancelled")
        self.job.status = self.jobs.ERROR if code else self.jobs.SUCCESS
        self.job.status_details = f"program returned code {code}" if code else ""
        self.job.finished_at.GetCurrentTime()
        self.one.response.Pack(response)
        self.one.done = True


def serve(folder: Path, python: str) -> dict:
    "Start everything; the addresses, and the variables for the SDK."
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    folder.mkdir(parents=True, exist_ok=True)
    authority, key, own = certificates(folder)
    state = State(folder, python)
    server = grpc.server(ThreadPoolExecutor(40))
    for register, servicer in make_services(state):
        register(servicer, server)
    pair = (key.read_bytes(), own.read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    state.proxy = Proxy(port)
    state.proxy.start()
    state.server = server
    serve.state = state
    return dict(
        control=f"{state.store.address}/control",
        environment=dict(
            grpc_proxy=f"http://127.0.0.1:{state.proxy.port}",
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(authority),
            YC_IAM_TOKEN=TOKEN,
            NO_PROXY="127.0.0.1",
            YC_METADATA_ADDR="127.0.0.1:9",
        ),
    )


class Cloud:
    "The server in a process of its own, for tests and notebooks."

    def __init__(self, folder: str | Path, sdk: str, python: str = sys.executable):
        command = [sdk, "-I", __file__, "--folder", str(folder), "--python", python]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the server did not start with {sdk}. It needs the package `datasphere`: make the "
                "environment .venv-datasphere of step 2, or name its interpreter in "
                "PLASTINKA_DATASPHERE_PYTHON"
            )
        told = json.loads(line)
        self.control, self.environment = told["control"], told["environment"]

    def change(self, **settings):
        "Set what the cloud shall do: see SETTINGS; `drop=seconds` cuts all connections."
        data = json.dumps(settings).encode()
        self._open(urllib.request.Request(self.control, data))

    def report(self) -> dict:
        "Jobs, calls and settings as they are."
        return json.loads(self._open(self.control))

    def reset(self):
        "Everything works again."
        self.change(**SETTINGS)

    def _open(self, request):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return answer.read()

    def close(self):
        "End the server and every job in it."
        self.process.stdin.close()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    print(json.dumps(serve(given.folder.resolve(), given.python)), flush=True)
    sys.stdin.read()  # Until the one who started it closes the pipe, or ends
    for work in list(Work.at_work.values()):
        if work.process:
            work.kill(signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
