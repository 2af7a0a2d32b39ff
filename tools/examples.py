"""Ask a service of a made-up shop everything, and keep bodies and answers for its description.

    python tools/examples.py            # writes plastinka/templates/api_examples.json

A shop of 60 titles is loaded, a model is trained, promoted and used, new titles are forecast; then
each address is asked once. Of long answers the first lines are kept."""

import io
import json
import sys
import tempfile
from pathlib import Path

from fastapi.testclient import TestClient

from plastinka.doors.api import ROUTES, make_app
from plastinka.doors.keys import make_key
from plastinka.doors.service import make_worker, open_service
from plastinka.simulate.shop import make_shop

PLACE = Path(__file__).resolve().parents[1] / "plastinka" / "templates" / "api_examples.json"
MOST, FIELDS = 2, 40  # Lines of a list, members of an object
NEW = dict(artist="Нина", album="Тут", price="900", release_date="01.06.2024", quantity="20")
QUICK = dict(model="pooled negative binomial", cutoffs=2, horizon=2)
HIDDEN = ("key", "secret")
DAYS = [float(number % 5) for number in range(14)]
SENT = {  # Bodies of what would take long, or change too much
    "POST /predict": dict(series=DAYS),
    "POST /predict/{category}": dict(series=DAYS),
    "POST /train": dict(categories=["Rock"], experiment_name="sales-forecast"),
    "POST /train_all": dict(experiment_name="sales-forecast"),
    "POST /admin/restore": dict(run="2026-11-01T03-00-00_backup_0a1b"),
}


def shortened(value):
    "The first lines of what is long; nothing that opens anything."
    if isinstance(value, list):
        return [shortened(each) for each in value[:MOST]]
    if isinstance(value, dict):
        kept = list(value.items())[:FIELDS]
        return {name: "…" if name in HIDDEN else shortened(each) for name, each in kept}
    return value if not isinstance(value, str) else value[:200]


class Asker:
    "Asks a service, and keeps what was asked and answered."

    def __init__(self, folder: Path):
        self.folder, self.kept = folder, {}
        self.service = open_service(str(folder / "shop.db"), folder / "service")
        key, _ = make_key(self.service.keys, "anna", "admin", per_minute=100_000)
        headers = {"authorization": f"Bearer {key}"}
        self.client = TestClient(make_app(self.service), headers=headers)

    def ask(self, route: str, body=None, query: str = "", **names):
        "Ask an address; its answer."
        method, path = route.split()
        how = dict(json=body) if body is not None else {}
        answer = self.client.request(method, f"/api/v1{path.format(**names)}{query}", **how)
        found = dict(status=answer.status_code) | (dict(body=body) if body is not None else {})
        if answer.headers.get("content-type", "").startswith("application/json"):
            found["answer"] = shortened(answer.json())
        assert answer.status_code < 300, (route, answer.text)
        self.kept[route] = found
        return answer

    def run(self, route: str, body: dict) -> dict:
        "Ask for a job and do it; the job."
        job = self.ask(route, body).json()
        make_worker(self.service, stream=io.StringIO()).work_once()
        job = self.ask("GET /jobs/{job_id}", job_id=job["job_id"]).json()
        assert job["status"] == "succeeded", job["error"]
        return job


def load(asker: Asker):
    "Send the files of a shop, and load them."
    make_shop(titles=60, months=14, seed=3).write(asker.folder / "files", dirt=0.01)
    paths = sorted((asker.folder / "files").glob("*.xlsx"))
    kinds = {True: "stock_file", False: "sales_files"}
    files = [(kinds[path.stem == "stock"], (path.name, path.read_bytes())) for path in paths]
    answer = asker.client.post("/api/v1/uploads", files=files)
    asker.kept["POST /uploads"] = dict(status=201, answer=shortened(answer.json()))
    upload = answer.json()["upload_id"]
    asker.ask("GET /uploads/{upload_id}", upload_id=upload)
    asker.run("POST /jobs/data-upload", dict(upload_id=upload))
    lines = [dict(line=0, values=dict(sold_date="03.05.2022"))]
    asker.ask("POST /uploads/{upload_id}/corrections", dict(lines=lines), upload_id=upload)
    sent = dict(kind="sales", name="may.csv", bytes=12, sha256="0" * 64)
    parts = asker.ask("POST /uploads/parts", dict(files=[sent])).json()["parts_id"]
    asker.ask("GET /uploads/parts/{parts_id}", parts_id=parts)


