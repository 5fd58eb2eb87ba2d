# SPDX-License-Identifier: BSD-2-Clause
#
# The benchmark; included by the Makefile, whose rule makes the skeleton. Its first half,
# tests/bpf/run bench, is built by tests/tests.mk.

BENCH_OBJ := $(patsubst tools/%.c,$(B)/bench/%.o,$(filter-out %.bpf.c,$(wildcard tools/bench_*.c)))

$(B)/bench_frames.bpf.o: tools/bench_frames.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/bench/%.o: tools/%.c | $(B)/bench_frames.skel.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<

$(B)/bench-load: $(BENCH_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libbpf)

bench: need-root ## the benchmark beside its rivals, as a table and as JSON (root)
	$(Q)tools/install-deps --bench
	$(Q)$(SUBMAKE) all $(B)/tests/bpf/run $(B)/bench-load
	$(Q)MXLB_BUILD=$(abspath $(B)) PYTHONPYCACHEPREFIX=$(abspath $(B)/pycache) \
	  $(PYTHON) tools/bench $(BENCH_ARGS)

-include $(wildcard $(B)/bench/*.d)

.SECONDARY: $(B)/bench_frames.skel.h
.PHONY: bench
