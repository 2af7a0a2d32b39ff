"""What stopping saves, measured: a study, and then the stopped trials run to their end after all.

    python bench/tune.py                   # TiDE, 24 trials on a made-up shop of 600 titles
    python bench/tune.py --quick           # trees and a small shop
    python bench/tune.py --engine ray      # side by side, as many as the machine has cores

Told are the share of the compute (CPU seconds) that was saved against all trials to their end, the
share that the study itself had estimated, how many stopped trials would have won, and by how much
the winner beats the defaults on cutoffs that the study never saw, with the noise of that. The exit
code is 1 where a bar does not hold."""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.evaluate.search import read_trials
from plastinka.evaluate.space import mode_space
from plastinka.evaluate.trials import final_length
from plastinka.evaluate.tune import StudySettings, study_data, try_values, tune
from plastinka.simulate.shop import make_shop

SAVED = 0.4


def whole_trial(plan, trial, data) -> tuple[float, float]:
    "CPU seconds and score of a trial that nobody stops."
    told = []
    try_values(plan, trial.values, data, lambda *each: told.append(each))
    curve = [each[:2] for each in told]
    return sum(each[2] for each in told), final_length(plan.space.kind, curve)[1]


def run_study(given) -> tuple:
    "A study's result, its trials, and what they were asked."
    kind, titles = ("lightgbm", 100) if given.quick else (given.kind, given.titles)
    with tempfile.TemporaryDirectory() as folder:
        make_shop(titles=titles, months=36).write(f"{folder}/files", dirt=0)
        files = read_sources(f"{folder}/files/stock.xlsx", [f"{folder}/files"])
        ledger = build_ledger(files)
        settings = StudySettings(trials=given.trials, engine=given.engine, length=given.length)
        result = tune(ledger, mode_space(kind), f"{folder}/study", settings)
        trials = read_trials(f"{folder}/study/trials.jsonl")
    return result, trials, study_data(ledger, result.plan)


def study_rows(result, trials: dict, data) -> list[dict]:
    "What stopping saved, and whether the winner is better than the defaults."
    spent, ended = 0.0, []
    for trial in trials.values():
        seconds = sum(portion[2] for portion in trial.curve)
        if trial.status == "stopped":
            seconds, score = whole_trial(result.plan, trial, data)
            ended.append(replace(trial, score=score))
        spent += seconds
    better = [trial.number for trial in ended if trial.score < result.winner.score]
    print(result.verdict)
    gain = result.gains.set_index("score").loc["mean_pinball"]
    worse = gain["gain"] < 0 and not gain["noise"]
    return [
        row("trials", len(trials), None, ""),
        row("of them stopped before their end", len(ended), None, ""),
        row("CPU of all trials to their end", spent, None, "s"),
        row("share of it that stopping saved", 1 - result.saved["spent"] / spent, SAVED, ""),
        row("the same, as the study had estimated it", result.saved["share"], None, ""),
        row("stopped trials that would have won", len(better), None, ""),
        row("winner's pinball loss below the defaults', cutoffs not seen", gain["gain"], None, "%"),
        row("95 % interval of that, from", gain["low"], None, "%"),
        row("95 % interval of that, to", gain["high"], None, "%"),
        row("whether the winner is worse than the defaults", worse, 0, "", at_most=True),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="trees and a small shop")
    parser.add_argument("--kind", default="tide", help="tide or lightgbm")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--engine", default="here", help="here or ray")
    parser.add_argument("--length", type=int, default=0, help="epochs, or tens of trees")
    parser.add_argument("--titles", type=int, default=600)
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    given = parser.parse_args()
    return finish(study_rows(*run_study(given)), given.json)


if __name__ == "__main__":
    sys.exit(main())
