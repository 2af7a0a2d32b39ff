"""What stopping saves, measured: a study, and then the stopped trials run to their end after all.

Prints the share of the compute (CPU seconds) that ASHA saved, the share that the study itself had
estimated, whether a stopped trial would have won, and the winner against the defaults.
`--quick` takes trees and a small shop; `--kind tide` networks; `--trials 24` is the aim."""

import argparse
import json
import tempfile
from dataclasses import replace

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.evaluate.search import read_trials
from plastinka.evaluate.space import mode_space
from plastinka.evaluate.trials import final_length
from plastinka.evaluate.tune import StudySettings, study_data, try_values, tune
from plastinka.simulate.shop import make_shop


def whole_trial(plan, trial, data) -> tuple[float, float]:
    "CPU seconds and score of a trial that nobody stops."
    told = []
    try_values(plan, trial.values, data, lambda *each: told.append(each))
    curve = [each[:2] for each in told]
    return sum(each[2] for each in told), final_length(plan.space.kind, curve)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kind", default="tide")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--engine", default="here")
    parser.add_argument(
        "--length", type=int, default=0, help="epochs, or tens of trees, of a trial"
    )
    parser.add_argument("--titles", type=int, default=600)
    parser.add_argument("--json", default="")
    given = parser.parse_args()
    kind, titles = ("lightgbm", 100) if given.quick else (given.kind, given.titles)
    with tempfile.TemporaryDirectory() as folder:
        make_shop(titles=titles, months=36).write(f"{folder}/files", dirt=0)
        files = read_sources(f"{folder}/files/stock.xlsx", [f"{folder}/files"])
        ledger = build_ledger(files)
        settings = StudySettings(trials=given.trials, engine=given.engine, length=given.length)
        result = tune(ledger, mode_space(kind), f"{folder}/study", settings)
        trials = read_trials(f"{folder}/study/trials.jsonl")
    data, spent, ended = study_data(ledger, result.plan), 0.0, []
    for trial in trials.values():
        seconds = sum(portion[2] for portion in trial.curve)
        if trial.status == "stopped":
            seconds, score = whole_trial(result.plan, trial, data)
            ended.append(replace(trial, score=score))
        spent += seconds
    better = [trial.number for trial in ended if trial.score < result.winner.score]
    found = dict(kind=kind, trials=len(trials), stopped=len(ended))
    found |= dict(saved=1 - result.saved["spent"] / spent, estimated=result.saved["share"])
    found |= dict(stopped_but_better=better, verdict=result.verdict)
    for name, value in found.items():
        print(f"{name:<20}{value:.0%}" if isinstance(value, float) else f"{name:<20}{value}")
    if given.json:
        with open(given.json, "w") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
