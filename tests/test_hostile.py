"""Hostile files sent to a service: each is refused in one sentence or read with its bad rows set
aside; none leaves anything outside its own folder, and no answer shows the inside of the machine.

`PLASTINKA_FUZZ=10000` sends that many through the function that a service's reading process runs
(about fifteen minutes); a few go the whole way over HTTP."""

import io
import json
import os
import random
from collections import Counter

import pytest

pytest.importorskip("fastapi", reason="the service needs: pip install 'plastinka[api]'")

from damage import HEADERS, good_rows, make_damaged, write_text  # noqa: E402

from plastinka.doors.problems import Problem  # noqa: E402
from plastinka.doors.uploads import read_upload, take_upload  # noqa: E402

NAMES = ["{}", "../{}", "..\\..\\{}", "/etc/{}", "C:\\{}", "\u202e{}", "{}\x00.exe", ".{}"]
NAMES.append("a" * 300 + "{}")


def send(place, number):
    "One hostile upload: what became of it, and its report."
    damaged = make_damaged(number)
    name = random.Random(number).choice(NAMES).format(damaged.name)
    try:
        folder = take_upload(place / "uploads", [("sales", name, io.BytesIO(damaged.content))])
    except Problem as problem:
        assert problem.status in (413, 415, 422) and problem.cure
        return f"refused {problem.status}", {}
    report = json.loads(json.dumps(read_upload(folder)))
    return report["status"], report


def check(place, report):
    "What a client is told: a sentence without paths of this machine, or figures that add up."
    text = json.dumps(report, ensure_ascii=False)
    assert str(place) not in text and "Traceback" not in text
    if report["status"] == "refused":
        assert report["message"] and "\n" not in report["message"]
    else:
        assert all(row["reason"] and row["file"] for row in report["quarantine"])
        assert report["copies"] >= sum(report["months"].values()) and not report["message"]


def test_no_hostile_file_gets_through_the_readers(tmp_path):
    count = int(os.environ.get("PLASTINKA_FUZZ", "8"))
    found = Counter()
    for number in range(count):
        status, report = send(tmp_path, number)
        found[status] += 1
        if report:
            check(tmp_path, report)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["uploads"]
    assert all(each.name.startswith("up-") for each in (tmp_path / "uploads").iterdir())
    assert sum(found.values()) == count and found["refused"] and found["good"], found


def test_a_good_file_beside_them_is_read(tmp_path):
    content = write_text([HEADERS, *good_rows(3)], "utf-8")
    folder = take_upload(tmp_path, [("sales", "march.csv", io.BytesIO(content))])
    report = read_upload(folder)
    assert (report["status"], report["bad_rows"]) == ("good", 0)
    assert report["months"] == {"2024-03": sum(row[-1] for row in good_rows(3))}
