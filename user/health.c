/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backend is judged: schedule -> probe -> verdict -> model -> plan -> maps. One check
 * an address, known by backend id, so that it goes on over a reload.
 */
#include "health.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/random.h>

#include "addr.h"
#include "apply.h"
#include "clock.h"
#include "daemon.h"
#include "dpmaps.h"
#include "log.h"
#include "mem.h"
#include "probe.h"

struct check {
	struct check *next;
	struct health *health;
	uint32_t backend_id;
	enum mxlb_family family;
	struct model_backend *backend; /* of the model in force */
	struct event *timer;	       /* the next probe */
	struct event *hold;	       /* the end of a hold-down */
	struct probe *probe;	       /* in flight, or NULL */
	bool is_wanted;		       /* mark of health_sync */
	struct mxlb_probe_count count;
};

struct health {
	struct daemon *daemon;
	struct check *checks;
};

_Static_assert(HEALTH_REASON_COUNT <= MXLB_PROBE_REASONS, "room in the map");
_Static_assert(HEALTH_STATE_COUNT <= MXLB_PROBE_STATES, "room in the map");

const double health_buckets[MXLB_PROBE_BUCKETS - 1] = {
	0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 6, 10,
};

static void check_schedule(struct check *check, unsigned in_ms);

static void histogram_add(struct mxlb_probe_histogram *histogram, double seconds)
{
	size_t i = 0;

	while (i < MXLB_PROBE_BUCKETS - 1 && seconds > health_buckets[i])
		i++;
	histogram->bucket[i]++;
	histogram->sum += (uint64_t)(seconds * 1e9);
	histogram->count++;
}

static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), GRND_NONBLOCK); /* only jitter: 0 will do */
	return bits;
}

static struct model_leg *check_leg(const struct check *check)
{
	return &check->backend->leg[check->family];
}

static struct verdict_policy check_policy(const struct check *check)
{
	const struct conf_service *service = check->backend->service->conf;

	return (struct verdict_policy){
		.rise = service->probe->rise,
		.fall = service->probe->fall,
		.interval_ms = service->probe->interval_ms,
		.fast_interval_ms = service->probe->fast_interval_ms,
		.hold_down_ms = service->hold_down_ms,
	};
}

static void check_log(const struct check *check, enum health_state before)
{
	const struct verdict *verdict = &check_leg(check)->verdict;
	char addr[ADDR_TEXT_MAX];

	if (verdict->state == before)
		return;
	(void)addr_format(&check->backend->conf.addr[check->family], addr);
	if (verdict->state == HEALTH_UP)
		log_info("%s/%s: %s: up", check->backend->service->name, check->backend->conf.name,
			 addr);
	else
		log_warn("%s/%s: %s: %s: %s", check->backend->service->name,
			 check->backend->conf.name, addr, health_state_name(verdict->state),
			 health_reason_name(verdict->reason));
}

/* A new state is also an end of the hold-down, or the begin of one. */
static void check_hold(struct check *check)
{
	uint64_t now = clock_now_ms(), until = check_leg(check)->verdict.held_until_ms;
	uint64_t wait = until > now ? until - now + 1 : 0;
	struct timeval tv = {(time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000)};

	(void)event_del(check->hold);
	if (wait)
		(void)event_add(check->hold, &tv);
}

static void check_hold_over(evutil_socket_t fd, short what, void *arg)
{
	struct check *check = arg;

	(void)apply_commit(check->health->daemon);
}

static void check_count(struct check *check, const struct probe_result *result)
{
	check->count.attempts[result->reason]++;
	histogram_add(&check->count.duration, result->duration_seconds);
	if (result->greeting_seconds >= 0)
		histogram_add(&check->count.greeting, result->greeting_seconds);
}

