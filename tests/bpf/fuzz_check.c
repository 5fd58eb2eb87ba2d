/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold of every packet, whatever it was: it passes untouched; or leaves with
 * exactly what the mode of forwarding changes, checksums as right as they were; or is
 * answered to its sender; or dropped. Judged from the frames alone and the lab's cast.
 */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_view.h"

#define TAGS  2
#define FIELD 2 /* bytes of a checksum or a port */

/* Both readings of a trial, and what must have left, made from what came. */
struct judgement {
	const struct trial *trial;
	struct view in, out;
	struct frame want;
	bool is_in; /* to a backend */
};

static bool same_addr(const struct mxlb_addr *a, const struct mxlb_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool is_vip(const struct mxlb_addr *addr)
{
	struct mxlb_addr vip = who_addr(VIP, lab_family);

	return same_addr(addr, &vip);
}

static bool is_endpoint(enum who who, const struct mxlb_addr *addr, __be16 port)
{
	struct mxlb_addr own = who_addr(who, lab_family);

	return same_addr(addr, &own) && port == htons(people[who].port);
}

static enum who backend_at(const struct mxlb_addr *addr, enum mxlb_family family)
{
	for (enum who id = MX1; id <= BACKENDS; id++) {
		struct mxlb_addr own = who_addr(id, family);

		if (same_addr(addr, &own))
			return id;
	}
	return NOBODY;
}

static __u8 ttl_of(const struct view *view)
{
	return view->b[view->l3 + (view->family == MXLB_V4 ? 8 : 7)];
}

/* Takes over, from what left, a field that has been judged, or will be by its sum. */
static void take(struct judgement *j, unsigned at, unsigned len)
{
	if (at + len <= j->want.len && at + len <= j->trial->out.len)
		memcpy(j->want.b + at, j->trial->out.b + at, len);
}

/* ---- whose packet ---- */

/* Does a packet from here to there concern the balancer at all? */
static bool concerns(const struct view *view, const struct mxlb_addr *src, __be16 sport,
		     const struct mxlb_addr *dst, __be16 dport)
{
	if (view->family != lab_family)
		return false;
	if (view->is_later) /* its ports are another's to tell */
		return is_vip(dst) || is_vip(src) || backend_at(src, lab_family);
	if (is_endpoint(VIP, dst, dport) || is_endpoint(VIP, src, sport))
		return true;
	for (enum who id = MX1; id <= BACKENDS; id++)
		if (is_endpoint(id, src, sport))
			return true;
	return false;
}

static bool is_foreign(const struct view *in)
{
	struct view quote;

	if (!in->is_ip)
		return true;
	if (view_quote(in, &quote))
		return !concerns(&quote, &quote.dst, quote.dport, &quote.src, quote.sport);
	if (!in->has_ports && !in->is_later)
		return true;
	return !concerns(in, &in->src, in->sport, &in->dst, in->dport);
}

/* ---- forwarded ---- */

static bool is_known_link(const struct frame *out)
{
	for (enum who who = MX1; who < WHO_COUNT; who++) {
		struct frame mac;

		frame_hex(&mac, people[who].mac);
		if (memcmp(mac.b, out->b, 6))
			continue;
		frame_hex(&mac, side_mac[people[who].side]);
		if (!memcmp(mac.b, out->b + 6, 6))
			return true;
	}
	return false;
}

/* Without a neighbour the kernel writes the link's header later, and only under TC. */
static const char *check_link(struct judgement *j)
{
	const struct trial *trial = j->trial;
	bool is_unsolved = !memcmp(trial->in.b, trial->out.b, 12);

	if (!is_known_link(&trial->out) && !(is_unsolved && trial->run.hook == TC))
		return "sent to a link address of nobody";
	take(j, 0, 12);
	return NULL;
}

static const char *check_ttl(struct judgement *j)
{
	unsigned at = j->in.l3 + (j->in.family == MXLB_V4 ? 8 : 7);

	if (ttl_of(&j->in) < 2)
		return "forwarded with a TTL that was over";
	j->want.b[at]--;
	if (j->in.family == MXLB_V4)
		take(j, j->in.l3 + 10, FIELD);
	return NULL;
}

static unsigned addr_at(const struct view *view, bool is_source)
{
	if (view->family == MXLB_V4)
		return view->l3 + (is_source ? 12 : 16);
	return view->l3 + (is_source ? 8 : 24);
}

static void take_addr(struct judgement *j, const struct view *view, bool is_source)
{
	take(j, addr_at(view, is_source), view->family == MXLB_V4 ? 4 : 16);
}

/* The ends that NAT may write: one backend's on the way in, the VIP's on the way out. */
static const char *check_nat_ends(struct judgement *j)
{
	enum who backend = backend_at(&j->out.dst, lab_family);

	if (j->is_in) {
		if (!backend)
			return "translated to an address of no backend";
		if (j->out.has_ports && j->out.dport != htons(people[backend].port))
			return "translated to a port that is not the backend's";
	} else if (!is_vip(&j->out.src)) {
		return "a reply that does not come from the VIP";
	} else if (j->out.has_ports && j->out.sport != htons(people[VIP].port)) {
		return "a reply from another port than the VIP's";
	}
	return NULL;
}

static const char *check_nat(struct judgement *j)
{
	const char *fault = check_nat_ends(j);

	if (fault)
		return fault;
	take_addr(j, &j->in, !j->is_in);
	if (!j->in.has_ports)
		return NULL;
	take(j, j->in.l4 + (j->is_in ? FIELD : 0), FIELD);
	take(j, j->in.l4 + 16, FIELD);
	if (view_l4_residue(&j->in) != view_l4_residue(&j->out))
		return "the TCP checksum is not as right as it was";
	return NULL;
}

/* The quoted packet goes the other way: its source is the VIP's on the way in. */
static const char *check_nat_quote(struct judgement *j)
{
	struct view in, out;
	enum who backend;

	if (!view_quote(&j->in, &in) || !view_quote(&j->out, &out))
		return "an error that quotes no segment was forwarded";
	backend = backend_at(j->is_in ? &out.src : &in.dst, lab_family);
	if (!backend)
		return "a quote that names no backend";
	if (j->is_in && (backend != backend_at(&j->out.dst, lab_family) ||
			 out.sport != htons(people[backend].port)))
		return "a quote that names another backend than the packet";
	if (!j->is_in && (!is_vip(&out.dst) || out.dport != htons(people[VIP].port)))
		return "a quote that does not name the VIP";
	take_addr(j, &in, j->is_in);
	take(j, in.l4 + (j->is_in ? 0 : FIELD), FIELD);
	if (in.family == MXLB_V4)
		take(j, in.l3 + 10, FIELD);
	if (view_ip_residue(&in) != view_ip_residue(&out))
		return "the quoted IP checksum is not as right as it was";
	if (in.l4 + 18 > in.end)
		return NULL;
	take(j, in.l4 + 16, FIELD);
	in.len = out.len = in.end - in.l3; /* what is quoted, whatever its header says */
	return view_l4_residue(&in) == view_l4_residue(&out)
		       ? NULL
		       : "the quoted TCP checksum is not as right as it was";
}

static const char *check_nat_error(struct judgement *j)
{
	const char *fault = check_nat_ends(j);

	if (!fault)
		fault = check_nat_quote(j);
	if (fault)
		return fault;
	take_addr(j, &j->in, !j->is_in);
	take(j, j->in.l4 + FIELD, FIELD);
	return view_l4_residue(&j->in) == view_l4_residue(&j->out)
		       ? NULL
		       : "the ICMP checksum is not as right as it was";
}

/* Only what can be judged may be forwarded. */
static const char *check_admission(const struct judgement *j)
{
	const struct view *in = &j->in;

	if (in->is_cut && !j->trial->run.gso_size)
		return "forwarded, though longer than its frame";
	if (in->is_later || in->protocol != 6)
		return NULL;
	if (!in->has_tcp)
		return "forwarded with a TCP header that is not there";
	if (in->family == MXLB_V4 && in->is_chained)
		return "forwarded with IP options";
	return NULL;
}

static const char *check_translation(struct judgement *j)
{
	const struct world *world = j->trial->world;

	if (world->forward != MXLB_NAT || j->in.is_later)
		return NULL;
	return j->in.protocol == 6 ? check_nat(j) : check_nat_error(j);
}

static const char *check_same(const struct judgement *j)
{
	const struct frame *out = &j->trial->out;

	if (j->want.len != out->len)
		return "its length has changed";
	return memcmp(j->want.b, out->b, out->len) ? "bytes have changed that must not" : NULL;
}

static const char *check_plain(struct judgement *j)
{
	const char *fault;

	if (!j->out.is_ip || j->out.l3 != j->in.l3 || j->out.l4 != j->in.l4)
		return "what left has other headers than what came";
	fault = check_translation(j);
	if (!fault && j->in.is_later && j->trial->world->forward == MXLB_NAT) {
		fault = check_nat_ends(j);
		take_addr(j, &j->in, !j->is_in);
	}
	if (!fault && view_ip_residue(&j->in) != view_ip_residue(&j->out))
		fault = "the IP checksum is not as right as it was";
	return fault ? fault : check_same(j);
}

/* ---- tunnels ---- */

static unsigned class_of(const struct view *view)
{
	const __u8 *ip = view->b + view->l3;

	return view->family == MXLB_V4 ? ip[1] : (ip[0] & 15u) << 4 | ip[1] >> 4;
}

static const char *check_outer(const struct judgement *j, const struct view *outer)
{
	struct mxlb_addr source = who_addr(ROUTER, outer->family);

	if (!outer->is_ip || outer->is_fragment || outer->is_chained)
		return "no outer header";
	if (outer->protocol != (j->in.family == MXLB_V4 ? 4 : 41))
		return "the outer header carries another protocol";
	if (outer->len != j->in.len + (outer->l4 - outer->l3))
		return "the outer header's length is wrong";
	if (!same_addr(&outer->src, &source) || !backend_at(&outer->dst, outer->family))
		return "the outer header's addresses are wrong";
	if (class_of(outer) != class_of(&j->in) || ttl_of(outer) != 64)
		return "the outer header's class or TTL is wrong";
	return view_ip_residue(outer) ? "the outer header's checksum is wrong" : NULL;
}

/* Takes the outer header off what left, to compare the rest. */
static const char *check_tunnel(struct judgement *j)
{
	struct frame rest = j->trial->out;
	struct view outer;
	unsigned header;
	const char *fault;

	view_frame(&outer, &j->trial->out, TAGS);
	fault = check_outer(j, &outer);
	if (fault)
		return fault;
	header = outer.l4 - outer.l3;
	memmove(rest.b + outer.l3, rest.b + outer.l4, rest.len - outer.l4);
	rest.len -= header;
	memcpy(rest.b + outer.l3 - 2, j->trial->in.b + outer.l3 - 2, 2);
	memcpy(j->want.b + j->in.l3 + 10, rest.b + j->in.l3 + 10, j->in.family == MXLB_V4 ? 2 : 0);
	if (rest.len != j->want.len || memcmp(rest.b, j->want.b, rest.len))
		return "the packet in the tunnel has changed";
	view_frame(&j->out, &rest, TAGS);
	return view_ip_residue(&j->in) == view_ip_residue(&j->out)
		       ? NULL
		       : "the inner IP checksum is not as right as it was";
}

static const char *check_forwarded(struct judgement *j)
{
	const char *fault = check_link(j);

	if (!fault)
		fault = check_admission(j);
	if (!fault)
		fault = check_ttl(j);
	if (fault)
		return fault;
	return j->is_in && j->trial->world->forward == MXLB_TUNNEL ? check_tunnel(j)
								   : check_plain(j);
}

/* ---- answered ---- */

static const char *check_back(const struct judgement *j)
{
	const struct trial *trial = j->trial;

	if (memcmp(trial->out.b, trial->in.b + 6, 6) || memcmp(trial->out.b + 6, trial->in.b, 6) ||
	    memcmp(trial->out.b + 12, trial->in.b + 12, j->in.l3 - 12))
		return "an answer that does not go back by the way it came";
	if (!j->out.is_ip || j->out.l3 != j->in.l3 || j->out.is_cut)
		return "an answer that is no packet";
	if (!same_addr(&j->out.dst, &j->in.src) || !is_vip(&j->out.src))
		return "an answer between others than the sender and the VIP";
	if (ttl_of(&j->out) != 64)
		return "an answer with another TTL than 64";
	if (j->out.l3 + j->out.len != trial->out.len)
		return "an answer with bytes behind it";
	return NULL;
}

static __u32 word_at(const struct view *view, unsigned at)
{
	__u32 word;

	memcpy(&word, view->b + view->l4 + at, sizeof(word));
	return ntohl(word);
}

static const char *check_rst(const struct judgement *j)
{
	const __u8 *tcp = j->out.b + j->out.l4;

	if (!j->in.has_tcp || (j->in.b[j->in.l4 + 13] & 0x17) != S)
		return "a RST to what was no SYN";
	if (tcp[12] != 0x50 || tcp[13] != (R | A) || word_at(&j->out, 4) ||
	    word_at(&j->out, 8) != word_at(&j->in, 4) + 1 || j->out.sport != j->in.dport ||
	    j->out.dport != j->in.sport || j->out.len != j->out.l4 - j->out.l3 + 20)
		return "a RST that does not answer the SYN";
	if (view_l4_residue(&j->in) != view_l4_residue(&j->out) ||
	    view_ip_residue(&j->in) != view_ip_residue(&j->out))
		return "a RST whose checksums are not as right as the SYN's";
	return NULL;
}

/* The quote is what came, up to 20 bytes of TCP, but for the checksum of that. */
static const char *check_error_quote(const struct judgement *j)
{
	unsigned header = j->in.l4 - j->in.l3, at = j->out.l4 + 8;
	const __u8 *quote = j->out.b + at, *came = j->in.b + j->in.l3;

	if (j->out.len != j->out.l4 - j->out.l3 + 8 + header + 20)
		return "an error that quotes more or less than the headers";
	if (memcmp(quote, came, header + 16) || memcmp(quote + header + 18, came + header + 18, 2))
		return "an error that quotes something else";
	return NULL;
}

static const char *check_error(const struct judgement *j)
{
	unsigned kind = (unsigned)j->out.b[j->out.l4] << 8 | j->out.b[j->out.l4 + 1];
	bool is_v4 = j->out.family == MXLB_V4;
	bool is_too_big = kind == (is_v4 ? 0x0304u : 0x0200u);
	__u32 mtu = word_at(&j->out, 4);

	if (!is_too_big && kind != (is_v4 ? 0x0b00u : 0x0300u))
		return "an answer of an unknown kind";
	if (!j->in.has_tcp)
		return "an error about what is no segment";
	if (is_too_big ? mtu < 1200 || mtu > 1500 || (!j->trial->run.gso_size && j->in.len <= mtu)
		       : mtu || ttl_of(&j->in) > 1)
		return "an error that is not true";
	if (view_l4_residue(&j->out) || view_ip_residue(&j->out))
		return "an error whose checksum is wrong";
	return check_error_quote(j);
}

static const char *check_answered(const struct judgement *j)
{
	const char *fault = check_back(j);

	if (fault)
		return fault;
	return j->out.protocol == 6 ? check_rst(j) : check_error(j);
}

/* ---- all ---- */

static const char *check_passed(const struct trial *trial)
{
	if (trial->in.len != trial->out.len || memcmp(trial->in.b, trial->out.b, trial->in.len))
		return "passed, but not untouched";
	return NULL;
}

/* Does the code that was returned go with the action that was counted? */
static const char *check_code(const struct trial *trial)
{
	static const __u32 codes[HOOKS][MXLB_ACTIONS] = {
		[XDP] = {XDP_PASS, XDP_REDIRECT, XDP_REDIRECT, XDP_DROP},
		[TC] = {(__u32)TC_ACT_UNSPEC, TC_ACT_REDIRECT, TC_ACT_REDIRECT, TC_ACT_SHOT},
	};

	if (trial->run.returned != codes[trial->run.hook][trial->action])
		return "the code returned is not that of the action counted";
	return NULL;
}

const char *trial_check(const struct trial *trial)
{
	static struct judgement j; /* large */
	const char *fault = check_code(trial);

	if (fault)
		return fault;
	j.trial = trial;
	j.want = trial->in;
	view_frame(&j.in, &trial->in, TAGS);
	view_frame(&j.out, &trial->out, TAGS);
	j.is_in = j.in.is_ip && is_vip(&j.in.dst);
	if (trial->action == MXLB_ACTION_PASS)
		return check_passed(trial);
	if (is_foreign(&j.in))
		return "not left alone, though it concerns nobody here";
	if (trial->action == MXLB_ACTION_DROP)
		return NULL;
	return trial->action == MXLB_ACTION_TX ? check_answered(&j) : check_forwarded(&j);
}
