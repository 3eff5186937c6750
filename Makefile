# The commands the README names; each says what it does. Details are in the programs they start.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/windlass/target
# End-to-end tests mostly wait, so more of them than cores run side by side.
export RUST_TEST_THREADS ?= 4

.PHONY: build dist deb soak test bench demo cluster lint fmt crds bootstrap node

build: ## the program, as it is released
	cargo build --release --package windlass

dist: ## the archives that install nodes, with their checksums; ARCH=amd64 makes one
	@for architecture in $(or $(ARCH),amd64 arm64); do \
		program=$$(packaging/build.sh $$architecture --release) && packaging/dist.sh $$program $$architecture dist || exit 1; done

deb: ## the Debian packages; ARCH=amd64 makes one
	@for architecture in $(or $(ARCH),amd64 arm64); do \
		program=$$(packaging/build.sh $$architecture --release) && packaging/deb/deb.sh $$program $$architecture dist || exit 1; done

test: bootstrap node lint ## everything that must hold
	@tests/bootstrap.sh chromium chromedriver:chromium-driver || echo "== no Chromium: nobody looks at the status page"
	@echo "== building the program under test and all tests (about 5 minutes the first time)"
	cargo build --package windlass
	cargo test --workspace --no-run
	@echo "== the real flux and its controllers, to compare with (about 10 minutes the first time)"
	@tests/oracles/flux.sh >/dev/null || [ $$? = 77 ]
	@echo "== the real Helm, to compare with"
	@tests/oracles/helm.sh >/dev/null || [ $$? = 77 ]
	@tests/oracles/helm-controller.sh >/dev/null || [ $$? = 77 ]
	@tests/oracles/controllers.sh >/dev/null || [ $$? = 77 ]
	@echo "== a real registry, to put charts into"
	@tests/oracles/registry.sh >/dev/null || [ $$? = 77 ]
	@echo "== a server that speaks S3, to put buckets into"
	@tests/oracles/s3.sh >/dev/null || [ $$? = 77 ]
	@echo "== the real kustomize, to compare with"
	@tests/oracles/kustomize.sh >/dev/null || [ $$? = 77 ]
	@echo "== the real sops, to compare with"
	@tests/oracles/sops.sh >/dev/null || [ $$? = 77 ]
	@echo "== a program that reads archives as Go does, and promtool"
	@tests/oracles/tar.sh >/dev/null || [ $$? = 77 ]
	@tests/oracles/promtool.sh >/dev/null || [ $$? = 77 ]
	@echo "== rooms, kit and end-to-end tests, on a real control plane"
	cargo test --workspace --no-fail-fast

lint: ## format, lints, licences, walls between rooms
	@echo "== format"
	cargo fmt --all --check
	@echo "== tidy: edges, licences, sizes"
	cargo test --quiet --package windlass-tidy
	@echo "== lints"
	cargo clippy --workspace --all-targets --quiet -- --deny warnings

bench: ## the figures, measured against their limits (docs/bench.md); ONLY=name measures one
	@tests/bootstrap.sh strace
	@echo "== building the program as it is released, and the bench (a few minutes the first time)"
	cargo build --release --package windlass
	cargo build --release --package windlass-bench
	@WINDLASS_BIN=$(CARGO_TARGET_DIR)/release/windlass $(CARGO_TARGET_DIR)/release/windlass-bench

soak: bootstrap node ## random faults on three booted nodes, for SOAK=1h; repeat with SOAK_SEED=
	@tests/bootstrap.sh ip:iproute2
	cargo build --package windlass
	SOAK=$(or $(SOAK),1h) SOAK_SEED=$(SOAK_SEED) cargo test --workspace soak_of -- --ignored --nocapture

demo: bootstrap ## a signed commit goes in, the cluster follows; KEEP=1 leaves it running
	@echo "== building the program (a few minutes the first time)"
	cargo build --package windlass --package windlass-kit --example demo --bin windlass
	@cargo run --quiet --package windlass-kit --example demo

cluster: bootstrap ## a control plane to play with, until Ctrl-C
	@cargo run --quiet --package windlass-kit --example cluster

fmt: ## formats everything
	cargo fmt --all

crds: ## packaging/crds from the Rust types
	cargo run --quiet --package windlass-api --example crds

bootstrap:
	@echo "== programs that tests need, and the control plane"
	@tests/bootstrap.sh

node:
	@echo "== the node that the installation is tested on"
	@tests/bootstrap.sh ip:iproute2
	@[ "$$(id -u)" != 0 ] || tests/nodes/image.sh
