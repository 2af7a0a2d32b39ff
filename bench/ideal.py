"""What can be known of a made-up shop: forecasts of one who knows how the shop is built (season,
styles, prices, the spread of titles, how buyers guess), and of each title only what the files tell.
Nobody can forecast better from the files, so a bar beyond these numbers cannot be reached there.

A title's own numbers (rate, growth, rush after a release) are drawn many times as the shop draws
them, and weighed by how likely they make what was seen: copies sold while one was there, and the
size of the first delivery, from which the buyer's guess can be read. What a title's price was
before it came stands in no file, so that a change since is drawn, too.

    python bench/ideal.py           # launches: with the artists' fame known, and as the files tell
    python bench/ideal.py --json bench/results/ideal.json

Replays are played with it by `bench/replay.py`, launches by `bench/launches.py`."""

import argparse
import sys
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from report import finish, row
from scipy.special import gammaln, ndtr

from plastinka.simulate.world import (
    STYLES,
    make_titles,
    price_path,
    random_stream,
    shop_calendar,
)

FAME, OWN, GUESS = 0.6, 0.85, 0.4  # Spread of logarithms: artists, titles, the buyer's guess
PRICE_STEP = 0.05, 0.12  # Mean and spread of a year's change of a price's logarithm
STEP = 6  # Days of a release's rush that are taken together


