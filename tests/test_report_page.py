"""The report's page in a browser: a title's own page, with hostile names, by mouse
and by keyboard."""

from pathlib import Path

import pandas as pd
import pytest

from plastinka.report.html import write_html
from plastinka.report.summary import example_report

CHROMIUM = "/usr/bin/chromium"
pytestmark = pytest.mark.long


@pytest.fixture
def page(tmp_path):
    "The opened page of a made-up shop; what it said on the console must be nothing."
    if not Path(CHROMIUM).exists():
        pytest.skip("needs chromium: apt-get install chromium")
    library = pytest.importorskip("playwright.sync_api")
    example = example_report()
    ordered = example.orders.loc[example.orders["order"] > 0, "item_id"]
    moved = pd.DataFrame(dict(season=[0.31], price=[-0.04]), index=ordered[:1])
    settings = example.settings | dict(language="ru", currency="₽")
    write_html(tmp_path / "report.html", **(vars(example) | dict(moved=moved, settings=settings)))
    said = []
    with library.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.on("console", lambda line: said.append(line.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto((tmp_path / "report.html").as_uri())
        yield example, opened
        browser.close()
    assert said == []


def test_a_title_opens_with_all_that_is_known_of_it(page):
    example, opened = page
    first = example.orders[example.orders["order"] > 0].iloc[0]
    opened.locator("td button.title").first.click()
    text = opened.locator("dialog").inner_text()
    assert f"{first['artist']} – {first['album']}" in text  # As text, whatever it looks like
    assert "+31" in text and "Сезон" in text
    assert opened.locator("dialog svg path").count() == 1
    months = example.table["month"].nunique()
    assert opened.locator("dialog table").first.locator("tbody tr").count() == months
    mean = example.table.loc[example.table["item_id"] == first["item_id"], "mean"].iloc[0]
    assert f"{mean:.1f}".replace(".", ",") in text
    opened.locator("dialog summary").click()
    sold = opened.locator("dialog details tbody tr").all_inner_texts()
    own = example.panel["units"].sel(item=first["item_id"]).values
    assert sold[-1].split("\t")[1] == f"{own[-1]:.0f}" and len(sold) == len(own)


def test_likes_open_and_escape_closes(page):
    _, opened = page
    box = opened.locator("dialog")
    button = opened.locator("td button.title").nth(1)
    button.focus()
    opened.keyboard.press("Enter")
    name = box.locator("h2").inner_text()
    box.locator("li button.title").first.click()
    assert box.locator("h2").inner_text() != name and box.locator("h2").count() == 1
    opened.keyboard.press("Escape")
    assert not box.is_visible()


def test_a_search_and_an_order_keep_titles_with_their_own_pages(page):
    example, opened = page
    opened.locator("input[type=checkbox]").check()
    quiet = example.orders.sort_values("needed").iloc[0]
    opened.locator("input[type=search]").fill(str(quiet["album"]))
    opened.locator("td button.title", has_text=str(quiet["album"])).first.click()
    assert str(quiet["album"]) in opened.locator("dialog h2").inner_text()
