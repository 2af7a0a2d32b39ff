"""Every model on every set, judged alike: the scoreboard of the documentation.

    PLASTINKA_DATA=folder python bench/scoreboard.py                 # all: an hour of 16 cores
    PLASTINKA_DATA=folder python bench/scoreboard.py --sets music m5 --models lightgbm tide
    PLASTINKA_DATA=folder python bench/scoreboard.py --quick         # at most 60 items of each set

One line of the table is one set and one model: `--sets SET --models MODEL` runs it again. Reported
are the last three cutoffs of each set, three months apart, three months ahead; `auto` learns from
the two before and from those that are over. Of `car parts` there are twelve forecasts of one month
and one of twelve, too. Written are scoreboard.csv, scoreboard_groups.csv (by demand class and by
age), and scoreboard_weights.csv (of `auto`), in bench/results or --out.

- wql, sql, mase, rmsse, miws, mic: DESIGN's scores against what was asked for; where stock is not
  known, against what sold. Quantiles 5, 25, 50, 75, 95 %; mase is of the median, rmsse of the mean.
- coverage_50, coverage_90: of randomised intervals; pit_distance: largest distance of the
  randomised PIT's distribution from an even one; bias: expected copies over asked for, less one.
- low_50, high_50, low_90, high_90 (groups): 95 % limits of the coverage, titles drawn anew;
  all_low_50, ...: titles and months, since a month moves all titles.
- seconds: of CPU on one thread, for fitting and forecasting at one cutoff; of `auto` those of the
  members that it runs.
- behind_best, behind_low, behind_high: how much greater the loss is than that of the best model of
  the set, with a 95 % interval over items and cutoffs; behind_auto likewise.

Each process takes one model of one set and one thread. Where time runs out (--minutes), what is
ready is scored."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # Before numpy is loaded

import argparse  # noqa: E402
import multiprocessing  # noqa: E402
import pickle  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
import warnings  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from datetime import date  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from plastinka.data.schema import QUANTILES  # noqa: E402
from plastinka.evaluate.backtest import can_run, pool, settle  # noqa: E402
from plastinka.evaluate.combine import (  # noqa: E402
    AUTO_MEMBERS,
    LONG_AHEAD,
    LONG_MEMBER,
    learn_combination,
)
from plastinka.evaluate.compare import age_groups  # noqa: E402
from plastinka.evaluate.fit import fit_like, quick_model  # noqa: E402
from plastinka.evaluate.folds import judge_fold  # noqa: E402
from plastinka.evaluate.titles import title_classes  # noqa: E402
from plastinka.models.catalog import make_model  # noqa: E402
from plastinka.models.core import Forecast  # noqa: E402
from plastinka.models.totals import TOTALS_MODELS  # noqa: E402
from plastinka.scores.counts import concat_counts  # noqa: E402
from plastinka.scores.metrics import mase, mase_scale, scaled_quantile_loss, wql  # noqa: E402
from plastinka.scores.tables import (  # noqa: E402
    Truth,
    keep_rows,
    middle_draws,
    own_pit,
    per_draw,
    pit_covered,
    plain_truth,
    redrawn,
    row_losses,
    score_row,
    scored_rows,
)
from report import processor  # noqa: E402
from scoreboard_sets import SETS, DataSet  # noqa: E402
from scoreboard_weeks import CUTOFFS, WEEKS, answer_weeks, weeks_rows  # noqa: E402

RESULTS = Path(__file__).parent / "results"
SIMPLE = ("all-zero", "naive", "seasonal naive", "window average", "recent quantiles")
POOLED = ("last year's quantiles", "pooled negative binomial", "pooled hurdle")
STATISTICAL = ("croston", "sba", "tsb", "adida", "imapa", "ses")
SLOW = ("auto ets", "auto theta", "auto ces")  # Not run at cutoffs that are only learnt from
DEAR = ("lightgbm quantile", "boosting ensemble", "xgboost")  # Not run at a dozen cutoffs
LEARNING = ("lightgbm", "lightgbm quantile", "xgboost", "boosting ensemble", "tide")
MODELS = (*SIMPLE, *POOLED, *STATISTICAL, *SLOW, *LEARNING)
CLUSTERS = 1000  # Draws of titles for the limits of a group's coverage
GROUPED = ("auto", "all-zero", "last year's quantiles", "lightgbm", "tide", SIMPLE[-1], POOLED[1])


@dataclass
class Answer:
    "What a model said as of one cutoff."

    place: int  # Of the cutoff in its set
    forecast: Forecast
    seconds: float  # Of CPU


def answer(data: DataSet, name: str, only: int | None = None) -> list[Answer]:
    "A model at the cutoffs of a set, as a backtest would run it."
    model, earlier, found = settle(make_model(name), data.months, data.horizon), None, []
    for place, cutoff in enumerate(data.cutoffs):
        skipped = name in SLOW and not cutoff.judged
        ahead = cutoff.ahead
        if skipped or only not in (None, place) or not can_run(model, cutoff.seen, ahead):
            continue
        begun = time.process_time()
        own = model if cutoff.judged else quick_model(model)
        fitted = fit_like(own, cutoff.seen, ahead, earlier)
        earlier = earlier or (fitted if ahead == data.horizon else None)
        forecast = fitted.predict(cutoff.seen, ahead, newcomers=cutoff.arrived)
        found.append(Answer(place, forecast, time.process_time() - begun))
    return found


def combined(data: DataSet, answers: dict[str, list[Answer]], members) -> tuple[list[Answer], list]:
    "`auto` at the cutoffs that are judged, put together from its members' answers."
    if set(members) == set(AUTO_MEMBERS) and data.horizon >= LONG_AHEAD:
        members = (*members, LONG_MEMBER)
    by_place = [{} for _ in data.cutoffs]
    for name in members:
        for one in answers.get(name, []):
            by_place[one.place][name] = one
    found, weights, pasts = [], [], []
    for place, cutoff in enumerate(data.cutoffs):
        known, horizon, here = cutoff.seen.sizes["item"], data.horizon, by_place[place]
        if cutoff.judged and here:
            begun = time.process_time()
            usable = [name for name in members if name in here]
            chosen = learn_combination(pasts, usable, cutoff.seen, horizon)
            parts = [here[name].forecast.counts.take(np.arange(known)) for name in chosen.members]
            own = chosen.mix(parts, title_classes(cutoff.seen))
            one = here[usable[0]].forecast
            new = one.counts.take(np.arange(known, len(one.items)))
            counts = concat_counts([own, new]) if len(one.items) > known else own
            seconds = time.process_time() - begun + sum(here[name].seconds for name in usable)
            found.append(Answer(place, Forecast(one.items, one.months, counts, "auto"), seconds))
            weights.append(chosen.table().assign(cutoff=str(cutoff.seen["month"].values[-1])[:7]))
        if here:
            every = {name: one.forecast.take(np.arange(known)) for name, one in here.items()}
            pasts.append(every)
    return found, weights


def judged_folds(data: DataSet, answers: dict[str, list[Answer]]) -> list:
    "The reported cutoffs, with the models that answered at all of them."
    places = [place for place, cutoff in enumerate(data.cutoffs) if cutoff.judged]
    at = {name: {one.place: one.forecast for one in found} for name, found in answers.items()}
    whole = [name for name, found in at.items() if set(places) <= set(found)]
    folds = []
    for place in places:
        forecasts, seen = {name: at[name][place] for name in whole}, data.cutoffs[place].seen
        folds.append(judge_fold(data.panel, seen, forecasts, data.demand))
    return folds


def further_scores(counts, truth: Truth, scale, item) -> dict[str, float]:
    "MASE of the median, and the scaled quantile loss."
    asked = np.asarray(truth.completed, float).T
    draws = asked.shape[1]
    quantiles = per_draw(counts.quantile(QUANTILES), draws)
    median = quantiles[..., QUANTILES.index(0.5)]
    return {
        "sql": scaled_quantile_loss(asked, quantiles, QUANTILES, scale, item),
        "mase": mase(asked, median, scale, item),
    }


def score(counts, truth: Truth, rows: pd.DataFrame, scale: np.ndarray) -> dict[str, float]:
    "The columns of the table."
    found = score_row(counts, truth, QUANTILES, rows["scale"].to_numpy(), rows["item_id"])
    found |= further_scores(counts, truth, scale, rows["item_id"].to_numpy())
    pit = np.sort(own_pit(counts, truth))
    even = np.arange(len(pit) + 1) / len(pit)
    asked = truth.completed.mean(axis=0).sum()
    distance = max((even[1:] - pit).max(), (pit - even[:-1]).max())
    found |= {"pit_distance": distance, "bias": np.sum(counts.mean) / max(asked, 1e-9) - 1}
    names = "wql sql mase rmsse coverage_50 coverage_90 pit_distance miws mic bias".split()
    return {name: found[name] for name in names}


def behind(loss: np.ndarray, best: np.ndarray, rows: pd.DataFrame) -> tuple[float, float, float]:
    "How much greater one loss is than another, as a share of it, with its interval."
    size = max(best.mean(), 1e-12)
    low, high = middle_draws(redrawn(loss - best, rows["item_id"], rows["cutoff"]))
    return (loss - best).mean() / size, low / size, high / size


def compare(table: pd.DataFrame, losses: dict[str, np.ndarray], rows: pd.DataFrame) -> pd.DataFrame:
    "With the distances from the best model and from `auto`."
    best = table.loc[table["wql"].idxmin(), "model"]
    for name, against in (("best", best), ("auto", "auto")):
        if against in losses:
            found = [behind(losses[model], losses[against], rows) for model in table["model"]]
            names = [f"behind_{name}", f"{name}_low", f"{name}_high"]
            table[names] = np.array(found)
    return table


def lines(forecasts: dict, truth: Truth, rows: pd.DataFrame, scale, seconds: dict) -> tuple:
    "A line of every model, and the losses of all rows."
    table, losses = [], {}
    for name, counts in forecasts.items():
        losses[name] = row_losses(counts, truth, QUANTILES)["mean_pinball"]
        line = {"model": name, "points": len(rows)} | score(counts, truth, rows, scale)
        table.append(line | {"seconds": seconds.get(name, 0.0)})
    table = compare(pd.DataFrame(table), losses, rows)
    return table, pd.DataFrame(losses).assign(**rows[["item_id", "cutoff"]])


def score_set(data: DataSet, answers: dict[str, list[Answer]], true: bool = False) -> tuple:
    "The lines of one set: overall, and by group; and its losses."
    folds = judged_folds(data, answers)
    forecasts, truth, rows = pool(folds)
    if true:
        asked = np.concatenate([fold.demand for fold in folds])
        truth = plain_truth(asked, "true demand")
    valid = scored_rows(truth, rows["valid"])
    kept, rows = keep_rows(truth, valid), rows[valid].reset_index(drop=True)
    scale = np.concatenate([scale_of(data, fold) for fold in folds])[valid]
    kinds = [fold.kinds.loc[np.repeat(fold.kinds.index, data.horizon)] for fold in folds]
    kinds = pd.concat(kinds, ignore_index=True)[valid].reset_index(drop=True)
    forecasts = {name: counts.take(valid) for name, counts in forecasts.items()}
    seconds = {
        name: np.mean([one.seconds for one in answers[name] if data.cutoffs[one.place].judged])
        for name in forecasts
    }
    table, losses = lines(forecasts, kept, rows, scale, seconds)
    grouped = group_lines(forecasts, kept, kinds, rows)
    for each in (table, grouped):
        each.insert(0, "data", f"{data.name}, true demand" if true else data.name)
    return table, grouped, losses


def scale_of(data: DataSet, fold) -> np.ndarray:
    "MASE's scale of each row; none for newcomers."
    seen = next(one.seen for one in data.cutoffs if one.seen["month"].values[-1] == fold.cutoff)
    scale = np.append(mase_scale(seen["units"].values), np.full(fold.newcomer.sum(), np.nan))
    return np.repeat(scale, data.horizon)


def group_lines(forecasts, truth: Truth, kinds: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    "WQL and coverage by demand class and by age."
    ages = age_groups(kinds["age"].to_numpy())
    found = []
    for by, labels in (("demand class", kinds["demand_class"].to_numpy()), ("age", ages)):
        for label in pd.unique(labels):
            inside = labels == label
            part = keep_rows(truth, inside)
            for name in [name for name in GROUPED if name in forecasts]:
                line = {"by": by, "group": label, "model": name, "points": int(inside.sum())}
                found.append(line | group_scores(forecasts[name].take(inside), part, rows[inside]))
    return pd.DataFrame(found)


def group_scores(counts, truth: Truth, rows: pd.DataFrame) -> dict[str, float]:
    "WQL, and coverage with 95 % limits: titles drawn anew, and titles and months."
    asked = np.asarray(truth.completed, float).T
    quantiles = per_draw(counts.quantile(QUANTILES), asked.shape[1])
    found, pit = {"wql": wql(asked, quantiles, QUANTILES)}, own_pit(counts, truth)
    item, month = rows["item_id"], rows["month"]
    for level in (50, 90):
        held = pit_covered(pit, level)
        found |= {f"coverage_{level}": held.mean()}
        for words, drawn in (("", np.zeros(len(held))), ("all_", month)):
            limits = middle_draws(redrawn(held, item, drawn, CLUSTERS))
            found |= dict(zip((f"{words}low_{level}", f"{words}high_{level}"), limits, strict=True))
    return found | {"titles": item.nunique(), "months": month.nunique()}


def prepare(name: str, folder: Path, work: Path, most: int) -> str:
    "Read a set, and keep it for the processes that follow."
    quiet()
    data = replace(SETS[name](folder, most), ledger=None)
    (work / f"{name}.set").write_bytes(pickle.dumps(data))
    return f"{name}: {data.panel.sizes['item']} items, {data.months} months"


def work_one(name: str, model: str, only: int | None, work: Path) -> str:
    "One model on one set."
    quiet()
    data = pickle.loads((work / f"{name}.set").read_bytes())
    found = answer(data, model, only)
    stem = f"{name}.{MODELS.index(model)}.{'' if only is None else only}"
    (work / f"{stem}.part").write_bytes(pickle.dumps((model, found)))
    (work / f"{stem}.part").rename(work / f"{stem}.answer")
    return f"{name}: {model}: {sum(one.seconds for one in found):.1f} s"


def finish_one(name: str, work: Path, members: dict[str, tuple[str, ...]]) -> str:
    "Score a set from what its models said."
    quiet()
    data, answers = pickle.loads((work / f"{name}.set").read_bytes()), {}
    for path in sorted(work.glob(f"{name}.*.answer")):
        model, found = pickle.loads(path.read_bytes())
        answers[model] = answers.get(model, []) + found
    answers, weights = {one: answers[one] for one in MODELS if one in answers}, []
    for auto, names in members.items():
        answers[auto], tables = combined(data, answers, names)
        weights += [table.assign(data=data.name, auto=auto) for table in tables]
    answers = {name: answers[name] for name in (*members, *answers) if answers[name]}
    found = [score_set(data, answers)]
    found += [score_set(data, answers, True)] if data.demand is not None else []
    losses = pd.concat([each[2].assign(data=each[0]["data"].iloc[0]) for each in found])
    losses.to_parquet(work / f"{name}.losses.parquet", compression="zstd")
    tables = [pd.concat(each, ignore_index=True) for each in list(zip(*found, strict=True))[:2]]
    tables.append(pd.concat(weights) if weights else pd.DataFrame())
    (work / f"{name}.scores").write_bytes(pickle.dumps(tables))
    return f"{name}: scored"


def prepare_weeks(name: str, folder: Path, work: Path, most: int) -> str:
    "Read a set of weeks."
    quiet()
    data = WEEKS[name](folder, most)
    (work / f"{name}.set").write_bytes(pickle.dumps(data))
    return f"{name}: {data.task.series['unique_id'].nunique()} series"


def work_weeks(name: str, model: str, work: Path) -> str:
    "One model on one set of weeks."
    quiet()
    data, begun = pickle.loads((work / f"{name}.set").read_bytes()), time.process_time()
    found = answer_weeks(data, model)
    seconds = (time.process_time() - begun) / CUTOFFS
    (work / f"{name}.{TOTALS_MODELS.index(model)}.part").write_bytes(
        pickle.dumps((model, found, seconds))
    )
    path = work / f"{name}.{TOTALS_MODELS.index(model)}"
    path.with_name(f"{path.name}.part").rename(path.with_name(f"{path.name}.answer"))
    return f"{name}: {model}: {seconds:.1f} s"


def finish_weeks(name: str, work: Path) -> str:
    "Score a set of weeks."
    quiet()
    data = pickle.loads((work / f"{name}.set").read_bytes())
    found = [pickle.loads(path.read_bytes()) for path in sorted(work.glob(f"{name}.*.answer"))]
    forecasts, truth, rows, scale = weeks_rows(data, {one[0]: one[1] for one in found})
    seconds = {one[0]: one[2] for one in found}
    seconds["auto"] = sum(seconds.values())
    table, losses = lines(forecasts, truth, rows, scale, seconds)
    table.insert(0, "data", data.name)
    losses.assign(data=data.name).to_parquet(work / f"{name}.losses.parquet", compression="zstd")
    (work / f"{name}.scores").write_bytes(pickle.dumps([table, pd.DataFrame(), pd.DataFrame()]))
    return f"{name}: scored"


def quiet() -> None:
    "One thread, no warnings."
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def run_all(workers, calls: list[tuple], until: float, after=None) -> None:
    "Calls in parallel, until a time; says how each ended."
    waiting = {str(call[1][:3]): workers.apply_async(*call) for call in calls}
    while waiting and time.time() < until:
        for name in [name for name, one in waiting.items() if one.ready()]:
            try:
                print(f"{time.time() - BEGUN:5.0f} s {waiting.pop(name).get()}", flush=True)
                if after is not None:
                    after()
            except Exception:  # A model that fails must not end the others
                print(name, traceback.format_exc(limit=-3), flush=True)
        time.sleep(0.1)
    for name in waiting:
        print("not ready:", name, flush=True)


BEGUN = time.time()


def jobs(names: list[str], models: list[str], work: Path) -> list[tuple]:
    "What is to be run: the longest first; the slow ones a cutoff each."
    order = ["tide", *AUTO_MEMBERS, *SLOW, "lightgbm quantile", "boosting ensemble", "xgboost"]
    found = []
    for model in sorted(models, key=lambda one: order.index(one) if one in order else 99):
        for name in [name for name in names if name in SETS]:
            data = pickle.loads((work / f"{name}.set").read_bytes())
            if model in DEAR and len(data.cutoffs) > 5:
                continue
            places = range(len(data.cutoffs)) if model in SLOW else [None]
            found += [(work_one, (name, model, place, work)) for place in places]
    weeks = [name for name in names if name in WEEKS]
    return [(work_weeks, (name, one, work)) for one in TOTALS_MODELS for name in weeks] + found


def write(work: Path, out: Path, names: list[str]) -> pd.DataFrame:
    "All tables, of the sets that were scored."
    found = [work / f"{name}.scores" for name in names]
    parts = [pickle.loads(path.read_bytes()) for path in found if path.is_file()]
    out.mkdir(parents=True, exist_ok=True)
    stems = ("scoreboard", "scoreboard_groups", "scoreboard_weights")
    tables = [pd.concat(each, ignore_index=False) for each in zip(*parts, strict=True)]
    for stem, table in zip(stems, tables, strict=True):
        named = {"index": True, "index_label": "class"} if "weights" in stem else {"index": False}
        table.round(5).to_csv(out / f"{stem}.csv", **named)
    facts = {"command": "python bench/scoreboard.py", "date": f"{date.today()}"}
    facts["machine"] = f"{os.cpu_count()} cores of {processor()}, one thread per process"
    pd.DataFrame([facts]).to_csv(out / "scoreboard_facts.csv", index=False)
    return tables[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="at most 60 items of each set")
    parser.add_argument("--most", type=int, default=3000, help="items of each set at most")
    parser.add_argument("--sets", nargs="+", default=[*SETS, *WEEKS], choices=[*SETS, *WEEKS])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=600, help="when to score what is there")
    parser.add_argument("--work", type=Path, default=Path("scoreboard_work"), help="folder")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument(
        "--auto", nargs="+", default=[], metavar="NAME=MODEL,MODEL", help="further combinations"
    )
    options = parser.parse_args()
    folder = os.environ.get("PLASTINKA_DATA") or parser.error("set PLASTINKA_DATA to the folder")
    most, end = 60 if options.quick else options.most, BEGUN + 60 * options.minutes
    members = {"auto": AUTO_MEMBERS}
    members |= {word.split("=")[0]: word.split("=")[1].split(",") for word in options.auto}
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes) as workers:
        readers = [(prepare if name in SETS else prepare_weeks, name) for name in options.sets]
        sets = [(read, (name, Path(folder), work, most)) for read, name in readers]
        run_all(workers, sets, end)
        names = [name for name in options.sets if (work / f"{name}.set").is_file()]
        run_all(workers, jobs(names, options.models, work), end)
    with context.Pool(options.processes) as workers:
        last = [(finish_one, (one, work, members)) for one in names if one in SETS]
        last += [(finish_weeks, (one, work)) for one in names if one in WEEKS]
        until = end + 60 * max(options.minutes / 3, 2)
        run_all(workers, last, until, lambda: write(work, options.out, names))
    print(write(work, options.out, names).round(3).to_string(max_rows=500))
    return 0


if __name__ == "__main__":
    sys.exit(main())
