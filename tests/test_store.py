"""The store keeps its promises, on SQLite and on a PostgreSQL server that the tests start by
themselves."""

import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
import xarray as xr

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.doors.cli import main
from plastinka.store.forecasts import keep_run
from plastinka.store.load import load_files
from plastinka.panel.panel import build_panel
from plastinka.store.query import (
    data_digest,
    read_copies,
    read_forecast,
    read_ledger,
    read_panel,
    read_quarantine,
    read_runs,
    store_status,
)
from plastinka.simulate.shop import make_shop
from plastinka.store.opening import open_store
from plastinka.store.tables import METADATA
from plastinka.store.upkeep import backup, forget, restore

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::RuntimeWarning")


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    "Stock file and sales files of a small shop with some dirt."
    folder = tmp_path_factory.mktemp("shop")
    make_shop(titles=40, months=9, seed=3).write(folder, dirt=0.01)
    return folder / "stock.xlsx", sorted(folder.glob("sales_*.xlsx"))


def ingest(store, stock=None, sales=(), **options):
    "Load as `plastinka ingest` does."
    return load_files(store, stock, [*map(str, sales)], measure=build_panel, **options)


def read_rows(path) -> pd.DataFrame:
    "An Excel file of the shop, under one set of headers."
    return pd.read_excel(path, dtype=object).rename(
        columns={"Дата добавления": "Дата создания", "Дата продажи": "Дата заказа"}
    )


def panel_of(stock, sales):
    return build_panel(build_ledger(read_sources(stock, sales)))


def content(store) -> dict[str, list]:
    """Every row of every table but what an upload is called; texts for the numbers of items,
    files, artists and styles."""
    opened = open_store(store)
    with opened.reading() as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table))]
            for table in METADATA.sorted_tables
        }
    return {name: sorted(found, key=repr) for name, found in rows.items()}


def star(store) -> list[pd.DataFrame]:
    """What a reader of SQL sees, without the store's own numbers and without what uploads are
    called."""
    copies = read_copies(store).sort_values(["file", "row"], ignore_index=True)
    return [
        copies,
        read_quarantine(store).sort_values(["file", "row", "column"], ignore_index=True),
    ]


def assert_same(one, other):
    for left, right in zip(star(one), star(other), strict=False):
        pd.testing.assert_frame_equal(left, right)
    xr.testing.assert_identical(read_panel(one), read_panel(other))
    assert data_digest(one) == data_digest(other)


def stock_of(stock, sales, day, folder) -> Path:
    "The stock file that the shop would have exported on a day."
    rows = pd.concat([read_rows(path) for path in [stock, *sales]], ignore_index=True)
    date = {
        name: pd.to_datetime(rows[name], errors="coerce", dayfirst=True, format="mixed")
        for name in ("Дата создания", "Дата заказа")
    }
    path = Path(folder) / f"stock_{day:%Y-%m-%d}.xlsx"
    rows[(date["Дата создания"] < day) & ~(date["Дата заказа"] < day)].drop(
        columns="Дата заказа"
    ).to_excel(path, index=False)
    return path


def test_panel_from_the_store_is_the_panel_from_the_files(new_store, shop):
    store = new_store()
    ingest(store, *shop)
    want = panel_of(*shop)
    for got in (read_panel(store), build_panel(read_ledger(store))):
        xr.testing.assert_identical(got, want)
        assert {name: got[name].dtype for name in got.variables} == {
            name: want[name].dtype for name in want.variables
        }


def test_without_stock_what_is_unknown_stays_unknown(new_store, shop):
    store = new_store()
    ingest(store, sales=shop[1])
    xr.testing.assert_identical(read_panel(store), panel_of(None, shop[1]))
    assert store_status(store)["snapshot"] is None


def test_monthly_uploads_end_where_one_upload_does(new_store, shop, tmp_path):
    stock, sales = shop
    monthly, once = new_store(), new_store()
    for number, path in enumerate(sales[:-1], 1):
        day = pd.Timestamp(path.stem.split("_")[1] + "-01") + pd.offsets.MonthBegin()
        report = ingest(monthly, stock_of(stock, sales, day, tmp_path), [path], snapshot_date=day)
        assert report.upload == number
        assert list(report.months.index) == [path.stem.split("_")[1]]  # No other month changed
    ingest(monthly, stock, [sales[-1]])
    ingest(once, stock, sales[::-1])
    assert_same(monthly, once)
    assert store_status(monthly)["replaced_files"] == len(sales) - 1


