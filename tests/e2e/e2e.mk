# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that the tests of tests/e2e run beside mxlb's own. Included by tests/tests.mk.

$(B)/tests/flood: $(B)/tests/lib/flood.o
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^

check-e2e: $(B)/tests/flood
