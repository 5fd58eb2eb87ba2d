# SPDX-License-Identifier: BSD-2-Clause
#
# mxlb-decap, for backends without tunnel devices; included by the Makefile, whose rule
# makes the skeleton.

all: $(B)/mxlb-decap

$(B)/decap.bpf.o: tools/decap/decap.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/decap/%.o: tools/decap/%.c | $(B)/decap.skel.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<

$(B)/mxlb-decap: $(B)/decap/mxlb-decap.o $(B)/user/addr.o
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libbpf)

install: install-decap

install-decap: $(B)/mxlb-decap
	$(Q)install -D -m 755 $< $(DESTDIR)$(PREFIX)/sbin/mxlb-decap

-include $(wildcard $(B)/decap/*.d)

.SECONDARY: $(B)/decap.skel.h
.PHONY: install-decap
