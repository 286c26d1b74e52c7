# What to do with pgarc's source. Everything sets up what it needs; only Go has to be there.

# golangci-lint is built from source at this version, which takes a minute or two once.
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Where `make fixtures` copies from.
FROM ?= ../shared/fixtures

# How long `make fuzz` runs each target.
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help build demo test race lint golden bench fuzz fixtures clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/pgarc
	go build -o bin/pgarc ./cmd/pgarc

demo: build ## See pgarc list an archive, print a foreign key, and restore into a scratch server
	@scripts/setup.sh
	@scripts/demo.sh

test: ## Run all tests, with real servers
	@scripts/setup.sh tests
	PGARC_TEST_REQUIRE=1 go test ./...

race: ## Run all tests under the race detector
	@scripts/setup.sh tests
	PGARC_TEST_REQUIRE=1 go test -race ./...

lint: ## Check formatting, go vet and golangci-lint, which also keeps the import arrow
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "gofmt these:"; echo "$$bad"; exit 1; }
	go vet ./...
	go run $(GOLANGCI_LINT) run ./...

golden: ## Write the golden files again from what pgarc prints now; review the difference
	go test $$(grep -rl --include='*_test.go' '"update"' . | xargs -n 1 dirname | sort -u) -update

bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## Run each fuzz target for FUZZTIME (30s)
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

fixtures: ## Copy the fixtures again from FROM, by fixtures/list.txt
	fixtures/copy.sh $(FROM)

clean: ## Remove what was built
	rm -rf bin
