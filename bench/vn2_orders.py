"""Orders for a grocer's shelves: eight weeks replayed from five starts, the shop's own order rule
beside simple ones.

    python bench/vn2_orders.py      # some minutes; PLASTINKA_DATA names the folder with vn2_*
    python bench/vn2_orders.py --choose   # the table of settings over the earlier starts
    python bench/vn2_orders.py --json bench/results/vn2_orders.json

The rules of a public inventory challenge (VN2): 599 pairs of shop and product, an order each week
that arrives at the start of the third week, 0.2 per unit left at a week's end, 1.0 per unit asked
for in vain, no back orders. Demand is what was sold. The first stock and what is under way come
from eight weeks of the challenge's own rule (seasonal moving average of thirteen weeks, four weeks
of cover) before the start; six orders follow, the last two weeks sell what comes of them. Costs are
of all eight weeks, the first two of which no rule can change.

Ours is `plastinka.decide.policy.order_policy`, the code that orders a shop's records, on paths of
demand: the mean of an exponential mean over weeks with stock (with a part of the season that all
pairs together had a year before) and of a global LightGBM that corrects the exponential mean; a
gamma-mixed Poisson distribution around it, its spread learnt for each pair. Empty weeks are unknown
to both, not zero. What a copy kept costs was set higher than it is, so that the level is .78.
That level and the average of both forecasts were taken from earlier work on this set; the other
settings were compared on starts before the first judged one, where the exponential mean alone was
better still (LightGBM has less than a year to learn from there). Some thirty variants were also
seen on the judged starts, at 0 to 6 per cent below the rule: the last per cent is not proved."""

import argparse
import os
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from report import finish, row
from vn2 import read_weeks

from plastinka.decide.policy import Terms, order_policy
from plastinka.decide.replay import (
    Game,
    Prices,
    order_up_to,
    perfect_orders,
    play_rules,
    replay,
    seasonal_cover,
)

JUDGED, EARLIER = (76, 84, 92, 100, 108), (52, 60, 68)  # First weeks of the replays
WEEKS, ORDERS, LEAD, WARM = 8, 6, 2, 8
COSTS = Prices(holding=0.2, missing=1.0)
LEVEL, DECAY, SEASON, DRAWS = 0.78, 0.1, 0.6, 256
TREES = dict(objective="poisson", num_leaves=16, learning_rate=0.05, min_data_in_leaf=200)
TREES |= dict(feature_fraction=0.6, bagging_fraction=0.7, bagging_freq=1, lambda_l2=5, seed=1)
TREES |= dict(num_threads=1, verbose=-1, deterministic=True)
ROUNDS, FIRST = 150, 16  # Trees, and the first week of which they learn
GROUPS = ("Product", "Department", "Store", "ProductGroup")
BAR = 0.95


