# SPDX-License-Identifier: GPL-2.0
# The command line tool and the replay program.  Included by the Makefile.

TOOLS_CFLAGS ?= -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter
TOOLS_PC := devmapper blkid json-c uuid ncursesw
TOOLS_SRCS := $(wildcard tools/*.c)
FVP_SRCS := $(filter-out tools/replay%.c tools/fvp-replay.c,$(TOOLS_SRCS))
REPLAY_SRCS := tools/fvp-replay.c $(wildcard tools/replay_*.c)
# `fvp recover` runs all of core in the tool's own process.
TOOLS_CORE_SRCS := $(wildcard core/*.c)
TOOLS_SHIM_SRCS := $(wildcard shim/*.c)

.PHONY: tools tools-install
tools: out/fvp out/fvp-replay

# Only flash.c and recover/core.c see core's headers, and with them the kernel's names.
out/tools/flash.o: TOOLS_INCLUDE := -Ishim -Icore
out/tools/%.o: tools/%.c $(wildcard tools/*.h include/*.h core/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -Itools -Iinclude $(TOOLS_INCLUDE) $(shell pkg-config --cflags $(TOOLS_PC)) -c -o $@ $<

# core/pool.h before tools/pool.h.
out/tools/recover_core.o: tools/recover/core.c $(wildcard tools/*.h include/*.h core/*.h shim/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -fno-strict-aliasing -Icore -Ishim -Iinclude -Itools -c -o $@ $<

out/tools/core_%.o: core/%.c $(wildcard include/*.h core/*.h shim/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -fno-strict-aliasing -Iinclude -Ishim -Icore -c -o $@ $<

out/tools/shim_%.o: shim/%.c $(wildcard shim/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -fno-strict-aliasing -Ishim -Icore -Iinclude -c -o $@ $<

FVP_OBJS := $(FVP_SRCS:tools/%.c=out/tools/%.o) out/tools/recover_core.o $(TOOLS_CORE_SRCS:core/%.c=out/tools/core_%.o) \
	$(TOOLS_SHIM_SRCS:shim/%.c=out/tools/shim_%.o)

out/fvp: $(FVP_OBJS)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -o $@ $^ $(shell pkg-config --libs $(TOOLS_PC)) -lpthread

out/fvp-replay: $(REPLAY_SRCS:tools/%.c=out/tools/%.o)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -o $@ $^ -lpthread

DESTDIR ?=
PREFIX ?= /usr
tools-install: out/fvp
	install -D -m 755 out/fvp $(DESTDIR)$(PREFIX)/sbin/fvp
	install -D -m 644 tools/man/fvp.8 $(DESTDIR)$(PREFIX)/share/man/man8/fvp.8
	install -D -m 644 -t $(DESTDIR)/lib/systemd/system packaging/systemd/*.service
	install -d $(DESTDIR)$(PREFIX)/share/fvp $(DESTDIR)/lib/udev/rules.d
	sed 's|/usr/sbin/fvp|$(PREFIX)/sbin/fvp|' packaging/udev/59-fvp.rules >$(DESTDIR)/lib/udev/rules.d/59-fvp.rules
	install -m 644 packaging/lvm/lvm.conf $(DESTDIR)$(PREFIX)/share/fvp/lvm.conf
	install -D -m 644 tools/man/dm-fvp.4 $(DESTDIR)$(PREFIX)/share/man/man4/dm-fvp.4
