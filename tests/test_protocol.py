"""Every model of the catalog keeps the protocol of `models.core`, whatever the shop looks like."""

import tempfile
from functools import cache

import numpy as np
import pytest

from plastinka.core import InputError
from plastinka.models.catalog import CATALOG, load_model, make_model
from plastinka.models.core import Requirements
from plastinka.panel.monthly import tiny_panel

LEVELS = (0.01, 0.3, 0.5, 0.62, 0.99)
SMALL = {"hidden_size": 8, "seeds": 1, "batch_size": 64}
MONTHS = 16


def odd_items():
    "Six items that models stumble over, and ten ordinary ones."
    random = np.random.default_rng(0)
    units = random.poisson(1.5, (16, MONTHS)).astype(float)
    units[:6] = 0
    units[1, 5] = 4  # one month with sales
    units[2] = 7  # a constant
    units[3] = np.where(np.arange(MONTHS) % 15 < 4, 3, 0)  # a gap of eleven months
    units[4, :6] = 9  # ended early
    first = np.zeros(16, int)
    first[5] = MONTHS - 1  # seen first in the last month: no history
    return units, first


SHOPS = {
    "mixed": lambda: tiny_panel(*odd_items()),
    "zero history": lambda: tiny_panel(odd_items()[0], np.r_[0, np.full(15, MONTHS - 2)]),
    "one non-zero month": lambda: tiny_panel(np.eye(1, MONTHS, 9) * 3),
    "all zeros": lambda: tiny_panel(np.zeros((4, MONTHS))),
    "a constant": lambda: tiny_panel(np.full((3, MONTHS), 5.0)),
    "a gap": lambda: tiny_panel(np.tile(odd_items()[0][3], (3, 1))),
    "ended early": lambda: tiny_panel(np.tile(odd_items()[0][4], (3, 1))),
    "4 months": lambda: tiny_panel(np.ones((5, 4))),
    "1 item": lambda: tiny_panel(odd_items()[0][7:8]),
}
# each head once, on the shop that has all odd items; the first of a kind, and rules, on every shop;
# the combination with networks and trees on the first, and of rules on the others
VARIANTS = [name for name in CATALOG if "tide " in name or CATALOG[name].room == "boosting"]
VARIANTS.remove("lightgbm")
PAIRS = [
    (name, shop)
    for name in CATALOG
    for shop in SHOPS
    if shop in ("mixed", "4 months") or name not in VARIANTS
]
REST = [(name, shop) for name in VARIANTS for shop in SHOPS if (name, shop) not in PAIRS]
RULES = {"members": ("recent quantiles", "seasonal naive")}


@cache
def tiny_weights():
    "A folder with a tiny Chronos-2 that knows nothing; it lives as long as the tests."
    from plastinka.models.zero_shot import write_random_chronos

    folder = tempfile.TemporaryDirectory()
    write_random_chronos(folder.name)
    return folder


@cache
def shop_panel(shop):
    return SHOPS[shop]()


def model_of(name, shop="mixed"):
    if name == "auto":
        return make_model(name, **(SMALL if shop == "mixed" else RULES))
    if name == "zero shot":
        return make_model(name, weights=tiny_weights().name)
    return make_model(name, **(SMALL if "tide" in name else {}))


@cache
def fitted_on(name, shop):
    "The model and itself fitted; trained once for all that is asked of it."
    return model_of(name, shop).fit(shop_panel(shop), 2)


def enough(name, shop, horizon=2):
    "Whether the shop has what the model says it needs."
    return shop_panel(shop).sizes["month"] >= model_of(name, shop).requires(horizon).months


LONG = [pytest.param(*pair, marks=pytest.mark.long) for pair in REST]