class Builder:
    "What is known of a shop by how it is built, for some of its titles."

    def __init__(self, shop, ids, draws=1000, seed=5):
        self.shop, self.ids, self.draws = shop, pd.Index(ids), draws
        self.random = np.random.default_rng(seed)
        self.plan, self.calendar = shop.plan, shop_calendar(shop.plan)
        self.month = self.calendar.month.factorize()[0]
        self.burn_in = int((self.calendar.phase == "before").sum())
        self.items = shop.items.set_index("item_id").reindex(self.ids)
        self.style = self.items["main_style"].to_numpy()
        self.new = self.items["new_release"].to_numpy(bool)
        self.sealed = (self.items["cover_type"] == "SS").to_numpy()
        self.launch = (self.items["launch"] - self.calendar.index[0]).dt.days.to_numpy()
        self.quiet, self.size = self.plan.quiet, 1 / max(self.plan.clumping, 1e-6)

    @cached_property
    def table(self):
        "The titles as they were made, in the order of the ids: fame, and price of each month."
        known = (self.calendar.phase != "future").to_numpy()
        made = make_titles(self.plan, self.calendar.index[known], self.burn_in)
        prices = price_path(self.plan, made.price.to_numpy(), self.month[-1] + 1)
        key = ["barcode", "artist", "album", "cover_type", "release_type"]
        number = made[key].assign(number=np.arange(len(made)))
        rows = self.items.reset_index().merge(number, on=key, how="left")["number"].to_numpy()
        effect = np.clip((prices[:, rows] / prices[0, rows]) ** -self.plan.elasticity, 0.3, 3)
        return made.fame.to_numpy()[rows], effect / np.exp(self.hidden(effect))

    @cached_property
    def came(self):
        "Whether titles came after the files' beginning [titles]."
        return self.launch > self.burn_in

    def hidden(self, effect):
        "Logarithm of what prices had done before a title came, which no file tells [titles]."
        at = self.month[np.clip(self.launch, 0, len(self.month) - 1)]
        return np.where(self.came, np.log(effect[at, np.arange(len(at))]), 0)

    @cached_property
    def years(self):
        "Years in which a title's price moved before it came [titles]."
        at = self.month[np.clip(self.launch, 0, len(self.month) - 1)]
        return np.where(self.came, at / 12, 0)

    @cached_property
    def moved(self):
        "Spread of the logarithms of what hidden prices did to demand [titles]."
        return self.plan.elasticity * np.hypot(*PRICE_STEP) * np.sqrt(self.years)

    @cached_property
    def own(self):
        "Spread of the titles' own logarithms, with that of hidden prices [titles]."
        return np.hypot(OWN, self.moved)

    @cached_property
    def world(self):
        "Season by day and style of each title [days, titles], slow trend [months, titles]."
        random, last = random_stream(self.plan, "trends"), self.month[-1]
        walk = random.normal(0, 0.03, (last + 1, len(STYLES))).cumsum(axis=0)
        slow = np.exp(walk - walk.mean(axis=0))[:, self.style]
        random.normal(0, self.plan.trend, self.plan.titles)  # Growth: not known
        strength = random.uniform(0.6, 1.4, len(STYLES))[self.style]
        season = self.calendar.season.to_numpy()[:, None] ** strength
        return season * self.calendar.event.to_numpy()[:, None], slow

    @cached_property
    def centre(self):
        "Logarithm of a usual title's rate [titles]."
        usual = np.log(self.plan.demand / np.exp((FAME**2 + OWN**2) / 2) / 0.88)
        hidden = -self.plan.elasticity * PRICE_STEP[0] * self.years
        return usual + hidden + np.where(self.sealed, 0, np.log(0.4))

    def draw(self, centre, spread):
        "Draws of each title's numbers: rate, growth, rush and its weeks [titles, draws]."
        shape, spread = (len(self.ids), self.draws), np.reshape(spread, (-1, 1))
        rush = np.where(self.new[:, None], self.random.gamma(2, 2.5, shape), 0)
        return dict(
            rate=centre[:, None] + self.random.normal(0, spread, shape),
            growth=self.random.normal(0, self.plan.trend, shape) + self.plan.growth,
            rush=rush,
            weeks=self.random.uniform(3, 15, shape),
        )

    def expected(self, drawn, days, share, price):
        "Copies asked for on some days of one month, of each draw [titles, draws]."
        month, (season, slow) = self.month[days[0]], self.world
        age = np.maximum(days[:, None] - self.launch, 0)
        there = share * season[days] * (days[:, None] >= self.launch)
        rushing = np.zeros(drawn["rate"].shape)
        for at in range(0, len(days), STEP):
            fading = age[at : at + STEP].mean(axis=0)[:, None] / 7 / drawn["weeks"]
            rushing += there[at : at + STEP].sum(axis=0)[:, None] * np.exp(-fading)
        years = (month - self.month[-1] / 2) / 12
        level = np.exp(drawn["rate"] + drawn["growth"] * years) / 30.4
        level = level * (slow[month] * self.table[1][price])[:, None]
        return level * (there.sum(axis=0)[:, None] + drawn["rush"] * rushing)

    def likely(self, mean, copies, seen):
        "Logarithm of the chance of a month's sales [titles, draws]; 0 where nothing was there."
        mean, size = np.maximum(mean / (1 - self.quiet), 1e-12), self.size
        found = gammaln(copies + size) - gammaln(size) - gammaln(copies + 1)
        found = found + size * np.log(size / (size + mean)) + copies * np.log(mean / (mean + size))
        chance = (1 - self.quiet) * np.exp(found) + self.quiet * (copies == 0)
        return np.where(seen, np.log(np.maximum(chance, 1e-300)), 0)

    def effect(self, shape):
        "Draws of what a month is worth to a title."
        asked = self.random.random(shape) >= self.quiet
        return self.random.gamma(self.size, 1 / self.size, shape) * asked / (1 - self.quiet)

    def first_lot(self, rate, lots):
        "Logarithm of the chance of the first deliveries' sizes [titles, draws]; 0 = not seen."
        guess = np.exp(np.linspace(np.log(0.02), np.log(200), 4000))
        size = np.floor(guess * 0.7) + np.maximum(1, np.ceil(guess * 1.5))
        found = np.zeros(rate.shape)
        for title in np.flatnonzero(lots > 0):
            fit = np.log(guess[size == lots[title]] / (1.5 if self.new[title] else 1))
            if len(fit):
                apart = np.hypot(GUESS, self.moved[title])  # The guess knew the hidden price
                high, low = (ndtr((end - rate[title]) / apart) for end in (fit[-1], fit[0]))
                found[title] = np.log(np.maximum(high - low, 1e-12))
        return found


