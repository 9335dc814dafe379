# `make demo` and `make test` are each the one command on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: alertmanagers demo grafana-data prometheuses preview test check format lint contracts mypy pyright \
	bench mutants gameday nightly pages servers soak lock clean help

help:            ## what can be made
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

demo: $(STAMP) servers  ## the whole product on this machine: telemetry in, a fault, the page
	@$(BIN)/python -m alerts.gameday.demo

preview: $(STAMP) servers  ## the dashboards as pages and pictures, light and dark, into artefacts/
	@rm -rf artefacts/preview
	@$(BIN)/sloctl -q init artefacts/preview/slos
	@$(BIN)/sloctl -q generate artefacts/preview/slos --out artefacts/preview/generated
	@$(BIN)/python -m dashboards.preview.pictures artefacts/preview/generated artefacts/preview

test: $(STAMP) servers  ## every test
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: $(STAMP)  ## format, lint, import contracts, types: all at once
	@$(MAKE) --no-print-directory --keep-going $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs --output-sync=target) \
		format lint contracts mypy pyright

format: $(STAMP)
	@$(BIN)/ruff format --check .

lint: $(STAMP)
	@$(BIN)/ruff check .

contracts: $(STAMP)
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

mypy: $(STAMP)
	@$(BIN)/mypy

pyright: $(STAMP)
	@$(BIN)/pyright

bench: $(STAMP)  ## the benchmarks, one after the other
	@$(BIN)/python -m benchmarks

soak: $(STAMP)   ## ten thousand kills of the daemon, SOAK_KILLS for another number
	@COLLECTOR_KILLS=$${SOAK_KILLS:-10000} $(BIN)/pytest -q -s tests/fault/test_service_many_kills.py

mutants: $(STAMP)  ## every way to loosen the routing by one piece, and how many the tests notice
	@$(BIN)/pytest -q -rP tests/golden/routes/test_routes_mutants.py | grep -E 'changes are noticed|passed|failed'

gameday: $(STAMP) servers  ## every fault in virtual time, and six in real time, two stacks at once
	@FLEETSLO_GAMEDAY_ALL=1 $(BIN)/pytest -q tests/e2e/test_gameday_virtual.py tests/e2e/test_demo_gameday.py
	@$(MAKE) --no-print-directory pages

pages: $(STAMP) servers  ## four faults in real time, two stacks at once (F1 and R4 are among the tests)
	@printf '%s\n' R1 S-collector F5 M2-100 | xargs -P 2 -I{} $(BIN)/sloctl gameday {} --baseline 15

nightly: $(STAMP) servers  ## every fault that pages within seven minutes, in real time, three stacks at once
	@printf '%s\n' S-clock R3-auth R3-outage 'R3 --dialect mixed' R2b R2 F3 F2 R1 F5 M7-stall S-cardinality S-collector \
		M2-100 'F1 --dialect mixed' R4 | xargs -P 3 -L 1 $(BIN)/sloctl gameday

servers:         ## Prometheus and Alertmanager from Debian's packages, into .servers/
	@.ci/servers

alertmanagers:   ## newer Alertmanagers too, so that the routes are tried on each of them
	@.ci/alertmanagers

prometheuses:    ## newer Prometheuses and vmalerts too, so that the rules are loaded by each of them
	@.ci/prometheuses

grafana-data:    ## Grafana's own data library for Node, so that panels are tried with it too
	@.ci/grafana-data

lock:            ## the locked dependencies, anew
	@$(BIN)/uv pip compile pyproject.toml requirements/dev.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links -q -o requirements/dev.txt
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links -q \
		-c requirements/dev.txt -o requirements/run.txt

clean:           ## forget everything that was made
	rm -rf .venv .servers build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The order matters: first what is locked by hash, then the project itself without asking
# the network again.
$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed, $$($(PYTHON) --version) found: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the locked dependencies into .venv (a minute, once)" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --disable-pip-version-check -q \
		--no-deps --no-build-isolation -e .
	@touch $@
