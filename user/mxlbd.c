/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mxlbd: the daemon's main. Options, the order of start and end, and the few timers
 * that belong to no other service. Exit codes exist only here.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "apply.h"
#include "apply_check.h"
#include "clock.h"
#include "conf.h"
#include "ctl_server.h"
#include "daemon.h"
#include "dataplane.h"
#include "health.h"
#include "interfaces.h"
#include "log.h"
#include "mem.h"
#include "metrics.h"
#include "model.h"
#include "netlink.h"
#include "notify.h"
#include "observe.h"
#include "priv.h"
#include "state.h"
#include "sweep.h"

#define DEFAULT_CONFIG "/etc/mxlb/mxlb.yaml"
#define UPKEEP_SECONDS 10

enum { EXIT_RAN, EXIT_CANNOT, EXIT_USAGE };

struct options {
	const char *config;
	bool check, purge;
	int log_level; /* -1: the config's */
};

static const char usage[] =
	"usage: mxlbd [OPTIONS]\n"
	"\n"
	"The daemon of mxlb: loads the data path, probes the backends, keeps the maps.\n"
	"Runs in the foreground; SIGHUP reloads, SIGTERM ends it and leaves the data path\n"
	"in place, so that mail flows on.\n"
	"\n"
	"  -c, --config FILE      default " DEFAULT_CONFIG "\n"
	"      --check            check the config and exit (0: well, 2: not); needs no root\n"
	"      --purge            remove programs, filters, pins and addresses; refuses while\n"
	"                         the daemon runs\n"
	"      --log-level LEVEL  error, warn, info or debug; default: the config's\n"
	"      --version\n"
	"      --help\n";

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "mxlbd: %s%s; see mxlbd --help\n", what, value);
	return EXIT_USAGE;
}

static int log_level_parse(const char *text)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};

	for (int i = 0; i < 4; i++)
		if (!strcmp(levels[i], text))
			return i;
	return -1;
}

/* -1: go on; else the exit code. */
static int options_parse(int argc, char **argv, struct options *options)
{
	enum { OPT_CHECK = 256, OPT_PURGE, OPT_LOG_LEVEL, OPT_VERSION };
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPT_CHECK},
		{"purge", no_argument, NULL, OPT_PURGE},
		{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
		{"version", no_argument, NULL, OPT_VERSION},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case OPT_CHECK:
			options->check = true;
			break;
		case OPT_PURGE:
			options->purge = true;
			break;
		case OPT_LOG_LEVEL:
			options->log_level = log_level_parse(optarg);
			if (options->log_level < 0)
				return usage_error("--log-level: no such level: ", optarg);
			break;
		case OPT_VERSION:
			puts("mxlbd " MXLB_VERSION);
			return EXIT_RAN;
		case 'h':
			fputs(usage, stdout);
			return EXIT_RAN;
		default:
			return EXIT_USAGE; /* getopt has said what */
		}
	}
	return optind < argc ? usage_error("unexpected argument: ", argv[optind]) : -1;
}

/* ---- what happens while it runs --------------------------------------------- */

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	char *why = NULL;

	(void)notify_reloading();
	if (!apply_reload(daemon, &why))
		log_info("reload: the new config is in force");
	free(why);
	(void)notify_ready();
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	log_info("ending; the data path stays in place");
	(void)notify_stopping();
	(void)event_base_loopbreak(daemon->base);
}

static void on_upkeep(evutil_socket_t fd, short what, void *arg)
{
	interfaces_keep(arg);
}

/* ---- start -------------------------------------------------------------------- */

static void daemon_name(struct daemon *daemon)
{
	if (gethostname(daemon->helo, sizeof(daemon->helo) - 1) || !daemon->helo[0])
		(void)snprintf(daemon->helo, sizeof(daemon->helo), "localhost");
}

static int start_state(struct daemon *daemon, const struct conf *conf)
{
	char why[512];
	int err = state_load(conf->state_dir, &daemon->state, why, sizeof(why));

	if (err)
		log_error("%s", why);
	return daemon->state ? 0 : err;
}

/* What touches the host, in an order in which a failure leaves least behind. */
static int start_plane(struct daemon *daemon, struct conf *conf, char *why, size_t why_len)
{
	int err;

	why[0] = '\0';
	err = start_state(daemon, conf);
	if (!err)
		err = netlink_new(daemon->base, &interfaces_ops, daemon, &daemon->netlink);
	if (err) {
		(void)snprintf(why, why_len, "netlink: %s", strerror(-err));
		return err;
	}
	err = dataplane_load(conf, &daemon->plane, &daemon->is_adopted, why, why_len);
	if (err)
		return err;
	daemon->maps = dataplane_maps(daemon->plane);
	err = apply_new(daemon, &daemon->apply);
	if (!err)
		err = apply_start(daemon, conf, why, why_len);
	return err ? err : interfaces_start(daemon, why, why_len);
}

static int start_services(struct daemon *daemon, char *why, size_t why_len)
{
	int err = ctl_server_new(daemon, &daemon->ctl);

	if (!err)
		err = metrics_new(daemon, &daemon->metrics);
	if (!err)
		err = observe_new(daemon, &daemon->observe);
	if (err) {
		(void)snprintf(why, why_len, "could not start, for the reason above: %s",
			       strerror(-err));
		return err;
	}
	err = priv_drop(why, why_len);
	if (!err)
		err = health_new(daemon, &daemon->health);
	if (!err)
		health_sync(daemon->health);
	return err;
}

