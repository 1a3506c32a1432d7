# `make` lists the targets. The first that needs it sets up .venv, once; `make PYTHON=python3.12 test` picks the Python,
# `make CONSTRAINTS= test` leaves the versions open instead of taking those of constraints.txt.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
READY := .venv/.ready
# What the attacks are tested against: without their pins, which ask for an older torch or requests.
PEERS := torchattacks foolbox eagerpy GitPython gitdb smmap

.DEFAULT_GOAL := help
.PHONY: help reproduce test lab book check notebooks results browser sweep benchmarks clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; do \
		printf '%-18s %s\n' "$$target" "$$what"; done

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "rolab needs Python 3.11 or newer, which $(PYTHON) is not: try make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv, once: this takes some minutes, most of them for PyTorch."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e '.[course,test]'
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) --no-deps $(PEERS)
	@touch $@

reproduce: $(READY) ## reproduce the paper's Table 1 on MNIST, a few minutes
	$(BIN)/rolab reproduce mnist --preset fast

test: check ## lint, types, every test and every notebook: under 25 minutes on two cores
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lab: $(READY) ## open the course in JupyterLab
	$(BIN)/jupyter lab notebooks

.venv/.book: $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e '.[book]'
	@touch $@

book: .venv/.book ## build the course as pages that open from their folder: docs/_build/html/index.html
	$(BIN)/python scripts/book.py

check: $(READY) ## lint, format, types, clean notebooks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python scripts/notebooks.py check

notebooks: $(READY) ## run the notebooks again and clean them
	$(BIN)/python scripts/notebooks.py run

results: $(READY) ## the full runs behind results/ and the zoo: a day on two cores
	$(BIN)/rolab reproduce mnist --preset full --out runs/mnist-full
	cp runs/mnist-full/table1.json results/mnist.json
	cp runs/mnist-full/seed-0/baseline.*  runs/mnist-full/seed-0/robust-*.* rolab/_zoo/mnist/
	$(BIN)/rolab single-pixel --examples 2000 --radius 3 --out runs/single_pixel.json
	cp runs/single_pixel.json results/single_pixel.json
	$(BIN)/python -m rolab.experiments.masked_net --out runs/masked
	cp runs/masked/masked.* rolab/_zoo/mnist/
	$(BIN)/python -m rolab.experiments.tangent_energy --out runs/tangent-energy
	mkdir -p rolab/_zoo/autoencoders
	cp runs/tangent-energy/mnist.* rolab/_zoo/autoencoders/
	cp runs/tangent-energy/tangent_energy.json results/tangent_energy.json
	$(BIN)/python -m rolab.experiments.certified_net --out runs/certified
	cp runs/certified/certified.json results/certified_net.json
	$(BIN)/python -m rolab.experiments.scattering_net --out runs/scattering
	cp runs/scattering/scattering.* rolab/_zoo/mnist/
	$(BIN)/python -m rolab.experiments.scattering_stability --out runs/scattering_stability.json
	cp runs/scattering_stability.json results/scattering.json
	$(BIN)/python -m rolab.experiments.transfer --out runs/transfer
	cp runs/transfer/transfer.json results/transfer.json
	$(BIN)/python -m rolab.experiments.limits --out runs/limits.json
	cp runs/limits.json results/limits.json
	$(BIN)/python -m rolab.experiments.strength_selection --out runs/related-work-strengths
	cp runs/related-work-strengths/seed-0/strengths.json results/related_work_strengths.json
	$(BIN)/rolab reproduce related-work --preset full --out runs/related-work
	cp runs/related-work/related_work.json results/related_work.json
	$(BIN)/python -m rolab.experiments.unlabelled --out runs/unlabelled
	cp runs/unlabelled/unlabelled.json results/unlabelled.json
	$(BIN)/rolab evaluate --examples 300 --out runs/robustness.json
	cp runs/robustness.json results/robustness.json
	$(BIN)/rolab data fetch cifar10
	$(BIN)/python -m rolab.experiments.radius_selection --out runs/cifar10-radii
	cp runs/cifar10-radii/seed-0/radii.json results/cifar10_radii.json
	$(BIN)/rolab reproduce cifar10 --preset full --out runs/cifar10-full
	cp runs/cifar10-full/table2.json results/cifar10.json
	mkdir -p rolab/_zoo/cifar10
	for net in baseline robust-l1 robust-l2 robust-linf; do cp runs/cifar10-full/seed-0/$$net.* rolab/_zoo/cifar10/ || exit 1; done
	$(BIN)/python scripts/readme.py

browser: $(READY) ## every explorer in a browser on a busy machine, three times: an hour and a half
	rm -f results/browser.json
	ROLAB_BROWSER_RECORD=$(CURDIR)/results/browser.json $(BIN)/pytest tests/browser

sweep: $(READY) ## robust programs and fits in all units, all nets in all float types: an hour
	ROLAB_SWEEP=1 $(BIN)/pytest -s tests/lp/test_units.py tests/linear_models/test_linear_models_units.py tests/attacks/test_first_order.py -k sweep

benchmarks: $(READY) ## time a robust step and a robust program beside other libraries
	$(BIN)/python -m pip install --quiet --no-deps pyautoattack cleverhans adversarial-robustness-toolbox absl-py rsome
	$(BIN)/python -m pip install --quiet ecos
	$(BIN)/python benchmarks/robust_step.py
	$(BIN)/python benchmarks/robust_step.py --net cifar10
	$(BIN)/python benchmarks/robust_lp.py
	$(BIN)/python benchmarks/slider.py
	$(BIN)/python benchmarks/attacks.py

clean: ## remove .venv and what tools remember; runs/ stays
	rm -rf .venv dist build docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -not -path './runs/*' -prune -exec rm -rf {} +
