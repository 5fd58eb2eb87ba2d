/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator changes something: text -> model -> plan -> maps. Whoever changes the
 * model, here or in health, ends in apply_commit, which alone knows what the kernel
 * holds. A reload that fails anywhere leaves the model before it in force.
 */
#include "apply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include "addr.h"
#include "apply_check.h"
#include "clock.h"
#include "conf.h"
#include "conf_diff.h"
#include "conn.h"
#include "ctl_server.h"
#include "daemon.h"
#include "dataplane.h"
#include "dpmaps.h"
#include "health.h"
#include "log.h"
#include "mem.h"
#include "metrics.h"
#include "model_adopt.h"
#include "netlink.h"
#include "plan.h"
#include "state.h"

struct apply {
	struct dp_state current; /* what the maps hold */
};

int apply_new(struct daemon *daemon, struct apply **apply)
{
	*apply = mem_zero(1, sizeof(**apply));
	dpmaps_read(daemon->maps, &(*apply)->current);
	return 0;
}

void apply_free(struct apply *apply)
{
	if (!apply)
		return;
	dp_state_free(&apply->current);
	free(apply);
}

int apply_commit(struct daemon *daemon)
{
	struct apply *apply = daemon->apply;
	struct dp_state want;
	struct plan plan;
	const char *what = "";
	int err;

	plan_want(daemon->model, clock_now_ms(), &want);
	plan_diff(&apply->current, &want, &plan);
	err = dpmaps_apply(daemon->maps, &plan, &want, &what);
	if (plan.n_steps) {
		log_debug("plan: %zu steps", plan.n_steps);
		/* A backend's id may have come to another address than the hop kept for it. */
		(void)dpmaps_hops_changed(daemon->maps);
	}
	plan_free(&plan);
	if (!err) {
		dp_state_free(&apply->current);
		apply->current = want;
		return 0;
	}
	log_error("plan: %s: %s; the data path keeps what it had, the next change tries again",
		  what, strerror(-err));
	dp_state_free(&want);
	/* Some steps may have been done: look at what is there now. */
	dp_state_free(&apply->current);
	dpmaps_read(daemon->maps, &apply->current);
	return err;
}

/* Tunnels need our own address on the way to each backend, for the outer header. */
static bool backend_sources(struct model_backend *backend)
{
	const struct conf_service *conf = backend->service->conf;
	bool has_changed = false;

	for (int family = 0; family < MXLB_FAMILIES; family++) {
		const struct mxlb_addr *to = model_leg_addr(backend, family);
		struct mxlb_addr from = {0}, source = {0};

		if (!backend->leg[family].exists)
			continue;
		if (conf)
			from = conf->probe->source[addr_family(to)];
		(void)conn_source(to, &from, &source); /* no way there: stays zero */
		has_changed |= model_leg_source(backend, family, &source, clock_now_ms());
	}
	return has_changed;
}

static bool model_sources(const struct model *model)
{
	bool has_changed = false;

	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_backends; j++)
			if (model->services[i]->backends[j]->forward == MXLB_TUNNEL)
				has_changed |= backend_sources(model->services[i]->backends[j]);
	return has_changed;
}

void apply_network_changed(struct daemon *daemon)
{
	if (model_sources(daemon->model))
		(void)apply_commit(daemon);
}

/* Egress filters, while some probe has to travel the forwarded path. */
static int probe_path(struct daemon *daemon, char *why, size_t why_len)
{
	const struct conf *conf = daemon->model->conf;
	bool wanted = false;

	for (size_t i = 0; i < conf->n_services; i++)
		wanted |= conf->services[i].forward != MXLB_NAT &&
			  conf->services[i].probe->type != CONF_PROBE_NONE;
	return dataplane_probe_path(daemon->plane, wanted, why, why_len);
}

static void save_state(struct daemon *daemon)
{
	char why[512];

	if (state_save(daemon->state, daemon->model, why, sizeof(why)))
		log_error("%s", why);
}

/* The VIPs' own addresses, on vip_interface where the config asks for it. */
static void addresses_add(struct daemon *daemon)
{
	const char *link = daemon->model->conf->vip_interface;
	char text[ADDR_TEXT_MAX], item[ADDR_TEXT_MAX + 20];

	for (size_t i = 0; link && i < daemon->model->n_services; i++) {
		const struct model_service *service = daemon->model->services[i];

		for (size_t j = 0; j < service->n_vips; j++) {
			const struct mxlb_addr *addr = &service->vips[j].endpoint.addr;
			int added = netlink_address_add(daemon->netlink, link, addr);

			(void)addr_format(addr, text);
			if (added < 0)
				log_error("vip_interface %s: adding %s: %s; add it by hand", link,
					  text, strerror(-added));
			(void)snprintf(item, sizeof(item), "%s %s", link, text);
			if (added == 1)
				(void)state_add(daemon->state, STATE_ADDRESSES, item);
		}
	}
}

