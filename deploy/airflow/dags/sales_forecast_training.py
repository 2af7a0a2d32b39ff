"""The weekly training of a shop's model: extract → validate → train → evaluate → register.

Each task is a run of plastinka in an environment of its own, with a folder and a receipt. Airflow
needs nothing of plastinka but its command. Variables of the environment:

    PLASTINKA_COMMAND     the command; default `plastinka`. Such as /srv/shop/.venv/bin/plastinka
    PLASTINKA_STORE       the store: its file or its address; default `shop.db` in PLASTINKA_HOME
    PLASTINKA_HOME        where runs and a store in a file lie; default ~/plastinka
    PLASTINKA_SALES       folder of sales files; without it the store is taken as it is
    PLASTINKA_STOCK       stock file
    PLASTINKA_SCHEDULE    cron expression or preset; default `@weekly`, else such as `@monthly`

Parameters can be overridden when a run is triggered, or by
`airflow dags test sales_forecast_training --conf '{"max_files": 12}'`.
"""

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.sdk import Asset, Param, dag, task

HOME = Path(os.environ.get("PLASTINKA_HOME", "~/plastinka")).expanduser()
STORE = os.environ.get("PLASTINKA_STORE") or str(HOME / "shop.db")
SALES, STOCK = os.environ.get("PLASTINKA_SALES", ""), os.environ.get("PLASTINKA_STOCK", "")
DATA = Asset("plastinka://training-data")
REGISTRY = Asset("plastinka://model-registry")
OF_THE_USER = 2  # Exit code of plastinka for what a repetition would not mend

PARAMS = {
    "data_start_date": Param(None, type=["null", "string"], format="date"),
    "data_end_date": Param(None, type=["null", "string"], format="date"),
    "max_files": Param(400, type="integer", minimum=1, maximum=1000),
    "validation_sample_size": Param(10, type="integer", minimum=1, maximum=50),
    "enable_model_registration": Param(True, type="boolean"),
    "model": Param("auto", type="string"),
    "cutoffs": Param(3, type="integer", minimum=1, maximum=12),
    "made_up": Param(0, type="integer", minimum=0, maximum=100000),
}


def run_plastinka(notebook: str, **options) -> str:
    "Run a notebook of plastinka; the folder of the run."
    HOME.mkdir(parents=True, exist_ok=True)
    words = [os.environ.get("PLASTINKA_COMMAND", "plastinka"), "run", notebook]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is False:
            words.append(f"--no-{name.replace('_', '-')}")
        elif value not in (None, ""):
            words += [f"--{name.replace('_', '-')}", str(value)]
    done = subprocess.run(words, cwd=HOME, stdout=subprocess.PIPE, text=True)
    if done.returncode == OF_THE_USER:
        raise AirflowFailException(f"plastinka refused the input of {notebook}; see the log above")
    if done.returncode:
        raise AirflowException(f"plastinka {notebook} ended with code {done.returncode}")
    return done.stdout.splitlines()[-1]


@dag(
    dag_id="sales_forecast_training",
    schedule=os.environ.get("PLASTINKA_SCHEDULE", "@weekly"),
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args=dict(retries=1, retry_delay=timedelta(minutes=5)),
    doc_md=__doc__,
    tags=["plastinka"],
)
def sales_forecast_training():
    @task(outlets=[DATA])
    def extract(params=None) -> str:
        "The newest files into the store, or a made-up shop where there are none."
        given = dict(max_files=params["max_files"], made_up=params["made_up"])
        return run_plastinka("extract", store=STORE, sales=SALES, stock=STOCK, **given)

    @task
    def validate(params=None) -> str:
        "A sample of the files, and the store's months."
        sample = params["validation_sample_size"]
        return run_plastinka("validate", store=STORE, sales=SALES, validation_sample_size=sample)

    @task
    def train(params=None) -> str:
        "A candidate."
        names = ("data_start_date", "data_end_date", "model", "cutoffs")
        return run_plastinka("train", store=STORE, **{name: params[name] for name in names})

    @task
    def evaluate(folder: str) -> str:
        "The candidate beside the champion."
        return run_plastinka("evaluate", store=STORE, model=Path(folder).name)

    @task(outlets=[REGISTRY])
    def register(folder: str, params=None) -> str:
        "The candidate becomes the champion where it is not worse."
        allowed = params["enable_model_registration"]
        how = dict(model=Path(folder).name, enable_model_registration=allowed)
        return run_plastinka("register", store=STORE, **how)

    trained = train()
    extract() >> validate() >> trained
    evaluate(trained) >> register(trained)


sales_forecast_training()
