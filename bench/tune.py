"""What stopping saves, measured: a study, and then the same trials once more, none of them stopped.

    python bench/tune.py                   # TiDE, 24 trials on a made-up shop of 600 titles
    python bench/tune.py --quick           # trees and a small shop
    python bench/tune.py --engine ray      # side by side, as many as the machine has cores

Both studies run their trials in one go, in the same order and by the same engine; counted are the
CPU seconds of the trials, not those of loading libraries. Told are the share that was saved, the
share that the study itself had estimated, how many stopped trials would have won, and by how much
the winner beats the defaults on cutoffs that the study never saw, with the noise of that. The rule
that stops was chosen on the shops of the seeds 1 and 2; this is another one. The exit code is 1
where a bar does not hold."""

import argparse
import sys
import tempfile
from pathlib import Path

from report import finish, row

from plastinka.data.ingest import read_sources
from plastinka.data.ledger import build_ledger
from plastinka.evaluate.search import read_trials
from plastinka.evaluate.space import default_values, mode_space
from plastinka.evaluate.study import StudyBook
from plastinka.evaluate.tune import StudySettings, plan_study, run_trials, study_data, tune
from plastinka.simulate.shop import make_shop

SAVED = 0.4


class WholeBook(StudyBook):
    "A study's book that lets every trial run to its end."

    def tell(self, number, length, score, seconds):
        super().tell(number, length, score, seconds)
        return False


def warm_up(ledger, space, folder: str) -> None:
    "Have the libraries loaded, so that the first trial does not count what that costs."
    plan = plan_study(ledger, space, StudySettings(length=1))
    Path(folder).mkdir()
    book = WholeBook(folder, plan, [default_values(space)], 1)
    run_trials(book, study_data(ledger, plan), StudySettings(engine="here"))


def run_studies(given) -> tuple:
    "A study's result, its trials, and the same trials to their end."
    kind, titles = ("lightgbm", 100) if given.quick else (given.kind, given.titles)
    with tempfile.TemporaryDirectory() as folder:
        make_shop(titles=titles, months=36, seed=given.seed).write(f"{folder}/files", dirt=0)
        files = read_sources(f"{folder}/files/stock.xlsx", [f"{folder}/files"])
        ledger = build_ledger(files)
        settings = StudySettings(trials=given.trials, engine=given.engine, length=given.length)
        warm_up(ledger, mode_space(kind), f"{folder}/first")
        result = tune(ledger, mode_space(kind), f"{folder}/study", settings)
        trials = read_trials(f"{folder}/study/trials.jsonl")
        values, whole = [each.values for each in trials.values()], f"{folder}/whole"
        Path(whole).mkdir()
        book = WholeBook(whole, result.plan, values, len(values))
        run_trials(book, study_data(ledger, result.plan), settings)
    return result, trials, book.trials


def compute(trials: dict) -> float:
    "CPU seconds of all trials."
    return sum(portion[2] for trial in trials.values() for portion in trial.curve)


def study_rows(result, trials: dict, whole: dict) -> list[dict]:
    "What stopping saved, and whether the winner is better than the defaults."
    assert [each.values for each in trials.values()] == [each.values for each in whole.values()]
    spent, without = compute(trials), compute(whole)
    stopped = [number for number, each in trials.items() if each.status == "stopped"]
    better = [number for number in stopped if whole[number].score < result.winner.score]
    print(result.verdict)
    gain = result.gains.set_index("score").loc["mean_pinball"]
    worse = gain["gain"] < 0 and not gain["noise"]
    best = min(each.score for each in whole.values())
    return [
        row("trials", len(trials), None, ""),
        row("of them stopped before their end", len(stopped), None, ""),
        row("CPU of the same trials, none stopped", without, None, "s"),
        row("share of it that stopping saved", 1 - spent / without, SAVED, ""),
        row("the same, as the study had estimated it", result.saved["share"], None, ""),
        row("stopped trials that would have won", len(better), None, ""),
        row("the winner's score over the best of all", result.winner.score / best - 1, None, ""),
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
    parser.add_argument("--seed", type=int, default=0, help="of the made-up shop")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    given = parser.parse_args()
    return finish(study_rows(*run_studies(given)), given.json)


if __name__ == "__main__":
    sys.exit(main())
