"""Nobody without a key, nobody with too little a role, no server error whatever is sent, and no
file that the readers do not read."""

import asyncio
import io
import json
import os
import re
import warnings
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the service needs: pip install 'plastinka[api]'")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis.errors import Unsatisfiable  # noqa: E402

from plastinka.doors.api import ROUTES, make_app  # noqa: E402
from plastinka.doors.keys import make_key, read_audit  # noqa: E402
from plastinka.doors.service import JOB_KINDS, open_service  # noqa: E402
from plastinka.doors.uploads import UploadLimits  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parents[1]
OPEN = ["GET /health", "GET /health/live", "GET /health/ready", "GET /health/deep"]
VIEWER = """
GET /forecasts
GET /forecasts/runs
GET /forecasts/history
GET /prediction
GET /results/prediction
GET /results/training
GET /results/tuning
GET /training
GET /scores
GET /orders
GET /launches
GET /lost-sales
GET /reports/{run}
GET /store
GET /store/quarantine
GET /metrics
GET /jobs
GET /jobs/{job_id}
GET /status/{job_id}
GET /jobs/{job_id}/events
GET /jobs/{job_id}/log
GET /models
GET /models/active
GET /models/best
GET /models/recent
GET /models/{model}
GET /configs
GET /configs/active
GET /configs/best
GET /configs/{config_id}
GET /categories
POST /predict
POST /predict/{category}
POST /downloads
""".split("\n")[1:-1]
OPERATOR = """
POST /uploads
GET /uploads/{upload_id}
GET /uploads/{upload_id}/quarantine
POST /uploads/{upload_id}/corrections
POST /uploads/parts
GET /uploads/parts/{parts_id}
PUT /uploads/parts/{parts_id}/{file}/{number}
POST /uploads/parts/{parts_id}/end
POST /jobs/data-upload
POST /jobs/forecast
POST /jobs/backtest
POST /jobs/totals
POST /jobs/training
POST /jobs/tuning
POST /jobs/reports
POST /jobs/categories
POST /jobs/launch
POST /jobs/replay
POST /prediction
POST /training
POST /train
POST /train_all
DELETE /jobs/{job_id}
POST /models
GET /models/{model}/download
POST /models/{model}/promote
POST /models/{model}/archive
POST /models/rollback
POST /configs
POST /configs/{config_id}/activate
DELETE /configs/{config_id}
""".split("\n")[1:-1]
ADMIN = """
POST /jobs/{job_id}/retry
POST /admin/keys
GET /admin/keys
DELETE /admin/keys/{key_id}
GET /admin/audit
GET /admin/dead-letters
GET /admin/callbacks
GET /admin/schedules
PUT /admin/schedules/{name}
DELETE /admin/schedules/{name}
GET /admin/retention
POST /admin/retention
GET /admin/backups
POST /admin/backups
GET /admin/backups/{run}
POST /admin/restore
""".split("\n")[1:-1]
MAY = dict(viewer=VIEWER, operator=VIEWER + OPERATOR, admin=VIEWER + OPERATOR + ADMIN)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    made = open_service(str(folder / "shop.db"), folder / "service")
    return replace(made, limits=UploadLimits(request_bytes=100_000, files=3, seconds=60))


@pytest.fixture(scope="module")
def app(service):
    return make_app(service)


@pytest.fixture(scope="module")
def clients(service, app):
    "A client for each role, and one without a key."
    found = {None: TestClient(app)}
    for role in MAY:
        key, _ = make_key(service.keys, f"test {role}", role, per_minute=100_000)
        found[role] = TestClient(app, headers={"authorization": f"Bearer {key}"})
    return found


def ask(client, route):
    "Use an address with names that nothing has."
    method, path = route.split()
    filled = re.sub(r"{\w+}", "nothing", path)
    return client.request(method, f"/api/v1{filled}", **(dict(json={}) if method != "GET" else {}))


def test_every_address_stands_in_the_tables_of_roles(app):
    described = [
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in app.openapi()["paths"].items()
        for method in item
    ]
    assert sorted(described) == sorted(OPEN + MAY["admin"])
    assert len(ROUTES) == len(described)
    assert {f"POST /jobs/{kind}" for kind in JOB_KINDS} <= set(OPERATOR)


@pytest.mark.parametrize("role", [None, *MAY])
def test_no_role_may_more_than_it_should(clients, role):
    for route in OPEN + MAY["admin"]:
        answer = ask(clients[role], route)
        if route in OPEN or route in MAY.get(role, []):
            assert answer.status_code not in (401, 403), (role, route)
        else:
            assert answer.status_code == (403 if role else 401), (role, route)
            assert answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code < 500, (role, route, answer.text)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


