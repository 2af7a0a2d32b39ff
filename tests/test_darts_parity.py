"""Training on finished batches is darts' own training: the same windows in the same order end in
the same bits."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import training  # noqa: E402


def test_finished_batches_end_in_the_same_weights_as_fit_of_series():
    assert training.identical_weights()


def test_another_order_of_windows_ends_in_other_weights():
    assert not training.identical_weights(newest_first=False)
