/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ioctl takes one struct a question, which begins with the question's number.
 */
#include "ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int link_ask(const char *link, unsigned long command, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	(void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", link);
	if (ioctl(fd, command, request) != 0)
		err = -errno;
	close(fd);
	return err;
}

static int ethtool_ask(const char *link, void *question)
{
	struct ifreq request = {.ifr_data = question};

	return link_ask(link, SIOCETHTOOL, &request);
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

bool ethtool_strips_vlans(const char *link)
{
	return value_ask(link, ETHTOOL_GFLAGS) & ETH_FLAG_RXVLAN;
}

int ethtool_mac(const char *link, uint8_t mac[6])
{
	struct ifreq request = {0};
	int err = link_ask(link, SIOCGIFHWADDR, &request);

	if (err)
		return err;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EINVAL;
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return 0;
}
