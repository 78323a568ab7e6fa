# The front door of deltaflow. Each target does the set-up it needs on a fresh Debian 12; a second run does not repeat it.
# Everything real is in CMakeLists.txt, CMakePresets.json and tools/.

JOBS    ?= $(shell nproc)
SEEDS   ?= 1000
SETUP    = build/.setup-$(shell cksum < tools/setup | cut -d' ' -f1)
DESTDIR ?=
PREFIX  ?= /usr/local

.PHONY: help demo test build bench chaos fuzz install tidy format clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

$(SETUP): tools/setup
	@tools/setup
	@mkdir -p build && touch $@

build/%/build.ninja: CMakeLists.txt CMakePresets.json cmake/Deltaflow.cmake $(SETUP)
	@cmake --preset $* --log-level=WARNING >/dev/null

build: build/release/build.ninja ## release binary at build/release/deltaflow
	@ninja -C build/release deltaflow --quiet -j $(JOBS)
	@echo "built build/release/deltaflow"

demo: build ## simulator, trading and a summary, with nothing configured
	@build/release/deltaflow demo

test: $(SETUP) ## every test: debug, ASan+UBSan, threads under TSan, both compilers' bits, format and layers
	@tools/setup foreign
	@tools/test

bench: build ## figures, as ratios against peers measured in the same run: a table and bench.json
	@tools/bench

chaos: build/release/build.ninja ## SEEDS (1000) worlds that fail in every way, in virtual time (docs/CHAOS.md)
	@tools/chaos --seeds $(SEEDS) --jobs $(JOBS)

fuzz: $(SETUP) ## every fuzz target for SECONDS_EACH (60) seconds each, from the corpus in the tree
	@tools/fuzz

install: build ## to PREFIX (/usr/local)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix $(PREFIX)

tidy: build/debug/build.ninja ## clang-tidy over src (slow, by hand)
	@run-clang-tidy-14 -quiet -p build/debug 'src/.*\.c$$' 2>/dev/null

format: ## clang-format over all C
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove build/
	@rm -rf build
