"""No look-ahead, by falsification: after a cutoff, everything that an export of that day would not
have held is replaced by something else, the raw rows are read anew, and nothing that is said as of
the cutoff may move by a bit.

What that day's export would have held: the sales up to the cutoff, and, in its stock file, the
arrival and the name of every copy that was on the shelf. All else is replaced: later sales with
their days, prices, years, styles and spellings, the snapshot's prices, copies and records that
came later, returns."""

import numpy as np
import pandas as pd
import pytest

from plastinka.panel.features import demand_estimate, fit_static, past_features, static_features
from plastinka.data.ingest import RawRows
from plastinka.data.ledger import build_ledger
from plastinka.models.baselines import BASELINES
from plastinka.models.catalog import make_model
from plastinka.panel.panel import build_panel
from plastinka.data.schema import QUANTILES
from plastinka.simulate.shop import make_shop
from plastinka.evaluate.fit import cut_panel
from plastinka.models.networks import Training, train_networks
from plastinka.models.tide import tide_options
from plastinka.models.batches import gather_inputs
from plastinka.panel.windows import build_block, training_windows, window_weights

CUTOFF, SNAPSHOT = pd.Timestamp("2023-06-01"), pd.Timestamp("2024-01-01")
END = CUTOFF + pd.offsets.MonthBegin(1)
MEASURED_LATER = (
    "style",
    "recording_year",
    "release_year",
    "decade_recorded",
    "decade_released",
    "price_last",
)


@pytest.fixture(scope="module")
def rows():
    "The rows of a made-up shop, stock and sales, as values."
    shop = make_shop(titles=70, months=24, seed=11, stockouts=0.3)
    return pd.concat(
        [shop.sales.assign(kind="sales"), shop.stock.assign(kind="stock")], ignore_index=True
    )


def as_raw(rows):
    "Values as a reader gives them: text, one file per kind."
    rows = rows.sort_values(["kind", "sold_date", "created_date"], kind="stable", ignore_index=True)
    words = [name for name in rows.columns if name != "kind"]
    text = {
        name: rows[name].astype(str).where(rows[name].notna(), None).astype(object)
        for name in words
    }
    kind = pd.Categorical(rows["kind"], categories=["sales", "stock"])
    table = pd.DataFrame(text).assign(
        kind=kind,
        source_file=kind,
        source_sheet=pd.Categorical(["1"] * len(rows)),
        source_row=np.arange(len(rows)) + 2,
    )
    names = ["sales", "stock"]
    return RawRows(
        table,
        pd.DataFrame(
            dict(file=names, path=names, kind=names, sheet="1", sha256=names, rows=0, filtered=0)
        ),
    )


def falsify(rows, seed):
    "Another future: the same rows up to the cutoff, and nothing else of what came true."
    rng = np.random.default_rng(seed)
    held, shelf = (
        rows[rows["sold_date"] < END],
        rows[~(rows["sold_date"] < END) & (rows["created_date"] < END)],
    )
    shelf = retell(shelf.loc[shelf.index.repeat(shelf["count"])].assign(count=1), rng)
    later = rows[rows["created_date"] >= END].sample(frac=0.5, random_state=seed)
    later = retell(later, rng).assign(
        created_date=END + pd.to_timedelta(rng.integers(0, 20, len(later)), "D")
    )
    later.loc[later["sold_date"] < later["created_date"], "sold_date"] = SNAPSHOT - pd.Timedelta(
        days=1
    )
    strangers = later.head(30).assign(
        artist="Nobody Yet", barcode="", album=[f"Album {k}" for k in range(min(30, len(later)))]
    )
    everybody = held.drop_duplicates("barcode").assign(album="Another Record", barcode="")
    everybody = retell(everybody, rng).assign(created_date=END)
    every_day = strangers.head(1).loc[lambda one: one.index.repeat((SNAPSHOT - END).days)]
    every_day = every_day.assign(
        created_date=END,
        count=1,
        kind="sales",
        sold_date=END + pd.to_timedelta(np.arange(len(every_day)), "D"),
    )
    gone = held[
        ~held["barcode"].isin([*shelf["barcode"], *later["barcode"]]) & (held["barcode"] != "")
    ]
    assert len(gone) > 20
    back = gone.tail(20).assign(sold_date=END + pd.Timedelta(days=40), count=-1, price=1.0)
    return pd.concat([held, shelf, later, strangers, everybody, every_day, back], ignore_index=True)


