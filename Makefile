# SPDX-License-Identifier: BSD-2-Clause
# mxlb: `make help` lists the targets. Everything that is built goes to $(B).

B        := build
VERSION  := 0.1.0
PREFIX   ?= /usr/local
CC       ?= gcc
CLANG    ?= clang
BPFTOOL  := $(or $(shell command -v bpftool 2>/dev/null),/usr/sbin/bpftool)
SAN      ?=

ifeq ($(V),1)
Q :=
say = @true
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wpointer-arith -Wvla -Wundef -Wno-unused-parameter -Werror
PKGS     := libbpf libnl-3.0 libnl-genl-3.0 libnl-route-3.0 libevent libevent_openssl openssl libfyaml jansson \
            libcap-ng libcares
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
DAEMON_LIBS = $(shell pkg-config --libs $(PKGS))
CTL_LIBS = $(shell pkg-config --libs libfyaml jansson)
CFLAGS   ?= -O2 -g
USER_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DMXLB_VERSION='"$(VERSION)"' $(WARN) -Iinclude -Iuser \
              -I$(B) $(PKG_CFLAGS) $(CFLAGS) $(SAN) -fstack-protector-strong -MMD -MP
BPF_CFLAGS = -std=gnu11 -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wshadow -Werror \
             -Wno-unused-parameter -Iinclude -Ibpf -I/usr/include/$(shell gcc -dumpmachine) -MMD -MP

# ---- what is built ----------------------------------------------------------

BPF_PROGS  := mxlb_xdp mxlb_tc mxlb_sweep
SKELS      := $(BPF_PROGS:%=$(B)/%.skel.h)
# Both programs; mxlbctl has no libbpf, no libnl, no TLS.
SHARED_SRC := addr.c log.c $(notdir $(wildcard user/conf*.c))
CTL_SRC    := $(SHARED_SRC) mxlbctl.c $(notdir $(wildcard user/ctl_client.c user/cli_*.c user/out*.c))
DAEMON_SRC := $(filter-out mxlbctl.c ctl_client.c cli_% out%,$(notdir $(wildcard user/*.c)))
DAEMON_OBJ := $(DAEMON_SRC:%.c=$(B)/user/%.o)
CTL_OBJ    := $(sort $(CTL_SRC:%.c=$(B)/user/%.o))

all: $(B)/mxlbd $(B)/mxlbctl ## build mxlbd and mxlbctl

$(B)/mxlbd: $(DAEMON_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(DAEMON_LIBS) -lm

$(B)/mxlbctl: $(CTL_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(CTL_LIBS) -lm

$(B)/user/%.o: user/%.c | $(SKELS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<

$(B)/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@

-include $(wildcard $(B)/*.d $(B)/user/*.d $(B)/tests/*.d)

# ---- checks -----------------------------------------------------------------

-include tests/tests.mk
-include tools/decap/decap.mk
-include tools/bench.mk

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

clean: ## remove build/
	$(Q)rm -rf $(B)

.SECONDARY: $(BPF_PROGS:%=$(B)/%.bpf.o) $(SKELS)
.DELETE_ON_ERROR:
.PHONY: all help clean
.DEFAULT_GOAL := all