def test_the_same_files_change_nothing(new_store, shop, tmp_path):
    store = new_store()
    ingest(store, *shop)
    before = content(store)
    copy = tmp_path / "под другим именем.xlsx"
    copy.write_bytes(shop[1][3].read_bytes())
    again = pd.read_excel(shop[1][4], dtype=object)
    for stock, sales in [shop, (None, shop[1][:2]), (None, [copy]), (shop[0], shop[1][5:6])]:
        report = ingest(store, stock, sales)
        assert report.upload is None and report.months.empty
        assert report.files["status"].str.contains("already in the store").all()
    again.to_excel(
        tmp_path / "saved again.xlsx", index=False
    )  # Other bytes, the same rows, other formats of cells perhaps
    assert content(store) == before
    report = ingest(store, None, [tmp_path / "saved again.xlsx"])
    assert report.months.empty


def test_a_corrected_month_replaces_that_month(new_store, shop, tmp_path):
    stock, sales = shop
    store, fresh = new_store(), new_store()
    ingest(store, stock, sales)
    wrong = pd.read_excel(sales[4], dtype=object)
    corrected = tmp_path / sales[4].name
    wrong.iloc[3:].to_excel(corrected, index=False)
    before = read_copies(store, "2022-05")
    report = ingest(store, None, [corrected])
    after = read_copies(store, "2022-05")
    assert list(report.months.index) == ["2022-05"]
    assert (
        report.months["copies"].item() - report.months["copies_before"].item()
        == after["count"].sum() - before["count"].sum()
        < 0
    )
    assert "2022-05" in "\n".join(report.lines())
    xr.testing.assert_identical(
        read_panel(store), panel_of(stock, [*sales[:4], corrected, *sales[5:]])
    )
    ingest(store, stock, sales)  # The old file is known: it does not come back by itself
    xr.testing.assert_identical(
        read_panel(store), panel_of(stock, [*sales[:4], corrected, *sales[5:]])
    )
    ingest(fresh, stock, [*sales[:4], corrected, *sales[5:]])
    assert data_digest(store) == data_digest(fresh)


def test_a_mistaken_correction_is_undone_by_loading_the_right_file_again(new_store, shop, tmp_path):
    stock, sales = shop
    store, fresh = new_store(), new_store()
    ingest(store, stock, sales)
    ingest(fresh, stock, sales)
    mistake = tmp_path / "may of another shop.xlsx"
    pd.read_excel(sales[4], dtype=object).iloc[5:].to_excel(mistake, index=False)
    with pytest.raises(InputError, match="40 copies → 35"):
        ingest(store, None, [mistake])
    ingest(store, None, [mistake], replace=True)
    assert data_digest(store) != data_digest(fresh)
    report = ingest(store, None, [sales[4]], again=True)
    assert list(report.months.index) == ["2022-05"]
    assert_same(store, fresh)
    assert (
        ingest(store, stock, [*sales, mistake]).upload is None
    )  # The mistake is known now, and stays away
    assert (
        ingest(store, None, sales[:2], again=True).upload is None
    )  # What counts is not loaded twice
    ingest(store, None, [mistake], again=True)
    ingest(store, None, [sales[4], mistake], again=True)  # What both hold counts once
    may = [read_copies(each, "2022-05")["count"].sum() for each in (store, fresh)]
    assert may[0] == may[1]


def test_what_would_be_lost_is_refused_until_it_is_asked_for(new_store, shop, tmp_path, capsys):
    stock, sales = shop
    store = new_store()
    ingest(store, stock, sales)
    before = content(store)
    rows = pd.concat([read_rows(path) for path in sales], ignore_index=True)
    few, shelf = tmp_path / "few.xlsx", tmp_path / "shelf.xlsx"
    rows.iloc[::25].to_excel(few, index=False)  # 36 rows once replaced ten months
    pd.read_excel(stock, dtype=object).head(3).to_excel(shelf, index=False)
    for given, said in [
        (dict(sales=[few]), "2022-01.*sales_2022-01.xlsx by few.xlsx.*--replace"),
        (dict(stock=shelf), "stock: 78 copies → 4.*--replace"),
    ]:
        with pytest.raises(InputError, match=said):
            ingest(store, **given)
        assert content(store) == before
    assert main(["ingest", "--store", store, "--sales", str(few)]) == 2
    assert "would take" in capsys.readouterr().err
    assert main(["ingest", "--store", store, "--sales", str(few), "--replace"]) == 0
    assert read_copies(store)["sold_date"].notna().sum() < len(rows) / 10
    assert ingest(store, stock=shelf, replace=True).upload == 3


