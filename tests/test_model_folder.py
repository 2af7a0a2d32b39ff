"""A model folder holds numbers and settings; one that is damaged, forged or of another shop is
refused, and nothing of it ran."""

import hashlib
import json
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from plastinka.core import InputError
from plastinka.models.catalog import load_model, make_model
from plastinka.models.core import MODEL_FILE, seal
from plastinka.models.networks import Signature, Training, train_networks
from plastinka.models.tide import tide_options
from plastinka.panel.monthly import tiny_panel

WEIGHTS = "network_0.safetensors"


class Bomb:
    "Writes a file when it is unpickled."

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture(scope="module")
def panel():
    return tiny_panel(np.random.default_rng(0).poisson(1.0, (12, 26)))


@pytest.fixture(scope="module")
def trained(panel):
    options = replace(tide_options(26), hidden_size=8)
    return train_networks(panel, options, Training(20, 100), kind="tide", name="tide")


@pytest.fixture()
def folder(trained, tmp_path):
    trained.save(tmp_path)
    return tmp_path


def rewrite(folder, change, sealed=True):
    """Change what is written of a model, as a careless hand would, or as one that knows about the
    seal."""
    path = folder / MODEL_FILE
    described = json.loads(path.read_text(encoding="utf-8"))
    change(described)
    path.write_text(json.dumps(seal(described) if sealed else described), encoding="utf-8")


def swapped(names):
    "The first two change places."
    return [names[1], names[0], *names[2:]]


def test_what_was_saved_forecasts_the_same(trained, folder, panel):
    again = load_model(folder)
    assert again.signature == trained.signature and len(again.signature.features) > 15
    np.testing.assert_array_equal(again.counts(panel, 3).cells, trained.counts(panel, 3).cells)


def test_the_folder_holds_numbers_and_settings_alone(folder):
    assert sorted(path.name for path in folder.iterdir()) == [MODEL_FILE, WEIGHTS]
    size = int.from_bytes((folder / WEIGHTS).read_bytes()[:8], "little")
    json.loads((folder / WEIGHTS).read_bytes()[8 : 8 + size])  # the header of safetensors


@pytest.mark.parametrize("cut", [0, 1, 7, 100, -1])
@pytest.mark.parametrize("name", [MODEL_FILE, WEIGHTS])
def test_a_truncated_file_is_refused(folder, name, cut):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:cut])
    with pytest.raises(InputError, match="cannot be read"):
        load_model(folder)


@pytest.mark.parametrize("place", [0, 9, 500, -1])
def test_a_changed_byte_is_refused(folder, place):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[place] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(InputError, match="is not the one it was saved with"):
        load_model(folder)


def test_a_missing_file_is_refused(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_model(folder)


@pytest.mark.parametrize("name", [WEIGHTS, MODEL_FILE])
@pytest.mark.parametrize("hash_fits", [False, True])
def test_a_pickle_in_place_of_a_file_does_not_run(folder, name, hash_fits):
    content, exploded = pickle.dumps(Bomb(folder / "exploded")), folder / "exploded"
    (folder / name).write_bytes(content)
    if hash_fits and name == WEIGHTS:
        digest = hashlib.sha256(content).hexdigest()
        rewrite(folder, lambda described: described["files"].update({WEIGHTS: digest}))
    with pytest.raises(InputError, match="cannot be read"):
        load_model(folder)
    assert not exploded.exists()
    pickle.loads(content)
    assert exploded.exists()  # the bomb is a real one


@pytest.mark.parametrize("name", ["tide.pt", "tide.pt.ckpt", "network_1.safetensors", "x.pkl"])
def test_a_pickle_beside_the_files_is_never_opened(folder, panel, trained, name):
    (folder / name).write_bytes(pickle.dumps(Bomb(folder / "exploded")))
    again = load_model(folder)
    np.testing.assert_array_equal(again.counts(panel, 3).cells, trained.counts(panel, 3).cells)
    assert not (folder / "exploded").exists()


def test_a_file_outside_the_folder_is_not_read(folder):
    rewrite(
        folder,
        lambda described: described.update(files={"../../etc/passwd": "0" * 64}),
    )
    with pytest.raises(InputError, match=f"{WEIGHTS}.*cannot be read|cannot be read.*{WEIGHTS}"):
        load_model(folder)


def put(*path_and_value):
    "A change that sets one value deep in the description."
    *path, last, value = path_and_value

    def change(described):
        for name in path:
            described = described[name]
        described[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("kind", "os.system"),
        put("kind", "all-zero"),
        put("options", "hidden_size", 10**9),
        put("options", "hidden_size", "8"),
        put("options", "hidden_size", 16),
        put("options", "lags", -1),
        put("options", "head", "__import__('os')"),
        put("options", "further", {"work_dir": "/"}),
        put("options", "further", {"pl_trainer_kwargs": {}}),
        put("options", "memory", 12),
        put("options", []),
        put("widths", "past_covariates", 10**12),
        put("widths", {}),
        put("signature", None),
        put("encoder", None),
        put("training", "steps", "many"),
        put("factor", "much"),
        put("files", None),
        put("files", {}),
        put("versions", "a text"),
    ],
)
def test_forged_settings_are_refused_even_with_a_right_seal(folder, panel, change):
    rewrite(folder, change)
    if json.loads((folder / MODEL_FILE).read_text())["versions"] == "a text":
        load_model(folder)  # versions are for people
        return
    with pytest.raises(InputError):
        load_model(folder)