static void check_judge(struct check *check, enum health_reason outcome)
{
	struct verdict_policy policy = check_policy(check);
	struct model_leg *leg = check_leg(check);
	enum health_state before = leg->verdict.state;
	bool changed = verdict_outcome(&leg->verdict, &policy, outcome, clock_now_ms());

	leg->connected = false;
	if (leg->verdict.state != before) {
		leg->since = time(NULL);
		check->count.changes[leg->verdict.state]++;
	}
	model_legs_lend(check->backend);
	check_log(check, before);
	check_hold(check);
	if (changed || leg->verdict.state != before)
		(void)apply_commit(check->health->daemon);
}

bool health_probe_is_on_way(struct daemon *daemon, uint32_t vip, const struct mxlb_endpoint *local)
{
	struct mxlb_flow_key key = {
		.client = local->addr,
		.client_port = local->port,
		.vip = (__u16)vip,
	};

	return !vip || dpmaps_probe_is_on_way(daemon->maps, &key);
}

/* Told once: the next probes find the backend down already. */
static void check_astray(const struct check *check)
{
	const struct model_backend *backend = check->backend;
	char addr[ADDR_TEXT_MAX];

	if (check_leg(check)->verdict.state == HEALTH_DOWN)
		return;
	log_error("%s/%s: %s: its probe left by an interface that mxlb is not attached to, which "
		  "proves nothing in %s mode; list that interface under interfaces",
		  backend->service->name, backend->conf.name,
		  addr_format(&backend->conf.addr[check->family], addr),
		  conf_forward_name(backend->forward));
}

/* On a cold start a backend serves as soon as its first probe has connected. */
static bool check_connected(const struct mxlb_endpoint *local, void *arg)
{
	struct check *check = arg;
	struct model_leg *leg = check_leg(check);

	if (!health_probe_is_on_way(check->health->daemon,
				    model_probe_vip(check->backend, check->family), local)) {
		check_astray(check);
		return false;
	}
	if (leg->verdict.state != HEALTH_CHECKING || leg->connected)
		return true;
	leg->connected = true;
	model_legs_lend(check->backend);
	(void)apply_commit(check->health->daemon);
	return true;
}

static void check_next(struct check *check)
{
	struct verdict_policy policy = check_policy(check);

	check_schedule(check, verdict_next_ms(&check_leg(check)->verdict, &policy, random_bits()));
}

static void check_done(const struct probe_result *result, void *arg)
{
	struct check *check = arg;
	struct model_leg *leg = check_leg(check);

	check->probe = NULL;
	leg->probe.last = time(NULL);
	leg->probe.ok = result->reason == HEALTH_OK;
	leg->probe.code = result->code;
	leg->probe.greeting_seconds = result->greeting_seconds;
	check_count(check, result);
	log_debug("%s/%s: probe: %s, %d, %.1f ms", check->backend->service->name,
		  check->backend->conf.name, health_reason_name(result->reason), result->code,
		  result->duration_seconds * 1000);
	check_judge(check, result->reason);
	/* Kept in the kernel: a counter must not fall because the daemon was killed. */
	(void)dpmaps_probe_count_set(check->health->daemon->maps, check->backend_id, check->family,
				     &check->count);
	check_next(check);
}

static void check_begin(evutil_socket_t fd, short what, void *arg)
{
	struct check *check = arg;
	struct daemon *daemon = check->health->daemon;
	struct probe_spec spec = {
		.addr = check->backend->conf.addr[check->family],
		.port = __builtin_bswap16(check->backend->conf.port),
		.mark = model_probe_mark(check->backend, check->family),
		.conf = check->backend->service->conf->probe,
		.helo = daemon->helo,
		.on_connect = check_connected,
		.on_done = check_done,
		.arg = check,
	};
	int err = probe_start(daemon->base, &spec, &check->probe);

	if (!err)
		return;
	/* Ours, not the backend's: no outcome. Out of descriptors, or the like. */
	log_error("%s/%s: probe can't start: %s", check->backend->service->name,
		  check->backend->conf.name, strerror(-err));
	check->probe = NULL;
	check_next(check);
}

static void check_schedule(struct check *check, unsigned in_ms)
{
	struct timeval tv = {in_ms / 1000, in_ms % 1000 * 1000};

	(void)event_add(check->timer, &tv);
}