def american(path, days):
    "A file of an American shop: month first."
    rows = [f"4600000010{day:03},Lake Effect,Mirrors {day},12.50,{date}" for day, date in days]
    path.write_text("\n".join(["Barcode,Artist,Title,Price,Sale date", *rows]))
    return path


@pytest.mark.parametrize("first", [True, False])
def test_a_month_to_date_is_read_as_the_files_of_the_store_prove(new_store, tmp_path, first):
    "The order of uploads does not matter: 3 days of November prove nothing by themselves."
    store = new_store()
    months = [
        american(tmp_path / f"{month}.csv", [(d, f"{month}/{d}/2025") for d in range(1, 29)])
        for month in range(1, 11)
    ]
    november = american(tmp_path / "11.csv", [(d, f"11/0{d}/2025") for d in (1, 2, 3)])
    uploads = [months, [november]]
    for sales in uploads if first else uploads[::-1]:
        ingest(store, None, sales)
    sold = read_copies(store)["sold_date"]
    assert (len(sold), sold.max()) == (283, pd.Timestamp("2025-11-03"))
    whole = american(tmp_path / "whole.csv", [(d, f"11/{d}/2025") for d in range(1, 28)])
    report = ingest(store, None, [whole])
    assert list(report.months.index) == ["2025-11"]
    assert report.months["copies"].item() == 27


def test_one_month_of_a_file_with_many(new_store, shop, tmp_path):
    stock, sales = shop
    store, fresh = new_store(), new_store()
    year = pd.concat([read_rows(path) for path in sales[:4]], ignore_index=True)
    year.to_excel(tmp_path / "spring.xlsx", index=False)
    ingest(store, None, [tmp_path / "spring.xlsx"])
    march = tmp_path / "march.xlsx"
    pd.read_excel(sales[2], dtype=object).iloc[2:].to_excel(march, index=False)
    assert list(ingest(store, None, [march]).months.index) == ["2022-03"]
    ingest(fresh, None, [sales[0], sales[1], march, sales[3]])
    xr.testing.assert_identical(read_panel(store), read_panel(fresh))


def test_files_of_one_upload_add_up(new_store, shop, tmp_path):
    halves, whole = new_store(), new_store()
    rows = pd.read_excel(shop[1][0], dtype=object)
    rows.iloc[::2].to_excel(tmp_path / "till 1.xlsx", index=False)
    rows.iloc[1::2].to_excel(tmp_path / "till 2.xlsx", index=False)
    ingest(halves, None, [tmp_path / "till 1.xlsx"])
    ingest(halves, None, [tmp_path / "till 1.xlsx", tmp_path / "till 2.xlsx"])
    ingest(whole, None, [shop[1][0]])
    xr.testing.assert_identical(read_panel(halves), read_panel(whole))


def test_files_of_one_name(new_store, shop, tmp_path):
    store = new_store()
    for number, path in enumerate(shop[1][:3]):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "sales.xlsx").write_bytes(path.read_bytes())
        ingest(store, None, [tmp_path / str(number) / "sales.xlsx"])
    xr.testing.assert_identical(read_panel(store), panel_of(None, shop[1][:3]))
    assert sorted(read_copies(store)["file"].unique()) == [
        "sales (upload 2).xlsx",
        "sales (upload 3).xlsx",
        "sales.xlsx",
    ]


