# SPDX-License-Identifier: BSD-2-Clause
#
# How the tests are built and run; included by the Makefile. A test program names
# the sources it links in a line of its own: /* uses: addr.c conf.c */. A name
# without a slash is of user/.

FUZZ_SECONDS ?= 20
PYTHON       := /usr/bin/python3
TEST_CFLAGS   = $(USER_CFLAGS) -Itests/lib
TEST_LIBS     = -Wl,--as-needed -lcmocka $(DAEMON_LIBS) -lm
NPROC        := $(shell nproc)
# A sub-make with a job for each processor, unless the caller chose.
SUBMAKE       = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(NPROC))
# The sanitizers hide from gcc what it needs to know the lengths of strings.
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
                -Wno-format-truncation
# Python leaves its caches in $(B), not among the sources.
PYTEST        = PYTHONPYCACHEPREFIX=$(abspath $(B)/pycache) $(PYTHON) -m pytest \
                -o cache_dir=$(abspath $(B)/pytest_cache)

uses = $(filter %.c,$(shell sed -n 's|^[/ ]\*.*uses: ||p' $(1)))

# Before anything is built for it.
need-root:
	@[ "$$(id -u)" = 0 ] || { echo "$(MAKECMDGOALS): needs root, to load BPF programs, to make" \
	  "network namespaces and to read /boot; run: sudo make $(MAKECMDGOALS)" >&2; exit 1; }

step = @printf '\n---- %s\n' '$(1)'

# ---- unit: pure code, no root -----------------------------------------------

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

define unit_rule
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o \
  $(patsubst %.c,$(B)/user/%.o,$(call uses,tests/unit/$(1).c))
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

$(UNIT:%=$(B)/tests/unit/%):
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

