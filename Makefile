# `make` alone lists what there is. Every target installs what it needs and is missing.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export SWIFT_BACKTRACE := interactive=no

BUILD_PACKAGES := libcurl4-openssl-dev liblz4-dev libsqlite3-dev libssl-dev libyaml-dev pkg-config
STORE_PACKAGES := openssl radosgw ceph-common ceph-mgr ceph-mon ceph-osd
TEST_PACKAGES := $(BUILD_PACKAGES) $(STORE_PACKAGES) libhttp-parser-dev lz4 python3 python3-venv curl sqlite3 zsh fish chromium systemd
MODEL_PACKAGES := gcc libc6-dev spin
BENCH_PACKAGES := $(BUILD_PACKAGES) python3 wrk golang-go golang-github-mattn-go-sqlite3-dev golang-github-go-chi-chi-dev
RELEASE := -c release --static-swift-stdlib --product api
SOURCES := Sources Tests Package.swift
SCRIPTS := $(wildcard deploy/*/*.sh) Tests/Container/bases Tests/Deploy/fetch-promtool Tests/Interop/fetch-litestream .ci/run
# docker or podman, whichever is there.
ENGINE ?= $(notdir $(firstword $(shell command -v docker podman) docker))
IMAGE ?= holdfast

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build and serve on port 8080, with data/holdfast.db and the folder data/replica for a bucket
	@$(call install,$(BUILD_PACKAGES))
	swift build --product api
	.build/debug/api serve --replica "file://$(CURDIR)/data/replica"

build: ## build the release binary: .build/release/api
	@$(call install,$(BUILD_PACKAGES))
	swift build $(RELEASE)

test: .venv/ready ## run every test
	@$(call install,$(TEST_PACKAGES))
	swift build --product api
	@# One test at a time: many wait for threads of their own, and on two cores the waiting would take all that Swift has.
	STORE_PEERS=required swift test --no-parallel
	@# Several at a time, since most of them wait for something. Each test has servers, ports and folders of its own.
	.venv/bin/pytest -q -n 3 --dist worksteal Tests/EndToEnd Tests/Interop
	.venv/bin/pytest -q -n 2 --dist worksteal Tests/Deploy

lint: .venv/ready ## check the form of the sources
	swift format lint --strict -r -p $(SOURCES)
	@# The whole of Foundation brings 44 MB of ICU into the binary; FoundationEssentials has what is needed.
	@! grep -rnE '^((package|internal|public) )?import Foundation$$' Sources
	.venv/bin/yamllint -s deploy .yamllint
	.venv/bin/hadolint deploy/Dockerfile
	.venv/bin/shellcheck $(SCRIPTS)

format: ## bring the sources into form
	swift format -i -r -p $(SOURCES)

bench: build ## measure against a Go peer, in pairs
	@$(call install,$(BENCH_PACKAGES))
	python3 Tests/Bench/bench.py

torture: build ## ten minutes of kills, freezes and faults against a folder, or REPLICA=s3://bucket/path
	@$(call install,libfaketime)
	.build/release/api torture --duration 10m --instances 3 $(if $(REPLICA),--replica '$(REPLICA)')

# What takes seconds in `make test` takes minutes here.
endurance: build .venv/ready ## the long proofs: freezes, outages, two writers, idleness, kills of the replicator
	@$(call install,$(TEST_PACKAGES))
	ENDURANCE=1 SOAK_SECONDS=300 API_BINARY=.build/release/api .venv/bin/pytest -q -s --durations=0 \
	    -k 'stood_still or two_instances or fails_for_a_while or idle_service or killed_again_and_again' \
	    Tests/EndToEnd/test_replicated.py Tests/Interop/test_replicate.py

image: ## build the container image: holdfast
	$(ENGINE) build $(IMAGE_FLAGS) -f deploy/Dockerfile -t $(IMAGE) \
	    --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .

container-test: image .venv/ready ## run the image as platforms do, and kill it
	@$(call install,$(STORE_PACKAGES))
	ENGINE=$(ENGINE) IMAGE=$(IMAGE) .venv/bin/pytest -q -s Tests/Container

bench-replica: build .venv/ready ## measure restore and replicate against Litestream
	@$(call install,$(BENCH_PACKAGES) $(STORE_PACKAGES) curl)
	.venv/bin/python Tests/Bench/replica.py

bench-gate: build .venv/ready ## measure serving from a bucket against Go with Litestream
	@$(call install,$(BENCH_PACKAGES) $(STORE_PACKAGES))
	.venv/bin/python Tests/Bench/gate.py

fuzz: ## fuzz the readers of HTTP and file formats, two minutes each
	@$(call install,$(TEST_PACKAGES))
	for format in HTTP LZ4 LTX WAL; do Tests/Fuzz/run $$format 120; done

model: ## check the protocol of the log with SPIN: it holds, and every broken rule is noticed
	@$(call install,$(MODEL_PACKAGES))
	Tests/Model/check.sh

coverage: ## run the Swift tests and show what they reach
	@$(call install,$(TEST_PACKAGES))
	swift test --enable-code-coverage
	llvm-cov report -ignore-filename-regex='Tests/|\.build/' \
	    -instr-profile "$$(dirname "$$(swift test --show-codecov-path)")/default.profdata" \
	    "$$(ls -d .build/debug/*PackageTests.xctest)"

clean: ## remove what was built; data/ stays
	rm -rf .build .venv

.venv/ready: Tests/requirements.txt Tests/requirements-stores.txt Tests/requirements-deploy.txt
	@$(call install,python3 python3-venv)
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check $(addprefix -r ,$^)
	touch $@

# Asks apt only for what is not there, so that a machine that has everything needs neither network nor root.
# dpkg-query fails when it has never heard of a package: that is one to install.
define install
missing=$$({ dpkg-query -W -f '$${Package} $${db:Status-Abbrev}\n' $(1) 2>/dev/null || true; } | awk '$$2 == "ii" { print $$1 }' \
    | sort | comm -23 <(printf '%s\n' $(1) | sort -u) -); \
if [ -n "$$missing" ]; then \
    echo "installing:" $$missing; \
    sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
    $$sudo apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qq -y --no-install-recommends $$missing > /dev/null; \
fi
endef

.PHONY: help run build image container-test endurance test lint format bench bench-replica bench-gate torture fuzz model coverage clean