@pytest.mark.parametrize(
    "case", ["gap in the store", "gap in the upload", "old snapshot", "bad file", "other key"]
)
def test_a_refused_upload_changes_nothing(new_store, shop, tmp_path, case):
    stock, sales = shop
    store = new_store()
    ingest(store, *(shop if case == "old snapshot" else (None, sales[2:6])))
    before = content(store)
    bad = tmp_path / "bad.xlsx"
    read_rows(sales[6]).assign(**{"Дата заказа": "soon"}).to_excel(bad, index=False)
    later = tmp_path / "later.xlsx"
    read_rows(sales[6]).assign(**{"Дата заказа": "05.07.2030"}).to_excel(later, index=False)
    call, words = {
        "gap in the store": (dict(sales=[sales[7]]), ["2022-07", sales[7].name]),
        "gap in the upload": (
            dict(sales=[sales[6], sales[8]]),
            ["2022-07", "2022-09", sales[8].name],
        ),
        "old snapshot": (dict(sales=[later]), ["later.xlsx", "2030-07-05", "snapshot"]),
        "bad file": (dict(sales=[bad]), ["bad.xlsx", "100%"]),
        "other key": (
            dict(sales=[sales[6]], profile=_barcode_profile(tmp_path)),
            ["item_key", "barcode"],
        ),
    }[case]
    with pytest.raises(InputError) as refused:
        ingest(store, **call)
    assert all(word in str(refused.value) for word in words), refused.value
    assert content(store) == before


def _barcode_profile(folder):
    path = folder / "by_barcode.yml"
    path.write_text("item_key: [barcode]\n", encoding="utf-8")
    return str(path)


