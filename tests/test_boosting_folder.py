"""A folder of trees holds text and numbers; one that is forged or damaged is refused before a
library reads it, and the future moves nothing."""

import json
import re

import numpy as np
import pytest

from plastinka.core import InputError
from plastinka.models.catalog import load_model, make_model
from plastinka.models.core import MODEL_FILE, seal
from plastinka.panel.monthly import tiny_panel

NAMES = ("lightgbm", "xgboost")
SMALL = {"rounds": 5, "leaves": 5}


def shop(months=30, seed=0):
    "Counts with a level of their own per title."
    random = np.random.default_rng(seed)
    return random.poisson(random.gamma(1, 1.5, (60, 1)) * np.ones(months)).astype(float)


@pytest.fixture(scope="module")
def panel():
    return tiny_panel(shop())


@pytest.fixture(scope="module")
def written(panel, tmp_path_factory):
    "One folder per library, as its description."
    found = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name)
        make_model(name, **SMALL).fit(panel, 2).save(folder)
        found[name] = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    return found


def forge(folder, described, change):
    "Write a description changed, with a seal that fits."
    whole = json.loads(json.dumps(described))
    change(whole)
    (folder / MODEL_FILE).write_text(json.dumps(seal(whole)), encoding="utf-8")


def reword(before, after):
    "A change of the trees' text."

    def change(described):
        assert before in described["texts"][0]
        described["texts"][0] = described["texts"][0].replace(before, after)

    return change


def renumber(name, value):
    "A change of the first number of a list of the first tree of LightGBM."

    def change(described):
        text, times = re.subn(rf"\n{name}=\S+", f"\n{name}={value}", described["texts"][0], count=1)
        assert times == 1
        described["texts"][0] = text

    return change


def put(*path_and_value):
    "A change that sets one value deep in the description."
    *path, last, value = path_and_value

    def change(described):
        for name in path:
            described = described[name]
        described[last] = value

    return change


def retree(**values):
    "A change of the first XGBoost tree: the first number of a list."

    def change(described):
        model = json.loads(described["texts"][0])
        tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
        for name, value in values.items():
            tree[name][0] = value
        described["texts"][0] = json.dumps(model)

    return change


FORGED = {
    "lightgbm": [
        reword("left_child=", "left_child=9 "),
        renumber("left_child", 0),
        renumber("left_child", 9),
        renumber("right_child", -99),
        renumber("split_feature", -1),
        renumber("split_feature", 10**6),
        renumber("threshold", "nan"),
        reword("num_leaves=5", "num_leaves=500000"),
        reword("num_leaves=5", "num_leaves=6"),
        reword("num_cat=0", "num_cat=3"),
        reword("num_class=1", "num_class=7"),
        renumber("leaf_value", "nan"),
        reword("max_feature_idx=", "max_feature_idx=1"),
        reword("end of trees", "end"),
        reword("is_linear=0", "is_linear=1"),
        put("texts", [""] * 2),
        put("texts", ["tree"]),
        put("texts", [7]),
        put("texts", None),
        put("options", "libraries", ["os"]),
        put("options", "rounds", -1),
        put("options", "head", "import os"),
        put("parts", "season", ["everything"]),
        put("parts", "horizon", 10**9),
        put("parts", "weights", [float("inf")]),
        put("parts", "features", ["one"]),
        put("scatter", "sizes", [[-1.0]]),
        put("scatter", None),
        put("kind", "tide"),
    ],
    "xgboost": [
        retree(left_children=10**6),
        retree(left_children=0),
        retree(right_children=-7),
        retree(split_indices=10**6),
        retree(split_conditions=float("nan")),
        retree(split_type=1),
        put("texts", ["{}"]),
        put("texts", ["[" * 100_000]),
        reword('"num_class":"0"', '"num_class":"3"'),
        reword('"name":"gbtree"', '"name":"dart"'),
    ],
}


@pytest.mark.parametrize(
    "name, number", [(name, number) for name in NAMES for number in range(len(FORGED[name]))]
)
def test_forged_trees_are_refused_even_with_a_right_seal(written, tmp_path, name, number):
    forge(tmp_path, written[name], lambda described: None)
    load_model(tmp_path)  # what was not forged is read
    forge(tmp_path, written[name], FORGED[name][number])
    with pytest.raises(InputError):
        load_model(tmp_path)


def test_a_folder_of_another_kind_of_shop_is_refused(written, tmp_path, panel):
    forge(tmp_path, written["lightgbm"], lambda described: described["parts"]["features"].reverse())
    with pytest.raises(InputError, match="Train it anew"):
        load_model(tmp_path).counts(panel, 2)


@pytest.mark.parametrize("name", NAMES)
def test_same_data_and_seed_give_the_same_forecast(panel, name):
    one, other = (make_model(name, **SMALL).fit(panel, 2).counts(panel, 2) for _ in range(2))
    assert np.array_equal(one.cells, other.cells) and np.array_equal(one.mean, other.mean)


def test_a_missing_xgboost_is_said(panel, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    with pytest.raises(InputError, match="plastinka.models"):
        make_model("xgboost", **SMALL).fit(panel, 2)


def test_importing_the_catalog_loads_neither_library():
    import subprocess
    import sys

    code = "import sys, plastinka.models.boosting; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"lightgbm", "xgboost", "torch"} & set(loaded.stdout.split())
