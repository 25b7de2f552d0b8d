# SPDX-License-Identifier: GPL-2.0
# The daemon: daemon/, linked with what it uses of tools/.  Included by the Makefile.

DAEMON_PC := $(TOOLS_PC) libsystemd libudev libmicrohttpd
DAEMON_SRCS := $(wildcard daemon/*.c)
DAEMON_OBJS := $(DAEMON_SRCS:daemon/%.c=out/daemon/%.o)

tools: out/fvpd out/fvp-metrics

out/daemon/%.o: daemon/%.c $(wildcard daemon/*.h tools/*.h include/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -Idaemon -Itools -Iinclude $(shell pkg-config --cflags $(DAEMON_PC)) -c -o $@ $<

# All of the tool but its main: the linker takes what is called.
out/daemon/tools.a: $(filter-out out/tools/main.o,$(FVP_OBJS))
	@mkdir -p $(@D)
	@rm -f $@ && $(AR) rcs $@ $^

out/fvpd: $(DAEMON_OBJS) out/daemon/tools.a
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -Wl,--as-needed -o $@ $^ $(shell pkg-config --libs $(DAEMON_PC)) -lpthread

# For tests: what the exporter writes of a made-up host.
out/daemon/fvp-metrics.o: tests/tools/fvp-metrics.c $(wildcard daemon/*.h tools/*.h include/*.h)
	@mkdir -p $(@D)
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -Idaemon -Itools -Iinclude $(shell pkg-config --cflags $(DAEMON_PC)) -c -o $@ $<

out/fvp-metrics: out/daemon/fvp-metrics.o out/daemon/metrics.o out/daemon/tools.a
	@echo "  CC $@" && $(CC) $(TOOLS_CFLAGS) -Wl,--as-needed -o $@ $^ $(shell pkg-config --libs $(DAEMON_PC)) -lpthread

.PHONY: daemon-install
daemon-install: out/fvpd
	install -D -m 755 out/fvpd $(DESTDIR)$(PREFIX)/sbin/fvpd
	install -D -m 644 tools/man/fvpd.8 $(DESTDIR)$(PREFIX)/share/man/man8/fvpd.8
	install -D -m 644 tools/man/fvp.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/fvp.conf.5
	install -D -m 644 packaging/fvp.conf $(DESTDIR)/etc/fvp/fvp.conf
	install -d $(DESTDIR)/etc/fvp/conf.d
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fvp packaging/prometheus/fvp-rules.yml packaging/prometheus/fvp-dashboard.json
	install -D -m 644 packaging/daemon/fvpd.service $(DESTDIR)/lib/systemd/system/fvpd.service
