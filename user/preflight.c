/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One function a question about the host; each says what it finds, with the remedy.
 * The kernel's own checks come later and say less.
 */
#include "preflight.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "addr.h"
#include "conf.h"
#include "ethtool.h"
#include "netlink.h"
#include "priv.h"

#define KERNEL_MAJOR 6
#define KERNEL_MINOR 1
#define TEXT_MAX     1024
/* VIPs named in one message. */
#define NAMED_MAX 8

struct preflight {
	const struct conf *conf;
	preflight_say say;
	void *arg;
	bool has_failed;
};

/* Words of a message, as "eth0, eth1". */
struct words {
	char text[TEXT_MAX / 2];
	size_t len;
};

static void words_add(struct words *words, const char *word)
{
	size_t room = sizeof(words->text) - words->len;
	int n = snprintf(words->text + words->len, room, "%s%s", words->len ? ", " : "", word);

	words->len += n < (int)room ? (size_t)n : room - 1;
}

__attribute__((format(printf, 3, 4))) static void
finding(struct preflight *p, enum preflight_level level, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut rather than lost */
	va_end(ap);
	if (level == PREFLIGHT_ERROR)
		p->has_failed = true;
	p->say(level, text, p->arg);
}

/* ---- kernel and links ---- */

static void check_kernel(struct preflight *p)
{
	unsigned major, minor;
	struct utsname name;

	if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return;
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		finding(p, PREFLIGHT_ERROR,
			"kernel %s is too old: mxlb needs %d.%d; boot a newer kernel", name.release,
			KERNEL_MAJOR, KERNEL_MINOR);
}

static void links_list(struct words *words)
{
	struct if_nameindex *links = if_nameindex();

	for (struct if_nameindex *link = links; link && link->if_index; link++)
		words_add(words, link->if_name);
	if (links)
		if_freenameindex(links);
}

static void check_link(struct preflight *p, const char *name, const char *setting)
{
	struct words here = {"", 0};

	if (if_nametoindex(name) != 0)
		return;
	links_list(&here);
	finding(p, PREFLIGHT_ERROR,
		"%s: no such interface \"%s\"; interfaces here are: %s; correct the config or "
		"create it",
		setting, name, here.text);
}

static void check_links(struct preflight *p)
{
	for (size_t i = 0; i < p->conf->n_interfaces; i++)
		check_link(p, p->conf->interfaces[i].name, "interfaces");
	if (p->conf->vip_interface)
		check_link(p, p->conf->vip_interface, "vip_interface");
}

/* ---- forwarding ---- */

/* bpf_fib_lookup obeys the switch of the interface that a packet came in on, and so
 * does the kernel's own forwarding; the general one only sets them all. */
static const struct family {
	const char *name, *dir;
	const char *general, *general_key;
} families[MXLB_FAMILIES] = {
	[MXLB_V4] = {"IPv4", "ipv4", "ipv4/ip_forward", "net.ipv4.ip_forward"},
	[MXLB_V6] = {"IPv6", "ipv6", "ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"},
};

/* A switch below /proc/sys/net: 0 or 1, or a negative errno. */
static int switch_read(const char *key)
{
	char path[128];
	int value = 0, err = -EINVAL;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/%s", key);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fscanf(file, "%d", &value) == 1)
		err = value != 0;
	(void)fclose(file); /* was read only */
	return err;
}

static int link_forwards(const struct family *family, const char *link)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "%s/conf/%s/forwarding", family->dir, link);
	return switch_read(key);
}

/* sysctl takes the dots of eth0.100 for its own, and a slash for a dot. */
static void finding_forwarding_one(struct preflight *p, const struct family *family,
				   const char *link)
{
	char name[IFNAMSIZ];

	(void)snprintf(name, sizeof(name), "%s", link);
	for (char *c = name; *c; c++) {
		if (*c == '.')
			*c = '/';
	}
	finding(p, PREFLIGHT_ERROR,
		"%s forwarding is off on %s; run: sysctl -w net.%s.conf.%s.forwarding=1 and keep "
		"it "
		"in /etc/sysctl.d/",
		family->name, link, family->dir, name);
}

static void check_forwarding(struct preflight *p, const struct family *family)
{
	bool is_on = switch_read(family->general) == 1;
	struct words off = {"", 0};

	for (size_t i = 0; i < p->conf->n_interfaces; i++) {
		const char *link = p->conf->interfaces[i].name;
		int forwards = if_nametoindex(link) != 0 ? link_forwards(family, link) : 1;

		if (forwards == 1)
			continue;
		if (forwards < 0)
			finding(p, PREFLIGHT_ERROR,
				"%s is disabled on %s (/proc/sys/net/%s/conf/%s: %s); enable it, "
				"or "
				"take the %s addresses out of the config",
				family->name, link, family->dir, link, strerror(-forwards),
				family->name);
		else if (is_on)
			finding_forwarding_one(p, family, link);
		else
			words_add(&off, link);
	}
	if (off.len)
		finding(p, PREFLIGHT_ERROR,
			"%s forwarding is off on %s; run: sysctl -w %s=1 and keep it in "
			"/etc/sysctl.d/",
			family->name, off.text, family->general_key);
}

static bool service_forwards(const struct conf_service *service, enum mxlb_family family)
{
	for (size_t i = 0; i < service->n_addresses; i++) {
		if (addr_family(&service->addresses[i]) == family)
			return true;
	}
	/* The outer header of a tunnel is of the backend's family. */
	for (size_t i = 0; i < service->n_backends && service->forward == MXLB_TUNNEL; i++) {
		if (service->backends[i].has_addr[family])
			return true;
	}
	return false;
}

