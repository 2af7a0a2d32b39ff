"""Damaged files give a report or one clear error: never a traceback, never a hang, never a changed
store, and no row is lost in silence.

Every tenth is a profile; of those that are read, one in sixteen goes into a store, and so does
each that the ledger refuses. Every file is made from a good one by its number (`damage.py`), so
that a failure can be looked at again: `python tests/test_fuzz.py 1234`, or `python
tests/test_fuzz.py 0 10000` for many. `PLASTINKA_FUZZ=10000` makes the test try that many."""

import os
import shutil
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
from damage import HEADERS, good_rows, make_damaged, make_damaged_profile, write_text  # noqa: E402

from plastinka.core import InputError  # noqa: E402
from plastinka.data.ingest import RawRows, read_sources  # noqa: E402
from plastinka.data.ledger import build_ledger  # noqa: E402
from plastinka.store.load import load_files  # noqa: E402
from plastinka.panel.panel import build_panel  # noqa: E402
from plastinka.data.profiles import load_profile  # noqa: E402
from plastinka.store.opening import open_store  # noqa: E402
from plastinka.store.upkeep import table_digests  # noqa: E402

TOGETHER = 16  # Files whose rows make one ledger, to save time; one of them goes into a store
KINDS = ["kind", "source_file", "source_sheet"]
SECONDS = 20  # That one file may take, on a busy machine
SECONDS_BETWEEN = 15  # Of silence between two lines on how far it is
SECONDS_STALLED = 60  # After which a worker that says nothing counts as hanging


def made(number):
    "The damaged file with this number."
    return make_damaged_profile(number) if number % 10 == 9 else make_damaged(number)


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


def read_with_damaged_profile(number, folder):
    "What comes of good files under a damaged profile: a word and a message."
    damaged = make_damaged_profile(number)
    path, sales = folder / damaged.name, folder / "sales_2024-02.csv"
    path.write_bytes(damaged.content)
    names = {
        "Штрихкод": "Код",
        "Исполнитель": "Кто",
        "Альбом": "Название",
        "Цена, руб.": "Цена за шт",
        "Дата заказа": "Когда",
    }
    sales.write_bytes(
        write_text([[names.get(header, header) for header in HEADERS], *good_rows(2)], "utf-8")
    )
    (folder / "names.csv").write_text("Код;Лейбл\n460200000000;Мелодия\n", encoding="utf-8")
    try:
        profile = load_profile(path)
    except InputError as error:
        check_message(str(error), path.name)
        return "refused by the reader", str(error)
    finally:
        path.unlink()
    try:
        raw = read_sources(None, [sales], profile)
        assert len(raw.rows) + raw.sources["filtered"].sum() == len(good_rows(2))
        ledger = build_ledger(raw, max_bad_share=0.5, item_key=profile.item_key)
    except InputError as error:
        check_message(str(error))
        return "refused by the ledger", str(error)
    check_ledger(raw, ledger)
    return "quarantine" if len(ledger.quarantine) else "read", ""


def load(number, folder):
    "Put a damaged file into a store: it goes in with a report, or the store is as it was."
    damaged = make_damaged(number)
    path, base, store = folder / f"{number}_{damaged.name}", folder / "base.db", folder / "store.db"
    if not base.exists():
        (folder / "sales_2024-01.csv").write_bytes(write_text([HEADERS, *good_rows(1)], "utf-8"))
        load_files(base, sales=folder / "sales_2024-01.csv", measure=build_panel)
    path.write_bytes(damaged.content)
    shutil.copy(base, store)
    before = digests(store)
    try:
        report = load_files(store, sales=path, max_bad_share=0.5, measure=build_panel)
    except InputError as error:
        check_message(str(error))
        assert digests(store) == before, "the store changed, though the file was refused"
        return "refused by the ledger", str(error)
    finally:
        path.unlink()
    assert report.lines() and (digests(store) != before) == bool(report.upload)
    return "", ""


def digests(store):
    "What a store holds."
    with open_store(store).reading() as connection:
        return table_digests(connection)