def known_paths(shop, months, ids, draws=512):
    "Paths of months ahead at each review, as `replay_shop` takes them."
    builder = Builder(shop, ids)
    place = pd.Index(shop.items["item_id"]).get_indexer(ids)
    books = {
        name: shop.daily[name].transpose("day", "item").values[:, place]
        for name in ("sales", "stock", "arrivals")
    }
    drawn = builder.draw(builder.centre, np.hypot(FAME, builder.own))
    logs, begun = _seen_logs(builder, books, drawn)
    first = builder.calendar.index[0]

    def paths(review):
        day = months[review]
        month = (day.year - first.year) * 12 + day.month - first.month
        known = builder.launch < (day - first).days
        weight = logs[month] + begun * known[:, None]
        weight = weight + _artist_logs(builder, drawn["rate"], weight, known)
        ahead = [_asked(builder, drawn, weight, month + step, month - 1, draws) for step in (0, 1)]
        days = pd.DatetimeIndex([day, day + pd.DateOffset(months=1)])
        return np.stack(ahead, axis=2) * known[:, None, None], days

    return paths


def _seen_logs(builder, books, drawn):
    "Logarithms of weights as known before each month, and those of the first deliveries."
    logs, found = np.zeros(drawn["rate"].shape), {}
    for month in np.unique(builder.month[builder.burn_in :]):
        found[month] = logs
        days = np.flatnonzero(builder.month == month)
        rows = days - builder.burn_in
        if rows[-1] >= len(books["sales"]):
            break
        sold, left = books["sales"][rows], books["stock"][rows]
        share = (left > 0) + 0.5 * ((left == 0) & (sold > 0))
        mean = builder.expected(drawn, days, share, month)
        copies = sold.sum(axis=0)[:, None].astype(float)
        logs = logs + builder.likely(mean, copies, share.sum(axis=0)[:, None] > 0)
    day = builder.launch - builder.burn_in
    inside = (day > 0) & (day < len(books["sales"]))
    lots = np.where(inside, books["arrivals"][np.where(inside, day, 0), np.arange(len(day))], 0)
    return found, builder.first_lot(drawn["rate"], lots)