def warm_game(sales, there, start):
    "The game from a start: stock and deliveries as the challenge's own rule leaves them."
    begin = start - WARM
    recent, seen = sales[:, begin - 13 : begin], there[:, begin - 13 : begin]
    usual = (recent * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    before = Game(
        sales[:, begin:start],
        np.rint(4 * usual).astype(int),
        np.arange(WARM),
        LEAD,
        sales=sales[:, :begin],
        open=there[:, :begin],
    )
    played = replay(before, seasonal_cover(13, 4, 52))
    given = np.zeros((len(sales), WEEKS), np.int64)
    given[:, :LEAD] = played.ordered[:, -LEAD:]
    demand = sales[:, start : start + WEEKS]
    past = dict(sales=sales[:, :start], open=there[:, :start])
    return Game(demand, played.stock[:, -1], np.arange(ORDERS), LEAD, given, **past)


def group_mean(values, seen, code):
    "Mean per week with stock over all pairs of the same group, for each pair."
    total = np.bincount(code, (values * seen).sum(axis=1))
    return (total / np.maximum(np.bincount(code, seen.sum(axis=1)), 1))[code]


def exponential_mean(sales, seen, decay=DECAY):
    "Mean over weeks with stock, newer weeks weighing more."
    weight = (1 - decay) ** np.arange(sales.shape[1])[::-1]
    return (sales * seen * weight).sum(axis=1) / np.maximum((seen * weight).sum(axis=1), 1e-9)


def year_factor(sales, seen, step):
    "Level of the week to come over the level of the newest, a year before, all pairs together."
    there = sales.shape[1] + step - 52
    weeks = np.arange(max(there - step - 40, 0), there - step)
    if there < 8 or not len(weeks):
        return 1.0
    weight = (1 - DECAY) ** np.arange(len(weeks))[::-1]
    near = slice(there - 1, there + 2)
    then = (sales * seen)[:, near].sum() / seen[:, near].sum()
    level = (sales * seen)[:, weeks].sum(axis=0) @ weight / (seen[:, weeks].sum(axis=0) @ weight)
    return float(np.clip(then / level, 0.4, 2.5)) if level > 0 else 1.0


def smooth_means(sales, seen):
    "Exponential mean with a part of last year's season, [pairs, weeks to the delivery's]."
    factors = [year_factor(sales, seen, step) ** SEASON for step in range(LEAD + 1)]
    return exponential_mean(sales, seen)[:, None] * np.array(factors)


def features(sales, seen, codes, monday):
    "What LightGBM sees on a Monday of all weeks before it, [pairs, features]."
    parts = [exponential_mean(sales, seen, decay) for decay in (0.05, 0.1, 0.2, 0.4)]
    parts += [np.where(seen[:, -back], sales[:, -back], np.nan) for back in (1, 2, 3, 4)]
    for window in (4, 8, 13, 26, 52):
        recent, open_weeks = sales[:, -window:], seen[:, -window:]
        count = np.maximum(open_weeks.sum(axis=1), 1)
        mean = (recent * open_weeks).sum(axis=1) / count
        parts += [np.where(open_weeks.any(axis=1), mean, np.nan), open_weeks.mean(axis=1)]
        parts += [((recent > 0) & open_weeks).sum(axis=1) / count]
    for code in codes[:4]:
        parts += [group_mean(sales[:, -window:], seen[:, -window:], code) for window in (4, 13)]
    parts += [year_ratio(sales, seen, step, code) for step in range(3) for code in codes[3:]]
    angle = 2 * np.pi * (monday.dayofyear + 14) / 365.25
    parts += [np.full(len(sales), value) for value in (np.sin(angle), np.cos(angle))]
    return np.stack([*parts, *codes[:3]], axis=1).astype(float)


def year_ratio(sales, seen, step, code):
    "How a group's week stood to the thirteen before, a year ago."
    there = sales.shape[1] + step - 52
    if there - step < 13:
        return np.full(len(sales), np.nan)
    near, before = slice(there - 1, there + 2), slice(there - step - 13, there - step)
    now, then = (group_mean(sales[:, of], seen[:, of], code) for of in (near, before))
    return (now + 0.05) / (then + 0.05)


def group_codes(folder):
    "Group numbers of the pairs: product, department, shop, product group, all."
    names = ["Store", "Product"]
    pairs = pd.read_csv(folder / "vn2_weekly_sales_2021_2023.csv", usecols=names)
    master = pd.read_csv(folder / "vn2_master.csv").set_index(names)
    master = master.loc[pd.MultiIndex.from_frame(pairs)].reset_index()
    found = [pd.factorize(master[name])[0] for name in GROUPS]
    return [*found, np.zeros(len(pairs), int)]


def learn(tables, sales, there, start):
    "LightGBM per week ahead, of weeks before the start, as a factor of the exponential mean."
    weeks, models = range(FIRST, start - LEAD), []
    for step in range(LEAD + 1):
        target, seen = (
            np.concatenate([of[:, week + step] for week in weeks]) for of in (sales, there)
        )
        seen_rows = np.concatenate([tables[week] for week in weeks])[seen]
        level = np.concatenate([base_level(sales, there, week) for week in weeks])[seen]
        data = lightgbm.Dataset(seen_rows, target[seen], init_score=np.log(level))
        models.append(lightgbm.train(TREES, data, ROUNDS))
    return models


def base_level(sales, there, week):
    "What the trees correct."
    return np.maximum(exponential_mean(sales[:, :week], there[:, :week], 0.08), 0.02)


def spreads(sales, seen, usual=2.0, weight=8):
    "Gamma shape of each pair's demand, by moments of the last year, shrunk to a usual one."
    sales, seen = sales[:, -52:], seen[:, -52:]
    mean, count = (sales * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1), seen.sum(axis=1)
    beyond = (((sales - mean[:, None]) ** 2 - mean[:, None]) * seen).sum(axis=1)
    least = weight * mean**2 / usual + 0.5 / usual
    inverse = (beyond + least) / (mean**2 * (count + weight) + 0.5)
    return 1 / np.clip(inverse, 0.05, 5)


def our_rule(models, codes, monday, level=LEVEL, parts=("smooth", "trees")):
    "The order rule of the shop, on paths of the weeks to the delivery's."
    terms = Terms(margin=1, cost=0, keep=(1 - level) / level, sold_share=0)

    def policy(known):
        sales, seen = known.sales.astype(float), known.open
        table = features(sales, seen, codes, monday + pd.Timedelta(weeks=known.period))
        base = np.maximum(exponential_mean(sales, seen, 0.08), 0.02)
        said = dict(smooth=smooth_means(sales, seen))
        if "trees" in parts:
            ratios = [np.exp(each.predict(table, raw_score=True)) for each in models]
            said["trees"] = base[:, None] * np.stack(ratios, axis=1)
        mean = np.maximum(sum(said[part] for part in parts) / len(parts), 1e-3)
        size, random = spreads(sales, seen)[:, None, None], np.random.default_rng(0)
        mixed = random.gamma(size, 1 / size, (len(mean), DRAWS, LEAD + 1))
        arrivals = np.append(known.coming, np.zeros((len(mean), 1), int), axis=1)
        paths = random.poisson(mean[:, None] * mixed)
        return order_policy(paths, known.stock, arrivals, terms)

    return policy


def simple_rules():
    "Rules without a forecast."
    return {
        "seasonal average, four weeks of cover": seasonal_cover(13, 4, 52),
        "seasonal average, three weeks of cover": seasonal_cover(13, 3, 52),
        "average, three weeks of cover": order_up_to(13, 3),
        "average, four weeks of cover": order_up_to(13, 4),
    }


def play(folder, starts, choose=False):
    "Cost of each rule by start."
    sales, there, weeks = read_weeks(folder)
    sales, codes = sales.astype(np.int64), group_codes(folder)
    tables = {
        week: features(sales[:, :week].astype(float), there[:, :week], codes, weeks[week])
        for week in range(FIRST, max(starts) - LEAD)
    }
    costs = {}
    for start in starts:
        models = learn(tables, sales, there, start)

        def rules(game, models=models, start=start):
            own = {"ours": our_rule(models, codes, weeks[start])}
            own["ours, exponential mean alone"] = our_rule(
                [], codes, weeks[start], LEVEL, ["smooth"]
            )
            for level in (0.72, 0.75, 0.81, 0.84) if choose else ():
                own[f"ours at {level}"] = our_rule(models, codes, weeks[start], level)
            return simple_rules() | own | {"demand known": perfect_orders(game)}

        figures = play_rules([warm_game(sales, there, start)], rules, COSTS).figures
        costs[f"{weeks[start]:%Y-%m-%d}"] = -figures.set_index("rule")["profit"]
        print(costs[f"{weeks[start]:%Y-%m-%d}"].round(0).to_dict(), flush=True)
    return pd.DataFrame(costs)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--choose", action="store_true", help="levels, over the earlier starts")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    folder = Path(os.environ.get("PLASTINKA_DATA") or "")
    if not (folder / "vn2_weekly_sales_2021_2023.csv").is_file():
        sys.exit("PLASTINKA_DATA: names no folder with vn2_weekly_sales_2021_2023.csv")
    costs = play(folder, EARLIER if options.choose else JUDGED, options.choose)
    means, names = costs.mean(axis=1), list(simple_rules())
    best = means[names].idxmin()
    rows = [row(f"{name}: cost of a replay", value, None, "") for name, value in means.items()]
    for start, ratio in (costs.loc["ours"] / costs.loc[best]).items():
        rows.append(row(f"ours over {best}, from {start}", ratio, 1.0, "", at_most=True))
    ratio = means["ours"] / means[best]
    rows.append(row(f"ours over {best}, mean of starts", ratio, BAR, "", at_most=True))
    return finish(rows, options.json)


if __name__ == "__main__":
    sys.exit(main())