def test_two_uploads_at_once_come_one_after_the_other(new_store, shop):
    store = new_store()
    ingest(store, None, shop[1][:2])
    failed = []

    def load(path):
        try:
            ingest(store, None, [path])
        except Exception as error:  # Told by the main thread
            failed.append(error)

    threads = [
        threading.Thread(target=load, args=[path]) for path in (shop[1][2], shop[1][1], shop[1][0])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    xr.testing.assert_identical(read_panel(store), panel_of(None, shop[1][:3]))


def test_the_migrations_make_the_tables_that_the_rooms_use(new_store):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with open_store(new_store(), create=True).reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def forecast_of(store, month="2022-10-01") -> pd.DataFrame:
    ids = read_ledger(store).items["item_id"]
    return pd.DataFrame(
        {
            "item_id": ids,
            "month": pd.Timestamp(month),
            "horizon": 1,
            "q0.05": 0.0,
            "q0.5": 1 / 3,
            "q0.95": 7.0,
            "mean": 0.1 + ids.index / 3,
            "model": "tide",
        }
    )


SCORES = pd.DataFrame(dict(model=["tide"], wql=[0.7]))


def test_a_forecast_comes_back_with_its_mean(new_store, shop):
    store = new_store()
    ingest(store, None, shop[1][:3])
    kept = forecast_of(store)
    keep_run(store, "with", kept, SCORES, "2022-03-01")
    keep_run(store, "without", kept.drop(columns="mean"), SCORES, "2022-03-01")
    back = read_forecast(store, "with")
    ordered = kept.sort_values("item_id", ignore_index=True)
    pd.testing.assert_frame_equal(back, ordered, check_dtype=False)
    assert kept["mean"].nunique() == len(kept)
    assert list(read_forecast(store, "without")) == list(kept.columns.drop("mean"))


def test_a_store_from_before_means_gets_their_column(shop, tmp_path):
    "What it had is there, without means; what is kept from now on has them."
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    from plastinka.store.migrations import mean, registry

    store = str(tmp_path / "shop.db")
    ingest(store, None, shop[1][:3])
    kept = forecast_of(store)
    keep_run(store, "old", kept, SCORES, "2022-03-01")
    with sa.create_engine(f"sqlite:///{store}").begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            registry.downgrade()
            mean.downgrade()
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'lost'"))
        names = [column["name"] for column in sa.inspect(connection).get_columns("forecast")]
    assert "mean" not in names
    ordered = kept.sort_values("item_id", ignore_index=True)
    with pytest.raises(InputError, match="is of an older version"):
        read_forecast(store, "old")
    open_store(store, create=True)
    old = read_forecast(store, "old")
    pd.testing.assert_frame_equal(old, ordered.drop(columns="mean"), check_dtype=False)
    keep_run(store, "new", kept, SCORES, "2022-03-01")
    pd.testing.assert_frame_equal(read_forecast(store, "new"), ordered, check_dtype=False)


def test_a_backup_brings_everything_back(new_store, shop, tmp_path):
    "From either database, through one file, into SQLite and into the other."
    store, again = new_store(), new_store()
    ingest(store, *shop)
    keep_run(
        store,
        "run",
        forecast_of(store),
        pd.DataFrame(dict(model=["tide"], wql=[0.7])),
        "2022-09-01",
        data_digest(store),
        dict(horizon=1),
    )
    backup(store, tmp_path / "monday.backup")
    for target in (again, str(tmp_path / "file.db")):
        restore(tmp_path / "monday.backup", target)
        assert_same(store, target)
        pd.testing.assert_frame_equal(read_forecast(target), read_forecast(store))
        assert content(target)["upload"] == content(store)["upload"]
        assert ingest(target, *shop).upload is None
    with pytest.raises(InputError, match="not empty"):
        restore(tmp_path / "monday.backup", again)


def test_forgetting_leaves_what_the_last_months_alone_would_give(new_store, shop):
    store, fresh = new_store(), new_store()
    ingest(store, *shop)
    ingest(fresh, shop[0], shop[1][3:])
    before = content(store)
    planned = forget(store, history=6, measure=build_panel)
    assert content(store) == before
    assert forget(store, history=6, measure=build_panel, dry_run=False).equals(planned)
    assert planned["name"].tolist() == ["2022-01", "2022-02", "2022-03"]
    xr.testing.assert_identical(read_panel(store), read_panel(fresh))
    assert (
        ingest(store, None, shop[1][:2]).upload is None
    )  # What was forgotten does not come back by itself


def test_a_forecast_keeps_its_items_when_their_copies_go(new_store, shop, tmp_path):
    store = new_store()
    ingest(store, None, shop[1][:3])
    kept = forecast_of(store)
    keep_run(store, "run", kept, pd.DataFrame(dict(model=["tide"], wql=[0.7])), "2022-03-01")
    read_rows(shop[1][2]).iloc[:2].to_excel(tmp_path / "short.xlsx", index=False)
    ingest(store, None, [tmp_path / "short.xlsx"], replace=True)
    xr.testing.assert_identical(
        read_panel(store), panel_of(None, [*shop[1][:2], tmp_path / "short.xlsx"])
    )
    pd.testing.assert_frame_equal(read_forecast(store), kept, check_dtype=False)
    assert read_runs(store)["run_id"].tolist() == ["run"]


def test_texts_stay_texts(new_store, tmp_path):
    "Quotes, semicolons, tabs and backslashes are data to every database."
    store, odd = (
        new_store(),
        [
            "Robert'); DROP TABLE copy;--",
            'a "b" \\N\tc',
            "\\.",
            "100%",
            "Ё\U0001f3b5",
            ":name",
            "{x}",
        ],
    )
    rows = pd.DataFrame(dict(artist=odd, album=odd, style=odd, sold_date="2024-05-03", price=1))
    rows.to_excel(tmp_path / "may.xlsx", index=False)
    ingest(store, None, [tmp_path / "may.xlsx"])
    assert sorted(read_copies(store)["artist"]) == sorted(text.strip() for text in odd)
    xr.testing.assert_identical(read_panel(store), panel_of(None, [tmp_path / "may.xlsx"]))


def test_a_forecast_from_the_store_is_the_forecast_from_the_files(shop, tmp_path, capsys):
    from plastinka.doors.cli import main

    stock, sales = str(shop[0]), [str(path) for path in shop[1]]
    store, found, mended = str(tmp_path / "shop.db"), [], []
    assert (
        main(
            [
                "ingest",
                "--store",
                store,
                "--stock",
                stock,
                "--sales",
                *sales[:-1],
                "--snapshot-date",
                "2022-10-01",
            ]
        )
        == 2
    )  # September is missing
    assert "2022-09" in capsys.readouterr().err
    assert main(["ingest", "--store", store, "--stock", stock, "--sales", *sales]) == 0
    for source in (["--store", store], ["--stock", stock, "--sales", *sales]):
        how = ["--model", "lightgbm", "--horizon", "1", "--out", str(tmp_path / "runs")]
        assert main(["forecast", *source, *how]) == 0
        folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
        found.append(pd.read_parquet(folder / "forecast.parquet"))
        mended.append(pd.read_excel(folder / "quarantine.xlsx", dtype=object))
        if "--store" in source:
            assert read_runs(store)["run_id"].tolist() == [folder.name]
            assert read_runs(store)["data_sha256"].item() == data_digest(store)
    pd.testing.assert_frame_equal(*found)
    pd.testing.assert_frame_equal(*mended)
    assert len(mended[0]) == store_status(store)["quarantine"] > 0
    kept = read_forecast(store).sort_values(["item_id", "month"], ignore_index=True)
    wanted = found[0].sort_values(["item_id", "month"], ignore_index=True)[kept.columns]
    pd.testing.assert_frame_equal(kept, wanted, check_dtype=False, check_categorical=False)


def test_mended_rows_go_in_with_their_file(new_store, shop, tmp_path):
    "A quarantine workbook alone must not pass for a month's file."
    from plastinka.data.quarantine import write_quarantine

    store, _, sales = new_store(), *shop
    rows = read_rows(sales[0])
    rows.loc[0, "Дата заказа"] = "soon"
    rows.to_excel(tmp_path / "january.xlsx", index=False)
    raw = read_sources(None, [tmp_path / "january.xlsx"])
    write_quarantine(tmp_path / "mend.xlsx", raw, build_ledger(raw).quarantine)
    mended = pd.read_excel(tmp_path / "mend.xlsx", dtype=object)
    mended[
        next(name for name in mended if name in ("sold_date", "Дата заказа", "Дата продажи"))
    ] = "2022-01-05"
    mended.to_excel(tmp_path / "mend.xlsx", index=False)
    ingest(store, None, [tmp_path / "january.xlsx"])
    before = content(store)
    with pytest.raises(InputError, match="mend.xlsx.*january"):
        ingest(store, None, [tmp_path / "mend.xlsx"])
    assert content(store) == before
    report = ingest(store, None, [tmp_path / "january.xlsx", tmp_path / "mend.xlsx"])
    assert report.months["copies"].item() == report.months["copies_before"].item() + 1
    xr.testing.assert_identical(
        read_panel(store), panel_of(None, [tmp_path / "january.xlsx", tmp_path / "mend.xlsx"])
    )


KILLS = int(os.environ.get("PLASTINKA_KILLS", "12"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_killed_at_any_moment_the_store_is_as_it_was(tmp_path, shop):
    """kill -9 at random moments of an upload, again and again: the store is as before, or as
    after; and the next upload works."""
    stock, sales = shop
    store, done = str(tmp_path / "shop.db"), str(tmp_path / "done.db")
    ingest(store, None, sales[:3])
    before = content(store)
    Path(done).write_bytes(_checkpointed(store))
    start = time.perf_counter()
    ingest(done, None, sales[3:5])
    seconds = time.perf_counter() - start
    after = data_digest(done)
    killed, chance = 0, random.Random(0)
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                ingest(store, None, sales[3:5])
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0, 1.1 * seconds))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        killed += os.WIFSIGNALED(status)
        seconds *= (
            1 if os.WIFSIGNALED(status) else 0.9
        )  # It was quicker than the first, which had to warm up
        with sqlite3.connect(store) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert not connection.execute("PRAGMA foreign_key_check").fetchall()
        connection.close()
        if data_digest(store) == after:
            xr.testing.assert_identical(read_panel(store), read_panel(done))
            for name in (store, f"{store}-wal", f"{store}-shm"):
                Path(name).unlink(missing_ok=True)
            ingest(store, None, sales[:3])
            before = content(store)
        else:
            assert content(store) == before
    assert killed >= KILLS / 4
    ingest(store, None, sales[3:5])
    xr.testing.assert_identical(read_panel(store), read_panel(done))


def _checkpointed(store) -> bytes:
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return Path(store).read_bytes()


@pytest.mark.postgres
def test_a_killed_upload_leaves_postgresql_as_it_was(server, tmp_path, shop):
    "The same against a server: what a dead client began is taken back."
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with sa.create_engine(server, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    store = server.set(database=name).render_as_string(hide_password=False)
    ingest(store, None, shop[1][:2])
    before, chance = content(store), random.Random(1)
    for _ in range(max(KILLS // 5, 2)):
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                load_files(store, None, [str(shop[1][2])], measure=_never_ends)
            finally:
                os._exit(0)
        time.sleep(chance.uniform(0, 1.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert content(store) == before
    ingest(store, None, [shop[1][2]])
    xr.testing.assert_identical(read_panel(store), panel_of(None, shop[1][:3]))


def _never_ends(ledger):
    time.sleep(60)
