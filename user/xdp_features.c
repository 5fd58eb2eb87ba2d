/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One question to the kernel, asked anew each time: see xdp_features.h. The numbers are
 * those of include/uapi/linux/netdev.h, which Debian 12's headers lack.
 */
#include "xdp_features.h"

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdbool.h>
#include <stdint.h>

#define NETDEV_CMD_DEV_GET	  1
#define NETDEV_A_DEV_IFINDEX	  1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_NDO_XMIT	  4

struct answer {
	bool is_known;
	uint64_t features;
};

static int take_answer(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[NETDEV_A_DEV_XDP_FEATURES + 1];
	struct answer *answer = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, attrs, NETDEV_A_DEV_XDP_FEATURES, NULL))
		return NL_SKIP;
	if (attrs[NETDEV_A_DEV_XDP_FEATURES] &&
	    nla_len(attrs[NETDEV_A_DEV_XDP_FEATURES]) == sizeof(answer->features)) {
		answer->features = nla_get_u64(attrs[NETDEV_A_DEV_XDP_FEATURES]);
		answer->is_known = true;
	}
	return NL_OK;
}

static int ask(struct nl_sock *socket, unsigned ifindex)
{
	int family = genl_ctrl_resolve(socket, "netdev"), err;
	struct nl_msg *msg;

	if (family < 0)
		return family;
	msg = nlmsg_alloc();
	if (!msg)
		return -NLE_NOMEM;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, NETDEV_CMD_DEV_GET, 1) ||
	    nla_put_u32(msg, NETDEV_A_DEV_IFINDEX, ifindex)) {
		nlmsg_free(msg);
		return -NLE_NOMEM;
	}
	err = nl_send_auto(socket, msg);
	nlmsg_free(msg);
	return err < 0 ? err : nl_recvmsgs_default(socket);
}

enum xdp_redirect xdp_takes_redirect(unsigned ifindex)
{
	struct nl_sock *socket = nl_socket_alloc();
	struct answer answer = {0};

	if (!socket)
		return XDP_REDIRECT_UNKNOWN;
	nl_socket_disable_auto_ack(socket);
	nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_answer, &answer);
	if (!genl_connect(socket))
		(void)ask(socket, ifindex); /* no answer: not known */
	nl_socket_free(socket);
	if (!answer.is_known)
		return XDP_REDIRECT_UNKNOWN;
	return answer.features & NETDEV_XDP_ACT_NDO_XMIT ? XDP_REDIRECT_YES : XDP_REDIRECT_NO;
}
