# SPDX-License-Identifier: GPL-2.0
# core/ in userspace: simulator, unit tests, fuzz targets.  Included by the
# Makefile; `make -f userspace.mk check-unit` works too.

USER_OUT ?= out
USER_CC ?= gcc
FUZZ_CC ?= clang
SEEDS ?= 2000
SECONDS ?= 60
JOBS ?= $(shell nproc)

USER_CFLAGS = -std=gnu11 -g -O2 -Wall -Wextra -Werror -Wno-unused-parameter -fno-strict-aliasing \
	-Ishim -Icore -Iinclude -MMD -MP
ASAN_CFLAGS = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	-Wno-format-truncation -Wno-stringop-truncation -Wno-maybe-uninitialized

# What programs need that use only the format (tools/): no scheduler.
SHIM_BASE_SRCS = shim/lib.c shim/alloc.c shim/crc32c.c
SHIM_SRCS = $(wildcard shim/*.c)
CORE_SRCS = $(wildcard core/*.c)
SIM_SRCS = $(wildcard sim/*.c)
UNIT_SRCS = $(wildcard tests/unit/*.c)
# The simulated devices also serve the unit tests.
SIM_LIB_SRCS = $(filter-out sim/main.c,$(SIM_SRCS))

user_objs = $(patsubst %.c,$(USER_OUT)/user/$(1)/%.o,$(2))

SIM_OBJS = $(call user_objs,plain,$(SHIM_SRCS) $(CORE_SRCS) $(SIM_SRCS))
SIM_ASAN_OBJS = $(call user_objs,asan,$(SHIM_SRCS) $(CORE_SRCS) $(SIM_SRCS))
UNIT_OBJS = $(call user_objs,plain,$(SHIM_SRCS) $(CORE_SRCS) $(SIM_LIB_SRCS) $(UNIT_SRCS))
UNIT_ASAN_OBJS = $(call user_objs,asan,$(SHIM_SRCS) $(CORE_SRCS) $(SIM_LIB_SRCS) $(UNIT_SRCS))

# Fuzz targets are fuzz/fuzz_<name>.c, each with a corpus fuzz/corpus/<name>/.
FUZZ_NAMES = $(patsubst fuzz/fuzz_%.c,%,$(wildcard fuzz/fuzz_*.c))
FUZZ_FORMAT_SRCS = $(SHIM_BASE_SRCS) core/super.c core/record.c
# What a target links beside its own file.
FUZZ_SRCS_super = $(FUZZ_FORMAT_SRCS)
FUZZ_SRCS_segment = $(FUZZ_FORMAT_SRCS)
FUZZ_SRCS_lines = $(SHIM_BASE_SRCS) kernel/parse.c
FUZZ_SRCS_words = $(FUZZ_SRCS_lines) tools/words.c tools/histogram.c tools/text.c
FUZZ_IMAGE_SRCS = $(wildcard fuzz/image*.c) $(SHIM_SRCS) $(CORE_SRCS)
FUZZ_SRCS_image = $(FUZZ_IMAGE_SRCS)

$(USER_OUT)/user/plain/%.o: %.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) -Isim -c $< -o $@

$(USER_OUT)/user/asan/%.o: %.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) $(ASAN_CFLAGS) -Isim -c $< -o $@

$(USER_OUT)/user/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(USER_CFLAGS) -O1 -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined -c $< -o $@

$(USER_OUT)/fvp-sim: $(SIM_OBJS)
	$(USER_CC) $(USER_CFLAGS) $^ -o $@

$(USER_OUT)/fvp-sim-asan: $(SIM_ASAN_OBJS)
	$(USER_CC) $(USER_CFLAGS) $(ASAN_CFLAGS) $^ -o $@

# Core's hit rates beside other policies'.
HITRATE_SRCS = $(SHIM_SRCS) $(CORE_SRCS) $(wildcard sim/hitrate/*.c)

$(USER_OUT)/fvp-hitrate: $(call user_objs,plain,$(HITRATE_SRCS))
	$(USER_CC) $(USER_CFLAGS) $^ -lm -o $@

$(USER_OUT)/unit: $(UNIT_OBJS)
	$(USER_CC) $(USER_CFLAGS) $^ -o $@

$(USER_OUT)/unit-asan: $(UNIT_ASAN_OBJS)
	$(USER_CC) $(USER_CFLAGS) $(ASAN_CFLAGS) $^ -o $@

# Fuzz targets twice: with libFuzzer, and with a main that replays files.
define fuzz_target
$(USER_OUT)/fuzz_$(1): $(USER_OUT)/user/fuzz/fuzz/fuzz_$(1).o $$(call user_objs,fuzz,$$(FUZZ_SRCS_$(1)))
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $$^ -o $$@

$(USER_OUT)/replay_$(1): $(USER_OUT)/user/asan/fuzz/fuzz_$(1).o $(USER_OUT)/user/asan/fuzz/replay.o \
		$$(call user_objs,asan,$$(FUZZ_SRCS_$(1)))
	$(USER_CC) $(ASAN_CFLAGS) $$^ -o $$@
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call fuzz_target,$(n))))

$(USER_OUT)/fuzz-seeds: $(call user_objs,plain,$(wildcard fuzz/seeds*.c) $(FUZZ_IMAGE_SRCS))
	$(USER_CC) $(USER_CFLAGS) $^ -o $@

.PHONY: check-unit check-sim check-sim-asan check-defects check-fuzz fuzz fuzz-corpus hitrate
.SECONDARY:

check-unit: $(USER_OUT)/unit-asan
	$<

check-sim: $(USER_OUT)/fvp-sim
	$< --seeds 1..$(SEEDS) --jobs $(JOBS)

check-sim-asan: $(USER_OUT)/fvp-sim-asan
	ASAN_OPTIONS=detect_stack_use_after_return=0 $< --seeds 1..$(SEEDS) --jobs $(JOBS)

# Of what it prints, that nobody beats the optimum is checked.
HITRATE ?= --percent 10,20,50 zipf zipf-writes scan loop shift mixed

hitrate: $(USER_OUT)/fvp-hitrate
	$< $(HITRATE)

check-defects: $(USER_OUT)/fvp-sim
	sim/check-defects.sh $<

check-fuzz: $(foreach n,$(FUZZ_NAMES),$(USER_OUT)/replay_$(n))
	@set -e; for n in $(FUZZ_NAMES); do $(USER_OUT)/replay_$$n fuzz/corpus/$$n/*; done

# All targets together take SECONDS.
fuzz: $(foreach n,$(FUZZ_NAMES),$(USER_OUT)/fuzz_$(n))
	@set -e; for n in $(FUZZ_NAMES); do \
		mkdir -p $(USER_OUT)/corpus/$$n; \
		$(USER_OUT)/fuzz_$$n -max_total_time=$$(($(SECONDS) / $(words $(FUZZ_NAMES)))) -max_len=65536 \
			$(USER_OUT)/corpus/$$n fuzz/corpus/$$n; \
	done

# Writes the committed corpora anew, after a change of the format.
fuzz-corpus: $(USER_OUT)/fuzz-seeds
	$< fuzz/corpus

include coverage.mk

-include $(shell find $(USER_OUT)/user -name '*.d' 2>/dev/null)
