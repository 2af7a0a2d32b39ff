"""Every job that a queue has accepted ends once, on SQLite and on PostgreSQL, whatever happens to
the workers."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import psutil
import pytest

from plastinka.core import InputError
from plastinka.jobs.core import Job
from plastinka.jobs.queue import (
    ask_to_cancel,
    claim_job,
    count_jobs,
    read_job,
    end_job,
    job_changes,
    list_jobs,
    open_queue,
    put_job,
    release_job,
    renew_claim,
    retry_job,
    same_job,
)
from plastinka.jobs.worker import Outcome, Worker, run_processes
from plastinka.store.opening import make_engine, store_url


def work(address, file, seconds, lease, idle):
    "A process that works: each job appends a line to a file, waits, and succeeds."

    def run(claim, keeper):
        for name in (file, f"{file}.ended"):
            with open(name, "a") as lines:
                lines.write(f"{claim.job_id}\n")
            if name == file:
                time.sleep(claim.job.parameters.get("seconds", seconds))
        return Outcome("succeeded", dict(by=os.getpid()))

    worker, last = Worker(queue_at(address, lease=lease, backoff=0), run), time.monotonic()
    while time.monotonic() - last < idle:
        if worker.work_once():
            last = time.monotonic()
        else:
            time.sleep(0.05)


def queue_at(address, **settings):
    return open_queue(make_engine(store_url(address)), **settings)


@pytest.fixture
def queue(new_store):
    return queue_at(new_store(), lease=30, backoff=0)


@pytest.fixture
def start_worker(tmp_path):
    "A function that starts a working process; all are ended with the test."
    started, forks = [], multiprocessing.get_context("fork")

    def start(address, seconds=0.0, lease=30.0, idle=0.5):
        arguments = (address, str(tmp_path / "lines"), seconds, lease, idle)
        started.append(forks.Process(target=work, args=arguments))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()


def lines(path):
    return path.read_text().split() if path.exists() else []


def test_the_greatest_priority_goes_first_then_the_oldest(queue):
    names = ["a", "b", "urgent", "c"]
    for name in names:
        put_job(queue, Job(name), priority=5 * (name == "urgent"))
    claims = [claim_job(queue, "w") for _ in names]
    assert [claim.job.notebook for claim in claims] == ["urgent", "a", "b", "c"]
    assert claim_job(queue, "w") is None


def test_a_key_means_one_job(queue):
    found = []

    def put():
        found.append(put_job(queue, Job("x", dict(n=1)), idempotency_key="k"))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job["job_id"] for job, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1 and len(found) == 8
    with pytest.raises(InputError, match="was used for another job"):
        put_job(queue, Job("x", dict(n=2)), idempotency_key="k")
    assert same_job(queue, Job("x", dict(n=1))) and not same_job(queue, Job("x", dict(n=2)))


def test_what_a_lost_claim_writes_is_refused(new_store):
    queue = queue_at(new_store(), lease=0.2, backoff=0)
    job, _ = put_job(queue, Job("x"))
    slow = claim_job(queue, "slow")
    assert claim_job(queue, "other") is None, "the claim holds"
    time.sleep(0.3)
    quick = claim_job(queue, "other")
    assert (quick.job_id, quick.attempt) == (job["job_id"], 2)
    assert renew_claim(queue, slow) == "lost"
    assert not end_job(queue, slow, "failed", error="late")
    assert not retry_job(queue, slow, "late") and not release_job(queue, slow)
    assert end_job(queue, quick, "succeeded", dict(n=1))
    assert not end_job(queue, quick, "failed"), "it has ended"
    found = read_job(queue, job["job_id"])
    assert (found["status"], found["result"], found["error"]) == ("succeeded", dict(n=1), None)
    statuses = [change["status"] for change in job_changes(queue, job["job_id"])]
    assert statuses == ["queued", "running", "running", "succeeded"]


def test_a_worker_of_the_same_name_is_another_attempt(new_store):
    queue = queue_at(new_store(), lease=0.1, backoff=0)
    put_job(queue, Job("x"))
    first = claim_job(queue, "w")
    time.sleep(0.2)
    second = claim_job(queue, "w")
    assert not end_job(queue, first, "failed") and end_job(queue, second, "succeeded")


def test_the_third_failure_is_a_dead_letter(queue):
    job, _ = put_job(queue, Job("x"))

    def fail(claim, keeper):
        raise OSError("no space")

    worker = Worker(queue, fail)
    assert [worker.work_once() for _ in range(4)] == [True, True, True, False]
    found = read_job(queue, job["job_id"])
    assert (found["status"], found["attempt"]) == ("dead", 3) and "no space" in found["error"]


def test_a_job_that_kills_its_workers_is_dead_after_three(new_store):
    queue = queue_at(new_store(), lease=0.05, backoff=0)
    job, _ = put_job(queue, Job("x"))
    for _ in range(3):
        assert claim_job(queue, "w")
        time.sleep(0.1)
    assert claim_job(queue, "w") is None
    assert read_job(queue, job["job_id"])["status"] == "dead"


def test_a_failing_job_waits_before_it_is_tried_again(new_store):
    queue = queue_at(new_store(), backoff=60)
    put_job(queue, Job("x"))
    retry_job(queue, claim_job(queue, "w"), "not now")
    assert claim_job(queue, "w") is None
    assert count_jobs(queue)["queued"] == 1


def test_a_cancelled_job_ends_though_its_worker_is_gone(new_store):
    queue = queue_at(new_store(), lease=0.1)
    job, _ = put_job(queue, Job("x"))
    claim_job(queue, "gone")
    assert ask_to_cancel(queue, job["job_id"])["status"] == "running"
    time.sleep(0.2)
    assert claim_job(queue, "w") is None
    assert read_job(queue, job["job_id"])["status"] == "cancelled"


def check_each_once(new_store, start_worker, tmp_path, jobs, workers):
    address = new_store()
    queue = queue_at(address)
    wanted = [put_job(queue, Job("trivial", dict(n=n)))[0]["job_id"] for n in range(jobs)]
    for process in [start_worker(address) for _ in range(workers)]:
        process.join(120)
        assert process.exitcode == 0
    assert Counter(lines(tmp_path / "lines")) == Counter(wanted), "each is done exactly once"
    assert count_jobs(queue)["succeeded"] == jobs
    return {job["result"]["by"] for job in list_jobs(queue, limit=jobs)}


def test_two_workers_do_each_job_once(new_store, start_worker, tmp_path):
    check_each_once(new_store, start_worker, tmp_path, 30, 2)


@pytest.mark.long
def test_two_workers_do_each_of_200_jobs_once(new_store, start_worker, tmp_path):
    assert len(check_each_once(new_store, start_worker, tmp_path, 200, 2)) == 2


def test_what_a_killed_worker_held_is_done_by_another(new_store, start_worker, tmp_path):
    address = new_store()
    queue = queue_at(address)
    held, _ = put_job(queue, Job("trivial", dict(seconds=60)))
    killed = start_worker(address, lease=1.0)
    while not lines(tmp_path / "lines"):
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert read_job(queue, held["job_id"])["status"] == "running", "nobody could say otherwise"
    worker = Worker(queue, lambda claim, keeper: Outcome("succeeded", dict(attempt=claim.attempt)))
    until = time.monotonic() + 20
    while not worker.work_once() and time.monotonic() < until:
        time.sleep(0.1)
    found = read_job(queue, held["job_id"])
    assert (found["status"], found["result"]) == ("succeeded", dict(attempt=2))


def status_of(process):
    "What a process that has ended is: a zombie, until its parent has noticed."
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE


def test_the_run_of_a_killed_worker_is_ended_first(new_store, tmp_path):
    queue = queue_at(new_store(), lease=0.2, backoff=0)
    run = tmp_path / "run"
    run.mkdir()
    code = "import subprocess, sys; subprocess.run(['sleep', '60'])"
    orphan = subprocess.Popen([sys.executable, "-c", code, str(run)], start_new_session=True)
    while len(run_processes(run)) < 2:
        time.sleep(0.05)
    kernel = psutil.Process(orphan.pid).children()[0]
    put_job(queue, Job("x"))
    renew_claim(queue, claim_job(queue, "killed"), folder=str(run))
    time.sleep(0.3)
    seen = []

    def look(claim, keeper):
        seen.append((run_processes(run), status_of(kernel)))
        return Outcome("succeeded")

    assert Worker(queue, look).work_once()
    orphan.wait()
    assert seen == [([], psutil.STATUS_ZOMBIE)]


@pytest.mark.long
def test_workers_killed_at_random_lose_nothing(new_store, start_worker, tmp_path):
    address, chance = new_store(), random.Random(7)
    queue = queue_at(address, attempts=50)
    wanted = [put_job(queue, Job("trivial", dict(n=n)))[0]["job_id"] for n in range(40)]
    running = [start_worker(address, 0.2, 1.0, 4.0) for _ in range(3)]
    until = time.monotonic() + 300
    for _ in range(int(os.environ.get("PLASTINKA_KILLS", "12"))):
        time.sleep(chance.uniform(0.5, 1.5))
        if count_jobs(queue)["succeeded"] == len(wanted):
            break
        place = chance.randrange(3)
        running[place].kill()
        running[place].join()
        running[place] = start_worker(address, 0.2, 1.0, 4.0)
    while count_jobs(queue)["succeeded"] < len(wanted) and time.monotonic() < until:
        time.sleep(0.2)
    ended = Counter(
        change["status"]
        for job in wanted
        for change in job_changes(queue, job)
        if change["status"] not in ("queued", "running")
    )
    assert ended == Counter(succeeded=len(wanted)), "each ended once, and well"
    assert set(lines(tmp_path / "lines.ended")) == set(wanted)
