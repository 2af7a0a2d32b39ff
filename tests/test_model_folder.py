"""A model folder says what its networks read, and one that does not fit is refused before it
forecasts."""

import json
from dataclasses import replace

import numpy as np
import pytest

from plastinka.core import InputError
from plastinka.panel.monthly import tiny_panel
from plastinka.evaluate.fit import Signature, load_trained, save_trained, tide_options, train_all


@pytest.fixture(scope="module")
def panel():
    return tiny_panel(np.random.default_rng(0).poisson(1.0, (12, 26)))


@pytest.fixture(scope="module")
def trained(panel):
    options = replace(tide_options(26), hidden_size=8)
    return train_all(panel, options, steps=20, windows=100)


@pytest.fixture()
def folder(trained, tmp_path):
    save_trained(trained, tmp_path)
    return tmp_path


def rewrite(folder, change):
    "Change what is written of a model, as a careless hand would."
    path = folder / "tide.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    change(described)
    path.write_text(json.dumps(described), encoding="utf-8")


def swapped(names):
    "The first two change places."
    return [names[1], names[0], *names[2:]]


def test_what_was_saved_forecasts_the_same(trained, folder, panel):
    again = load_trained(folder)
    assert again.signature == trained.signature and len(again.signature.features) > 15
    np.testing.assert_array_equal(again.forecast(panel, 3).cells, trained.forecast(panel, 3).cells)


@pytest.mark.parametrize(
    "field, value",
    [
        ("features", swapped),
        ("stock_known", lambda known: not known),
        ("item_key", lambda key: "barcode,album"),
        ("calendar", lambda read: not read),
    ],
)
def test_a_signature_that_was_changed_is_refused(folder, field, value):
    rewrite(
        folder,
        lambda described: described["signature"].update(
            {field: value(described["signature"][field])}
        ),
    )
    with pytest.raises(InputError, match="not the one it was saved with"):
        load_trained(folder)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("features", lambda names: tuple(swapped(names)), "reads other features"),
        ("features", lambda names: names[:-1], "reads other features"),
        ("stock_known", lambda known: not known, "was trained with stock known"),
        ("item_key", lambda key: "barcode,album", "knows items by barcode,album"),
    ],
)
def test_a_folder_of_another_program_is_refused(folder, panel, field, value, words):
    """Whole in itself, digest and all, but written where features stood in another order, or for
    another kind of shop."""

    def change(described):
        signature = Signature(
            **{**described["signature"], "features": tuple(described["signature"]["features"])}
        )
        signature = replace(signature, **{field: value(getattr(signature, field))})
        described["signature"] = {**described["signature"], field: getattr(signature, field)}
        described["signature_sha256"] = signature.digest

    rewrite(folder, change)
    with pytest.raises(InputError, match=words):
        load_trained(folder).forecast(panel, 3)


def test_the_versions_are_written(folder):
    versions = json.loads((folder / "tide.json").read_text(encoding="utf-8"))["versions"]
    assert {"plastinka", "darts", "torch"} <= set(versions) and all(versions.values())
