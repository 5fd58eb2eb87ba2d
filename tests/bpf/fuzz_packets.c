/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet fuzzer: worlds and packets by chance, through both hooks, each judged by what
 * must hold of any packet. Needs root; touches nothing outside its own namespaces.
 *
 * Packets come in episodes of some hundred in one world. An episode follows from its own
 * seed alone, so a finding is shown again by running that episode.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fuzz.h"
#include "state.h"

#define EPISODE	     400 /* packets */
#define FINDINGS_MAX 10
#define FLOWS	     64

static const char usage[] =
	"usage: fuzz [SECONDS [SEED]]\n"
	"       fuzz --episode SEED\n"
	"Sends packets made by chance through the loaded programs and judges each. Needs root.\n"
	"  SECONDS         how long; default 20\n"
	"  SEED            where chance begins; default: the time\n"
	"  --episode SEED  one episode again, as a finding names it, with every packet printed\n"
	"Exit status: 0 nothing found, 1 something found, 2 wrong usage.\n";

static const char *const action_names[] = {"passed", "forwarded", "answered", "dropped"};
#define REASON_NAME(id, name, text) [MXLB_REASON_##id] = name,
static const char *const reason_names[] = {MXLB_REASONS(REASON_NAME)};

struct tally {
	__u64 packets, refused; /* refused: by the kernel, as too short */
	__u64 actions[HOOKS][MXLB_ACTIONS];
	__u64 reasons[MXLB_REASON_COUNT];
	unsigned findings;
	__u64 episode; /* the seed of the one that runs */
	bool is_shown; /* every packet is printed */
};

