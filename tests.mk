# SPDX-License-Identifier: GPL-2.0
# Programs of the tests in guests.  Included by the Makefile; works alone too.

CRAFT_SRCS := tests/tools/fvp-craft.c core/super.c core/record.c shim/lib.c shim/alloc.c shim/crc32c.c

tools: out/fvp-craft

out/fvp-craft: $(CRAFT_SRCS) $(wildcard core/super.h core/record.h include/*.h shim/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
		-fno-strict-aliasing -Ishim -Icore -Iinclude -o $@ $(CRAFT_SRCS)

CRASH_SRCS := $(wildcard tests/crash/*.c)

tools: out/crash-rig

out/crash-rig: $(CRASH_SRCS) tests/crash/rig.h
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
		-o $@ $(CRASH_SRCS) $(shell pkg-config --libs devmapper) -lpthread

# The power cut at CRASH_POINTS moments in each of CRASH_MODES; a state that is wrong stays in out/crash-MODE.state.
CRASH_MODES := write-back write-through mixed replica
CRASH_POINTS := 1000
CRASH_SEED := 1

.PHONY: crash-rig
crash-rig: tools
	lab/build-module 6.1
	for mode in $(CRASH_MODES); do \
		lab/fvp-lab run --timeout 0 -- tests/crash/setup out/crash-rig --mode $$mode --points $(CRASH_POINTS) \
			--seed $(CRASH_SEED) --save out/crash-$$mode.state $(CRASH_OPTIONS) || exit 1; \
	done
