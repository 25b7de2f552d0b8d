# SPDX-License-Identifier: GPL-2.0
# fvp.  `make help` lists the targets; packages are in lab/packages.

O := out
CC ?= gcc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wno-unused-parameter
KERNELS := 6.1 6.12

HOURS ?= 1

.PHONY: all help tools module check check-all check-debug soak demo bench bench-path style format clean setup
all: tools module

include userspace.mk
include tools.mk
include daemon.mk
-include tests.mk
include install.mk

help:
	@echo 'sudo make demo        the main job: a virtual machine host with a slow store, accelerated'
	@echo 'sudo make check       everything that is tested, about half an hour'
	@echo 'sudo make check-all   the same with what takes long: databases, more power cuts, all of it on both kernels; hours'
	@echo 'sudo make check-debug the tests in guests on a kernel with KASAN, lockdep and kmemleak (built first: 10 minutes), hours'
	@echo 'sudo make soak HOURS=N volumes under load while an administrator does all there is to do, in random order'
	@echo 'sudo make bench       fvp beside the peers: latency, throughput, a trace, scaling; [BENCH=name] for one; two hours'
	@echo 'sudo make bench-path  instructions per I/O, beside the kernel'"'"'s own caches'
	@echo 'sudo make crash-rig   power cuts at [CRASH_POINTS=1000] moments in each of [CRASH_MODES="write-back …"]: half an hour or more'
	@echo 'make tools            out/fvp, the command-line tool, and out/fvpd, the daemon'
	@echo 'make module           out/module/VERSION/dm-fvp.ko for $(KERNELS)'
	@echo 'sudo make install [DESTDIR=D] [PREFIX=/usr]  the tool, its units, and the sources for DKMS (docs/install.md)'
	@echo 'make deb              out/deb/fvp-dkms_*.deb, fvp-utils_*.deb and fvpd_*.deb'
	@echo 'make check-unit | check-sim [SEEDS=N] | check-fuzz | fuzz [SECONDS=N] | style'
	@echo 'make hitrate [HITRATE="--percent N,N TRACE…"]  hit rates beside LRU, SIEVE, S3-FIFO and the optimum (docs/policy.md)'
	@echo 'make coverage         lines and branches of core/ that tests run, and their floors'
	@echo 'make format           clang-format in place'

setup:
	lab/setup

# The module for each kernel of the matrix.
module:
	for kernel in $(KERNELS); do lab/build-module $$kernel || exit 1; done

check:
	lab/setup
	tests/check

check-all:
	lab/setup
	tests/check --all

# The tests in guests on the kernel that looks for mistakes.
check-debug:
	lab/setup
	lab/build-debug-kernel debug
	$(MAKE) tools
	lab/build-module debug
	FVP_LAB_KERNEL=debug /usr/bin/python3 -m pytest -v --durations=25 tests/lab

soak:
	lab/setup
	lab/soak $$(($(HOURS) * 3600))

demo:
	lab/demo

# What $(BENCH) names, or all: bench/run --help.
bench:
	lab/setup --bench
	$(MAKE) tools
	lab/build-module $(or $(FVP_LAB_KERNEL),6.1)
	bench/run $(BENCH)

bench-path:
	lab/setup
	$(MAKE) tools
	lab/build-module 6.1
	lab/bench-path

C_FILES = $(shell git ls-files -co --exclude-standard '*.c' '*.h')
STYLE_FILES = $(filter-out $(O)/%,$(C_FILES))

style:
	tests/style/run

format:
	clang-format -i $(STYLE_FILES)

clean:
	rm -rf $(O)