def test_an_ended_key_opens_nothing(service, app, clients):
    made = clients["admin"].post("/api/v1/admin/keys", json=dict(name="short", role="admin"))
    client = TestClient(app, headers={"x-api-key": made.json()["key"]})
    assert client.get("/api/v1/store").status_code == 200
    key_id = made.json()["key_id"]
    assert clients["admin"].delete(f"/api/v1/admin/keys/{key_id}").status_code == 200
    assert client.get("/api/v1/store").status_code == 401
    actions = [line["action"] for line in read_audit(service.keys, 2)]
    assert actions == [f"DELETE /api/v1/admin/keys/{key_id}", "POST /api/v1/admin/keys"]
    with service.keys.database.reading() as connection:
        stored = str(connection.exec_driver_sql("SELECT * FROM api_key").all())
    assert made.json()["key"].split("_", 2)[2] not in stored


def test_examples_are_what_may_be_sent_and_is_answered(app):
    import jsonschema

    described = app.openapi()
    bare = {"DELETE /jobs/{job_id}", "POST /jobs/{job_id}/retry", "POST /models/rollback"}
    shown = 0
    for path, item in described["paths"].items():
        for method, about in item.items():
            name = f"{method.upper()} {path.removeprefix('/api/v1')}"
            content = about.get("requestBody", {}).get("content", {}).get("application/json", {})
            if content and name not in bare:
                schema = content["schema"] | dict(components=described["components"])
                jsonschema.validate(content["example"], schema)
            answers = [each.get("content", {}) for each in about["responses"].values()]
            shown += any("example" in each.get("application/json", {}) for each in answers)
    assert shown > 60
    job = described["paths"]["/api/v1/jobs/forecast"]["post"]["responses"]["202"]
    assert job["content"]["application/json"]["example"]["kind"] == "forecast"


def test_a_request_may_not_name_a_file_of_the_server(clients):
    for name in ("store", "stock", "sales", "profile", "rates", "out", "known", "warm", "resume"):
        for kind in ("forecast", "totals", "tuning"):
            answer = clients["operator"].post(f"/api/v1/jobs/{kind}", json={name: "/etc/passwd"})
            assert (answer.status_code, answer.json()["field"]) == (422, name)
    for run in ("..%2F..%2Fetc", "%2e%2e", "last%00", "2024-01-01_x"):
        assert clients["viewer"].get(f"/api/v1/reports/{run}").status_code == 404


def bomb():
    "A workbook of 30 kB whose sheet unfolds to 30 MB."
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/worksheets/sheet1.xml", b"<c/>" * 7_500_000)
    return content.getvalue()


HOSTILE = {
    "program": ("run.exe", b"MZ", 415),
    "no name": ("..", b"x", 415),
    "hidden": (".htaccess.csv", b"a,b\n", 201),
    "outside": ("../../../evil.csv", b"Artist,Album\n", 201),
    "empty": ("empty.csv", b"", 201),
    "too large": ("large.csv", b"x" * 200_000, 413),
    "no workbook": ("sales.xlsx", b"PK\x03\x04 not really", 201),
}


READ_LONG = ("hidden", "empty", "no workbook")  # Each is read in a process of its own


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long) if n in READ_LONG else n for n in HOSTILE]
)
def test_hostile_files_get_nowhere(clients, service, name):
    given, content, expected = HOSTILE[name]
    before = {path.name for path in service.data.parent.rglob("*")}
    answer = clients["operator"].post("/api/v1/uploads", files={"sales_files": (given, content)})
    assert answer.status_code == expected, answer.text
    new = {path.name for path in service.data.parent.rglob("*")} - before - {"uploads"}
    if expected != 201:
        assert not new, "nothing is half done"
        return
    assert answer.json()["status"] == "refused" and "/" not in answer.json()["message"]
    assert not list(service.data.parent.glob("evil*"))
    values = dict(upload_id=answer.json()["upload_id"])
    assert clients["operator"].post("/api/v1/jobs/data-upload", json=values).status_code == 409


@pytest.mark.long
def test_a_bomb_is_refused(clients):
    answer = clients["operator"].post("/api/v1/uploads", files={"sales_files": ("a.xlsx", bomb())})
    assert answer.json()["status"] == "refused"


def test_many_files_and_many_words(clients):
    files = [("sales_files", (f"{n}.csv", b"Artist,Album\n")) for n in range(5)]
    assert clients["operator"].post("/api/v1/uploads", files=files).status_code == 413
    answer = clients["operator"].post("/api/v1/jobs/forecast", content=b"{" * 2_000_000)
    assert answer.status_code == 413
    kind = {"content-type": "application/json"}
    answer = clients["operator"].post("/api/v1/jobs/forecast", content=b"{no json", headers=kind)
    assert answer.status_code == 400 and answer.json()["cure"]
    assert answer.json()["field"] == "body"
    answer = clients["operator"].post("/api/v1/jobs/forecast", json=dict(budget=200_000))
    assert answer.json()["parameters"]["budget"] == "200000"