$(B)/tests/%.o: tests/%.c | $(SKELS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -I$(<D) -c -o $@ $<

-include $(wildcard $(B)/tests/*/*.d)

# $(1): what to run each program under
run_unit = $(Q)failed=; for t in $(UNIT); do $(1) $(B)/tests/unit/$$t || failed="$$failed $$t"; done; \
  [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

check-unit: $(UNIT:%=$(B)/tests/unit/%) ## unit tests
	$(run_unit)

valgrind: $(UNIT:%=$(B)/tests/unit/%) ## unit tests under valgrind
	$(call run_unit,valgrind -q --leak-check=full --errors-for-leak-kinds=definite \
	  --show-leak-kinds=definite --error-exitcode=99)

asan: ## build with address and undefined-behaviour sanitizers, run the unit tests
	$(Q)UBSAN_OPTIONS=print_stacktrace=1 $(SUBMAKE) B=$(B)/asan SAN='$(SANITIZE)' all check-unit

# ---- bpf: packets through the loaded programs -------------------------------

BPF_TEST_SRC := $(filter-out %.bpf.c tests/bpf/fuzz%.c tests/bpf/verifier.c,$(wildcard tests/bpf/*.c))
BPF_TEST_OBJ := $(sort $(BPF_TEST_SRC:%.c=$(B)/%.o) \
  $(patsubst %.c,$(B)/user/%.o,$(if $(BPF_TEST_SRC),$(call uses,$(BPF_TEST_SRC)))))

# The benchmark's own programs.
FLOOR_SKELS := $(patsubst %.bpf.c,$(B)/%.skel.h,$(wildcard tests/bpf/*.bpf.c))

$(B)/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/tests/bpf/%.skel.h: $(B)/tests/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

$(BPF_TEST_OBJ): | $(FLOOR_SKELS)

$(B)/tests/bpf/run: $(BPF_TEST_OBJ)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

check-bpf: need-root $(B)/tests/bpf/run ## rows of packets through both hooks (root)
	$(Q)$(B)/tests/bpf/run
	$(Q)$(B)/tests/bpf/run large

bench-packets: need-root $(B)/tests/bpf/run ## what a packet costs, against floors of our own (root)
	$(Q)$(B)/tests/bpf/run bench --json $(B)/bench-packets.json

# ---- e2e, other kernels -----------------------------------------------------

check-e2e: need-root all ## mail through real MTAs in network namespaces (root)
	$(Q)$(PYTEST) tests/e2e -q $(PYTEST_ARGS)

check-vm: need-root all $(B)/tests/bpf/run ## packet rows and one mail on Debian's kernel, in qemu (root)
	$(Q)tests/vm/run --timeout 1200 -- env $(PYTEST) tests/vm -v

# ---- fuzz: libFuzzer over tests/fuzz/corpus/NAME ----------------------------

FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
# gcc's warnings are the law for these sources; clang's are not asked for.
FUZZ_CFLAGS = $(filter-out -W% -MMD -MP,$(USER_CFLAGS)) -w \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

define fuzz_rule
$(B)/fuzz/$(1): tests/fuzz/fuzz_$(1).c \
  $(foreach f,$(call uses,tests/fuzz/fuzz_$(1).c),$(if $(findstring /,$(f)),$(f),user/$(f)))
endef
$(foreach t,$(FUZZ),$(eval $(call fuzz_rule,$(t))))

$(FUZZ:%=$(B)/fuzz/%): $(wildcard user/*.h include/mxlb/*.h tests/lib/*.h)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) \
	  -Wl,--as-needed $(DAEMON_LIBS) -lm

# What a run finds goes to $(B)/fuzz/corpus; an input that fails, to $(B)/fuzz.
check-fuzz: $(FUZZ:%=$(B)/fuzz/%) ## each fuzzer for FUZZ_SECONDS
	$(Q)for t in $(FUZZ); do \
	  echo "fuzz_$$t: $(FUZZ_SECONDS) s"; \
	  mkdir -p $(B)/fuzz/corpus/$$t; \
	  seeds=; [ ! -d tests/fuzz/corpus/$$t ] || seeds=tests/fuzz/corpus/$$t; \
	  $(B)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 \
	    -artifact_prefix=$(B)/fuzz/ $(B)/fuzz/corpus/$$t $$seeds 2>$(B)/fuzz/$$t.log || \
	    { cat $(B)/fuzz/$$t.log >&2; exit 1; }; \
	  grep -E 'number_of_executed_units|average_exec' $(B)/fuzz/$$t.log || :; \
	done

# ---- all of it --------------------------------------------------------------

lint: ## format, static checks, licences, headers on their own
	$(Q)tools/lint

deps: ## install what building, the demo and the tests need (root)
	$(Q)tools/install-deps --test

demo: need-root ## the lab: mail through three backends while they stop and fail (root)
	$(Q)tools/install-deps --demo
	$(Q)$(SUBMAKE) all
	$(Q)tools/demo

check: need-root ## everything: install what is missing, build, lint, every test (root)
	$(Q)tools/install-deps --test
	$(call step,build)
	$(Q)$(SUBMAKE) all
	$(call step,lint)
	$(Q)$(SUBMAKE) lint
	$(call step,unit)
	$(Q)$(SUBMAKE) check-unit
	$(call step,bpf)
	$(Q)$(SUBMAKE) check-bpf
	$(call step,e2e)
	$(Q)$(SUBMAKE) check-e2e
	$(call step,vm)
	$(Q)$(SUBMAKE) check-vm
	$(call step,fuzz)
	$(Q)$(SUBMAKE) check-fuzz FUZZ_SECONDS=$(CHECK_FUZZ_SECONDS)
	$(call step,all passed)

CHECK_FUZZ_SECONDS ?= 10

install: all ## install below DESTDIR and PREFIX
	$(Q)install -D -m 755 $(B)/mxlbd $(DESTDIR)$(PREFIX)/sbin/mxlbd
	$(Q)install -D -m 755 $(B)/mxlbctl $(DESTDIR)$(PREFIX)/bin/mxlbctl

# Else make deletes the skeletons, which it takes for intermediate files.
.SECONDARY:
.PHONY: need-root check check-unit check-bpf bench-packets check-e2e check-vm check-fuzz valgrind asan lint deps demo install

include tests/bpf/bpf.mk
include tests/e2e/e2e.mk
