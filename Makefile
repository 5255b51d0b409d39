# `make help` lists what there is.
GO       ?= go
BIN      := bin
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.release=$(VERSION)
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 20s

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## load a month of made-up conversations and answer three questions
	$(BIN)/convsync demo

.PHONY: build
build: ## build bin/convsync
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/convsync ./cmd/sync

.PHONY: static
static: ## build bin/convsync without cgo: it needs no other file, and has no embedded SQL
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/convsync ./cmd/sync

.PHONY: test
test: postgres browser ## run every test; they start a Postgres of their own
	$(GO) test -timeout 1h $(TESTFLAGS) ./...

# What needs Postgres, a browser or more than seconds.
SLOW := cmd/sync|deploy|internal/serve/browsertest|internal/load/(postgres|pgtest|parquet|loadtest)
.PHONY: test-fast
test-fast: ## run the tests that need nothing but Go, in under a minute
	$(GO) test $(TESTFLAGS) $$($(GO) list ./... | grep -vE '/($(SLOW))$$')

.PHONY: race
race: ## run every test with the race detector
	$(MAKE) test TESTFLAGS=-race

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint, and the subjects of commits
	$(GO) run $(LINT) run ./...
	$(GO) vet -tags readers,dbt ./cmd/sync
	@sh scripts/check-subjects

.PHONY: chaos
chaos: postgres ## kill runs 200 times for each destination, and 50 times while they store recordings, lose commits 20 times, and try thousands of sequences against the model
	$(GO) test ./cmd/sync -run 'Killed|LostCommits' -timeout 60m -v -args -chaos.kills=200
	$(GO) test ./internal/pipeline -run 'Model' -timeout 60m -args -rapid.checks=5000

.PHONY: prometheus
prometheus: postgres ## try alerts and dashboards with a real Prometheus, installed if it is missing
	@sh scripts/need-prometheus
	$(GO) test -tags prometheus ./deploy -run Prometheus -count 1

.PHONY: readers
readers: ## read lakes with DuckDB, Polars, pyarrow and Spark, and run docs/analysts/connect.md; they are installed if they are missing
	@sh scripts/need-readers $(BIN)/readers
	$(GO) test -tags readers ./cmd/sync -run 'Readers' -timeout 60m -count 1 -v

.PHONY: dbt
dbt: postgres ## build the dbt package over a lake and a database, and compare its marts with the views; dbt is installed if it is missing
	@sh scripts/need-dbt $(BIN)/dbt
	$(GO) test -tags dbt $(TESTFLAGS) ./cmd/sync -run TestDBT -count 1

SOAK ?= 1h
.PHONY: soak
soak: postgres ## run `serve` for SOAK (1h) at a run every 10 s, on a source with faults, and hold its memory and files flat
	$(GO) test ./cmd/sync -run 'TestARunEveryFewSeconds' -timeout 24h -v -args -soak.for=$(SOAK) -soak.every=10s

.PHONY: fuzz
fuzz: ## fuzz each parser for FUZZTIME (20s)
	@set -e; for package in $$($(GO) list ./internal/...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    $(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME); \
	  done; done

BENCHSTAT    := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BENCH_SCALE  ?= 1
BENCH_REPEAT ?= 3
BENCH_ROWS   ?=
BENCH_ALSO   ?=
BENCH_DATA   ?=
BENCH_KEEP   ?=
.PHONY: bench
bench: build postgres ## measure speed and memory next to other tools at BENCH_SCALE (1) of 200,000 conversations, and compare with internal/bench/testdata/bench.txt
	@mkdir -p $(BIN)
	$(GO) test ./internal/bench -run '^$$' -bench Rows -benchtime 1x -timeout 12h -v -args \
	  -scale $(BENCH_SCALE) -repeat $(BENCH_REPEAT) -rows '$(BENCH_ROWS)' -also '$(BENCH_ALSO)' -data '$(BENCH_DATA)' $(if $(BENCH_KEEP),-keep) \
	  -convsync $(CURDIR)/$(BIN)/convsync -text $(CURDIR)/$(BIN)/bench.txt -json $(CURDIR)/$(BIN)/bench.json
ifeq ($(BENCH_SCALE)$(wildcard internal/bench/testdata/bench.txt),1internal/bench/testdata/bench.txt)
	-$(GO) run $(BENCHSTAT) internal/bench/testdata/bench.txt $(BIN)/bench.txt
endif

.PHONY: bench-parts
bench-parts: postgres ## measure recordings, requests and reading alone
	$(GO) test -p 1 -run '^$$' -bench . -benchtime 1x -timeout 60m ./cmd/sync ./internal/extract

.PHONY: docs
docs: ## generate the data dictionary, its diagram, the models of dbt/ and the answers of the cookbook
	$(GO) run ./cmd/sync schema > docs/tables.md
	$(GO) test ./internal/derived -run TestFiles -args -write
	$(GO) test ./cmd/sync -run '^TestCookbook$$' -count 1 -args -update

.PHONY: licenses
licenses: ## collect the licences of all dependencies into THIRD_PARTY_LICENSES
	$(GO) run github.com/google/go-licenses@v1.6.0 report ./cmd/sync --ignore convsync --template scripts/licenses.tmpl > THIRD_PARTY_LICENSES

.PHONY: vulnerabilities
vulnerabilities: ## check the code and its dependencies with govulncheck
	@GO="$(GO)" sh scripts/check-vulnerabilities

.PHONY: clean
clean: ## remove what was built and what the demo wrote
	rm -rf $(BIN) convsync-demo

# The tests need the programs of PostgreSQL 14 or later, or CONVSYNC_TEST_POSTGRES_URL.
.PHONY: postgres
postgres:
	@sh scripts/need-postgres

# The tests of the status page need Chromium and axe-core.
.PHONY: browser
browser:
	@sh scripts/need-browser