@pytest.mark.parametrize("name, shop", [*PAIRS, *LONG])
def test_one_sound_row_for_every_item_asked_for(name, shop):
    panel = shop_panel(shop)
    needs = model_of(name, shop).requires(2)
    assert isinstance(needs, Requirements) and set(needs.covariates) <= set(panel)
    if not enough(name, shop):
        with pytest.raises(InputError, match="complete months"):
            fitted_on(name, shop)
        return
    fitted, before = fitted_on(name, shop), panel.copy(deep=True)
    asked = [*panel["item"].values[::-1], "never heard of", panel["item"].values[0]]
    forecast = fitted.predict(panel, 2, LEVELS, items=asked)
    table = forecast.frame()
    assert panel.identical(before)
    assert fitted.name == name
    assert table["item_id"].tolist() == [item for item in asked for _ in range(2)]
    assert table["horizon"].tolist() == [1, 2] * len(asked)
    assert table["month"].min() > panel["month"].values[-1]
    values = table[[f"q{level:g}" for level in LEVELS]].to_numpy(float)
    assert np.isfinite(values).all() and (values >= 0).all()
    assert (np.diff(values, axis=1) >= 0).all()
    assert np.isfinite(table["mean"]).all() and (table["mean"] >= 0).all()
    known = table["item_id"] != "never heard of"
    assert table["model"][known].isin([name, getattr(fitted, "fallback", name)]).all()
    assert (table["model"][~known] == "newcomer").all()
    np.testing.assert_allclose(forecast.counts.total(forecast.counts.cells), 1, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("shop", SHOPS)
def test_the_default_with_its_networks_and_trees_answers_every_shop(shop):
    panel = shop_panel(shop)
    forecast = make_model("auto", **SMALL).fit(panel, 2).predict(panel, 2, LEVELS)
    values = forecast.frame()[[f"q{level:g}" for level in LEVELS]].to_numpy(float)
    assert forecast.counts.shape == (panel.sizes["item"], 2)
    assert np.isfinite(values).all() and (values >= 0).all() and (np.diff(values) >= 0).all()


@pytest.mark.parametrize("name, shop", PAIRS)
def test_saved_and_loaded_it_forecasts_the_same(name, shop, tmp_path):
    if not enough(name, shop):
        pytest.skip("refused, as the test above checks")
    panel, fitted = shop_panel(shop), fitted_on(name, shop)
    fitted.save(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
    again = load_model(tmp_path)
    one, other = fitted.predict(panel, 2), again.predict(panel, 2)
    assert again.name == fitted.name
    for part in ("cells", "sizes", "steps", "mean"):
        assert np.array_equal(getattr(one.counts, part), getattr(other.counts, part)), part


@pytest.mark.parametrize("name", CATALOG)
def test_what_cannot_be_asked_is_refused(name):
    panel, fitted = shop_panel("mixed"), fitted_on(name, "mixed")
    for horizon in (0, 13, -1):
        with pytest.raises(InputError, match="from 1 to 12"):
            fitted.predict(panel, horizon)
    for levels in ((0.1, 0.9), (0.9, 0.5), (0.0, 0.5), ()):
        with pytest.raises(InputError, match="hold 0.5"):
            fitted.predict(panel, 1, levels)


@pytest.mark.parametrize("name", [name for name in CATALOG if "tide " not in name])
def test_twelve_months_ahead(name):
    "A year ahead, from four years; the network is trained for that horizon."
    months = np.arange(48)
    panel = tiny_panel(np.random.default_rng(1).poisson(1 + (months % 12 == 11), (12, 48)))
    fitted = model_of(name, "a year").fit(panel, 12)
    assert fitted.predict(panel, 12).counts.shape == (12, 12)
    assert fitted.predict(panel, 1).counts.shape == (12, 1)


@pytest.mark.parametrize("horizon", [6, 7])
def test_the_default_asks_the_dear_trees_only_far_ahead(horizon):
    panel = tiny_panel(np.random.default_rng(1).poisson(1.5, (12, 30)))
    fitted = make_model("auto", **SMALL).fit(panel, horizon)
    asked = {name for past in fitted.training.pasts for name in past}
    assert {"tide", "lightgbm"} <= asked
    assert ("lightgbm quantile" in asked) == (horizon == 7)


@pytest.mark.parametrize("name", ["tide", "recent quantiles"])
def test_what_never_sold_is_not_expected_to(name):
    "A shop without a sale is forecast at nearly nothing, a constant at nearly itself."
    silent = fitted_on(name, "all zeros").predict(shop_panel("all zeros"), 2)
    assert silent.counts.mean.max() < 0.7
    if name == "recent quantiles":
        steady = fitted_on(name, "a constant").predict(shop_panel("a constant"), 2)
        assert np.array_equal(steady.counts.mean, np.full((3, 2), 5.0))


def test_training_leaves_the_number_of_threads_alone():
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        model_of("tide").fit(shop_panel("a constant"), 2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
