# SPDX-License-Identifier: GPL-2.0
# `make coverage`: which lines and branches of core/ the tests without a guest run.  Included by
# userspace.mk.

COV_LINES ?= 95
COV_BRANCHES ?= 85
COV_SEEDS ?= 300
COV_CRASH_SEEDS ?= 30

COV_DIR = $(USER_OUT)/user/cov
COV_CORE_OBJS = $(call user_objs,cov,$(CORE_SRCS))
COV_SIM_OBJS = $(call user_objs,cov,$(SHIM_SRCS) $(SIM_SRCS)) $(COV_CORE_OBJS)
COV_UNIT_OBJS = $(call user_objs,cov,$(SHIM_SRCS) $(SIM_LIB_SRCS) $(UNIT_SRCS)) $(COV_CORE_OBJS)
# Targets that run core/.
COV_FUZZ_NAMES = super segment image

# Only core/ counts: the rest at full speed.  -O0, so that a branch is what the source says.
$(COV_DIR)/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) -O0 --coverage -c $< -o $@

$(COV_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) -Isim -c $< -o $@

$(COV_DIR)/fvp-sim: $(COV_SIM_OBJS)
	$(USER_CC) --coverage $^ -o $@

$(COV_DIR)/unit: $(COV_UNIT_OBJS)
	$(USER_CC) --coverage $^ -o $@

define cov_replay
$(COV_DIR)/replay_$(1): $$(call user_objs,cov,fuzz/fuzz_$(1).c fuzz/replay.c $$(FUZZ_SRCS_$(1)))
	$(USER_CC) --coverage $$^ -o $$@
endef
$(foreach n,$(COV_FUZZ_NAMES),$(eval $(call cov_replay,$(n))))

COV_RUNS = $(foreach n,$(COV_FUZZ_NAMES),"$(COV_DIR)/replay_$(n) fuzz/corpus/$(n)/*") "$(COV_DIR)/unit" \
	$(foreach n,1 2,"$(COV_DIR)/fvp-sim --seeds $(n)001..$(n)$(shell printf %03d $$(($(COV_SEEDS) / 2)))") \
	$(foreach n,3 4,"$(COV_DIR)/fvp-sim --seeds $(n)001..$(n)$(shell printf %03d $$(($(COV_CRASH_SEEDS) / 2))) \
		--crash-often --phases 100")

.PHONY: coverage
# The simulator's own --jobs would lose what its children count; counters of processes merge.
coverage: $(COV_DIR)/fvp-sim $(COV_DIR)/unit $(foreach n,$(COV_FUZZ_NAMES),$(COV_DIR)/replay_$(n))
	@find $(COV_DIR) -name '*.gcda' -delete
	@printf '%s\0' $(COV_RUNS) | xargs -0 -P $(JOBS) -I '{}' sh -c \
		'log=$$(mktemp $(COV_DIR)/run.XXXXXX); set -- {}; if "$$@" >$$log 2>&1; then echo "$$1: $$(tail -1 $$log)"; \
		else tail -20 $$log; exit 1; fi; rm $$log'
	@tests/coverage --lines $(COV_LINES) --branches $(COV_BRANCHES) $(COV_DIR)/core