def test_settings_changed_by_hand_are_refused(folder):
    rewrite(folder, put("factor", 2.0), sealed=False)
    with pytest.raises(InputError, match="is not the one it was saved with"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "\x00", "{" * 100_000])
def test_any_text_in_place_of_the_description_is_refused(folder, text):
    (folder / MODEL_FILE).write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        load_model(folder)


def test_a_folder_of_an_older_version_is_refused(tmp_path):
    (tmp_path / "tide.json").write_text("{}")
    (tmp_path / "tide.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(InputError, match="holds no model.json.*train again"):
        load_model(tmp_path)
    assert not (tmp_path / "exploded").exists()


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
        load_model(folder)


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
        load_model(folder).counts(panel, 3)


@pytest.fixture()
def combined(panel, tmp_path):
    "A combination of two rules, saved; its folder."
    make_model("auto", members=("recent quantiles", "seasonal naive")).fit(panel, 3).save(tmp_path)
    return tmp_path


def test_a_combination_holds_its_members_and_forecasts_the_same(combined, panel):
    again = load_model(combined)
    files = {path.name for path in combined.rglob("*") if path.is_file()}
    assert files == {MODEL_FILE, "combination.safetensors"}
    again.save(combined / "copy")
    other = load_model(combined / "copy")
    np.testing.assert_array_equal(again.counts(panel, 3).cells, other.counts(panel, 3).cells)


@pytest.mark.parametrize(
    "change",
    [
        put("kind", "os.system"),
        put("members", []),
        put("members", [{"name": "all-zero", "sha256": "0" * 64}]),
        put("members", None),
        put("factor", "much"),
        put("factor", -1),
        put("files", {}),
    ],
)
def test_a_forged_combination_is_refused_even_with_a_right_seal(combined, change):
    rewrite(combined, change)
    with pytest.raises(InputError):
        load_model(combined)


def test_a_member_that_was_exchanged_is_refused(combined, panel):
    make_model("all-zero").fit(panel).save(combined / "member_0")
    with pytest.raises(InputError, match="member_0 is not the one it was saved with"):
        load_model(combined)
    (combined / "member_0" / MODEL_FILE).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_model(combined)


def test_the_versions_are_written(folder):
    versions = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))["versions"]
    assert {"plastinka", "darts", "torch"} <= set(versions) and all(versions.values())


SINGLE_ROOMS = (
    "models.core models.baselines models.newcomers models.season evaluate.fit evaluate.backtest "
    "evaluate.calibrate evaluate.compare"
).split()


@pytest.mark.parametrize(
    "module",
    ["models.catalog", "evaluate.combine", "evaluate.explain", "evaluate.export_onnx"]
    + [pytest.param(name, marks=pytest.mark.long) for name in SINGLE_ROOMS],
)
def test_what_trains_no_network_does_not_import_torch(module):
    code = f"import sys, plastinka.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "darts", "pytorch_lightning"} & set(loaded.stdout.split())
