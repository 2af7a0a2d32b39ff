"""A model with a head is a darts file: it loads in a process that has only read the file and the package."""
import subprocess
import sys
import textwrap

import numpy as np
import pytest

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@pytest.fixture(scope="module")
def series():
    from darts import TimeSeries
    random = np.random.default_rng(0)
    return [TimeSeries.from_values(random.poisson(rate, (24, 1)).astype(np.float32)) for rate in (0.3, 1, 4, 20)]


def network(head):
    import torch
    from darts.models import TiDEModel
    torch.set_num_threads(1)
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "logger": False, "enable_checkpointing": False,
             "enable_model_summary": False}
    return TiDEModel(6, 2, hidden_size=8, batch_size=16, n_epochs=1, likelihood=head, random_state=0, pl_trainer_kwargs=quiet)


@pytest.mark.parametrize("name", ["darts_quantile", "quantile", "poisson", "negative_binomial", "hurdle", "tweedie"])
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
    room = "sys.modules['plastinka'] = None" if name == "darts_quantile" else "import plastinka.models.heads"
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
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