static void check_free(struct check *check)
{
	probe_cancel(check->probe);
	event_free(check->timer);
	event_free(check->hold);
	free(check);
}

static struct check *check_find(const struct health *health, uint32_t id, enum mxlb_family family)
{
	for (struct check *check = health->checks; check; check = check->next)
		if (check->backend_id == id && check->family == family)
			return check;
	return NULL;
}

static struct check *check_new(struct health *health, uint32_t id, enum mxlb_family family)
{
	struct check *check = mem_zero(1, sizeof(*check));

	check->health = health;
	check->backend_id = id;
	check->family = family;
	check->timer = mem_check(evtimer_new(health->daemon->base, check_begin, check));
	check->hold = mem_check(evtimer_new(health->daemon->base, check_hold_over, check));
	(void)dpmaps_probe_count(health->daemon->maps, id, family, &check->count);
	check->next = health->checks;
	health->checks = check;
	return check;
}

/* Maintenance stops probes and keeps the last health; so does having left the config. */
static bool backend_is_probed(const struct model_backend *backend)
{
	return backend->service->conf && backend->admin.state != ADMIN_MAINT &&
	       backend->admin.state != ADMIN_REMOVED &&
	       backend->service->conf->probe->type != CONF_PROBE_NONE;
}

/* What its probes don't prove, since they can't. */
static void check_note(const struct check *check)
{
	const struct model_backend *backend = check->backend;
	char addr[ADDR_TEXT_MAX];

	if (backend->forward == MXLB_NAT || !backend_is_probed(backend) ||
	    model_probe_vip(backend, check->family))
		return;
	log_info("%s/%s: %s: probed directly, for the service has no VIP of that family: the "
		 "probe says nothing of how the backend takes forwarded packets",
		 backend->service->name, backend->conf.name,
		 addr_format(&backend->conf.addr[check->family], addr));
}

/* A probe in flight points at the old model's config: it is begun anew. */
static void check_sync(struct health *health, struct model_backend *backend,
		       enum mxlb_family family)
{
	struct check *check = check_find(health, backend->id, family);
	bool is_new = !check, was_flying;

	if (is_new)
		check = check_new(health, backend->id, family);
	was_flying = check->probe != NULL;
	probe_cancel(check->probe);
	check->probe = NULL;
	check->backend = backend;
	check->is_wanted = true;
	if (is_new)
		check_note(check);
	check_hold(check);
	if (!backend_is_probed(backend))
		(void)event_del(check->timer);
	else if (is_new || was_flying)
		check_schedule(check, is_new ? random_bits() % 100 : 0);
	else if (!event_pending(check->timer, EV_TIMEOUT, NULL))
		check_schedule(check, 0);
}

void health_sync(struct health *health)
{
	struct model *model = health->daemon->model;
	struct check **at;

	for (struct check *check = health->checks; check; check = check->next)
		check->is_wanted = false;
	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_backends; j++)
			for (int family = 0; family < MXLB_FAMILIES; family++)
				if (model->services[i]->backends[j]->conf.has_addr[family])
					check_sync(health, model->services[i]->backends[j], family);
	for (at = &health->checks; *at;) {
		struct check *check = *at;

		if (check->is_wanted) {
			at = &check->next;
			continue;
		}
		*at = check->next;
		check_free(check);
	}
}

int health_new(struct daemon *daemon, struct health **health)
{
	*health = mem_zero(1, sizeof(**health));
	(*health)->daemon = daemon;
	return 0;
}

void health_free(struct health *health)
{
	struct check *next;

	if (!health)
		return;
	for (struct check *check = health->checks; check; check = next) {
		next = check->next;
		check_free(check);
	}
	free(health);
}

const struct mxlb_probe_count *health_count(const struct health *health,
					    const struct model_backend *backend,
					    enum mxlb_family family)
{
	const struct check *check = check_find(health, backend->id, family);

	return check ? &check->count : NULL;
}
