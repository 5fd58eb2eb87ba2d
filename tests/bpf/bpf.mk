# SPDX-License-Identifier: BSD-2-Clause
#
# The programs of tests/bpf beside the rows: the packet fuzzer, and what the verifier takes
# for each BPF program. Included by tests/tests.mk; `make check-bpf` runs both.

PACKET_SECONDS ?= 20

PACKET_SRC := $(wildcard tests/bpf/fuzz*.c) $(addprefix tests/bpf/,frame.c lab.c lab_maps.c state.c)
PACKET_OBJ := $(PACKET_SRC:%.c=$(B)/%.o) $(patsubst %.c,$(B)/user/%.o,$(call uses,$(PACKET_SRC)))

$(B)/tests/bpf/fuzz: $(PACKET_OBJ)
$(B)/tests/bpf/verifier: $(B)/tests/bpf/verifier.o
$(B)/tests/bpf/fuzz $(B)/tests/bpf/verifier:
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(TEST_LIBS)

check-packets: need-root $(B)/tests/bpf/fuzz ## packets made by chance, for PACKET_SECONDS (root)
	$(Q)$(B)/tests/bpf/fuzz $(PACKET_SECONDS)

check-verifier: need-root $(B)/tests/bpf/verifier ## what the programs take of the verifier (root)
	$(Q)$(B)/tests/bpf/verifier

check-bpf: check-verifier check-packets
check-vm: $(B)/tests/bpf/verifier

.PHONY: check-packets check-verifier
