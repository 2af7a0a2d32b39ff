"""A service as its users see it: a real process, files sent in parts, a model trained, promoted,
used, tuned and carried elsewhere, all through addresses."""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
import pytest

pytest.importorskip("fastapi", reason="the service needs: pip install 'plastinka[api]'")

import plastinka  # noqa: E402
from plastinka.doors.callbacks import sign_callback  # noqa: E402
from plastinka.doors.client import ServiceError  # noqa: E402
from plastinka.simulate.shop import make_shop  # noqa: E402

pytestmark = pytest.mark.long


class Receiver(BaseHTTPRequestHandler):
    "Keeps what it is told, with its signature."

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        stamp, signed = (self.headers[f"x-plastinka-{n}"] for n in ("timestamp", "signature"))
        self.server.told.append((sign_callback(b"shared", stamp, body) == signed, json.loads(body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def receiver():
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    server.told = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def serving(folder, *options, **environment):
    "A service in a process of its own: its address and an admin's client."
    command = [sys.executable, "-m", "plastinka", "serve", "--store", "shop.db", "--port", "0"]
    with open(folder / "log", "ab") as log:
        how = dict(cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        process = subprocess.Popen([*command, *options], env=os.environ | environment, **how)
        try:
            first = process.stdout.readline().split()[-1]
            key = first if first.startswith("plastinka_") else ""
            address = process.stdout.readline().strip() if key else first
            yield plastinka.client(address, key), process
        finally:
            process.terminate()
            assert process.wait(60) == 143


@pytest.fixture(scope="module")
def shop(tmp_path_factory, receiver):
    folder = tmp_path_factory.mktemp("served")
    make_shop(titles=60, months=14, seed=3).write(folder / "files", dirt=0.01)
    base = f"http://127.0.0.1:{receiver.server_port}/"
    rules = dict(PLASTINKA_CALLBACKS=base, PLASTINKA_CALLBACKS_PRIVATE="1")
    with serving(folder, PLASTINKA_CALLBACK_SECRET="shared", **rules) as (admin, _):
        yield admin, folder, base


def post(client, address, /, **values):
    body = json.dumps(values).encode()
    return json.loads(client.request("POST", address, body, content_type="application/json"))


def refusal(call, *given, **named):
    with pytest.raises(ServiceError) as caught:
        call(*given, **named)
    return caught.value.problem["status"]


def test_files_in_parts_are_an_upload(shop):
    client, folder, _ = shop
    files = sorted((folder / "files").glob("*.xlsx"))
    plan = [
        dict(
            kind="stock" if file.name == "stock.xlsx" else "sales",
            name=file.name,
            bytes=file.stat().st_size,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in files
    ]
    parts = post(client, "/uploads/parts", files=plan)
    place = f"/uploads/parts/{parts['parts_id']}"
    assert refusal(client.request, "POST", f"{place}/end") == 409
    for number, file in list(enumerate(files))[::-1]:
        about = dict(content_type="application/octet-stream", x_sha256=plan[number]["sha256"])
        body = file.read_bytes()
        assert refusal(client.request, "PUT", f"{place}/{number}/0", body[:-1], **about) == 422
        client.request("PUT", f"{place}/{number}/0", body, **about)
    assert not any(client.get(place)["missing"])
    report = json.loads(client.request("POST", f"{place}/end"))
    assert report["status"] == "good" and report["bad_rows"] > 0
    lines = [dict(line=0, values=dict(sold_date="2022-05-03", created_date="2022-05-01"))]
    mended = post(client, f"/uploads/{report['upload_id']}/corrections", lines=lines)
    assert mended["status"] in ("good", "refused")
    assert client.load(report)["result"]["scores"]["months"] >= 13


def test_a_model_is_trained_promoted_and_used(shop, receiver):
    client, folder, base = shop
    how = dict(model="pooled negative binomial", cutoffs=2, horizon=2)
    trained = client.wait(client.start("training", promote=True, callback=f"{base}done", **how))
    champion = client.get("/models/active")
    assert champion["run"] == trained["result"]["run"] and champion["stage"] == "champion"
    (row,) = client.get("/results/training")["items"]
    assert row["job_id"] == trained["job_id"] and row["wql"] > 0 and row["seconds"] > 0
    until = time.monotonic() + 30
    while not receiver.told and time.monotonic() < until:
        time.sleep(0.2)
    good, told = receiver.told[0]
    assert good and (told["job_id"], told["status"]) == (trained["job_id"], "succeeded")
    receipt = folder / "service" / "runs" / trained["result"]["run"] / "receipt.json"
    assert json.loads(receipt.read_text())["request"] == trained["request_id"]
    done = client.forecast(horizon=2, model_id="champion")
    assert done["parameters"]["model_id"] == champion["model"]
    assert len(client.forecasts()) and len(client.orders())
    history = client.table("/forecasts/history", search="a")
    assert {"units", "run", "q0.5", "lost_money"} <= set(history)
    report = client.wait(client.start("reports", run=done["result"]["run"]))
    assert b"<html" in client.request("GET", f"/reports/{report['result']['run']}")


def test_the_dashboard_orders_what_the_run_has_ordered(shop):
    from plastinka.doors.desk import open_desk
    from plastinka.doors.ordered import run_budget, valued_shop
    from plastinka.decide.buying import order_within

    client, folder, _ = shop
    run = client.forecast(horizon=2, model_id="champion", budget=20_000)["result"]["run"]
    desk = open_desk(folder / "shop.db", folder / "service", "en")
    assert run_budget(desk, run) == 20_000
    ours = order_within(valued_shop(desk, run), 20_000.0).lines.set_index("item_id")
    theirs = pd.read_parquet(folder / "service" / "runs" / run / "orders.parquet")
    theirs = theirs.set_index("item_id")
    assert theirs["order"].sum() > 0 and sorted(ours.index) == sorted(theirs.index)
    assert (ours["order"].reindex(theirs.index) == theirs["order"]).all()
    assert (ours["profit"].reindex(theirs.index) - theirs["profit"]).abs().max() < 1e-9


def test_new_titles_are_ordered(shop):
    client, _, _ = shop
    titles = [dict(artist="Нина", album="Тут", price=900, quantity=20), dict(artist="Лев")]
    job = client.wait(client.start("launch", titles=titles, months=3))
    found = client.launches()
    assert found["artist"].tolist() == ["Нина", "Лев"] and (found["expected_3"] > 0).all()
    book = client.request("GET", f"/reports/{job['result']['run']}?format=xlsx")
    assert book[:2] == b"PK"
    assert refusal(client.start, "launch", titles=[]) == 422
    assert refusal(client.start, "launch", titles="/etc/passwd") == 422


def test_a_signed_address_opens_one_thing(shop):
    client, _, _ = shop
    path = "/api/v1/reports/last?format=xlsx"
    signed = post(client, "/downloads", path=path, minutes=1)
    base = client.address.removesuffix("/api/v1")
    with urllib.request.urlopen(base + signed["address"]) as answer:
        assert answer.read(2) == b"PK"
    assert refusal(post, client, "/downloads", path="/etc/passwd") == 422


def test_a_model_travels(shop, tmp_path):
    client, _, _ = shop
    name = client.get("/models/active")["model"]
    content = client.request("GET", f"/models/{name}/download")
    (tmp_path / "model.zip").write_bytes(content)
    sent = client.send_model(tmp_path / "model.zip")
    assert sent["stage"] == "candidate" and sent["model"] != name
    assert post(client, f"/models/{sent['model']}/promote")["stage"] == "champion"
    assert refusal(post, client, f"/models/{sent['model']}/archive") == 409
    assert post(client, "/models/rollback")["model"] == name
    assert post(client, f"/models/{sent['model']}/archive")["stage"] == "archived"
    assert refusal(client.start, "forecast", model_id=sent["model"]) == 409
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for each in old.namelist():
            data = old.read(each)
            new.writestr(each, data + b" " if each == "items.json" else data)
    (tmp_path / "changed.zip").write_bytes(changed.getvalue())
    assert refusal(client.send_model, tmp_path / "changed.zip") == 422
    models = client.get("/models")
    assert models["total"] == 2, "a model that cannot be read leaves nothing"


def test_a_study_becomes_settings_that_a_training_takes(shop):
    client, _, _ = shop
    how = dict(kind="lightgbm", engine="here", trials=2, cutoffs=1, checks=1, horizon=2, length=2)
    tuning = client.start("tuning", **how)
    assert refusal(client.start, "tuning", idempotency_key="", **how | dict(seed=1)) == 409
    client.wait(tuning)
    (row,) = client.get("/results/tuning")["items"]
    best = client.get("/configs/best")
    assert best["config_id"] == row["config_id"] and best["settings"]["length"] == 2
    post(client, f"/configs/{best['config_id']}/activate")
    trained = client.start("training", config_id="active", cutoffs=1, horizon=2)
    assert client.wait(trained)["parameters"]["config_id"] == best["config_id"]
    assert refusal(client.request, "DELETE", f"/configs/{best['config_id']}") == 409


def test_categories_are_trained_and_asked(shop):
    client, _, _ = shop
    assert refusal(post, client, "/predict", series=[1.0] * 14) == 404
    done = post(client, "/train_all?wait=true", epochs=2)
    assert done["status"] == "succeeded" and "shop" in done["trained"]
    for path in ("/predict", f"/predict/{done['trained'][0]}"):
        assert post(client, path, series=[3.0] * 14)["predicted_sales"] >= 0
    assert refusal(post, client, "/predict", series=[3.0] * 13) == 422
    assert refusal(post, client, "/predict/Vinyl%20toys", series=[3.0] * 14) == 404


def test_a_backup_comes_back_into_an_empty_store(shop, tmp_path):
    client, folder, _ = shop
    client.wait(post(client, "/admin/backups"))
    (made,) = client.get("/admin/backups")["items"]
    content = client.request("GET", f"/admin/backups/{made['run']}")
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert refusal(post, client, "/admin/restore", run=made["run"]) == 409, "it is not empty"
    with serving(tmp_path, "--workers", "0") as (other, _):
        place = tmp_path / "service" / "runs" / made["run"]
        place.mkdir(parents=True)
        (place / "backup.db").write_bytes(content)
        assert post(other, "/admin/restore", run=made["run"])["rows"] == made["rows"]
        assert other.get("/store")["copies"] == client.get("/store")["copies"]


def test_a_schedule_makes_jobs_and_clean_up_shows_its_plan(shop):
    client, _, _ = shop
    body = dict(line="* * * * *", kind="cleanup", values=dict(run_days=1))
    content = json.dumps(body).encode()
    made = json.loads(
        client.request("PUT", "/admin/schedules/weekly", content, content_type="application/json")
    )
    assert made["next_at"]
    until = time.monotonic() + 90
    while not (jobs := client.get("/jobs", kind="cleanup")["items"]) and time.monotonic() < until:
        time.sleep(1)
    client.wait(jobs[0])
    assert jobs[0]["owner"] == "schedule"
    client.request("DELETE", "/admin/schedules/weekly")
    plan = client.get("/admin/retention", history=1)
    assert any(row["what"].startswith("sales of") for row in plan["items"])