__u64 chance_next(struct chance *chance)
{
	__u64 z = chance->state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

unsigned chance_below(struct chance *chance, unsigned n)
{
	return n ? (unsigned)(chance_next(chance) % n) : 0;
}

bool chance_of(struct chance *chance, unsigned n)
{
	return !chance_below(chance, n);
}

static void report(struct tally *tally, const struct trial *trial, const char *fault)
{
	printf("FOUND: %s\n  episode %#" PRIx64 ", %s, %s, %s, forward %d%s, %s\n", fault,
	       (uint64_t)tally->episode, trial->run.hook == XDP ? "xdp" : "tc",
	       lab_family == MXLB_V4 ? "ipv4" : "ipv6", action_names[trial->action],
	       trial->world->forward, trial->world->is_crossed ? " crossed" : "",
	       trial->action == MXLB_ACTION_DROP ? reason_names[trial->reason] : "");
	if (trial->run.linear)
		printf("    in two buffers, the first of %u bytes\n", trial->run.linear);
	frame_print("in ", &trial->in);
	frame_print("out", &trial->out);
	tally->findings++;
}

/* ---- what the counters say of one packet ---- */

struct meters {
	__u64 actions[MXLB_ACTIONS];
	__u64 reasons[MXLB_REASON_COUNT];
};

/* Of the first processor, on which the process stays. */
static void meters_read(struct meters *meters, const struct lab_run *run)
{
	static __u64 values[CPUS_MAX * MXLB_REASON_COUNT];
	__u32 count = MXLB_REASON_COUNT, batch, keys[MXLB_REASON_COUNT];
	unsigned cpus = (unsigned)libbpf_num_possible_cpus();

	lab_get("interface_counts", lab_ifindex(run->side) % MXLB_IFINDEX_SLOTS, values);
	memcpy(meters->actions, values, sizeof(meters->actions));
	(void)bpf_map_lookup_batch(lab_map("drops"), NULL, &batch, keys, values, &count, NULL);
	for (unsigned reason = 0; reason < count; reason++)
		meters->reasons[keys[reason]] = values[reason * cpus];
}

/* The action by what was counted: one, or none for XDP's pass. */
static const char *meters_action(const struct meters *before, const struct meters *after,
				 struct trial *trial)
{
	unsigned segments = trial->run.gso_segs > 1 ? trial->run.gso_segs : 1, counted = 0;

	trial->action = MXLB_ACTION_PASS;
	for (int action = 0; action < MXLB_ACTIONS; action++) {
		__u64 more = after->actions[action] - before->actions[action];

		if (!more)
			continue;
		counted++;
		trial->action = (enum mxlb_action)action;
		if (more != segments && !(action == MXLB_ACTION_TX && more == 1))
			return "counted as another number of packets";
	}
	if (trial->run.hook == XDP && trial->action == MXLB_ACTION_PASS)
		return counted ? "XDP counted a packet that it passed" : NULL;
	return counted == 1 ? NULL : "counted as no action, or as two";
}

/* Under TC the kernel makes no room for a tunnel's header behind a tag within the frame. */
static bool is_likely(const struct trial *trial)
{
	if (trial->reason == MXLB_REASON_REWRITE_FAILED)
		return trial->run.hook == TC && trial->world->forward == MXLB_TUNNEL &&
		       frame_l3(&trial->in) > 14;
	return trial->reason != MXLB_REASON_NONE && trial->reason != MXLB_REASON_REDIRECT_FAILED;
}

static const char *meters_reason(const struct meters *before, const struct meters *after,
				 struct trial *trial)
{
	unsigned counted = 0;

	for (int reason = 0; reason < MXLB_REASON_COUNT; reason++) {
		if (after->reasons[reason] == before->reasons[reason])
			continue;
		trial->reason = (enum mxlb_reason)reason;
		counted += (unsigned)(after->reasons[reason] - before->reasons[reason]);
	}
	if (counted != (trial->action == MXLB_ACTION_DROP))
		return "not dropped for exactly one reason";
	return counted && !is_likely(trial) ? "dropped for a reason that should not happen" : NULL;
}

/* ---- packets and episodes ---- */

/* Everything that a pass of XDP must leave as it is; now and then, for it takes long. */
static bool state_is_same(const struct trial *trial, const struct state *before)
{
	static struct state after;
	char text[STATE_TEXT];

	state_read(&after, trial->run.side);
	state_diff(before, &after, text, sizeof(text));
	return !*text;
}

static void trial_count(struct tally *tally, const struct trial *trial)
{
	tally->packets++;
	tally->actions[trial->run.hook][trial->action]++;
	if (trial->action == MXLB_ACTION_DROP)
		tally->reasons[trial->reason]++;
}

static void trial_run(struct tally *tally, struct trial *trial, bool is_watched)
{
	static struct state before;
	static struct meters meters[2];
	const char *fault;
	int err;

	lab_hook = trial->run.hook;
	if (is_watched)
		state_read(&before, trial->run.side);
	meters_read(&meters[0], &trial->run);
	err = lab_packet(&trial->run, &trial->in, &trial->out);
	if (err) {
		tally->refused++;
		return;
	}
	meters_read(&meters[1], &trial->run);
	fault = meters_action(&meters[0], &meters[1], trial);
	if (!fault)
		fault = meters_reason(&meters[0], &meters[1], trial);
	if (!fault)
		fault = trial_check(trial);
	if (!fault && is_watched && trial->run.hook == XDP && trial->action == MXLB_ACTION_PASS &&
	    !state_is_same(trial, &before))
		fault = "XDP passed it, but something has changed";
	trial_count(tally, trial);
	if (fault)
		report(tally, trial, fault);
	else if (tally->is_shown)
		printf("%s %s\n", trial->run.hook == XDP ? "xdp" : "tc ",
		       action_names[trial->action]);
}

static const char *load_check(const struct census *census, __u32 id)
{
	struct mxlb_recount recount;
	struct mxlb_load load;

	lab_get("backend_load", id, &load);
	if (memcmp(&load, &census->load[id], sizeof(load)))
		return "a backend's load is not what its flows add up to";
	lab_get("recounts", id, &recount);
	if (memcmp(&recount.load, &census->seen[id], sizeof(load)))
		return "a backend's recount is not what its flows add up to";
	return NULL;
}

/* Do the counts of flows agree with a walk over the table? */
static const char *census_check(void)
{
	struct mxlb_tallies tallies;
	struct census census;
	const char *fault = NULL;

	lab_get("tallies", 0, &tallies);
	census_take(&census, tallies.epoch);
	if (tallies.entries != census.flows)
		return "tallies.entries is not the number of flows";
	if (tallies.half_open != census.half_open)
		return "tallies.half_open is not the number of half-open flows";
	if (tallies.established != census.established)
		return "tallies.established is not the number of established flows";
	for (__u32 id = 1; id <= BACKENDS && !fault; id++)
		fault = load_check(&census, id);
	return fault;
}

static void episode_run(struct tally *tally, __u64 seed)
{
	static struct trial trial; /* large */
	struct chance chance = {seed};
	struct world world;
	const char *fault;

	tally->episode = seed;
	world_begin(&world, &chance);
	for (unsigned i = 0; i < EPISODE && tally->findings < FINDINGS_MAX; i++) {
		if (chance_of(&chance, 40))
			world_disturb(&chance);
		trial_make(&trial, &world, &chance);
		trial_run(tally, &trial, chance_of(&chance, 64));
	}
	fault = census_check();
	if (fault)
		report(tally, &trial, fault);
}

static void print_actions(const struct tally *tally)
{
	for (int hook = 0; hook < HOOKS; hook++) {
		printf("  %s:", hook == XDP ? "xdp" : "tc ");
		for (int action = 0; action < MXLB_ACTIONS; action++)
			printf(" %" PRIu64 " %s", (uint64_t)tally->actions[hook][action],
			       action_names[action]);
		printf("\n");
	}
	printf("  reasons:");
	for (int reason = 1; reason < MXLB_REASON_COUNT; reason++)
		if (tally->reasons[reason])
			printf(" %s %" PRIu64, reason_names[reason],
			       (uint64_t)tally->reasons[reason]);
	printf("\n");
}

static void fuzz(struct tally *tally, unsigned seconds, __u64 seed)
{
	__u64 end = lab_now() + seconds * SECOND;
	struct chance chance = {seed};

	while (lab_now() < end && tally->findings < FINDINGS_MAX)
		episode_run(tally, chance_next(&chance));
	printf("fuzz: %" PRIu64 " packets, %u findings; seed %" PRIu64 "\n",
	       (uint64_t)tally->packets, tally->findings, (uint64_t)seed);
	print_actions(tally);
	if (tally->findings)
		printf("to see one again: build/tests/bpf/fuzz --episode SEED, as above\n");
}

static bool number(const char *text, __u64 *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && *text && !*end;
}

static void setup(void)
{
	lab_flows = FLOWS;
	lab_knobs.icmp_rate = 0xffffffff; /* the rate is a row's matter */
	lab_open();
}

int main(int argc, char **argv)
{
	bool is_episode = argc == 3 && !strcmp(argv[1], "--episode");
	__u64 seconds = 20, seed = (__u64)time(NULL);
	struct tally tally = {.is_shown = is_episode};

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (is_episode ? !number(argv[2], &seed)
		       : argc > 3 || (argc > 1 && !number(argv[1], &seconds)) ||
				 (argc > 2 && !number(argv[2], &seed))) {
		fputs(usage, stderr);
		return 2;
	}
	setup();
	if (is_episode)
		episode_run(&tally, seed);
	else
		fuzz(&tally, (unsigned)seconds, seed);
	lab_close();
	return tally.findings != 0;
}