@pytest.mark.parametrize("kind", ["launch", "data-upload", "forecast"])
def test_a_job_without_a_body_is_told_what_it_needs(clients, kind):
    answer = clients["operator"].post(f"/api/v1/jobs/{kind}")
    assert answer.status_code in ((202, 409) if kind == "forecast" else (422,))  # 409: one runs
    if kind != "forecast":
        assert answer.json()["cure"] and answer.json()["field"]


def test_a_client_that_hangs_in_the_middle_of_an_upload_is_told_so(service, app, monkeypatch):
    from plastinka.doors import guard

    patient = guard.patient_receive
    monkeypatch.setattr(guard, "patient_receive", lambda receive: patient(receive, 0.2))
    key, _ = make_key(service.keys, "slow", "operator")
    head = b'--x\r\nContent-Disposition: form-data; name="sales_files"; filename="a.csv"\r\n\r\n'
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-length", b"1000")]
    headers += [(b"content-type", b"multipart/form-data; boundary=x"), (b"host", b"x")]
    scope = dict(type="http", method="POST", path="/api/v1/uploads", headers=headers)
    scope |= dict(query_string=b"", http_version="1.1", client=("127.0.0.1", 1), scheme="http")
    scope |= dict(raw_path=scope["path"].encode(), root_path="", server=("x", 80))
    parts, sent = [dict(type="http.request", body=head + b"Artist,Al", more_body=True)], []

    async def receive():
        return parts.pop() if parts else await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    before = {path.name for path in service.data.parent.rglob("*")}
    asyncio.run(app(scope, receive, send))
    body = json.loads(b"".join(each.get("body", b"") for each in sent))
    assert sent[0]["status"] == 408 and body["cure"] == "Send it without pauses."
    assert {path.name for path in service.data.parent.rglob("*")} - before <= {"uploads"}


# schemathesis asks every address with what its description allows, and with what it does not


def check_answer(answer):
    "No fault of the service; a problem says what is wrong, and the request that it is about."
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        body = json.loads(answer.content)
        assert body["status"] == answer.status_code and body["detail"] and body["code"]
        assert body["request_id"]


LOADS_TORCH = ("POST /api/v1/configs", "POST /api/v1/models")  # Ten seconds of imports at first


def fuzz(app, key, examples, but=(), both=True):
    "Ask every address in both ways, or in one of them; but for some; the statuses of the answers."
    headers, asked = {"authorization": f"Bearer {key}"}, []
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers)
    how = dict(max_examples=examples, deadline=None, database=None, derandomize=True)
    for place, result in enumerate(schema.get_all_operations()):
        if result.ok().label in but:
            continue
        for mode in GenerationMode if both else [list(GenerationMode)[place % 2]]:
            try:
                cases = result.ok().as_strategy(mode)

                @settings(suppress_health_check=list(HealthCheck), **how)
                @given(cases)
                def check(case):
                    answer = case.call(headers=headers, timeout=120)
                    asked.append(answer.status_code)
                    check_answer(answer)

                check()
            except Unsatisfiable:  # Nothing that the description forbids can be sent there
                assert mode == GenerationMode.NEGATIVE
    return asked


@pytest.mark.filterwarnings("ignore")
def test_whatever_is_sent_is_answered(service, app):
    key, _ = make_key(service.keys, "fuzz", "admin", per_minute=100_000)
    asked = fuzz(app, key, int(os.environ.get("PLASTINKA_REQUESTS", "1")), LOADS_TORCH, both=False)
    assert len(asked) > 50 and {200, 404, 422} <= set(asked)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("role", MAY)
def test_whatever_many_send_is_answered(service, app, role, monkeypatch):
    from plastinka.doors import categories

    wait = partial(categories.wait_for_job, seconds=0.1)  # No worker is there to do a job
    monkeypatch.setattr(categories, "wait_for_job", wait)
    key, _ = make_key(service.keys, "fuzz", role, per_minute=1_000_000)
    asked = fuzz(app, key, int(os.environ.get("PLASTINKA_REQUESTS", "60")))
    assert role == "admin" or 403 in asked


# What users of older systems know by name

