"""Exports of shop programs are known by their headers and read right; no other file is taken for
one."""

import json

import pandas as pd
import pytest

from plastinka.core import InputError
from plastinka.data.ingest import read_frame, read_sources
from plastinka.data.inspect import inspect_file
from plastinka.data.ledger import build_ledger
from plastinka.data.profiles import NO_PROFILE, Profile, load_profile, make_profile
from plastinka.data.programs import detect_profile, fitting_profiles, shipped_profiles
from plastinka.data.schema import COLUMNS
from plastinka.doors.cli import main
from plastinka.store.load import load_files
from plastinka.store.query import store_status

# A made-up export of each program: its lines, and the records that are right, worked out by hand:
# artist, album, copies in all, price of one copy
SAMPLES = {
    "discogs_orders": (
        """buyer,order_date,order_num,status,order_total,item_id,item_price,item_fee,description,\
release_id,media_condition,sleeve_condition,item_removed
ann,2024-05-01 10:00:00,1-1,Shipped,45.00,11,20.00,1.6,"Can - Ege Bamyasi (LP, Album)",9,M,M,
ann,2024-05-01 10:00:00,1-1,Shipped,45.00,12,25.00,2.0,Neu! (2) - Neu! 75 (LP),8,M,M,
bob,2024-05-03 10:00:00,1-2,Cancelled (Per Buyer's Request),20.00,13,20.00,0,Can - Ege (LP),9,M,M,
""",
        {("Can", "Ege Bamyasi (LP, Album)"): (1, 20.0), ("Neu! (2)", "Neu! 75 (LP)"): (1, 25.0)},
    ),
    "discogs_collection": (
        """Catalog#,Artist,Title,Label,Format,Rating,Released,release_id,CollectionFolder,\
Date Added,Collection Media Condition
UAS 29414,Can,Ege Bamyasi,United Artists,LP,,1972,9,Shop,2024-04-01 10:00:00,Mint (M)
UAS 29414,Can,Ege Bamyasi,United Artists,LP,,1972,9,Shop,2024-04-02 10:00:00,Mint (M)
""",
        {("Can", "Ege Bamyasi"): (2, None)},
    ),
    "bandcamp_sales": (
        """date,paid to,item type,item name,artist,currency,item price,quantity,net amount,package
5/13/24 1:02am,x,package,Night Songs,Amber,EUR,18.00,2,30.1,Vinyl LP
5/14/24 2:30pm,x,album,Night Songs,Amber,EUR,7.00,1,6.1,digital download
5/14/24 2:31pm,x,track,First,Amber,EUR,1.00,1,0.8,digital download
""",
        {("Amber", "Night Songs"): (2, 18.0)},
    ),
    "lightspeed_sales": (
        """Date,Receipt Number,Line Type,Customer Code,Quantity,Subtotal,Sales Tax,Discount,Total,\
Details,Register,User,Status,Sku
2024-05-01 10:00:00,71,Sale,,3,50,10,0,60,,Main,ann,CLOSED,
2024-05-01 10:00:00,71,Sale Line,,2,33.33,6.67,0,40,Can - Ege,Main,ann,CLOSED,4006408126
2024-05-01 10:00:00,71,Sale Line,,1,16.67,3.33,0,20,Neu! - 2,Main,ann,CLOSED,
2024-05-01 10:00:00,71,Payment,,,,,,60,Cash,Main,ann,CLOSED,
2024-05-02 10:00:00,72,Sale Line,,1,16.67,3.33,0,20,Can - Ege,Main,ann,VOIDED,4006408126
""",
        {("Can", "Ege"): (2, 20.0), ("Neu!", "2"): (1, 20.0)},
    ),
    "lightspeed_products": (
        """id,handle,sku,name,type,tags,supply_price,retail_price,tax_name,brand_name,active,\
track_inventory,inventory_Main_Outlet,reorder_point_Main_Outlet
1,ege,4006408126,Can - Ege,Krautrock,,11,20,VAT,UA,1,1,3,1
2,two,4006408133,Neu! - 2,Krautrock,,11,25,VAT,Brain,1,1,0,1
""",
        {("Can", "Ege"): (3, 20.0)},
    ),
    "shopware_products": (
        """id;parent_id;product_number;active;stock;name;description;price_net;price_gross;tax_id;\
tax_rate;tax_name;manufacturer_name;categories
a;;SW1;1;3;Can - Ege;;16.81;20;t;19;Standard;UA;Krautrock
""",
        {("Can", "Ege"): (3, 20.0)},
    ),
    "prestashop_products": (
        """Product ID;Image;Name;Reference;Category;Price (tax excl.);Price (tax incl.);Quantity;\
Status;Position
1;x.jpg;Can - Ege;P1;Krautrock;16.67;20.00;3;1;1
""",
        {("Can", "Ege"): (3, 20.0)},
    ),
    "odoo_sales": (
        """Order Reference,Order Date,Customer,Status,Order Lines/Product,Order Lines/Quantity,\
Order Lines/Unit Price
S001,2024-05-01 10:37:22,Ann,Sales Order,[V1] Can - Ege,2,20.00
,,,,Neu! - 2,1,25.00
S002,2024-05-02 10:37:22,Bob,Cancelled,[V1] Can - Ege,1,20.00
,,,,Neu! - 2,4,25.00
""",
        {("Can", "Ege"): (2, 20.0), ("Neu!", "2"): (1, 25.0)},
    ),
    "odoo_pos": (
        """Order Ref,Date,Product/Barcode,Product,Base Quantity,Unit Price,Subtotal,Status
Shop/1,2025-03-01 10:11:12,4006408126126,[10749] Can - Ege,2.0,20.0,40.0,Posted
Shop/2,2025-03-02 10:11:12,4006408126126,[10749] Can - Ege,1.0,20.0,20.0,Cancelled
""",
        {("Can", "Ege"): (2, 20.0)},
    ),
    "woocommerce_orders": (
        """Order Number,Order Status,Order Date,SKU,Item Name,Quantity,Item Cost,Order Line Total
1001,Completed,2025-03-01 12:01,V1,Can - Ege,2,20,40
1002,Refunded,2025-03-02 12:01,V1,Can - Ege,1,20,20
""",
        {("Can", "Ege"): (2, 20.0)},
    ),
    "odoo_products": (
        """Name,Internal Reference,Sales Price,Cost,Product Category,Quantity On Hand
Can - Ege,V1,20.00,11.00,All,3.00
""",
        {("Can", "Ege"): (3, 20.0)},
    ),
    "onec_stock": (
        """Номенклатура;Штрихкод;Розничная цена;Начальный остаток;Приход;Расход;Конечный остаток
Кино - Ночь;4600000010038;1 200,00;1,000;4,000;2,000;3,000
Итого;;;1,000;4,000;2,000;3,000
""",
        {("Кино", "Ночь"): (3, 1200.0)},
    ),
    "onec_sales": (
        """Дата;Номенклатура;Количество;Выручка
01.05.2024;Кино - Ночь;2,000;2 400,00
31.05.2024;ДДТ - Это всё;1,000;1 500,00
""",
        {("Кино", "Ночь"): (2, 1200.0), ("ДДТ", "Это всё"): (1, 1500.0)},
    ),
    "moysklad_stock": (
        """Код;Артикул;Наименование;Ед. изм.;Остаток;Резерв;Ожидание;Доступно;Себестоимость;\
Цена продажи
00001;A1;Кино - Ночь;шт;3;1;0;2;700,00;1 200,00
""",
        {("Кино", "Ночь"): (3, 1200.0)},
    ),
    "moysklad_sales": (
        """№;Время;Наименование;Штрихкод EAN13;Кол-во;Цена без скидки;Скидка, %;\
Цена со скидкой;Сумма
1;01.05.2024 10:00;Кино - Ночь;4600000010038;2;1 500,00;20;1 200,00;2 400,00
2;31.05.2024 10:00;Кино - Ночь;4600000010038;1;1 500,00;20;1 200,00;1 200,00
""",
        {("Кино", "Ночь"): (3, 1200.0)},
    ),
}