static void timer_every(struct daemon *daemon, int seconds, event_callback_fn fn,
			struct event **timer)
{
	struct timeval tv = {seconds, 0};

	*timer = mem_check(event_new(daemon->base, -1, EV_PERSIST, fn, daemon));
	(void)event_add(*timer, &tv);
}

static void signal_on(struct daemon *daemon, int number, event_callback_fn fn, struct event **event)
{
	*event = mem_check(evsignal_new(daemon->base, number, fn, daemon));
	(void)event_add(*event, NULL);
}

static void loop(struct daemon *daemon)
{
	struct event *events[4];
	struct sweep *sweep;

	signal_on(daemon, SIGHUP, on_hangup, &events[0]);
	signal_on(daemon, SIGTERM, on_terminate, &events[1]);
	signal_on(daemon, SIGINT, on_terminate, &events[2]);
	timer_every(daemon, UPKEEP_SECONDS, on_upkeep, &events[3]);
	sweep = sweep_new(daemon);
	on_upkeep(-1, 0, daemon);
	log_info("ready: %zu services, %s", daemon->model->n_services,
		 daemon->is_adopted ? "data path adopted" : "new data path");
	(void)notify_ready();
	(void)event_base_dispatch(daemon->base);
	sweep_free(sweep);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		event_free(events[i]);
}

static void daemon_end(struct daemon *daemon)
{
	health_free(daemon->health);
	ctl_server_free(daemon->ctl);
	metrics_free(daemon->metrics);
	observe_free(daemon->observe);
	apply_free(daemon->apply);
	dataplane_close(daemon->plane);
	netlink_free(daemon->netlink);
	state_free(daemon->state);
	model_free(daemon->model);
	event_base_free(daemon->base);
}

static void purge_addresses(const char *state_dir)
{
	struct netlink *netlink = NULL;
	struct state *state = NULL;
	char why[512];
	const char *item;

	(void)state_load(state_dir, &state, why, sizeof(why));
	if (!state || !state_item(state, STATE_ADDRESSES, 0) ||
	    netlink_new(NULL, NULL, NULL, &netlink))
		goto out;
	while ((item = state_item(state, STATE_ADDRESSES, 0))) {
		char link[32], text[ADDR_TEXT_MAX];
		struct mxlb_addr addr;

		if (sscanf(item, "%31s %55s", link, text) == 2 && !addr_parse(text, &addr))
			(void)netlink_address_del(netlink, link, &addr);
		state_remove(state, STATE_ADDRESSES, item);
	}
	(void)state_save(state, NULL, why, sizeof(why));
out:
	netlink_free(netlink);
	state_free(state);
}

static int purge(const char *pin_dir, const char *state_dir)
{
	char why[1024];

	if (dataplane_purge(pin_dir, why, sizeof(why))) {
		fprintf(stderr, "mxlbd: purge: %s\n", why);
		return EXIT_CANNOT;
	}
	purge_addresses(state_dir);
	return EXIT_RAN;
}

/* A first start that fails leaves nothing behind; one that adopts leaves what it found. */
static int run(const struct options *options, struct conf *conf)
{
	struct daemon daemon = {.config_path = options->config, .started_ms = clock_now_ms()};
	char *pin_dir = mem_dup(conf->pin_dir), *state_dir = mem_dup(conf->state_dir);
	char why[1024];
	bool is_first;
	int err, code = EXIT_RAN;

	(void)signal(SIGPIPE, SIG_IGN);
	daemon.base = mem_check(event_base_new());
	daemon_name(&daemon);
	err = start_plane(&daemon, conf, why, sizeof(why));
	if (!daemon.model)
		conf_free(conf); /* nobody has taken it over */
	if (!err)
		err = start_services(&daemon, why, sizeof(why));
	if (!err)
		loop(&daemon);
	else
		fprintf(stderr, "mxlbd: %s\n", why);
	is_first = daemon.plane && !daemon.is_adopted && !dataplane_is_replacing(daemon.plane);
	daemon_end(&daemon);
	if (err)
		code = EXIT_CANNOT;
	if (err && is_first)
		(void)purge(pin_dir, state_dir);
	free(pin_dir);
	free(state_dir);
	return code;
}

int main(int argc, char **argv)
{
	struct options options = {.config = DEFAULT_CONFIG, .log_level = -1};
	int code = options_parse(argc, argv, &options);
	struct conf *conf = NULL;
	char *lines;

	if (code >= 0)
		return code;
	lines = apply_load(options.config, &conf);
	if (lines) {
		fprintf(stderr, "%s\n", lines);
		free(lines);
		return EXIT_USAGE;
	}
	if (options.check || options.purge) {
		code = options.check ? EXIT_RAN : purge(conf->pin_dir, conf->state_dir);
		conf_free(conf);
		return code;
	}
	if (options.log_level >= 0)
		conf->log_level = options.log_level;
	log_setup(conf->log_level, conf->log_format);
	lines = apply_preflight(conf);
	if (!lines)
		return run(&options, conf);
	fprintf(stderr, "mxlbd: %s\n", lines);
	free(lines);
	conf_free(conf);
	return EXIT_CANNOT;
}
