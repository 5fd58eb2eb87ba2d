/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet sockets on the far ends of the lab's cables. A received tag is beside the frame
 * there too, and put back before anybody compares.
 */
#include "lab_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#define PATIENCE (2 * SECOND)

static const char *const far_ends[SIDES] = {"wanpeer", "lanpeer", "dmzpeer"};
static int sockets[SIDES];

static void need(bool is_fine, const char *what)
{
	if (is_fine)
		return;
	fprintf(stderr, "tests/bpf: wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void attach(enum side side)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)lab_ifindex(side),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = lab_hook_program(TC));

	need(!bpf_tc_hook_create(&hook) && !bpf_tc_attach(&hook, &opts), "attaching to TC");
}

static int listen_at(const char *device)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1;

	need(fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
		     !setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) &&
		     !setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
	     device);
	return fd;
}

void wire_open(void)
{
	for (int side = 0; side < SIDES; side++) {
		attach(side);
		sockets[side] = listen_at(far_ends[side]);
	}
}

void wire_close(void)
{
	for (int side = 0; side < SIDES; side++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)lab_ifindex(side),
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

		need(!bpf_tc_hook_destroy(&hook), "detaching from TC");
		(void)close(sockets[side]); /* nothing was written */
	}
}

/* The tag that the kernel has taken out goes back behind the addresses. */
static void put_tag_back(struct frame *frame, const struct tpacket_auxdata *aux)
{
	__be16 tag[2] = {htons(ETH_P_8021Q), htons(aux->tp_vlan_tci)};

	if (!(aux->tp_status & TP_STATUS_VLAN_VALID) || frame->len < 12 ||
	    frame->len + sizeof(tag) > FRAME_MAX)
		return;
	if (aux->tp_status & TP_STATUS_VLAN_TPID_VALID)
		tag[0] = htons(aux->tp_vlan_tpid);
	memmove(frame->b + 12 + sizeof(tag), frame->b + 12, frame->len - 12);
	memcpy(frame->b + 12, tag, sizeof(tag));
	frame->len += sizeof(tag);
}

static bool receive(int fd, struct frame *frame)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec part = {frame->b, FRAME_MAX};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
	struct cmsghdr *aux = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	if (got <= 0)
		return false;
	frame->len = (unsigned)got;
	if (aux && aux->cmsg_level == SOL_PACKET && aux->cmsg_type == PACKET_AUXDATA)
		put_tag_back(frame, (const struct tpacket_auxdata *)CMSG_DATA(aux));
	return true;
}

bool wire_run(enum side in_side, const struct frame *in, enum side out_side,
	      const struct frame *want, struct frame *last)
{
	struct pollfd waiting = {.fd = sockets[out_side], .events = POLLIN};
	__u64 end = lab_now() + PATIENCE;

	while (receive(sockets[out_side], last))
		; /* what was on its way before */
	last->len = 0;
	need(send(sockets[in_side], in->b, in->len, 0) == (ssize_t)in->len, "sending");
	for (__u64 now = lab_now(); now < end; now = lab_now()) {
		(void)poll(&waiting, 1, (int)((end - now) / 1000000) + 1);
		while (receive(sockets[out_side], last))
			if (last->len == want->len && !memcmp(last->b, want->b, want->len))
				return true;
	}
	return false;
}