KNOWN = """
POST /jobs/data-upload
POST /jobs/training
POST /jobs/tuning
POST /jobs/reports
GET /jobs/{id}
GET /jobs
GET /models-configs/configs
GET /models-configs/configs/active
GET /models-configs/configs/best
POST /models-configs/configs/{id}/set-active
POST /models-configs/configs/delete
POST /models-configs/configs/upload
GET /models-configs/models
GET /models-configs/models/active
GET /models-configs/models/best
GET /models-configs/models/recent
POST /models-configs/models/{id}/set-active
POST /models-configs/models/delete
POST /models-configs/models/upload
GET /results/training
GET /results/training/{id}
GET /results/tuning
GET /results/tuning/{id}
GET /predictions/history
POST /admin/data-retention/cleanup
POST /admin/data-retention/clean-predictions
POST /admin/data-retention/clean-historical
POST /admin/data-retention/clean-models
POST /auth/yc-token
GET /health
GET /health/system
GET /health/retry-stats
POST /health/retry-stats/reset
/models
/training
/prediction
/status
/results
POST /predict
POST /predict/{category}
POST /train
POST /train_all
""".split("\n")[1:-1]
KNOWN_FIELDS = """
stock_file sales_files[] cutoff_date overwrite dataset_start_date dataset_end_date
using_active_parameters mode time_budget_s report_type prediction_month filters model_id csv_data
records_count job_type created_at updated_at progress result error metric_name higher_is_better
multiindex_id prediction_month_from prediction_month_to include_actuals include_features
sales_count q05 availability confidence masked_mean_sales_items masked_mean_sales_rub
lost_sales_rub metrics duration series predicted_sales experiment_name sales_forecast_training
max_files_to_process validation_sample_size enable_model_registration data_start_date
""".split()
KNOWN_WORDS = """
explorer, predict, train, API host, port 8000, log level, allowed origins, database pool 5–20,
upload at most 50 MB, sales 730 days, predictions 365 days, models to keep 5,
inactive models 90 days, backups 30, clean-up Sundays at 3, 16 at once, 5 best kept,
5 seeds for a warm start, mode lite, metric MIWS_MIC_ratio, environment check, make up, make down,
temporary addresses, callbacks, uploads in parts, dead letters, business metrics
""".replace("\n", " ").strip()


def parity_rows():
    "The rows of all tables of the page: what stands there, and where it leads."
    page = ROOT / "nbs" / "explanations" / "coming_from_another_system.ipynb"
    text = "\n".join("".join(cell["source"]) for cell in json.loads(page.read_text())["cells"])
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ?(.*?) ?\|$", text, re.M)
    return [row for row in rows if row[0] not in ("there", "---")]


def test_each_known_address_leads_to_one_of_ours():
    rows, ours = parity_rows(), set(OPEN + MAY["admin"])
    there = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    assert not set(KNOWN) - there and not set(KNOWN_FIELDS) - there
    words = " ".join(row[0].replace("`", "") for row in rows)
    assert not [each for each in KNOWN_WORDS.split(", ") if each not in words]
    for name, here, differs in rows:
        assert here != "none" or differs, f"{name} leads nowhere, and nothing says why"
        for address in re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]+)`", f"{here} {differs}"):
            assert address.split("?")[0] in ours, (name, address)


def test_each_field_that_the_page_names_is_there(app):
    "What the right column names with «of POST …» or «of GET …» is a field of that address."
    described = app.openapi()
    for name, here, _ in parity_rows():
        found = re.fullmatch(r"(`[^/]+`) of `(GET|POST) (/[^`]+)`", here)
        for field in re.findall(r"`(\w+)`", found[1]) if found else []:
            item = described["paths"][f"/api/v1{found[3]}"][found[2].lower()]
            known = {each["name"] for each in item.get("parameters", [])}
            schema = json.dumps(item.get("requestBody", {}))
            for model in re.findall(r"schemas/(\w+)", schema):
                known |= set(described["components"]["schemas"][model].get("properties", {}))
            assert field in known, (name, here)


@pytest.mark.long
def test_the_same_service_on_both_databases(new_store, tmp_path):
    service = open_service(new_store(), tmp_path / "service")
    again = open_service(service.store, tmp_path / "service")  # A worker beside it
    key, _ = make_key(service.keys, "anna", "admin")
    client = TestClient(make_app(again), headers={"authorization": f"Bearer {key}"})
    job = client.post("/api/v1/jobs/forecast", json=dict(horizon=2)).json()
    assert client.get(f"/api/v1/jobs/{job['job_id']}").json()["status"] == "queued"
    for path in ("store", "lost-sales?search=a", "scores", "admin/audit", "metrics", "jobs"):
        assert client.get(f"/api/v1/{path}").status_code == 200, path
    assert client.get("/api/v1/forecasts?item=x&since=2024-05").status_code == 404
