"""Coverage of `auto` in a demand class: at the cutoffs it learnt from, and at those reported.

    PLASTINKA_DATA=folder python bench/scoreboard.py --most 2500 --work work --out out \\
        --sets carparts_year auto_xls --models tide lightgbm "pooled negative binomial" \\
        "recent quantiles" "seasonal naive"
    python bench/earlier_coverage.py work

Two classes of two sets are off by more than four points on the scoreboard. Told is what the ranges
held, by the randomised PIT, and how many copies were expected and sold: of the mixture before its
calibration at each cutoff that calibration learnt from, and after it where it is reported. Where
the earlier cutoffs were right, no calibration that looks back can know what came."""

import argparse
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import scoreboard
from scoreboard import Answer, keep_rows, own_pit, pit_covered, pool, scored_rows

from plastinka.evaluate.combine import AUTO_MEMBERS, learn_combination, mix_rows, read_lessons
from plastinka.evaluate.folds import judge_fold
from plastinka.evaluate.titles import TITLE_CLASSES, title_classes

CLASSES = {"carparts_year": "no sales", "auto_xls": "erratic"}


def told(counts, truth, rows: np.ndarray) -> dict[str, float]:
    "Coverage, and copies expected and sold, of some rows."
    counts, truth = counts.take(rows), keep_rows(truth, rows)
    pit = own_pit(counts, truth)
    covered = {f"coverage_{level}": pit_covered(pit, level).mean() for level in (50, 90)}
    return covered | {"expected": counts.mean.sum(), "sold": truth.units.sum(), "points": len(pit)}


def answers_of(name: str, work: Path, places: int) -> list[dict]:
    "What the members of `auto` said, by cutoff."
    found = [{} for _ in range(places)]
    for path in sorted(work.glob(f"{name}.*.answer")):
        model, answers = pickle.loads(path.read_bytes())
        for one in answers if model in AUTO_MEMBERS else ():
            found[one.place][model] = one.forecast
    return found


def lines(name: str, work: Path) -> list[dict]:
    "A line of each cutoff that was learnt from, and of each that is reported."
    data = pickle.loads((work / f"{name}.set").read_bytes())
    place, pasts, found = TITLE_CLASSES.index(CLASSES[name]), [], []
    about = {"data": data.name, "class": CLASSES[name]}
    for cutoff, here in zip(data.cutoffs, answers_of(name, work, len(data.cutoffs)), strict=True):
        month = {"cutoff": str(cutoff.seen["month"].values[-1])[:7]}
        if cutoff.judged:
            usable = [each for each in AUTO_MEMBERS if each in here]
            chosen = learn_combination(pasts, usable, cutoff.seen, data.horizon)
            names, lessons = read_lessons(pasts, usable, cutoff.seen)
            for number, one in enumerate(lessons):
                parts = [one.parts[names.index(each)] for each in chosen.members]
                mixed = mix_rows(parts, chosen.weights[one.classes].T)
                line = told(mixed, one.truth, one.valid & (one.classes == place))
                found.append(about | month | {"learnt from": number + 1} | line)
            fold = judge_fold(data.panel, cutoff.seen, here, data.demand)
            _, truth, rows = pool([fold])
            classes = title_classes(cutoff.seen)
            inside = np.repeat(classes == place, data.horizon)
            mixed = chosen.mix([here[each].counts for each in chosen.members], classes).reshape(-1)
            line = told(mixed, truth, scored_rows(truth, rows["valid"]) & inside)
            found.append(about | month | {"learnt from": 0} | line)
        if here:
            pasts.append(here)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="folder that bench/scoreboard.py has left")
    parser.add_argument("--csv", type=Path, help="also write the rows to this file")
    options = parser.parse_args()
    table = pd.DataFrame([line for name in CLASSES for line in lines(name, options.work)])
    print(table.round(3).to_string())
    if options.csv:
        table.round(5).to_csv(options.csv, index=False)


if __name__ == "__main__":
    # The answers were written by the scoreboard run as a program
    globals()["Answer"] = Answer
    scoreboard.quiet()
    main()