def work(asker: Asker):
    "Train, promote, forecast, report, backtest, order new titles."
    trained = asker.run("POST /jobs/training", QUICK | dict(promote=True))
    asker.kept["POST /training"] = asker.kept["POST /jobs/training"]
    asker.run("POST /jobs/forecast", dict(horizon=2, model_id="champion", budget="200000"))
    asker.kept["POST /prediction"] = asker.kept["POST /jobs/forecast"]
    model = asker.ask("GET /models/active").json()["model"]
    asker.ask("GET /models/{model}", model=model)
    asker.ask("POST /models/{model}/promote", model=model)
    asker.run("POST /jobs/launch", dict(titles=[NEW], months=1))
    for kind, body in (
        ("reports", dict(run="last")),
        ("backtest", dict(models=["recent quantiles"], cutoffs=2)),
        ("totals", dict(every="week", horizon=4)),
        ("replay", dict(model="recent quantiles", months=3)),
        ("tuning", dict(kind="lightgbm", trials=2)),
        ("categories", dict(by="style", epochs=20)),
    ):
        job = asker.ask(f"POST /jobs/{kind}", body).json()
        asker.ask("DELETE /jobs/{job_id}", job_id=job["job_id"])
    sent = dict(kind="lightgbm", settings=dict(learning_rate=0.05), length=20, name="mine")
    config = asker.ask("POST /configs", sent).json()["config_id"]
    asker.ask("POST /configs/{config_id}/activate", config_id=config)
    asker.ask("GET /configs/{config_id}", config_id=config)
    asker.ask("GET /jobs/{job_id}", job_id=trained["job_id"])
    asker.ask("GET /status/{job_id}", job_id=trained["job_id"])


def administer(asker: Asker):
    "What admins do."
    made = asker.ask("POST /admin/keys", dict(name="Olga", role="viewer", days=90)).json()
    asker.ask("DELETE /admin/keys/{key_id}", key_id=made["key_id"])
    monthly = dict(line="0 5 2 * *", kind="forecast", values=dict(horizon=3), zone="Europe/Moscow")
    asker.ask("PUT /admin/schedules/{name}", monthly, name="monthly")
    asker.ask("GET /admin/schedules")
    asker.ask("DELETE /admin/schedules/{name}", name="monthly")
    for route, body in (("retention", dict(yes=False)), ("backups", {})):
        job = asker.ask(f"POST /admin/{route}", body).json()
        asker.ask("DELETE /jobs/{job_id}", job_id=job["job_id"])
    path = "/api/v1/reports/last?format=xlsx"
    asker.ask("POST /downloads", dict(path=path, minutes=15))


def look(asker: Asker):
    "Every address that is only read, and was not yet."
    for route in ROUTES:
        name = f"{route.method} {route.path}"
        if route.method == "GET" and "{" not in route.path and name not in asker.kept:
            answer = asker.client.get(f"/api/v1{route.path}")
            if answer.headers["content-type"].startswith("application/json"):
                found = dict(status=answer.status_code, answer=shortened(answer.json()))
                asker.kept[name] = found


def main() -> int:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asker = Asker(Path(folder))
        for step in (load, work, administer, look):
            step(asker)
            print(step.__name__, len(asker.kept), flush=True)
        asker.kept |= {name: dict(status=200, body=body) for name, body in SENT.items()}
        text = json.dumps(dict(sorted(asker.kept.items())), ensure_ascii=False, indent=1)
        PLACE.write_text(text.replace(str(folder), "/srv/shop") + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
