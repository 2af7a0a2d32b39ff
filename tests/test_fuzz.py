"""Damaged files give a report or one clear error: never a traceback, never a hang, and no row is lost in silence.

Every file is made from a good one by its number (`damage.py`), so that a failure can be looked at again: `python tests/test_fuzz.py 1234`,
or `python tests/test_fuzz.py 0 10000` for many. `PLASTINKA_FUZZ=10000` makes the test try that many.
"""
import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from damage import make_damaged  # noqa: E402

from plastinka.core import InputError  # noqa: E402
from plastinka.ingest import RawRows, read_sources  # noqa: E402
from plastinka.ledger import build_ledger  # noqa: E402
from plastinka.panel import build_panel  # noqa: E402

TOGETHER = 8 # Files whose rows make one ledger, to save time
KINDS = ["kind", "source_file", "source_sheet"]
SECONDS = 20 # That one file may take, on a busy machine
SECONDS_STALLED = 60 # After which a worker that says nothing counts as hanging


def read_damaged(number, folder):
    "The rows of one damaged file, or the message with which it is refused."
    damaged = make_damaged(number)
    path = folder / f"{number}_{damaged.name}"
    path.write_bytes(damaged.content)
    try:
        raw = read_sources(None, [path])
    except InputError as error:
        check_message(str(error), path.name)
        return str(error)
    finally:
        path.unlink()
    check_reading(raw, damaged)
    return raw


def join(raws):
    "Rows of several files as if they had been read together."
    rows = pd.concat([raw.rows.astype({name: object for name in KINDS}) for raw in raws], ignore_index=True)
    return RawRows(rows.astype(dict.fromkeys(KINDS, "category")), *[pd.concat([getattr(raw, part) for raw in raws], ignore_index=True)
                                                                     for part in ("sources", "rejected")])


def build(raw):
    "What the ledger says of rows: a word and a message."
    try:
        ledger = build_ledger(raw, max_bad_share=0.5)
    except InputError as error:
        check_message(str(error))
        return "refused by the ledger", str(error)
    check_ledger(raw, ledger)
    assert float(build_panel(ledger)["units"].sum()) == ledger.copies["count"].sum()
    return "quarantine" if len(ledger.quarantine) else "read", ""


def check_message(message, name=""):
    "A message is one line for a person."
    assert name in message and len(message) < 2500, message[:3000]
    assert "\n" not in message.strip() and "Traceback" not in message and "panicked" not in message, message


def check_reading(raw, damaged):
    "Rows that nothing happened to are there, and the numbers add up."
    [source] = raw.sources.to_dict("records")
    assert source["rows"] == len(raw.rows)
    if "barcode" in raw.rows:
        texts = "\n".join([*raw.rows["barcode"].dropna().astype(str), *raw.rejected["value"].astype(str)])
        missing = {mark for mark in damaged.alive if mark not in texts}
        assert not missing, f"rows lost: {sorted(missing)[:5]}"
    if damaged.lines is not None:
        found = source["rows"] + source["blank"] + source["filtered"] + len(raw.rejected)
        assert damaged.lines - trailing(damaged) <= found <= damaged.lines + extra_lines(damaged), f"{damaged.lines} rows in, {found} accounted for: {source}"


def trailing(damaged):
    "Blank rows at the end, which a workbook does not have."
    return 8 if "rows_blank" in damaged.how else 0


def extra_lines(damaged):
    "Line breaks inside cells may make more lines of a damaged text."
    return 0 if damaged.name.endswith(("xlsx", "xls")) else 12


def check_ledger(raw, ledger):
    "Every row is a copy, in quarantine, or part of a return."
    rows = raw.rows[["source_file", "source_row"]].astype(str).apply(tuple, axis=1)
    kept = set(ledger.copies[["source_file", "source_row"]].astype(str).apply(tuple, axis=1))
    aside = set(ledger.quarantine[["file", "row"]].astype(str).apply(tuple, axis=1))
    gone = set(rows) - kept - aside
    returns = ledger.repairs["column"].eq("count").any()
    same = ledger.repairs["what"].str.contains("the same content").any()
    assert returns or same or not gone, f"rows neither kept nor set aside: {sorted(gone)[:5]}"
    assert not kept & aside, f"rows kept and set aside: {sorted(kept & aside)[:5]}"
    assert len(kept) == len(ledger.copies)
    assert ledger.report["copies"].sum() == ledger.copies["count"].sum()
    assert (ledger.copies["count"] > 0).all() and not (ledger.copies["price"] < 0).any()


