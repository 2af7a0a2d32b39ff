"""The dashboard: every text in Russian, nobody without a login; and in a real browser every page
with its text, the paths of a buyer and of a data scientist, no error and no foreign host."""

import ast
import threading
from pathlib import Path
from string import Formatter

import openpyxl
import pandas as pd
import pytest
import yaml

pytest.importorskip("panel", reason="the pages need: pip install 'plastinka[api]'")
pytest.importorskip("bokeh_fastapi", reason="the pages need: pip install 'plastinka[api]'")
from starlette.testclient import TestClient  # noqa: E402
from starlette.websockets import WebSocketDisconnect  # noqa: E402

from plastinka.doors.api import make_app  # noqa: E402
from plastinka.doors.dashboard import PAGES, add_dashboard  # noqa: E402
from plastinka.doors.desk import Desk, open_desk  # noqa: E402
from plastinka.doors.keys import Identity, make_key  # noqa: E402
from plastinka.doors.ordered import run_forecast, run_places  # noqa: E402
from plastinka.doors.serve import listening_socket, make_server, workers_at_work  # noqa: E402
from plastinka.doors.service import JOB_KINDS, asked_parameters, open_service  # noqa: E402
from plastinka.doors.view_orders import report_link, source_pieces  # noqa: E402
from plastinka.evaluate.artifacts import write_artifact  # noqa: E402
from plastinka.evaluate.backtest import cross_validate  # noqa: E402
from plastinka.evaluate.distributions import DISTRIBUTIONS, write_distributions  # noqa: E402
from plastinka.models.baselines import RecentQuantiles  # noqa: E402
from plastinka.panel.panel import build_panel  # noqa: E402
from plastinka.report.texts import russian  # noqa: E402
from plastinka.scores.sums import Dependence  # noqa: E402
from plastinka.simulate.shop import make_shop  # noqa: E402
from plastinka.store.forecasts import keep_run  # noqa: E402
from plastinka.store.load import load_files  # noqa: E402
from plastinka.store.query import read_ledger, read_panel  # noqa: E402

PACKAGE = Path(__file__).parents[1] / "plastinka"
HOSTILE = "<img src=x onerror=document.title='hacked'>"
HEADINGS = dict(
    explorer=("What sold", "Что продавалось"),
    forecast=("What is expected", "Чего ждать"),
    orders=("What to order", "Что заказать"),
    launch=("A new title", "Новинка"),
    runs=("Runs", "Запуски"),
    models=("Models", "Модели"),
    data=("Data", "Данные"),
    trust=("Can it be trusted?", "Можно ли этому верить?"),
)


def rooms():
    "The modules whose texts stand on pages."
    names = ("desk", "pieces", "dashboard")
    return [*[PACKAGE / "doors" / f"{name}.py" for name in names], *PACKAGE.glob("doors/view_*.py")]


def said_texts():
    "Texts that stand in calls of `say`, `button` and `Page`, and in tables of labels."
    for path in rooms():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if getattr(node.func, "attr", "") == "say":
                yield from (each.value for each in ast.walk(node.args[0]) if is_text(each))
            name = getattr(node.func, "id", "")
            if name in ("button", "Page"):
                yield from (each.value for each in node.args[:2] if is_text(each))
            labels = [
                each.value for each in node.keywords if len(getattr(each.value, "elts", [])) == 2
            ]
            yield from (each.elts[0].value for each in labels if is_text(each.elts[0]))


def is_text(node):
    "Whether a piece of code is a text of people, not a name."
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != "kind"