static void check_families(struct preflight *p)
{
	for (int family = 0; family < MXLB_FAMILIES; family++) {
		for (size_t i = 0; i < p->conf->n_services; i++) {
			if (!service_forwards(&p->conf->services[i], family))
				continue;
			check_forwarding(p, &families[family]);
			break;
		}
	}
}

/* ---- offloads ---- */

/* XDP takes no packet whose checksum was left to a device that never comes; TC, which
 * does, is slower. What the other end of a veth does can't be seen from here. */
static void check_veth(struct preflight *p, const char *link)
{
	if (ethtool_is_veth(link))
		finding(p, PREFLIGHT_INFO,
			"%s is a veth: XDP leaves to TC what its peer sends without checksums, and "
			"what it can't take; for XDP, run at the peer: ethtool -K PEER tx off gro "
			"on",
			link);
}

static void check_offloads(struct preflight *p)
{
	for (size_t i = 0; i < p->conf->n_interfaces; i++) {
		const struct conf_interface *interface = &p->conf->interfaces[i];

		if (ethtool_has_lro(interface->name))
			finding(p, PREFLIGHT_WARN,
				"%s merges packets in hardware (LRO) into ones that cannot be "
				"forwarded; run: ethtool -K %s lro off",
				interface->name, interface->name);
		if (interface->datapath != CONF_DATAPATH_TC)
			check_veth(p, interface->name);
	}
}

/* All VLAN devices; the caller frees them. Without an answer: none, and no harm done. */
static struct netlink_vlan *vlans_list(size_t *n)
{
	struct netlink_vlan *vlans = NULL;
	struct netlink *netlink;

	*n = 0;
	if (netlink_new(NULL, NULL, NULL, &netlink) != 0)
		return NULL;
	(void)netlink_vlans(netlink, &vlans, n);
	netlink_free(netlink);
	return vlans;
}

static bool has_vlans(const struct netlink_vlan *vlans, size_t n, const char *link)
{
	unsigned ifindex = if_nametoindex(link);

	for (size_t i = 0; i < n; i++) {
		if (ifindex && vlans[i].tag.ifindex == ifindex)
			return true;
	}
	return false;
}

/* Under `auto` such an interface gets TC, which sees a tag wherever it is. */
static void check_vlans(struct preflight *p)
{
	size_t n;
	struct netlink_vlan *vlans = vlans_list(&n);

	for (size_t i = 0; i < p->conf->n_interfaces; i++) {
		const struct conf_interface *interface = &p->conf->interfaces[i];

		if (interface->datapath == CONF_DATAPATH_AUTO ||
		    interface->datapath == CONF_DATAPATH_TC ||
		    !has_vlans(vlans, n, interface->name) || !ethtool_strips_vlans(interface->name))
			continue;
		finding(p, PREFLIGHT_WARN,
			"%s has VLAN devices, and takes tags off before XDP sees a frame "
			"(rx-vlan-offload), so that XDP takes their packets for its own; run: "
			"ethtool -K %s rxvlan off, or set datapath: auto for it",
			interface->name, interface->name);
	}
	free(vlans);
}

/* ---- VIPs ---- */

static bool sockaddr_is(const struct sockaddr *sa, const struct mxlb_addr *addr)
{
	struct sockaddr_storage want;

	addr_sockaddr(addr, 0, &want);
	if (!sa || sa->sa_family != want.ss_family)
		return false;
	if (sa->sa_family == AF_INET)
		return ((const struct sockaddr_in *)sa)->sin_addr.s_addr ==
		       ((struct sockaddr_in *)&want)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)sa)->sin6_addr,
		      &((struct sockaddr_in6 *)&want)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool address_is_here(const struct ifaddrs *here, const struct mxlb_addr *addr)
{
	for (; here; here = here->ifa_next) {
		if (sockaddr_is(here->ifa_addr, addr))
			return true;
	}
	return false;
}

/* A VIP need not be here for the data path, but somebody must bring its packets. */
static void check_vips(struct preflight *p)
{
	struct words away = {"", 0};
	struct ifaddrs *here;
	char text[ADDR_TEXT_MAX];
	size_t n = 0;

	if (p->conf->vip_interface || getifaddrs(&here) != 0)
		return;
	for (size_t i = 0; i < p->conf->n_services; i++) {
		const struct conf_service *service = &p->conf->services[i];

		for (size_t j = 0; j < service->n_addresses; j++) {
			if (!address_is_here(here, &service->addresses[j]) && ++n <= NAMED_MAX)
				words_add(&away, addr_format(&service->addresses[j], text));
		}
	}
	freeifaddrs(here);
	if (n > NAMED_MAX)
		words_add(&away, "...");
	if (n > 0)
		finding(p, PREFLIGHT_INFO,
			"no address of this host: %s; route them to it, or set vip_interface to "
			"have them added",
			away.text);
}

int preflight(const struct conf *conf, preflight_say say, void *arg)
{
	struct preflight p = {.conf = conf, .say = say, .arg = arg};
	char missing[64];

	if (!priv_has_needed(missing, sizeof(missing))) {
		finding(&p, PREFLIGHT_ERROR, "not permitted (missing: %s); run it as root",
			missing);
		return -EPERM;
	}
	check_kernel(&p);
	check_links(&p);
	check_families(&p);
	check_offloads(&p);
	check_vlans(&p);
	check_vips(&p);
	return p.has_failed ? -EINVAL : 0;
}
