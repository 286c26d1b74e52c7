# What to do with pgarc's source. Everything sets up what it needs; only Go has to be there.

# golangci-lint is built from source at this version, which takes a minute or two once.
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Where `make fixtures` copies from.
FROM ?= ../shared/fixtures

# More for go test, as -short, in `make race`.
TESTFLAGS ?=

# How long `make fuzz` runs each target.
FUZZTIME ?= 30s

# What `make bench` compares: go run ./bench -h.
BENCHFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help build demo test race lint golden bench bench-go fuzz torture torture-read fixtures clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/pgarc
	go build -o bin/pgarc ./cmd/pgarc

demo: build ## See pgarc list an archive, print a foreign key, and restore into a scratch server
	@scripts/setup.sh
	@scripts/demo.sh

test: ## Run all tests, with real servers
	@scripts/setup.sh tests
	PGARC_TEST_REQUIRE=1 go test -timeout 45m ./...

race: ## Run all tests under the race detector
	@scripts/setup.sh tests
	PGARC_TEST_REQUIRE=1 go test -race -timeout 45m $(TESTFLAGS) ./...

lint: ## Check formatting, go vet and golangci-lint, which also keeps the import arrow
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "gofmt these:"; echo "$$bad"; exit 1; }
	go vet ./...
	go run $(GOLANGCI_LINT) run ./...

golden: ## Write the golden files again from what pgarc prints now; review the difference
	go test $$(grep -rl --include='*_test.go' '"update"' . | xargs -n 1 dirname | sort -u) -update

bench: ## Restore beside pg_restore, by BENCHFLAGS (go run ./bench -h); some 10 minutes
	@scripts/setup.sh
	go run ./bench $(BENCHFLAGS)

bench-go: ## Run the Go benchmarks
	go test -run '^$$' -bench . -benchmem ./...

# A crasher is kept as it was found: making it small would take what is left of FUZZTIME.
fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$dir/*_test.go); do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$dir; \
		done; \
	done

# How often `make torture` breaks a restore in each way.
PGARC_TORTURE ?= 100

torture: ## Kill pgarc, its sessions, the server and the network PGARC_TORTURE (100) times each; an hour or so
	@scripts/setup.sh tests
	PGARC_TEST_REQUIRE=1 PGARC_TORTURE=$(PGARC_TORTURE) go test ./internal/torture -run '^TestTorture$$' -v -timeout 6h

torture-read: ## Damage archives at 180,000 places and read what is left; some 10 minutes
	PGARC_LONG_TESTS=1 go test ./archive -run '^TestTorture$$' -v -timeout 60m

fixtures: ## Copy the fixtures again from FROM, by fixtures/list.txt
	fixtures/copy.sh $(FROM)

clean: ## Remove what was built
	rm -rf bin
