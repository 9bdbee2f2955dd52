# make demo and make test are all a newcomer needs; on a bare Debian 12 with Rust they install what the build
# lacks. Plain cargo works as well. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

TARGET := x86_64-unknown-linux-gnu
RELEASE := target/$(TARGET)/release/autoticket
PERF ?= ../shared/perf
SEED ?= 1
# The fixtures tell of this day; the clock stands still, so every demo writes the same bytes.
DEMO_NOW := 2026-03-04T12:00:00Z
ISSUE := --rules demo-out/redistribution/rules --state demo-out/redistribution/state --now $(DEMO_NOW) redistribute --server is38
POINTS ?= 20000
ISSUING_POINTS ?= 10000
TRIALS ?= 100
FUZZ_SECONDS ?= 1200

# What cargo-fuzz passes, for where it is not installed; RUSTC_BOOTSTRAP=1 stands in for a nightly.
FUZZ_FLAGS := --cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Zsanitizer=address -Cpasses=sancov-module \
  $(foreach arg,level=4 inline-8bit-counters pc-table trace-compares,-Cllvm-args=-sanitizer-coverage-$(arg))

ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
APT := $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get
# What the build itself lacks, found by what it would use, so that nothing is asked of other systems.
LACKS := $(if $(shell command -v cc && command -v c++),,build-essential) \
         $(if $(shell command -v pkg-config),,pkg-config) \
         $(if $(wildcard /usr/include/openssl/ssl.h),,libssl-dev) \
         $(if $(wildcard /usr/include/zlib.h),,zlib1g-dev)

.PHONY: help demo test real rigs bench fuzz man lint build deps real-deps

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: export AUTOTICKET_STATE := demo-out/state
demo: export AUTOTICKET_RULES := demo-out/rules
demo: deps ## builds it and runs the main job on a failed rollout of some forty mails
	cargo build --release
	rm -rf demo-out
	$(RELEASE) --rules demo-out/rules init --install-id demo
	$(RELEASE) domains import fixtures/rollout/domains.txt
	$(RELEASE) nodes import fixtures/rollout/nodes.csv
	$(RELEASE) --now $(DEMO_NOW) ingest fixtures/rollout/*.eml --flush
	$(RELEASE) --now $(DEMO_NOW) audit
	$(RELEASE) --now $(DEMO_NOW) ticket list
	@echo "The tickets, as their maintenance centers get them, are in demo-out/state/outgoing"
	@cp -r fixtures/redistribution demo-out/redistribution
	@sed -i "s#@HERE@#`pwd`/demo-out/redistribution#g" demo-out/redistribution/dist.log demo-out/redistribution/rules/redistribution.yaml
	@touch -d 2026-03-01 demo-out/redistribution/emea.lst
	@chmod -R go-w demo-out/redistribution
	@$(RELEASE) --state demo-out/redistribution/state init --install-id demo > demo-out/redistribution/made
	@echo "What failed on the intermediate server is38, once its cause is repaired:"
	! $(RELEASE) $(ISSUE) --list
	$(RELEASE) $(ISSUE) --plan demo-out/plan.json
	$(RELEASE) $(ISSUE) --approve all
	$(RELEASE) $(ISSUE) --list
	@echo "What the distribution manager got is in demo-out/redistribution/taken"

test: deps ## the tests that need neither root nor packages
	cargo test

real: real-deps ## all tests, with Postfix, strace and loop devices (root, Debian packages)
	cargo build --release
	AUTOTICKET_UNDER_TEST="$$PWD/$(RELEASE)" cargo test --features real

rigs: real-deps ## the full figures of the reliability rigs (POINTS, ISSUING_POINTS, TRIALS, SEED)
	cargo build --release
	tests/rigs/kill.py --autoticket $(RELEASE) --points $(POINTS) --seed $(SEED)
	tests/rigs/syscall_errors.py --autoticket $(RELEASE) --seed $(SEED)
	tests/rigs/power_cut.py --autoticket $(RELEASE) --trials $(TRIALS) --seed $(SEED)
	tests/rigs/journal_kill.py --autoticket $(RELEASE) --points $(ISSUING_POINTS) --seed $(SEED)
	tests/rigs/journal_power.py --autoticket $(RELEASE) --trials $(TRIALS) --seed $(SEED)
	tests/rigs/screen.py --autoticket $(RELEASE)
	tests/rigs/crowd.py --autoticket $(RELEASE)
	tests/rigs/starved.py --autoticket $(RELEASE)
	tests/rigs/postfix.py --autoticket $(RELEASE)
	tests/rigs/remote.py --autoticket $(RELEASE) --cuts 600 --vectors 100000 --seed $(SEED)

bench: deps ## speed and memory beside the yardsticks in PERF, as a table
	cargo build --release
	benches/run --autoticket $(RELEASE) --perf $(PERF) --seed $(SEED)
	benches/diagnosis --autoticket $(RELEASE)
	benches/redistribution --autoticket $(RELEASE) --perf $(PERF)

fuzz: deps ## all fuzz targets, FUZZ_SECONDS each, with the address sanitizer
	cd fuzz && RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(FUZZ_FLAGS)" cargo build --release --target $(TARGET)
	for target in mail rules tools outage inventory logs plans; do \
	  mkdir -p fuzz/corpus/$$target fuzz/artifacts/$$target; \
	  words=; [ ! -e fuzz/$$target.dict ] || words=-dict=fuzz/$$target.dict; \
	  ASAN_OPTIONS=detect_odr_violation=0 fuzz/target/$(TARGET)/release/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
	    -artifact_prefix=fuzz/artifacts/$$target/ $$words -seed=$(SEED) fuzz/corpus/$$target fuzz/seeds/$$target; \
	done

man: ## writes man/ and completions/ anew from the code
	cargo build --release
	$(RELEASE) man --write man
	$(RELEASE) completions --write completions

lint: ## format and clippy, as CI asks for them
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings

deps:
	@lacks="$(strip $(LACKS))"; \
	if [ -n "$$lacks" ]; then echo "the build lacks $$lacks: installing"; $(APT) update -q; $(APT) install -yq $$lacks; fi

real-deps: deps
	@$(ROOT) tests/rigs/packages