def work(numbers):
    "Check these files, one line on stdout for each."
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    warnings.simplefilter("ignore")
    sys.stderr = open(os.devnull, "w")
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(numbers), TOGETHER):
            work_together(numbers[start:start + TOGETHER], Path(folder))


def work_together(numbers, folder):
    "Read each file; build one ledger of all that were read, or, where that is refused, one of each."
    raws = {}
    for number in numbers:
        read = watched(number, read_damaged, number, folder)
        if isinstance(read, RawRows):
            raws[number] = read
        elif read is not None:
            tell(number, "refused by the reader", read)
    if not raws:
        return
    try:
        together = build(join(list(raws.values())))[0] != "refused by the ledger"
    except Exception:
        together = False
    for number, raw in raws.items():
        outcome = ("quarantine" if len(raw.rejected) else "read", "") if together else watched(number, build, raw)
        if outcome:
            tell(number, *outcome)


def watched(number, function, *arguments):
    "What a function gives; None, and a line for the log, where it does what it must not."
    tell(number, "started", "")
    start = time.perf_counter()
    try:
        result = function(*arguments)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        tell(number, "FAULT", f"{make_damaged(number).how}: {type(error).__name__} {str(error)[:300]!r} at {Path(last.filename).name}:{last.lineno}")
        return None
    if time.perf_counter() - start > SECONDS:
        tell(number, "FAULT", f"{make_damaged(number).how}: took {time.perf_counter() - start:.0f} s")
        return None
    return result


def tell(number, outcome, message):
    "One line for the parent process."
    print(number, outcome, " ".join(message.split()), sep="\t", flush=True)


def run_workers(numbers):
    "Outcome and message of every file; a worker that hangs or dies is followed by one that does not try the file that did it."
    outcomes, code = {}, f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_fuzz; test_fuzz.work(eval(sys.stdin.read()))"
    while left := [number for number in numbers if number not in outcomes]:
        log = tempfile.TemporaryFile("w+", encoding="utf-8")
        worker = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.DEVNULL, text=True)
        worker.stdin.write(repr(left))
        worker.stdin.close()
        watch(worker, log)
        log.seek(0)
        lines = [line.split("\t", 2) for line in log.read().splitlines()]
        outcomes |= {int(number): (outcome, message) for number, outcome, message in lines if outcome != "started"}
        assert lines, "the worker does not start"
        if worker.returncode:
            last = int(lines[-1][0])
            outcomes[last] = "FAULT", f"{make_damaged(last).how}: hangs, or ends the process"
    return outcomes


def watch(worker, log):
    "Wait for a worker; end it when it has said nothing for long."
    size, since = 0, time.monotonic()
    while worker.poll() is None:
        time.sleep(0.1)
        if os.fstat(log.fileno()).st_size > size:
            size, since = os.fstat(log.fileno()).st_size, time.monotonic()
        elif time.monotonic() - since > SECONDS_STALLED:
            worker.kill()
            worker.wait()


def summary(outcomes):
    "How many files ended how; the faults, one per line."
    counts = Counter(outcome for outcome, _ in outcomes.values())
    return dict(counts), [f"{number}: {message}" for number, (outcome, message) in outcomes.items() if outcome == "FAULT"]


def test_damaged_files_give_a_report_or_a_clear_error():
    outcomes = run_workers(range(int(os.environ.get("PLASTINKA_FUZZ", 250))))
    counts, faults = summary(outcomes)
    print(counts)
    assert not faults, f"{len(faults)} of {len(outcomes)} files, such as\n" + "\n".join(faults[:20])
    assert counts["read"] > 0 and counts["quarantine"] > 0 and counts["refused by the reader"] > 0


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(sys.argv[1]) + 1
    counts, faults = summary(run_workers(range(first, last)))
    print(counts, *faults, sep="\n")
