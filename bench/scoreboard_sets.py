"""The data of the scoreboard: each set as a panel of today, and as the panels of its cutoffs.

A set of sales goes through the project's own reading, ledger and panel, newcomers included; a set
that is monthly already becomes a panel directly, and holds the titles that had sold by the cutoff.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from plastinka.core import InputError
from plastinka.data.ingest import read_sources
from plastinka.data.ledger import Ledger, build_ledger
from plastinka.data.profiles import as_profile, common_item_key
from plastinka.evaluate.backtest import practice_ahead, practice_places
from plastinka.evaluate.fit import cut_panel
from plastinka.evaluate.folds import arrived_since, choose_cutoffs
from plastinka.panel.demand import demand_rates
from plastinka.panel.monthly import tiny_panel
from plastinka.simulate.shop import make_shop
from vn2 import read_weeks, to_months


@dataclass
class Cutoff:
    "What is known as of one cutoff."

    seen: xr.Dataset  # Panel that ends at the cutoff
    arrived: xr.Dataset | None  # Panel of newcomers, where the days of arrivals are known
    judged: bool  # Whether it is reported; else models learn from it alone
    ahead: int  # Months that are forecast: fewer where months are too few to learn from


@dataclass
class DataSet:
    "A set of the scoreboard."

    name: str
    horizon: int  # Months ahead
    panel: xr.Dataset  # Of today: complete months
    cutoffs: list[Cutoff]  # The oldest first
    demand: pd.DataFrame | None = None  # True demand, index item_id, a column per month
    ledger: Ledger | None = field(default=None, repr=False)

    @property
    def months(self) -> int:
        "Complete months at hand."
        return self.panel.sizes["month"]


def places_of(months: int, horizon: int, most: int = 3) -> list[tuple[int, bool, int]]:
    "Cutoffs to learn from and to report, and how far each looks; the same as of a backtest."
    try:
        judged = choose_cutoffs(months, horizon, most)
    except InputError:  # One long horizon: everything before it is known
        judged = [months - 1 - horizon]
    ahead = practice_ahead(judged[0], horizon)
    learning = practice_places(judged[0], ahead) if ahead else []
    return [(place, False, ahead) for place in learning] + [(one, True, horizon) for one in judged]


def choose_items(panel: xr.Dataset, most: int) -> xr.Dataset:
    "At most so many items, drawn at random."
    order = np.random.default_rng(0).permutation(panel.sizes["item"])[:most]
    return panel.isel(item=np.sort(order))


def until(panel: xr.Dataset, place: int) -> xr.Dataset:
    "The first months of a monthly panel, and the items known by then."
    early = panel.isel(month=slice(0, place + 1))
    last = early["month"].values[-1]
    known = early["first_seen"].values <= last
    sold = early["first_sold"].values
    first_sold = ("item", np.where(sold <= last, sold, np.datetime64("NaT")))
    early = early.assign_coords(first_sold=first_sold).isel(item=known)
    return early.assign_attrs(cutoff=str(last)[:10])


def of_panel(name: str, panel: xr.Dataset, most: int, horizon: int = 3, cutoffs: int = 3):
    "A set that is monthly already."
    panel = choose_items(panel, most)
    places = places_of(panel.sizes["month"], horizon, cutoffs)
    found = [Cutoff(until(panel, place), None, *how) for place, *how in places]
    return DataSet(name, horizon, panel, found)


def of_ledger(name: str, ledger: Ledger, demand: pd.DataFrame | None = None, horizon: int = 3):
    "A set of sales."
    panel = cut_panel(ledger)
    months, found = panel["month"].values, []
    for place, *how in places_of(len(months), horizon):
        seen = cut_panel(ledger, pd.Timestamp(months[place]))
        found.append(Cutoff(seen, arrived_since(ledger, seen), *how))
    return DataSet(name, horizon, panel, found, demand, ledger)


def monthly(units, start: str, known: bool, texts: pd.DataFrame | None = None) -> xr.Dataset:
    "A panel of monthly units; where items are not known beforehand they begin with a sale."
    units = np.maximum(np.asarray(units, float), 0)
    units = units if known else units[units.any(axis=1)]
    first = np.zeros(len(units), int) if known else (units > 0).argmax(axis=1)
    return tiny_panel(units, first, start)


def read_sales(path: Path, profile: str = "") -> Ledger:
    "The ledger of one file of sales."
    known = as_profile(profile or None)
    raw = read_sources(None, [path], known)
    return build_ledger(raw, item_key=common_item_key(known))


def carparts(folder: Path, most: int, horizon: int = 3, cutoffs: int = 3) -> DataSet:
    table = pd.read_csv(folder / "carparts_1998-01_2001-03.csv", index_col=0).dropna(axis=1)
    panel = monthly(table.to_numpy().T, "1998-01-01", True)
    names = {3: "car parts", 1: "car parts, one month", 12: "car parts, a year"}
    return of_panel(names[horizon], panel, most, horizon, cutoffs)


def carparts_rolling(folder: Path, most: int) -> DataSet:
    return carparts(folder, most, 1, 12)


def carparts_year(folder: Path, most: int) -> DataSet:
    return carparts(folder, most, 12, 1)


def auto_parts(folder: Path, most: int) -> DataSet:
    table = pd.read_excel(folder / "AUTO.xls", sheet_name="GOEIE", header=None)
    panel = monthly(table.iloc[1:, 1:25].to_numpy(float), "2015-01-01", True)
    return of_panel("AUTO.xls", panel, most)


def m5(folder: Path, most: int) -> DataSet:
    table = pd.read_csv(folder / "m5_foods1_monthly_2011-02_2015-03.csv", index_col=0)
    return of_panel("M5 foods", monthly(table.to_numpy().T, "2011-02-01", False), most)


def chain_pairs(folder: Path, most: int) -> DataSet:
    table = pd.read_csv(folder / "onec_sales_2013_2014.csv.gz")
    columns = dict(index=["shop_id", "item_id"], columns="date_block_num", values="item_cnt_day")
    units = table.pivot_table(**columns, aggfunc="sum", fill_value=0).to_numpy()
    return of_panel("chain, shop × item", monthly(units, "2013-01-01", False), most)


def chain(folder: Path, most: int) -> DataSet:
    return of_ledger("chain", read_sales(folder / "onec_sales_2013_2014.csv.gz", "onec_daily"))


def music(folder: Path, most: int) -> DataSet:
    return of_ledger("music CDs", read_sales(folder / "onec_music_cds_per_copy_2013_2014.xlsx"))


def online_retail(folder: Path, most: int) -> DataSet:
    ledger = read_sales(folder / "online_retail_uk.csv.gz", "online_retail")
    return of_ledger("Online Retail", ledger)


def made_up(folder: Path, most: int, titles: int = 2500, **plan) -> DataSet:
    "A made-up shop with its true demand."
    shop = make_shop(titles=min(titles, most), months=36, seed=7, **plan)
    ledger = build_ledger(read_sources(shop.stock, [shop.sales]), shop.snapshot_date)
    demand = shop.truth.pivot_table(index="item_id", columns="month", values="demand")
    name = "made-up shop, often sold out" if plan else "made-up shop"
    return of_ledger(name, ledger, demand)


def made_up_short(folder: Path, most: int) -> DataSet:
    return made_up(folder, most, stockouts=0.4)


def grocer(folder: Path, most: int) -> DataSet:
    """VN2 by month, each week in the month of its Monday; weeks with an empty shelf are no
    exposure, and what they would have brought is estimated as for a shop with known stock."""
    sales, there, weeks = read_weeks(folder)
    month = (weeks.year * 12 + weeks.month).to_numpy()
    whole = np.isin(month, [each for each in np.unique(month) if (month == each).sum() >= 4])
    sales, there, weeks, month = sales[:, whole], there[:, whole], weeks[whole], month[whole]
    units, days = to_months(sales, month), to_months(7.0 * there, month)
    length = to_months(7.0 * np.ones_like(there), month)
    listed = np.maximum.accumulate(days > 0, axis=1)
    rate, _, shape = demand_rates(units, days, np.zeros(units.shape, int))
    lost, share = np.where(listed, (length - days) * rate, 0), days / length
    measures = {
        **dict.fromkeys(("availability", "depth", "exposure_share"), share),
        **dict.fromkeys(("lost_units", "lost_units_settled"), lost),
        **dict.fromkeys(("offered", "offered_settled"), np.ones_like(share)),
        **dict.fromkeys(("stock_open", "stock_close", "arrivals"), 1.0 * (days > 0)),
        "lost_size": np.where(lost > 0, shape, 1),
        "exposure": days,
        "daily_rate": np.divide(units, days, out=np.zeros_like(units), where=days > 0),
    }
    columns = {name: (("item", "month"), of.astype(np.float32)) for name, of in measures.items()}
    panel = tiny_panel(units, listed.argmax(axis=1), f"{weeks[0]:%Y-%m}-01").assign(columns)
    panel = panel.assign_attrs(stock_known=1).isel(item=days.any(axis=1))
    return of_panel("VN2, by month", panel, most)


SETS = {
    "music": music,
    "chain": chain,
    "pairs": chain_pairs,
    "carparts": carparts,
    "carparts_month": carparts_rolling,
    "carparts_year": carparts_year,
    "retail": online_retail,
    "auto_xls": auto_parts,
    "m5": m5,
    "vn2": grocer,
    "made_up": made_up,
    "made_up_short": made_up_short,
}