def test_every_text_has_a_russian_one_with_the_same_values():
    said = set(said_texts()) - {"status", "ended"}
    assert len(said) > 120
    assert sorted(said - set(russian())) == []
    ours = yaml.safe_load((PACKAGE / "templates" / "ru.dashboard.yml").read_text(encoding="utf-8"))

    def fields(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    assert [text for text, own in ours.items() if fields(text) != fields(own)] == []


def test_every_parameter_of_a_form_has_russian_words():
    declared = [asked_parameters(notebook) for notebook in JOB_KINDS.values()]
    names = {name.replace("_", " ") for each in declared for name in each}
    meanings = {parameter.meaning for each in declared for parameter in each.values()}
    assert len(names) > 40 and sorted((names | meanings) - set(russian())) == []


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    "A service without data."
    folder = tmp_path_factory.mktemp("empty")
    return open_service(str(folder / "shop.db"), folder / "service")


def test_nobody_sees_a_page_or_its_socket_without_a_login(empty):
    browser = TestClient(make_app(empty, [add_dashboard]), follow_redirects=False)
    for name in PAGES:
        answer = browser.get(f"/app/{name}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), name
        with pytest.raises(WebSocketDisconnect), browser.websocket_connect(f"/app/{name}/ws"):
            pass
    key, row = make_key(empty.keys, "anna", "viewer")
    browser.post("/login", data=dict(key=key))
    answer = browser.get("/app/orders")
    assert answer.status_code == 200 and key not in answer.text
    assert browser.cookies["plastinka_session"] not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    "A desk at a shop without runs, and what a model expects there."
    folder = tmp_path_factory.mktemp("elsewhere")
    make_shop(titles=20, months=14, seed=3).write(folder / "files", dirt=0)
    store, files = folder / "shop.db", folder / "files"
    load_files(store, files / "stock.xlsx", files, measure=build_panel)
    desk = open_desk(store, folder / "svc", "ru")
    past = read_panel(desk.service.shop)
    return desk, RecentQuantiles().fit(past, 3).predict(past, 3), past["month"].values[-1]


@pytest.mark.parametrize("where", ["settings", "store", "nowhere"])
def test_the_order_of_a_run_made_elsewhere_is_its_own_or_says_so(
    elsewhere, tmp_path, monkeypatch, where
):
    (desk, made, last), name = elsewhere, f"2026-11-01T00-00-00_forecast_{where}"
    monkeypatch.setenv("PLASTINKA_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / ("other" if where == "store" else "runs") / name
    kept = dict(model_folder=str(folder / "model")) if where == "store" else {}
    scores = pd.DataFrame(dict(model=["x"], wql=[0.5]))
    keep_run(desk.service.shop, name, made.frame(), scores, last, **kept)
    if where != "nowhere":
        folder.mkdir(parents=True)
        write_distributions(folder / DISTRIBUTIONS, made, 0.5)
        found, dependence = run_forecast(desk, name)
        assert dependence == Dependence(0.5) and (found.counts.mean == made.counts.mean).all()
    said = "".join(each.object for each in source_pieces(desk, name))
    assert ("пересчитан по квантилям" in said) == (where == "nowhere")
    assert report_link(desk, name) == []  # The service cannot give it


def test_a_run_that_names_another_folder_leads_nowhere(empty, tmp_path, monkeypatch):
    monkeypatch.setenv("PLASTINKA_RUNS", str(tmp_path / "runs"))
    desk = Desk(empty, Identity("", "owner", "admin", 600), "ru")
    for name in ("../2026-x", "/2026-x", "2026-x/../../y", "..", "champion", ""):
        assert run_places(desk, name) == [], name


# In a browser


def keep_forecast(service, folder):
    "A forecast with its model, as a run would leave it."
    store, panel = service.shop, read_panel(service.shop)
    held = cross_validate(read_ledger(store), [RecentQuantiles()], cutoffs=2, horizon=3, seed=0)
    cut = panel.isel(month=slice(None, -2))
    for number, past in enumerate((cut, panel), 1):
        model, name = (
            RecentQuantiles().fit(past, 3),
            f"2026-11-0{number}T00-00-00_forecast_000{number}",
        )
        digest = write_artifact(folder / name, model, held, past, 3)
        scores = pd.DataFrame({"model": [model.name], "wql": [0.5], "wql 2024-01": [0.5]})
        kept = dict(model_folder=str(folder / name), model_digest=digest)
        made = model.predict(past, 3).frame()
        keep_run(store, name, made, scores, past["month"].values[-1], **kept)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    "A made-up shop with a hostile title, served with a worker; address and keys."
    folder = tmp_path_factory.mktemp("shop")
    make_shop(titles=40, months=26, seed=3).write(folder / "files", dirt=0.01)
    service = open_service(str(folder / "shop.db"), folder / "service")
    sales = sorted((folder / "files").glob("sales_*.xlsx"))
    bad = pd.read_excel(sales[-1], dtype=str)
    bad.loc[: len(bad) // 2, "Альбом"] = HOSTILE
    bad.to_excel(sales[-1], index=False)
    load_files(service.shop, folder / "files" / "stock.xlsx", sales, measure=build_panel)
    keep_forecast(service, folder / "models")
    keys = {
        role: make_key(service.keys, role, role, per_minute=100_000)[0]
        for role in ("viewer", "admin")
    }
    taken, server = listening_socket("127.0.0.1", 0), make_server(service, pages=True)
    thread = threading.Thread(target=server.run, kwargs=dict(sockets=[taken]))
    thread.start()
    with workers_at_work(service, 1, stream=open("/dev/null", "w")):  # noqa: SIM115
        yield f"http://127.0.0.1:{taken.getsockname()[1]}", keys, folder
    server.should_exit = True
    thread.join(30)
    taken.close()


class Visit:
    "Somebody at a browser, and what their console said."

    def __init__(self, page, address):
        self.page, self.address, self.faults = page, address, []
        page.on("console", lambda m: self.faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.note(request.url))

    def note(self, url):
        if not url.startswith((self.address, "blob:", "data:")):
            self.faults.append(f"foreign: {url}")

    def log_in(self, key):
        self.page.goto(f"{self.address}/login")
        self.page.fill("#key", key)
        self.page.get_by_role("button").click()
        self.page.wait_for_url("**/app/**")
        self.page.get_by_text("What sold").wait_for()

    def open(self, name, heading):
        self.page.goto(f"{self.address}/app/{name}")
        self.page.get_by_role("heading", name=heading, exact=True).wait_for(timeout=60_000)

    def press(self, label):
        self.page.get_by_role("button", name=label).first.click()

    def see(self, text, seconds=60):
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)


@pytest.fixture
def visit(served):
    "A browser at the service."
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_context(viewport=dict(width=1280, height=900)).new_page()
        yield Visit(page, served[0])
        browser.close()


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_comes_with_its_text_and_without_an_error(served, visit, language):
    visit.log_in(served[1]["viewer"])
    visit.page.goto(f"{served[0]}/app/language/{language}")
    for name in PAGES:
        visit.open(name, HEADINGS[name][language == "ru"])
        assert visit.page.locator(".bad").count() == 0, name
        visit.page.wait_for_timeout(500)
        assert visit.page.title() == "plastinka", name
    assert visit.faults == []


@pytest.mark.long
def test_a_buyer_orders(served, visit, tmp_path):
    visit.log_in(served[1]["admin"])
    visit.open("orders", "What to order")
    cell = visit.page.locator(".tabulator-row [tabulator-field=own]").first
    cell.wait_for()
    copies = visit.page.locator(".card b").nth(1)
    before = copies.inner_text()
    visit.page.wait_for_timeout(2000)
    cell.click()
    cell.locator("input").fill("123")
    cell.locator("input").press("Enter")
    for _ in range(60):  # Until the sums know it
        visit.page.wait_for_timeout(500)
        if copies.inner_text() != before:
            break
    assert copies.inner_text() != before
    with visit.page.expect_download(timeout=60_000) as waiting:
        visit.page.get_by_text("Download the workbook").first.click()
    waiting.value.save_as(tmp_path / "order.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "order.xlsx").worksheets[0]
    assert 123 in [cell.value for row in sheet.iter_rows() for cell in row]
    visit.open("forecast", "What is expected")
    visit.press("Ask the model")
    visit.see("The forecast stays at")
    visit.open("launch", "A new title")
    visit.page.get_by_label("Artist").fill("Somebody")
    visit.page.get_by_label("Album").fill(HOSTILE)
    visit.press("Forecast it")
    visit.see("expected in the first month")
    assert visit.page.title() == "plastinka" and visit.faults == []


@pytest.mark.long
def test_a_data_scientist_loads_runs_compares_and_promotes(served, visit):
    visit.log_in(served[1]["admin"])
    visit.open("runs", "Runs")
    visit.page.get_by_label("model").first.select_option("recent quantiles")
    visit.page.keyboard.press("Tab")
    visit.press("Start the run")
    visit.see("Started as job-")
    visit.see("succeeded", seconds=300)
    visit.open("models", "Models")
    visit.press("Make it the champion")
    visit.see("is the champion now.")
    visit.open("data", "Data")
    head = "Исполнитель;Альбом;Цена, руб.;Дата создания;Дата продажи\n"
    rows = "".join(f"Нина;Тут {n};900;01.03.2024;{n:02}.03.2024\n" for n in range(1, 32))
    path = served[2] / "march.csv"
    path.write_text(head + rows, encoding="utf-8")
    visit.page.locator("input[type=file]").last.set_input_files(str(path))
    visit.page.wait_for_timeout(2500)
    visit.press("Look at the files")
    visit.see("The files were read. Nothing is loaded yet.")
    visit.press("Load it into the store")
    visit.see("It is loaded by job-")
    visit.open("trust", "Can it be trusted?")
    visit.see("inside the range of 90 %")
    assert visit.faults == []
