# The usual ways in. Each works on a fresh checkout: scripts/setup comes first and does nothing the second time.

deps := $(or $(MILLRACE_DEPS),$(CURDIR)/.deps)
export PATH := $(deps)/venv/bin:$(PATH)

.PHONY: help setup build demo test test-gpu bench fuzz lint format clean

help:
	@echo "make build   the program: build/release/bin/millrace"
	@echo "make demo    the sample clip at twice its size, its cuts, and a picture to compare"
	@echo "make test    everything that is checked: tests, sanitizers, the CUDA build, the wheel, lint"
	@echo "make test-gpu what only a GPU can show: tests, and conversions beside copies"
	@echo "make bench   build the benchmarks and run them"
	@echo "make fuzz    look for new inputs that break what reads input: 30 s a target"
	@echo "make lint    formatting, clang-tidy, ruff, shellcheck"
	@echo "make format  rewrite the sources as lint wants them"
	@echo "make setup   install what is missing (the other targets do it too)"
	@echo "make clean   remove build/ (not .deps/)"

setup:
	@scripts/setup

build: setup
	@cmake --preset release --log-level=WARNING
	@cmake --build --preset release

demo: build
	@scripts/demo

test:
	@scripts/test

test-gpu: setup
	@scripts/test-gpu

bench: build
	@scripts/bench

fuzz: setup
	@scripts/fuzz

lint: setup
	@scripts/lint

format: setup
	@scripts/format

clean:
	rm -rf build
