# What people and CI call. Everything here runs on Debian 12 or later.

GO      ?= go
CACHE   := .cache
SITE    ?= examples/enterprise
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
ENV     := $(if $(SUDO),sudo env "PATH=$$PATH",)

# What the lab itself needs, what its tests run, and what pictures are looked at with.
LAB_PACKAGES  := nftables iproute2
TEST_PACKAGES := $(LAB_PACKAGES) conntrack nmap openssh-server openssh-client curl dnsmasq-base bind9-dnsutils \
                 iputils-ping iptables tcpdump chromium fonts-dejavu-core

.PHONY: help demo build test test-vlan lint fuzz bench bench-once cross deps deps-lab ci clean

help: ## say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: deps-lab build ## check, lab-test and show the example enterprise
	bin/glacis check $(SITE)
	bin/glacis test $(SITE)
	bin/glacis matrix $(SITE)
	$(ENV) bin/glacis lab test $(SITE)

build: ## build bin/glacis
	$(GO) build -trimpath -o bin/glacis ./cmd/glacis

# How many tests may be skipped: none as root with the shared data beside the project.
SKIPS := $(if $(SUDO),1000,$(if $(wildcard ../shared/data),0,20))

test: $(if $(SUDO),,deps) ## every test, with real kernels; as root, or it says what it skips
	@mkdir -p $(CACHE)
	$(GO) build -o $(CACHE)/tally ./test/tally
	$(GO) test -json -count=1 -timeout 30m ./... 2>&1 | $(CACHE)/tally -skips $(SKIPS)

test-vlan: ## the lab with real 802.1Q tags, in a virtual machine
	$(ENV) $(GO) run ./test/vlan

lint: ## gofmt, go vet, staticcheck
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "not formatted: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

FUZZTIME ?= 60s

fuzz: ## run every fuzzer for FUZZTIME, within 512 MB
	$(GO) run ./test/fuzz -time $(FUZZTIME)

bench: ## what a packet costs, beside the same policy written other ways
	$(ENV) $(GO) run ./test/bench

bench-once: ## every benchmark once, so that none rots
	$(GO) test -run '^$$' -bench . -benchtime 1x ./...
	$(ENV) $(GO) run ./test/bench -runs 1 -packets 20000

cross: ## build for the other machines
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o $(CACHE)/cross/glacis-linux-arm64 ./cmd/glacis
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) build -o $(CACHE)/cross/glacis-windows-amd64.exe ./cmd/glacis

# Packages are installed only if one is missing.
define install
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] || { echo "installing:" $$missing; $(SUDO) apt-get update -q && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; }
endef

deps: deps-go ## install what the tests need
	$(call install,$(TEST_PACKAGES))

deps-lab: deps-go ## install what the lab needs
	$(call install,$(LAB_PACKAGES))

# Any Go from 1.21 on fetches the version that go.mod names.
.PHONY: deps-go
deps-go:
	@command -v $(GO) >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -q -y --no-install-recommends golang-go ca-certificates; }

ci: deps lint cross build fuzz bench-once test-vlan demo test ## what .ci/run runs

clean: ## remove what was built
	rm -rf bin $(CACHE)