static bool model_has_address(const struct model *model, const char *item)
{
	char text[ADDR_TEXT_MAX], at[ADDR_TEXT_MAX + 20];

	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_vips; j++) {
			(void)addr_format(&model->services[i]->vips[j].endpoint.addr, text);
			(void)snprintf(at, sizeof(at), "%s %s",
				       model->conf->vip_interface ? model->conf->vip_interface : "",
				       text);
			if (!strcmp(at, item))
				return true;
		}
	return false;
}

/* Addresses that we added and no VIP needs any more. */
static void addresses_remove(struct daemon *daemon)
{
	const char *item;

	for (size_t i = 0; (item = state_item(daemon->state, STATE_ADDRESSES, i));) {
		char link[32], text[ADDR_TEXT_MAX];
		struct mxlb_addr addr;

		if (model_has_address(daemon->model, item)) {
			i++;
			continue;
		}
		if (sscanf(item, "%31s %55s", link, text) == 2 && !addr_parse(text, &addr))
			(void)netlink_address_del(daemon->netlink, link, &addr);
		state_remove(daemon->state, STATE_ADDRESSES, item);
	}
}

int apply_start(struct daemon *daemon, struct conf *conf, char *why, size_t why_len)
{
	struct model *pinned = NULL;
	int err;

	if (daemon->is_adopted)
		pinned = model_adopt(&daemon->apply->current, clock_now_ms());
	daemon->model = model_new(conf, pinned, clock_now_ms());
	model_free(pinned);
	if (!daemon->model) {
		(void)snprintf(
			why, why_len,
			"config: more backends than %d with those still draining; remove some",
			MXLB_MAX_BACKENDS - 1);
		return -ENOSPC;
	}
	state_apply(daemon->state, daemon->model);
	addresses_add(daemon);
	addresses_remove(daemon);
	save_state(daemon);
	daemon->config_loaded = time(NULL);
	daemon->config_ok = true;
	(void)model_sources(daemon->model);
	err = apply_commit(daemon);
	if (err) {
		(void)snprintf(why, why_len, "data path: maps can't be written: %s",
			       strerror(-err));
		return err;
	}
	return probe_path(daemon, why, why_len);
}

static bool conf_has_interface(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_interfaces; i++)
		if (!strcmp(conf->interfaces[i].name, name))
			return true;
	return false;
}

/* New interfaces first, so that no packet is missed by a renamed set. A failure here is
 * logged and leaves the others: the config is in force by now. */
static void interfaces_sync(struct daemon *daemon)
{
	const struct conf *conf = daemon->model->conf;
	const struct dataplane_interface *now;
	char why[512];
	size_t n;

	for (size_t i = 0; i < conf->n_interfaces; i++)
		if (dataplane_attach(daemon->plane, &conf->interfaces[i], why, sizeof(why)))
			log_error("%s", why);
	now = dataplane_interfaces(daemon->plane, &n);
	for (size_t i = n; i-- > 0;)
		if (!conf_has_interface(conf, now[i].name))
			(void)dataplane_detach(daemon->plane, now[i].name);
}

static void log_changes(const struct conf *old, const struct conf *new)
{
	struct conf_changes changes = {0};

	if (conf_diff(old, new, &changes))
		return;
	for (size_t i = 0; i < changes.n; i++)
		log_info("reload: %s %s %s: %s", conf_op_name(changes.items[i].op),
			 changes.items[i].object, changes.items[i].name, changes.items[i].text);
	if (!changes.n)
		log_info("reload: nothing has changed");
	conf_changes_free(&changes);
}

static int refuse(struct daemon *daemon, struct conf *conf, char *text, char **why)
{
	log_error("reload refused, the config before it stays in force: %s", text);
	daemon->config_ok = false;
	conf_free(conf);
	*why = text;
	return -EINVAL;
}

static void put_in_force(struct daemon *daemon, struct model *model)
{
	struct model *old = daemon->model;
	char why[512];

	log_setup(model->conf->log_level, model->conf->log_format);
	daemon->model = model;
	addresses_add(daemon);
	if (probe_path(daemon, why, sizeof(why)))
		log_error("%s", why);
	interfaces_sync(daemon);
	(void)model_sources(model);
	health_sync(daemon->health); /* lets go of the old model's backends */
	(void)apply_commit(daemon);
	metrics_sync(daemon->metrics);
	ctl_server_sync(daemon->ctl);
	addresses_remove(daemon);
	save_state(daemon);
	model_free(old);
	daemon->config_loaded = time(NULL);
	daemon->config_ok = true;
}