def join(raws):
    "Rows of several files as if they had been read together."
    rows = pd.concat(
        [raw.rows.astype({name: object for name in KINDS}) for raw in raws], ignore_index=True
    )
    return RawRows(
        rows.astype(dict.fromkeys(KINDS, "category")),
        *[
            pd.concat([getattr(raw, part) for raw in raws], ignore_index=True)
            for part in ("sources", "rejected")
        ],
    )


def checked_ledger(raw):
    "The ledger of rows, in which everything adds up; `InputError` where it is refused."
    ledger = build_ledger(raw, max_bad_share=0.5)
    check_ledger(raw, ledger)
    assert float(build_panel(ledger)["units"].sum()) == ledger.copies["count"].sum()
    return ledger


def build(raw):
    "What the ledger says of one file: a word and a message."
    try:
        return "quarantine" if len(checked_ledger(raw).quarantine) else "read", ""
    except InputError as error:
        check_message(str(error))
        return "refused by the ledger", str(error)


def build_together(raws):
    """What the ledger says of many files: a word by number, None for those that it refuses or
    fails on."""
    try:
        aside = set(checked_ledger(join(list(raws.values()))).quarantine["file"]) if raws else set()
        return {
            number: "quarantine" if raw.sources["file"].isin(aside).any() else "read"
            for number, raw in raws.items()
        }
    except Exception:  # One of them; it is found by halves, and told when it is tried alone
        numbers = list(raws)
        halves = (
            [numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]] if len(numbers) > 1 else []
        )
        return dict.fromkeys(raws) | {
            number: word
            for half in halves
            for number, word in build_together({number: raws[number] for number in half}).items()
        }


def check_message(message, name=""):
    "A message is one line for a person."
    assert name in message and len(message) < 2500, message[:3000]
    assert (
        "\n" not in message.strip() and "Traceback" not in message and "panicked" not in message
    ), message


def check_reading(raw, damaged):
    "Rows that nothing happened to are there, and the numbers add up."
    [source] = raw.sources.to_dict("records")
    assert source["rows"] == len(raw.rows)
    if "barcode" in raw.rows:
        texts = "\n".join(
            [*raw.rows["barcode"].dropna().astype(str), *raw.rejected["value"].astype(str)]
        )
        missing = {mark for mark in damaged.alive if mark not in texts}
        assert not missing, f"rows lost: {sorted(missing)[:5]}"
    if damaged.lines is not None:
        found = source["rows"] + source["blank"] + source["filtered"] + len(raw.rejected)
        assert damaged.lines - trailing(damaged) <= found <= damaged.lines + extra_lines(damaged), (
            f"{damaged.lines} rows in, {found} accounted for: {source}"
        )


def trailing(damaged):
    "Blank rows at the end, which a workbook does not have."
    return 8 * ("rows_blank" in damaged.how) + 4 * ("rows_cut" in damaged.how)


def extra_lines(damaged):
    "Line breaks inside cells may make more lines of a damaged text."
    return 0 if damaged.name.endswith(("xlsx", "xls")) else 12


def check_ledger(raw, ledger):
    "Every row is a copy, in quarantine, or part of a return."
    rows = raw.rows[["source_file", "source_row"]].astype(str).apply(tuple, axis=1)
    kept = set(ledger.copies[["source_file", "source_row"]].astype(str).apply(tuple, axis=1))
    aside = set(ledger.quarantine[["file", "row"]].astype(str).apply(tuple, axis=1))
    gone = set(rows) - kept - aside
    returns = set(
        ledger.repairs.loc[
            ledger.repairs["column"].eq("count")
            | ledger.repairs["what"].str.contains("the same content"),
            "file",
        ]
    )
    gone = {row for row in gone if row[0] not in returns}
    assert not gone, f"rows neither kept nor set aside: {sorted(gone)[:5]}"
    assert not kept & aside, f"rows kept and set aside: {sorted(kept & aside)[:5]}"
    assert len(kept) == len(ledger.copies)
    assert ledger.report["copies"].sum() == ledger.copies["count"].sum()
    assert (ledger.copies["count"] > 0).all() and not (ledger.copies["price"] < 0).any()


