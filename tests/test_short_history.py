"""A shop of few months gets a forecast by models that are named, from four months on."""

import pytest

import plastinka
from plastinka.core import InputError
from plastinka.simulate.shop import make_shop


def sales_of(months):
    return make_shop(titles=12, months=months, seed=3).sales


def test_four_months_are_forecast_and_the_report_says_by_what(tmp_path):
    result = plastinka.forecast(sales=sales_of(4), seeds=1)
    made = result.fitted.trained.combination
    assert made.members == ("lightgbm", "pooled negative binomial")
    assert "too few to learn from" in made.why
    assert result.forecast["horizon"].max() == 3 and (result.forecast["mean"] >= 0).all()
    assert len(result.fitted.held.folds) == 1
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the months are too few to learn from earlier forecasts" in page


def test_three_months_are_refused_and_a_network_names_what_it_needs():
    with pytest.raises(InputError, match="at least 4 complete months, the data holds 3"):
        plastinka.forecast(sales=sales_of(3))
    with pytest.raises(InputError, match="at least 12 fully observed months"):
        plastinka.forecast(sales=sales_of(9), model="tide")