def _artist_logs(builder, rate, logs, known):
    "What an artist's other titles say of a title's rate, as a change of weights."
    weight = np.exp(logs - logs.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    centre, every = builder.centre, FAME**2 + builder.own**2
    mean = (weight * rate).sum(axis=1)
    left = np.maximum((weight * (rate - mean[:, None]) ** 2).sum(axis=1), 1e-6)
    told = np.maximum(1 / left - 1 / every, 0)
    own = (mean / left - centre / every) / np.maximum(told, 1e-6) - centre
    use = (told > 1e-3) & known
    trust = np.where(use, 1 / (builder.own**2 + 1 / np.maximum(told, 1e-3)), 0)
    artist = builder.items["artist"].factorize()[0]
    sums = [np.bincount(artist, each)[artist] - each for each in (trust, trust * own)]
    fame, spread = sums[1] / (1 / FAME**2 + sums[0]), 1 / (1 / FAME**2 + sums[0]) + builder.own**2
    apart = rate - centre[:, None]
    near = (apart - fame[:, None]) ** 2 / 2 / spread[:, None]
    return apart**2 / 2 / every[:, None] - near


def _asked(builder, drawn, logs, month, price, draws):
    "Draws of what is asked for in a month [titles, draws]."
    days = np.flatnonzero(builder.month == month)
    mean = builder.expected(drawn, days, np.ones((len(days), len(builder.ids))), price)
    weight = np.exp(logs - logs.max(axis=1, keepdims=True)).cumsum(axis=1)
    level = (np.arange(draws) + builder.random.random((len(mean), 1))) / draws
    rows = [np.searchsorted(one / one[-1], at) for one, at in zip(weight, level, strict=True)]
    chosen = builder.random.permuted(np.minimum(rows, builder.draws - 1), axis=1)
    mean = np.take_along_axis(mean, chosen, axis=1)
    return builder.random.poisson(mean * builder.effect(mean.shape))


def fame_by_files(shop, ids):
    "What an artist's other titles tell of its fame before each launch: mean and variance."
    every = Builder(shop, shop.items["item_id"])
    books = {
        name: shop.daily[name].transpose("day", "item").values
        for name in ("sales", "stock", "arrivals")
    }
    drawn = every.draw(every.centre, np.hypot(FAME, every.own))
    logs, begun = _seen_logs(every, books, drawn)
    artist = every.items["artist"].factorize()[0]
    mean, left = np.zeros(len(ids)), np.full(len(ids), FAME**2)
    for place, title in enumerate(every.ids.get_indexer(ids)):
        day = every.launch[title]
        use = np.flatnonzero((artist == artist[title]) & (every.launch < day))
        if len(use) and every.month[day] in logs:
            weight = logs[every.month[day]][use] + begun[use]
            weight = np.exp(weight - weight.max(axis=1, keepdims=True))
            weight /= weight.sum(axis=1, keepdims=True)
            apart = drawn["rate"][use] - every.centre[use, None]
            own = (weight * apart).sum(axis=1)
            spread = np.maximum((weight * (apart - own[:, None]) ** 2).sum(axis=1), 1e-6)
            alone = every.own[use] ** 2
            told = np.maximum(1 / spread - 1 / (FAME**2 + alone), 1e-6)  # Without the prior
            trust = 1 / (alone + 1 / told)
            left[place] = 1 / (1 / FAME**2 + trust.sum())
            mean[place] = left[place] * (trust * own / spread / told).sum()
    return mean, left


def launch_draws(shop, ids, demand, seen, reach=91, draws=4000, fame=None):
    """Draws of the demand of the first days [titles, draws]; the artist's fame is known, or drawn.
    Once a title is there, the size of its first delivery is known, too."""
    builder = Builder(shop, ids, draws)
    mean, left = (builder.table[0], 0) if fame is None else fame
    drawn = builder.draw(builder.centre + mean, np.sqrt(builder.own**2 + left))
    total, logs = np.zeros((2, *drawn["rate"].shape))
    if seen:
        logs = builder.first_lot(drawn["rate"], first_lots(shop, ids))
    for title, first in enumerate(builder.launch):
        one = Builder.__new__(Builder)
        one.__dict__.update(_only(builder, title))
        numbers = {name: of[[title]] for name, of in drawn.items()}
        days = np.arange(first, first + reach)
        for month in np.unique(builder.month[days]):
            inside = days[builder.month[days] == month]
            worth, early = one.effect((1, draws)), inside < first + seen
            if early.any():
                share = np.ones((early.sum(), 1))
                mean = one.expected(numbers, inside[early], share, month) * worth
                copies = demand[title, inside[early] - first].sum()
                logs[title] += (copies * np.log(np.maximum(mean, 1e-12)) - mean)[0]
                total[title] += copies
            if not early.all():
                share = np.ones(((~early).sum(), 1))
                mean = one.expected(numbers, inside[~early], share, month) * worth
                total[title] += builder.random.poisson(mean)[0]
    return _drawn_again(total, logs, builder.random)


def first_lots(shop, ids):
    "Copies of each title's first delivery [titles]."
    place = pd.Index(shop.items["item_id"]).get_indexer(ids)
    came = shop.daily["arrivals"].transpose("item", "day").values[place]
    start = pd.Timestamp(shop.plan.start)
    return came[np.arange(len(ids)), (shop.items["launch"].iloc[place] - start).dt.days]


def _only(builder, title):
    "What a builder knows of one title."
    season, slow = builder.world
    fame, effect = builder.table
    rows = dict(launch=builder.launch[[title]], new=builder.new[[title]])
    parts = dict(world=(season[:, [title]], slow[:, [title]]), table=(fame, effect[:, [title]]))
    return builder.__dict__ | rows | parts


def _drawn_again(total, logs, random):
    "Draws by their weights."
    weight = np.exp(logs - logs.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    count = total.shape[1]
    return np.stack(
        [one[random.choice(count, count, p=own)] for one, own in zip(total, weight, strict=True)]
    )


def main() -> int:
    from launches import known_by_building, made_up

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options, rows = parser.parse_args(), []
    for seed in (0, 1):
        launches, asked, building = made_up(seed)
        shop, by_day = building.args
        scored = np.flatnonzero(launches.titles["first_day"] >= "2024-01-01")
        for what, famous in (("known", True), ("as the files tell", False)):
            found = known_by_building(shop, by_day, launches, scored, famous)
            for when, loss in zip(("before the release", "after ten days"), found, strict=True):
                name = f"made-up shop {seed}: WQL {when}, artists’ fame {what}"
                rows.append(row(name, loss, None, ""))
                print(name, round(loss, 3), flush=True)
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
