/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ioctl takes one struct a question, which begins with the question's number.
 */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ethtool_ask(const char *link, void *question)
{
	struct ifreq request = {.ifr_data = question};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link);
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		err = -errno;
	close(fd);
	return err;
}

static __u32 value_ask(const char *link, __u32 command)
{
	struct ethtool_value value = {.cmd = command};

	return ethtool_ask(link, &value) == 0 ? value.data : 0;
}

bool ethtool_is_veth(const char *link)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};

	return ethtool_ask(link, &driver) == 0 && strcmp(driver.driver, "veth") == 0;
}

bool ethtool_has_lro(const char *link)
{
	return value_ask(link, ETHTOOL_GFLAGS) & ETH_FLAG_LRO;
}

bool ethtool_has_tx_checksum(const char *link)
{
	return value_ask(link, ETHTOOL_GTXCSUM) != 0;
}

/* The driver's first figure is its peer's ifindex, in the peer's own namespace. */
static unsigned veth_peer_index(const char *link)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_stats *stats;
	unsigned ifindex = 0;

	if (ethtool_ask(link, &driver) != 0 || strcmp(driver.driver, "veth") != 0 ||
	    driver.n_stats == 0)
		return 0;
	stats = calloc(1, sizeof(*stats) + driver.n_stats * sizeof(stats->data[0]));
	if (!stats)
		return 0;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = driver.n_stats;
	if (ethtool_ask(link, stats) == 0)
		ifindex = (unsigned)stats->data[0];
	free(stats);
	return ifindex;
}

/* The index may be of another namespace and name some link of ours by chance; a peer
 * points back. */
int ethtool_veth_peer(const char *link, char *name)
{
	char peer[IFNAMSIZ];
	unsigned index = veth_peer_index(link);

	if (index == 0 || !if_indextoname(index, peer) ||
	    veth_peer_index(peer) != if_nametoindex(link))
		return -ENODEV;
	memcpy(name, peer, sizeof(peer));
	return 0;
}