int apply_reload(struct daemon *daemon, char **why)
{
	struct conf *conf = NULL;
	struct model *model;
	char *text = apply_load(daemon->config_path, &conf);
	char *restart;

	if (text)
		return refuse(daemon, conf, text, why);
	restart = conf_needs_restart(daemon->model->conf, conf);
	if (restart) {
		text = apply_text(
			"%s: a change of %s needs a restart (nothing was changed); restart "
			"mxlbd, flows are kept",
			daemon->config_path, restart);
		free(restart);
		return refuse(daemon, conf, text, why);
	}
	text = apply_preflight(conf);
	if (text)
		return refuse(daemon, conf, text, why);
	model = model_new(conf, daemon->model, clock_now_ms());
	if (!model)
		return refuse(daemon, conf,
			      apply_text("%s: more than %d backends, with those still "
					 "draining; wait or remove some",
					 daemon->config_path, MXLB_MAX_BACKENDS - 1),
			      why);
	log_changes(daemon->model->conf, conf);
	put_in_force(daemon, model);
	return 0;
}

int apply_admin(struct daemon *daemon, struct model_backend *backend, const struct admin *admin)
{
	char why[512];
	int err;

	backend->admin = *admin;
	log_info("%s/%s: %s, weight %u, by %s%s%s", backend->service->name, backend->conf.name,
		 admin_state_name(admin->state), model_backend_weight(backend),
		 admin->by[0] ? admin->by : "?", admin->message[0] ? ": " : "", admin->message);
	health_sync(daemon->health);
	err = apply_commit(daemon);
	if (state_save(daemon->state, daemon->model, why, sizeof(why))) {
		log_error("%s; the change holds until mxlbd ends", why);
		err = -EIO;
	}
	return err;
}

/* Live flows of each VIP; closing ones don't keep it. */
static bool count_vip(const struct mxlb_flow_key *key, const struct mxlb_flow *flow, void *arg)
{
	unsigned *flows = arg;

	if (flow->state != MXLB_FLOW_CLOSING && key->vip <= MXLB_MAX_VIPS)
		flows[key->vip]++;
	return true;
}

static bool model_has_leaving_vip(const struct model *model)
{
	for (size_t i = 0; i < model->n_services; i++)
		for (size_t j = 0; j < model->services[i]->n_vips; j++)
			if (model->services[i]->vips[j].is_leaving)
				return true;
	return false;
}

static bool collect_vips(struct daemon *daemon)
{
	struct model *model = daemon->model;
	unsigned *flows = mem_zero(MXLB_MAX_VIPS + 1, sizeof(*flows));
	bool changed = false;

	if (!model_has_leaving_vip(model) || dpmaps_flows(daemon->maps, count_vip, flows)) {
		free(flows);
		return false;
	}
	for (size_t i = model->n_services; i-- > 0;) {
		struct model_service *service = model->services[i];

		for (size_t j = service->n_vips; j-- > 0;) {
			const struct model_vip *vip = &service->vips[j];
			bool is_last = service->n_vips == 1 && !service->n_backends;

			if (!vip->is_leaving || flows[vip->id])
				continue;
			changed = true;
			model_vip_forget(model, service, vip->id);
			if (is_last)
				break; /* the service is gone with it */
		}
	}
	free(flows);
	return changed;
}

static bool collect_backends(struct daemon *daemon)
{
	bool changed = false;

	for (size_t i = daemon->model->n_services; i-- > 0;) {
		struct model_service *service = daemon->model->services[i];

		for (size_t j = service->n_backends; j-- > 0;) {
			struct model_backend *backend = service->backends[j];
			struct mxlb_load load;
			bool is_last = service->n_backends == 1 && !service->n_vips;

			if (backend->admin.state != ADMIN_REMOVED ||
			    dpmaps_load(daemon->maps, backend->id, &load) || load.flows)
				continue;
			changed = true;
			model_backend_forget(daemon->model, backend);
			if (is_last)
				break;
		}
	}
	return changed;
}

void apply_collect(struct daemon *daemon)
{
	bool changed = collect_vips(daemon);

	changed |= collect_backends(daemon);
	if (!changed)
		return;
	health_sync(daemon->health);
	(void)apply_commit(daemon);
	addresses_remove(daemon);
	save_state(daemon);
}
