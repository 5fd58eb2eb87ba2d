/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads headers of any quality, up to the frame's end. Sums are taken over all that they
 * cover, modulo 65535, where 0 and ffff are one.
 */
#include "fuzz_view.h"

#include <string.h>

#define CHAIN_MAX 16

static unsigned get16(const __u8 *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool is_tag(unsigned type)
{
	return type == 0x8100 || type == 0x88a8;
}

static void view_addrs(struct view *view, const __u8 *src, unsigned len)
{
	memset(&view->src, 0, sizeof(view->src));
	memset(&view->dst, 0, sizeof(view->dst));
	if (len == 4) {
		memset(view->src.b + 10, 0xff, 2);
		memset(view->dst.b + 10, 0xff, 2);
	}
	memcpy(view->src.b + 16 - len, src, len);
	memcpy(view->dst.b + 16 - len, src + len, len);
}

static void view_ipv4(struct view *view)
{
	const __u8 *ip = view->b + view->l3;
	unsigned header, frag;

	if (view->l3 + 20 > view->end || ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
		return;
	header = (ip[0] & 15u) * 4;
	frag = get16(ip + 6);
	view->is_ip = true;
	view->is_chained = header > 20;
	view->is_fragment = frag & 0x3fff;
	view->is_later = frag & 0x1fff;
	view->len = get16(ip + 2);
	view->protocol = ip[9];
	view->l4 = view->l3 + header;
	view_addrs(view, ip + 12, 4);
}

static bool is_extension(__u8 next)
{
	return next == 0 || next == 43 || next == 44 || next == 60;
}

/* Steps over one extension header; false: there is no more to be seen. */
static bool view_extension(struct view *view)
{
	const __u8 *head = view->b + view->l4;
	__u8 was = view->protocol;

	if (view->l4 + 8 > view->end)
		return false;
	view->protocol = head[0];
	view->is_chained = true;
	if (was != 44) {
		view->l4 += (head[1] + 1u) * 8;
		return true;
	}
	view->l4 += 8;
	view->is_fragment = get16(head + 2) & 0xfff9;
	view->is_later = get16(head + 2) & 0xfff8;
	return !view->is_later;
}

static void view_ipv6(struct view *view)
{
	const __u8 *ip = view->b + view->l3;

	if (view->l3 + 40 > view->end || ip[0] >> 4 != 6)
		return;
	view->is_ip = true;
	view->len = get16(ip + 4) + 40;
	view->protocol = ip[6];
	view->l4 = view->l3 + 40;
	view_addrs(view, ip + 8, 16);
	for (int i = 0; i < CHAIN_MAX && is_extension(view->protocol); i++)
		if (!view_extension(view))
			return;
}

static void view_tcp(struct view *view)
{
	const __u8 *tcp = view->b + view->l4;
	unsigned header;

	if (!view->is_ip || view->is_later || view->protocol != 6 || view->l4 + 4 > view->end)
		return;
	memcpy(&view->sport, tcp, 2);
	memcpy(&view->dport, tcp + 2, 2);
	view->has_ports = true;
	if (view->l4 + 20 > view->end)
		return;
	header = (unsigned)(tcp[12] >> 4) * 4;
	view->has_tcp = header >= 20 && view->l4 - view->l3 + header <= view->len;
}

void view_packet(struct view *view, const __u8 *bytes, unsigned end, unsigned l3,
		 enum mxlb_family family)
{
	*view = (struct view){.b = bytes, .end = end, .l3 = l3, .family = family};
	if (family == MXLB_V4)
		view_ipv4(view);
	else
		view_ipv6(view);
	view->is_cut = view->is_ip && view->l3 + view->len > view->end;
	view_tcp(view);
}

void view_frame(struct view *view, const struct frame *frame, unsigned tags)
{
	unsigned at = 12;

	*view = (struct view){.b = frame->b, .end = frame->len};
	for (; tags && at + 2 <= frame->len && is_tag(get16(frame->b + at)); tags--)
		at += 4;
	if (at + 2 > frame->len)
		return;
	if (get16(frame->b + at) == 0x0800)
		view_packet(view, frame->b, frame->len, at + 2, MXLB_V4);
	else if (get16(frame->b + at) == 0x86dd)
		view_packet(view, frame->b, frame->len, at + 2, MXLB_V6);
}

static bool is_error(const struct view *view)
{
	__u8 type = view->b[view->l4];

	if (view->family == MXLB_V4)
		return view->protocol == 1 && (type == 3 || type == 11 || type == 12);
	return view->protocol == 58 && type >= 1 && type <= 4;
}

bool view_quote(const struct view *error, struct view *quote)
{
	unsigned end = error->l3 + error->len;

	if (!error->is_ip || error->is_fragment || error->l4 + 8 > error->end || !is_error(error))
		return false;
	view_packet(quote, error->b, error->end < end ? error->end : end, error->l4 + 8,
		    error->family);
	return quote->is_ip && quote->has_ports && quote->l4 + 8 <= quote->end;
}

/* Of 16-bit words; an odd byte at the end is the upper one. */
static unsigned long sum_words(const __u8 *bytes, unsigned len)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (unsigned long)bytes[i] << 8;
	return sum;
}

unsigned view_ip_residue(const struct view *view)
{
	if (view->family == MXLB_V6)
		return 0;
	return (unsigned)(sum_words(view->b + view->l3, view->l4 - view->l3) % 65535);
}

/* Of what is there; with the addresses, but for ICMP of IPv4. */
unsigned view_l4_residue(const struct view *view)
{
	unsigned end = view->l3 + view->len < view->end ? view->l3 + view->len : view->end;
	unsigned len = end > view->l4 ? end - view->l4 : 0;
	unsigned long sum = sum_words(view->b + view->l4, len);

	if (view->protocol == 1)
		return (unsigned)(sum % 65535);
	sum += view->protocol + view->len - (view->l4 - view->l3);
	if (view->family == MXLB_V4)
		sum += sum_words(view->src.b + 12, 4) + sum_words(view->dst.b + 12, 4);
	else
		sum += sum_words(view->src.b, 16) + sum_words(view->dst.b, 16);
	return (unsigned)(sum % 65535);
}

static void put_sum(__u8 *at, unsigned residue)
{
	unsigned sum = residue ? 65535 - residue : 0; /* ffff would do as well */

	at[0] = (__u8)(sum >> 8);
	at[1] = (__u8)sum;
}

void view_fix(struct frame *frame, unsigned tags)
{
	struct view view;
	unsigned offset;

	view_frame(&view, frame, tags);
	if (!view.is_ip)
		return;
	if (view.family == MXLB_V4 && view.l4 <= view.end) {
		memset(frame->b + view.l3 + 10, 0, 2);
		put_sum(frame->b + view.l3 + 10, view_ip_residue(&view));
	}
	if (view.is_later || (view.protocol != 6 && view.protocol != 1 && view.protocol != 58))
		return;
	offset = view.l4 + (view.protocol == 6 ? 16 : 2);
	if (offset + 2 > view.end || offset + 2 > view.l3 + view.len)
		return;
	memset(frame->b + offset, 0, 2);
	put_sum(frame->b + offset, view_l4_residue(&view));
}
