# The commands of this checkout. Their needs beyond Rust, Python 3.9+ and Node 18+ are installed into the checkout (.ci/).
# It owns the names; .ci/, tests/run.py and examples/demo.py have the work.

PYTHON ?= python3
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test one docs docs-serve soak exits endurance sanitize mutants platforms windows musl arm64 macos-check tsan lint bench audit dist python node server tools clean have-python
MAKEFLAGS += --no-print-directory

help: ## list these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1#\2/p' Makefile | column -t -s '#'

demo: server python node ## server and bots talk, lose each other and come back, in 30 s; STAY=1 stays up for your browser
	@$(VENV) examples/demo.py $(if $(STAY),--stay)

test: have-python ## run all tests; SUITE="core web" runs some (tests/run.py --list names them)
	@$(PYTHON) tests/run.py $(SUITE)

one: have-python ## build what one test needs and run it: T=keeper::both_may_race, T=bindings-python/tests/test_bot.py::test_x, T="a test of Node", T=a-scenario
	@$(PYTHON) .ci/one.py "$(T)"

docs: have-python ## build the documentation site into target/site, strictly: every link, anchor and page is checked
	@$(PYTHON) .ci/docs.py build

docs-serve: have-python ## show the site on http://127.0.0.1:8000 while you write
	@$(PYTHON) .ci/docs.py serve

soak: python node ## bots of every face and a server that fails, is killed and is cut off, for MINUTES=20; every message is accounted for
	@cargo build --quiet -p heartwire --example soak
	@$(VENV) tests/soak/supervise.py $(FACES)

exits: python node tools ## every way out of a process, each 20 times under load; writes the table of docs/reliability.md
	@cargo build --quiet -p heartwire --example exits
	@$(VENV) -m pip install --quiet --disable-pip-version-check -r tests/exits/requirements.txt
	@$(VENV) tests/exits/matrix.py --times 20 --load 4 --lanes 6 --write

endurance: python node ## 10,000 connections one after the other and a million messages, 10,000 idle ones; a minute of servers that refuse and kick
	@cargo build --quiet --release -p heartwire --example endurance
	@$(VENV) tests/endurance/measure.py
	@$(VENV) tests/endurance/polite.py

mutants: have-python ## puts faults into the core, one at a time, and says which test finds each; core/mutants/result.json has the last result
	@$(PYTHON) core/mutants/run.py

sanitize: have-python ## the core's tests and the fuzz targets' corpora under AddressSanitizer; needs a nightly compiler
	@$(PYTHON) .ci/sanitize.py

platforms: windows musl arm64 macos-check tsan ## all lanes of other platforms

windows: have-python ## Windows, under Wine: the scenarios and the ways out in Rust, Python and Node; ARGS="--write" keeps the outcome in tests/platforms/results.json
	@$(PYTHON) .ci/platforms.py windows $(ARGS)

musl: have-python ## musl: the core's tests and scenarios, and a bot in Node
	@$(PYTHON) .ci/platforms.py musl $(ARGS)

arm64: have-python ## arm64 Linux, under qemu: the core's tests and scenarios, and a bot in Node and Python
	@$(PYTHON) .ci/platforms.py arm64 $(ARGS)

macos-check: have-python ## both kinds of macOS: built and linked, not run
	@$(PYTHON) .ci/platforms.py macos-check $(ARGS)

tsan: have-python ## the core's threads under ThreadSanitizer
	@$(PYTHON) .ci/platforms.py tsan $(ARGS)

lint: have-python ## run all formatters and linters, without changing anything
	@$(PYTHON) .ci/lint.py

bench: have-python ## speed and manners, of us and of the peers in one run; half an hour, or BENCH=quick: two minutes
	@$(PYTHON) benches/run.py $(if $(filter quick,$(BENCH)),--quick --out benches/results/quick,--out benches/results)
	@.venvs/bench/bin/python benches/manners.py $(if $(filter quick,$(BENCH)),--quick)

audit: ## licences, sources and known vulnerabilities of what we build on; needs cargo-deny and its database of advisories
	@command -v cargo-deny >/dev/null || { echo "missing: cargo-deny (cargo install --locked cargo-deny)"; exit 1; }
	@cargo deny check

dist: have-python ## build the wheels, the sdist, the npm packages and the crates into dist/, and check them; PART="sdist npm" builds some
	@$(PYTHON) .ci/distribution.py $(PART)

python: have-python ## build the Python package into .venv
	@$(PYTHON) .ci/prepare.py python

node: have-python ## build the Node package in bindings-node
	@$(PYTHON) .ci/prepare.py node

server: have-python ## build the chat server
	@$(PYTHON) .ci/prepare.py server

tools: have-python ## install the tools that tests and lints use
	@$(PYTHON) .ci/prepare.py tools

clean: ## remove everything that was built and installed in the checkout
	rm -rf dist target .venv .venvs node_modules bindings-node/node_modules tests/node_modules

have-python:
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.9 or later ($(PYTHON) on PATH); choose one with \`make PYTHON=...\`"; exit 1; }
