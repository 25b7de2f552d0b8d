# SPDX-License-Identifier: GPL-2.0
# Programs of the tests in guests.  Included by the Makefile; works alone too.

CRAFT_SRCS := tests/tools/fvp-craft.c core/super.c core/record.c shim/lib.c shim/alloc.c shim/crc32c.c

tools: out/fvp-craft

out/fvp-craft: $(CRAFT_SRCS) $(wildcard core/super.h core/record.h include/*.h shim/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
		-fno-strict-aliasing -Ishim -Icore -Iinclude -o $@ $(CRAFT_SRCS)