def work(numbers):
    "Check these files, one line on stdout for each."
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    warnings.simplefilter("ignore")
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for the life of the process)
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(numbers), TOGETHER):
            work_together(numbers[start : start + TOGETHER], Path(folder))


def work_together(numbers, folder):
    """Read each file; build one ledger of all that were read, or, where that is refused, one of
    each."""
    raws = {}
    for number in numbers:
        if number % 10 == 9:
            if outcome := watched(number, read_with_damaged_profile, number, folder):
                tell(number, *outcome)
            continue
        read = watched(number, read_damaged, number, folder)
        if isinstance(read, RawRows):
            raws[number] = read
        elif read is not None:
            tell(number, "refused by the reader", read)
    for place, (number, word) in enumerate(build_together(raws).items()):
        outcome = (word, "") if word else watched(number, build, raws[number])
        if outcome and (place == 0 or not word) and not watched(number, load, number, folder):
            continue
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
        tell(
            number,
            "FAULT",
            f"{made(number).how}: {type(error).__name__} {str(error)[:300]!r} at "
            f"{Path(last.filename).name}:{last.lineno}",
        )
        return None
    if time.perf_counter() - start > SECONDS:
        tell(number, "FAULT", f"{made(number).how}: took {time.perf_counter() - start:.0f} s")
        return None
    return result


def tell(number, outcome, message):
    "One line for the parent process."
    print(number, outcome, " ".join(message.split()), sep="\t", flush=True)


def run_workers(numbers):
    """Outcome and message of every file; a worker that hangs or dies is followed by one that does
    not try the file that did it."""
    outcomes, code = (
        {},
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_fuzz; "
        f"test_fuzz.work(eval(sys.stdin.read()))",
    )
    while left := [number for number in numbers if number not in outcomes]:
        log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (a worker's)
        worker = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        worker.stdin.write(repr(left))
        worker.stdin.close()
        watch(worker, log, len(numbers), outcomes)
        log.seek(0)
        lines = [line.split("\t", 2) for line in log.read().splitlines()]
        outcomes |= {
            int(number): (outcome, message)
            for number, outcome, message in lines
            if outcome != "started"
        }
        assert lines, "the worker does not start"
        if worker.returncode:
            last = int(lines[-1][0])
            outcomes[last] = "FAULT", f"{made(last).how}: hangs, or ends the process"
    return outcomes


def watch(worker, log, total, done):
    """Wait for a worker, and say now and then how far it is; end it when it has said nothing for
    long."""
    size, since, told = 0, time.monotonic(), time.monotonic()
    while worker.poll() is None:
        time.sleep(0.1)
        if os.fstat(log.fileno()).st_size > size:
            size, since = os.fstat(log.fileno()).st_size, time.monotonic()
            if since - told > SECONDS_BETWEEN:
                told, lines = (
                    since,
                    os.pread(log.fileno(), size, 0).decode(errors="replace").splitlines(),
                )
                ended = [line for line in lines if "\tstarted\t" not in line]
                print(
                    f"{len(done) + len(ended):,} of {total:,} files, "
                    f"{sum('FAULT' in line for line in ended)} faults",
                    file=sys.stderr,
                    flush=True,
                )
        elif time.monotonic() - since > SECONDS_STALLED:
            worker.kill()
            worker.wait()


def summary(outcomes):
    "How many files ended how; the faults, one per line."
    counts = Counter(outcome for outcome, _ in outcomes.values())
    return dict(counts), [
        f"{number}: {message}"
        for number, (outcome, message) in outcomes.items()
        if outcome == "FAULT"
    ]


def test_damaged_files_give_a_report_or_a_clear_error():
    outcomes = run_workers(range(int(os.environ.get("PLASTINKA_FUZZ", 50))))
    counts, faults = summary(outcomes)
    print(counts)
    assert not faults, f"{len(faults)} of {len(outcomes)} files, such as\n" + "\n".join(faults[:20])
    assert counts["read"] > 0 and counts["quarantine"] > 0 and counts["refused by the reader"] > 0


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(sys.argv[1]) + 1
    counts, faults = summary(run_workers(range(first, last)))
    print(counts, *faults, sep="\n")
    sys.exit(bool(faults))
