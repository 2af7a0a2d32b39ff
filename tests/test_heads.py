"""Heads whatever the network says; and a model with a head is a darts file, which loads in a
process that has only read the file and the package."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.fixture(scope="module")
def series():
    from darts import TimeSeries

    random = np.random.default_rng(0)
    return [
        TimeSeries.from_values(random.poisson(rate, (24, 1)).astype(np.float32))
        for rate in (0.3, 1, 4, 20)
    ]


def network(head):
    import torch
    from darts.models import TiDEModel

    torch.set_num_threads(1)
    quiet = {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
    }
    return TiDEModel(
        6,
        2,
        hidden_size=8,
        batch_size=16,
        n_epochs=1,
        likelihood=head,
        random_state=0,
        pl_trainer_kwargs=quiet,
    )


RARE = [
    pytest.param(name, marks=pytest.mark.long)
    for name in ("poisson", "hurdle", "tweedie", "darts_quantile")
]


@pytest.mark.parametrize("name", ["quantile", "negative_binomial", *RARE])
def test_plain_darts_fits_predicts_saves_and_another_process_loads(name, series, tmp_path):
    from plastinka.models.heads import make_head

    model = network(make_head(name, LEVELS))
    model.fit(series)
    sampled = model.predict(2, series=series, num_samples=20)
    assert sampled[0].all_values().shape == (2, 1, 20)
    parameters = model.predict(2, series=series, predict_likelihood_parameters=True)
    assert np.isfinite(parameters[3].values()).all()
    model.save(str(tmp_path / "model.pt"), clean=True)
    np.save(tmp_path / "inputs.npy", np.stack([one.values() for one in series]))
    np.save(tmp_path / "expected.npy", np.stack([one.values() for one in parameters]))
    # darts' own head must load where there is no plastinka; any other needs its room imported
    room = (
        "sys.modules['plastinka'] = None"
        if name == "darts_quantile"
        else "import plastinka.models.heads"
    )
    script = textwrap.dedent(f"""
        import sys, numpy as np
        {room}
        from darts import TimeSeries
        from darts.models import TiDEModel
        model = TiDEModel.load("model.pt", map_location="cpu")
        series = [TimeSeries.from_values(values) for values in np.load("inputs.npy")]
        found = model.predict(2, series=series, predict_likelihood_parameters=True, verbose=False)
        assert (np.stack([one.values() for one in found]) == np.load("expected.npy")).all()
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]


COUNT_HEADS = ["poisson", "negative_binomial", "hurdle", "tweedie"]
OUTPUTS = some.floats(-1e4, 1e4, width=32) | some.floats(
    width=32, allow_nan=False, allow_infinity=False
)


def one_month(values):
    import torch

    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


@pytest.mark.parametrize("name", ["quantile", *COUNT_HEADS])
@settings(max_examples=300, deadline=None)
@example(numbers=[0.0, 0.0, 0.0, 0.0, 3.4e38], units=0, scale=24.0)
@example(numbers=[3.4e38] * 5, units=10**6, scale=1e4)
@example(numbers=[-3.4e38] * 5, units=10**6, scale=1e4)
@given(
    numbers=some.lists(OUTPUTS, min_size=5, max_size=5),
    units=some.sampled_from([0, 1, 2, 17, 1000]) | some.integers(0, 10**6),
    scale=some.floats(1, 1e4),
)
def test_loss_and_slope_are_finite_for_any_finite_output(name, numbers, units, scale):
    import torch
    from plastinka.models.heads import make_head, training_target

    head = make_head(name, LEVELS)
    output = one_month(numbers[: head.num_parameters]).requires_grad_()

    def number(value):
        return torch.full((1, 1, 1), float(value))

    loss = head.compute_loss(
        output, *training_target(head, number(units), number(1), number(scale))
    )
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(output.grad).all(), (loss, output.grad)


@pytest.mark.parametrize("name", ["quantile", "integer", *COUNT_HEADS])
@settings(max_examples=300, deadline=None)
@given(
    numbers=some.lists(some.floats(-1e4, 1e4, width=32), min_size=5, max_size=5),
    scale=some.floats(1, 1e4),
)
def test_quantiles_are_ordered_not_negative_and_whole_where_they_are_counts(name, numbers, scale):
    import torch
    from plastinka.models.heads import QuantileHead, make_head

    head = QuantileHead(LEVELS, integer=True) if name == "integer" else make_head(name, LEVELS)
    output = one_month(numbers[: head.num_parameters])
    found = head.forecast(output, LEVELS, scale)[0, 0]
    assert torch.isfinite(found).all() and (found >= 0).all() and (found.diff() >= 0).all(), found
    assert name == "quantile" or (found == found.floor()).all()
    assert torch.isfinite(head.mean(output, scale)).all()


@pytest.mark.parametrize("name", COUNT_HEADS)
@settings(max_examples=300, deadline=None)
@given(
    numbers=some.lists(some.floats(-20, 20, width=32), min_size=3, max_size=3),
    scale=some.floats(1, 100),
    level=some.floats(1e-4, 0.9999),
)
def test_a_quantile_is_the_smallest_count_whose_probability_reaches_the_level(
    name, numbers, scale, level
):
    from plastinka.models.heads import make_head

    head = make_head(name, LEVELS)
    output = one_month(numbers[: head.num_parameters])
    parameters = head._parameters(output.double(), scale).numpy()[0, 0, 0]
    count = head.forecast(output, (level,), scale).item()

    def more(least):
        return head.log_tail(np.float64(least), parameters)

    assert more(count + 1) <= np.log1p(-level) + 1e-9
    assert count == 0 or more(count) >= np.log1p(-level) - 1e-9