def retell(rows, rng):
    "Rows with other days of sale, prices, years, styles and spellings."
    sold = rng.random(len(rows)) < 0.7
    day = END + pd.to_timedelta(rng.integers(0, (SNAPSHOT - END).days, len(rows)), "D")
    return rows.assign(
        kind=np.where(sold, "sales", "stock"),
        sold_date=pd.Series(day, rows.index).where(sold),
        price=rng.integers(1, 90_000, len(rows)),
        style=rng.choice(["Polka", "Rock", "Jazz/Rock"], len(rows)),
        recording_year=rng.integers(1950, 1960, len(rows)),
        release_year=rng.integers(1960, 2023, len(rows)),
        artist=rows["artist"].str.upper(),
        album="  " + rows["album"].str.replace(" ", "  "),
    )


def as_of_cutoff(rows):
    "All that is said as of the cutoff, by name."
    ledger = build_ledger(as_raw(rows), SNAPSHOT, max_bad_share=1)
    assert ledger.stock_known
    panel = cut_panel(ledger, CUTOFF)
    said = {
        f"panel {name}": panel[name].values
        for name in (*panel.data_vars, *panel.coords)
        if name not in (*MEASURED_LATER, "artist", "album")
    }
    encoder, options = fit_static(panel), tide_options(panel.sizes["month"], 3)
    said |= {
        "past": past_features(panel).values,
        "static": static_features(panel, encoder).values,
        "demand": demand_estimate(panel),
        "styles": np.array(encoder.styles),
    }
    block = build_block(panel, encoder, options.lags, 3)
    windows = training_windows(block)
    said |= {
        "windows": windows,
        "window weights": window_weights(block, windows, 0.5),
        "target weight": block.weight,
    }
    inputs = gather_inputs(block, windows)
    said |= {f"input {name}": values.numpy() for name, values in inputs.items()}
    networks = train_networks(panel, options, Training(30, len(windows)))
    models = (networks, make_model("lightgbm").fit(panel, 3), *BASELINES)
    return said | {
        f"forecast of {model.name}": model.counts(panel, 3).quantile(QUANTILES) for model in models
    }


def test_another_future_moves_nothing(rows):
    true, false = as_of_cutoff(rows), as_of_cutoff(falsify(rows, 1))
    for name in true:
        np.testing.assert_array_equal(true[name], false[name], err_msg=name)


def test_the_falsified_rows_do_differ(rows):
    "The test above can fail: after the cutoff nothing is as it was."
    true, false = (
        build_panel(build_ledger(as_raw(each), SNAPSHOT, max_bad_share=1))
        for each in (rows, falsify(rows, 1))
    )
    both = np.intersect1d(true["item"].values, false["item"].values)
    true, false = (each.sel(item=both) for each in (true, false))
    for name in ("units", "lost_units", "price"):
        assert not np.array_equal(
            true[name].values[:, 18:], false[name].values[:, 18:], equal_nan=True
        )
        np.testing.assert_array_equal(
            true[name].values[:, :18][true["units"].values[:, :18] > 0],
            false[name].values[:, :18][true["units"].values[:, :18] > 0],
        )


def test_the_price_at_the_till_does_not_tell_who_sells(rows):
    """With a markdown at the till, the price known at the cutoff must not separate what sells soon
    from what does not."""
    sold = rows["sold_date"].notna() & (rows["sold_date"] >= END)
    marked = rows.assign(price=rows["price"].where(~sold, 1.0))
    panel = cut_panel(build_ledger(as_raw(marked), SNAPSHOT, max_bad_share=1), CUTOFF)
    plain = cut_panel(build_ledger(as_raw(rows), SNAPSHOT, max_bad_share=1), CUTOFF)
    np.testing.assert_array_equal(panel["price"].values, plain["price"].values)
    assert panel["price"].notnull().any() and not (panel["price"] == 1.0).any()