def read(folder, name, text, profile=None):
    "The rows of an export of the kind that the profile is for."
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return read_sources(**{load_profile(name).kind: path}, profile=profile)


def sums(raw):
    "Artist and album → copies, and the price of one."
    rows = raw.rows
    counts = pd.to_numeric(rows.get("count", pd.Series("1", rows.index)).fillna("1"))
    prices = rows.get("price", pd.Series(None, rows.index, dtype=object)).astype("string")
    prices = pd.to_numeric(prices.str.replace(" ", "").str.replace(",", "."))
    table = pd.DataFrame(dict(artist=rows["artist"], album=rows["album"], n=counts, price=prices))
    found = table[table["n"] != 0].groupby(["artist", "album"]).agg(dict(n="sum", price="first"))
    return {
        names: (int(row["n"]), None if pd.isna(row["price"]) else round(float(row["price"]), 2))
        for names, row in found.iterrows()
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_an_export_is_known_by_its_headers_and_read_right(tmp_path, name, capsys):
    text, right = SAMPLES[name]
    raw = read(tmp_path, name, text)
    assert raw.sources["profile"].tolist() == [name]
    assert sums(raw) == right
    assert f"profile {name}" in capsys.readouterr().err
    assert sums(read(tmp_path, name, text, profile=name)) == right


def test_every_shop_program_has_a_sample_somewhere():
    from test_kinds_reading import SAMPLES as others

    programs = {name for name, each in shipped_profiles().items() if each.program}
    assert programs - {"unas"} == set(SAMPLES) | set(others)


@pytest.mark.parametrize("kind", ["sales", "stock"])
def test_usual_headers_are_no_other_programs(kind):
    "Every column by each of its documented headers, alone and all together."
    columns = [name for name in COLUMNS if kind == "sales" or name != "sold_date"]
    for turn in range(7):
        headers = [COLUMNS[name].aliases[turn % len(COLUMNS[name].aliases)] for name in columns]
        assert detect_profile(headers, kind) is None
        for least in (("artist", "album"), ("barcode",)):
            chosen = [
                header
                for name, header in zip(columns, headers, strict=True)
                if name in (*least, "sold_date", "price", "count")
            ]
            assert detect_profile(chosen, kind) is None


def test_no_sample_fits_two_programs():
    for name, (text, _) in SAMPLES.items():
        separator = ";" if ";" in text.splitlines()[0] else ","
        assert fitting_profiles(text.splitlines()[0].split(separator)) == [name]


def test_none_reads_without_a_profile(tmp_path):
    raw = read(tmp_path, "odoo_products", SAMPLES["odoo_products"][0], profile=NO_PROFILE)
    assert raw.rows["album"].tolist() == ["Can - Ege"]
    assert raw.sources["profile"].tolist() == [NO_PROFILE]


def test_each_file_has_its_own_program(tmp_path):
    for name in ("odoo_sales", "discogs_collection"):
        (tmp_path / f"{name}.csv").write_text(SAMPLES[name][0])
    raw = read_sources(tmp_path / "discogs_collection.csv", tmp_path / "odoo_sales.csv")
    assert raw.sources["profile"].tolist() == ["discogs_collection", "odoo_sales"]
    mine = make_profile(
        dict(columns=dict(album="Title"), filters=[dict(header="Label", drop="U.*")]), "mine.yml"
    )
    other = read_sources(
        tmp_path / "discogs_collection.csv", tmp_path / "odoo_sales.csv", stock_profile=mine
    )
    assert other.sources["profile"].tolist() == ["mine", "odoo_sales"]
    assert other.sources["filtered"].tolist() == [2, 2]
    with pytest.raises(InputError, match="is for sales files"):
        read_sources(tmp_path / "discogs_collection.csv", profile="odoo_sales")


ORDERS = "order;date;state\n1;2024-05-01;paid\n2;2024-05-02;cancelled\n3;2024-05-20;paid\n"
ITEMS = "order id;product;quantity;line total\n1;7;2;40\n2;7;1;20\n3;8;1;25\n3;9;1;5\n"
NAMES = "product;name\n7;Can - Ege\n8;Neu! - 2\n"
JOINED = """
kind: sales
columns: {sold_date: date, count: quantity, price: line total}
price_of: line
statuses:
  - {header: state, count: [paid]}
lookups:
  - {file: orders.csv, key: order id, other_key: order}
  - {file: names.csv, key: product}
splits:
  - {header: name, separator: ' - ', into: [artist, album]}
"""


def test_orders_items_and_names_are_joined(tmp_path):
    for name, text in [("orders.csv", ORDERS), ("items.csv", ITEMS), ("names.csv", NAMES)]:
        (tmp_path / name).write_text(text)
    (tmp_path / "shop.yml").write_text(JOINED)
    raw = read_sources(sales=tmp_path / "items.csv", profile=tmp_path / "shop.yml")
    assert sums(raw) == {("Can", "Ege"): (2, 20.0), ("Neu!", "2"): (1, 25.0)}
    source = raw.sources.iloc[0]
    assert source["filters"] == "state «cancelled»: 1"
    assert [path.rpartition("/")[2] for path in source["looked_up"]] == ["orders.csv", "names.csv"]
    assert ["", "not in names.csv", 1, "9"] in source["notes"]


def test_a_lookup_stays_in_its_folder(tmp_path):
    inside = tmp_path / "shop"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text(NAMES)
    (inside / "items.csv").write_text(ITEMS)
    for name in ("../secret.csv", "/etc/passwd", "C:\\names.csv", "..\\secret.csv", " "):
        with pytest.raises(InputError, match="no file name inside the folder"):
            make_profile(dict(lookups=[dict(file=name, key="product")]), "bad.yml")
    (inside / "names.csv").symlink_to(tmp_path / "secret.csv")
    profile = make_profile(
        dict(lookups=[dict(file="names.csv", key="product")], columns=dict(album="name")), "a.yml"
    )
    with pytest.raises(InputError, match="leads out of its folder"):
        read_sources(sales=inside / "items.csv", profile=profile)


def test_tables_count_as_files():
    sold = pd.DataFrame({"Album": ["Ege", "Ege"], "Sold": ["2024-05-01", "2024-05-31"]})
    held = pd.DataFrame({"Album": ["Ege"], "Count": [3]})
    raw = read_sources([held, sold])
    assert raw.rows["kind"].tolist() == ["stock", "sales", "sales"]
    other = sold.rename(columns={"Album": "Name"})
    raw = read_frame(other, profile=Profile(columns=dict(album="Name")))
    assert raw.rows["album"].tolist() == ["Ege", "Ege"]
    with pytest.raises(InputError, match="Did you mean 'album'"):
        Profile(item_key=["artist", "albom"])
    with pytest.raises(InputError, match="is not a list of columns"):
        build_ledger(raw, item_key=["artist", "albom"])


def test_the_command_lists_and_shows(capsys):
    assert main(["profiles"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in shipped_profiles())
    assert main(["profiles", "--json"]) == 0
    assert {"profile", "program", "kind", "export"} <= set(json.loads(capsys.readouterr().out)[0])
    assert main(["profiles", "square_items", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["price_of"] == "line"
    assert main(["profiles", "sqare_items"]) == 2
    assert "Did you mean square_items" in capsys.readouterr().err


def test_a_stock_alone_begins_a_store_and_the_order_of_uploads_does_not_matter(tmp_path):
    (tmp_path / "stock.csv").write_text(SAMPLES["discogs_collection"][0])
    (tmp_path / "sales.csv").write_text(SAMPLES["discogs_orders"][0])
    first = load_files(tmp_path / "a.db", stock=tmp_path / "stock.csv")
    status = store_status(tmp_path / "a.db")
    assert (status["items"], status["in_stock"], status["months"]) == (1, 2, 0)
    assert status["snapshot"] in (None, "") and "profile discogs_collection" in first.lines()[-1]
    second = load_files(tmp_path / "a.db", sales=tmp_path / "sales.csv")
    assert "left out on purpose: status «Cancelled (Per Buyer's Request)»: 1" in str(second.lines())
    load_files(tmp_path / "b.db", tmp_path / "stock.csv", tmp_path / "sales.csv")
    facts = ("items", "copies", "in_stock", "months", "first_month", "snapshot")
    one, other = (store_status(tmp_path / name) for name in ("a.db", "b.db"))
    assert [one[fact] for fact in facts] == [other[fact] for fact in facts]
    assert (one["items"], one["copies"], one["in_stock"]) == (2, 4, 2)


DAILY = """date,date_block_num,shop_id,item_id,item_price,item_cnt_day
03.01.2013,0,25,2574,399.0,2.0
25.01.2013,0,31,2574,399.0,1.0
"""


def test_a_chain_has_branches_with_names_where_a_list_of_them_is_there(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(DAILY)
    with pytest.raises(InputError, match="--profile onec_daily"):
        read_sources(sales=path)
    with pytest.raises(InputError, match="needs the file onec_items.csv beside it"):
        read_sources(sales=path, profile="onec_daily")
    items = "item_name,item_id\nDEL REY LANA  Born To Die,2574\n"
    (tmp_path / "onec_items.csv").write_text(items)
    rows = read_sources(sales=path, profile="onec_daily").rows
    assert rows["branch"].tolist() == ["25", "31"]
    assert rows["artist"].tolist() == ["DEL REY LANA"] * 2
    (tmp_path / "onec_shops.csv").write_text("shop_name,shop_id\nArbat,25\nTverskaya,31\n")
    rows = read_sources(sales=path, profile="onec_daily").rows
    assert rows["branch"].tolist() == ["Arbat", "Tverskaya"]


def test_a_file_that_was_cut_short_says_so_and_a_wrong_profile_its_name(tmp_path):
    text = "Штрихкод,Исполнитель,Альбом,Дата заказа,Цена\n"
    text += 9 * "602557048445,Can,Ege,01.05.2024,9\n"
    for end, cut in (("602557048445,Ca", True), ("", False), ("602557048445,Ca\n", False)):
        (tmp_path / "may.csv").write_text(text + end)
        repairs = inspect_file(tmp_path / "may.csv").repairs["what"]
        assert any("the file may be cut short" in what for what in repairs) == cut
    with pytest.raises(InputError, match="may.csv, with the profile online_retail: has no column"):
        read_sources(sales=tmp_path / "may.csv", profile="online_retail")
