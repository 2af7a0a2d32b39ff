"""Lost units against a truth that is known: the whole way from a made-up shop's rows through ledger and panel.

What the estimate owes is the total over the shop, within 5 % at every level of stock-outs, in two shops per level. Plain Poisson demand and other
kinds of shop are held to less, on average over their shops. Not every shop is within 5 %: of 24 with other seeds (10 to 15) 17 were, and the shop
of seed 15, in which one hit ran out in its release rush for good, came out 8 to 33 % high; see the end of nbs/29_demand.ipynb.
The numbers: pytest -s tests/test_lost_units.py
"""
import numpy as np
import pandas as pd
import pytest

from plastinka.ingest import RawRows
from plastinka.ledger import build_ledger
from plastinka.panel import build_panel
from plastinka.shop import make_shop

LEVELS, SEEDS = (0.1, 0.2, 0.3, 0.4), (0, 1)


def raw_rows(shop):
    "A shop's two tables as a reader gives them: text, with the file of each row."
    rows = pd.concat({"stock": shop.stock, "sales": shop.sales}, names=["kind"]).reset_index("kind").reset_index(drop=True)
    text = {name: rows[name].astype(str).where(rows[name].notna(), None).astype(object) for name in rows.columns if name != "kind"}
    rows = pd.DataFrame(text).assign(kind=pd.Categorical(rows["kind"], categories=["sales", "stock"]))
    rows = rows.assign(source_file=rows["kind"], source_sheet=pd.Categorical.from_codes(np.zeros(len(rows), int), ["1"]), source_row=np.arange(len(rows)) + 2)
    names = ["sales", "stock"]
    return RawRows(rows=rows, sources=pd.DataFrame(dict(file=names, path=names, kind=names, sheet="1", sha256=names, rows=0, filtered=0)))


def lost_share(**knobs):
    "Estimated lost units over true ones."
    shop = make_shop(**knobs)
    panel = build_panel(build_ledger(raw_rows(shop), shop.snapshot_date))
    assert float(panel["units"].sum()) == len(shop.sales)
    share = float(panel["lost_units"].astype("float64").sum() / shop.truth["lost_units"].sum())
    print(f"{knobs}: {share:.3f} of {shop.truth['lost_units'].sum():.0f} lost units", end="  ")
    return share


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("level", LEVELS)
def test_the_total_is_within_five_per_cent(level, seed):
    assert abs(lost_share(stockouts=level, seed=seed) - 1) < 0.05


@pytest.mark.parametrize("level", LEVELS)
def test_plain_poisson_demand_needs_no_other_estimate(level):
    "On average over the shops: single ones go to 5.6 % below, of which up to 3.7 % was lost before the shop's files show a first copy."
    shares = [lost_share(stockouts=level, seed=seed, clumping=0, quiet=0) for seed in SEEDS]
    assert abs(np.mean(shares) - 1) < 0.05


@pytest.mark.parametrize("knobs", [dict(titles=300, months=24), dict(demand=0.7), dict(clumping=0.8, quiet=0.2), dict(new_releases=0, trend=0)],
                         ids=["younger and smaller", "slow sellers", "moodier", "nothing new"])
def test_other_shops_come_near(knobs):
    shares = [lost_share(stockouts=level, seed=seed, **knobs) for level in (0.2, 0.4) for seed in (2, 3)]
    assert abs(np.mean(shares) - 1) < 0.1
