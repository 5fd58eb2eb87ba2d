/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar of mxlbctl as data: which words there are, what may follow them, and
 * what they are for. The order is that of the help.
 */
#include "cli_args.h"

#include "mxlb/ctl.h"

#define OF_SERVICE (1u << OPTION_SERVICE)
#define OF_CHANGE  (OF_SERVICE | 1u << OPTION_FORCE | 1u << OPTION_DRY_RUN)
#define OF_FLOWS                                                                                   \
	(OF_SERVICE | 1u << OPTION_CLIENT | 1u << OPTION_BACKEND | 1u << OPTION_STATE |            \
	 1u << OPTION_LIMIT)

const struct cli_option_def cli_options[OPTION_COUNT] = {
	[OPTION_JSON] = {"json", 'j', .is_global = true, .help = "print the JSON document"},
	[OPTION_SOCKET] = {"socket", 's', VALUE_TEXT, "PATH", true,
			   .help = "the daemon's socket (" MXLB_CTL_SOCKET ")"},
	[OPTION_QUIET] = {"quiet", 'q', .is_global = true, .help = "print errors only"},
	[OPTION_NO_COLOR] = {"no-color", .is_global = true,
			     .help = "no colours, as with NO_COLOR set"},
	[OPTION_CONNECT_TIMEOUT] = {"connect-timeout", 0, VALUE_DURATION, "DUR", true,
				    .help = "longest wait for the daemon to answer (5s)"},
	[OPTION_HELP] = {"help", 'h', .is_global = true, .help = "help on what stands before it"},
	[OPTION_VERSION] = {"version", 'V', .is_global = true,
			    .help = "print mxlbctl's version, without asking the daemon"},
	[OPTION_SERVICE] = {"service", 0, VALUE_TEXT, "S", .is_sent = true,
			    .help = "of this service only"},
	[OPTION_FORCE] = {"force", .is_sent = true,
			  .help = "even if no usable backend is left in a service"},
	[OPTION_DRY_RUN] = {"dry-run", .is_sent = true,
			    .help = "say what would be, change nothing"},
	[OPTION_MESSAGE] = {"message", 'm', VALUE_TEXT, "TEXT", .is_sent = true,
			    .help = "why, for those who look at the status"},
	[OPTION_WAIT] = {"wait", .help = "wait until no connection is open"},
	[OPTION_TIMEOUT] = {"timeout", 0, VALUE_DURATION, "DUR",
			    .help = "longest --wait, such as 15m; the drain stays after it"},
	[OPTION_CLIENT] = {"client", 0, VALUE_TEXT, "CIDR", .is_sent = true,
			   .help = "from this address or network"},
	[OPTION_BACKEND] = {"backend", 0, VALUE_TEXT, "B", .is_sent = true,
			    .help = "on this backend"},
	[OPTION_STATE] = {"state", 0, VALUE_TEXT, "ST", .is_sent = true,
			  .help = "half_open, established or closing"},
	[OPTION_LIMIT] = {"limit", 0, VALUE_NUMBER, "N", .is_sent = true,
			  .help = "at most so many"},
	[OPTION_VERBOSE] = {"verbose", 'v', .is_sent = true, .help = "print the dialogue"},
};

const struct cli_verb_def cli_verbs[VERB_COUNT] = {
	[VERB_STATUS] = {"status", NULL, .help = "is all well? one screen",
			 .more = "Exits 1 when a service is degraded or down."},
	[VERB_SERVICE_LIST] = {"service", "list", .help = "services, one a line"},
	[VERB_SERVICE_SHOW] = {"service", "show", {"NAME"}, .help = "a service and its backends"},
	[VERB_BACKEND_LIST] =
		{"backend", "list", {"[SERVICE]"}, OF_SERVICE, .help = "backends, one a line"},
	[VERB_BACKEND_SHOW] = {"backend",
			       "show",
			       {"NAME"},
			       OF_SERVICE,
			       .help = "all about a backend, in each service that has it"},
	[VERB_BACKEND_DRAIN] = {"backend",
				"drain",
				{"NAME"},
				OF_CHANGE | 1u << OPTION_WAIT | 1u << OPTION_TIMEOUT |
					1u << OPTION_MESSAGE,
				.help = "no new connections; open ones and probes go on",
				.more = "Without --service it drains the backend in every service "
					"that has it.\nExits 5 when --wait ended by --timeout; the "
					"drain stays in place. Exits 6, changing\nnothing, when no "
					"usable backend would be left, unless --force is given."},
	[VERB_BACKEND_MAINT] = {"backend",
				"maint",
				{"NAME"},
				OF_CHANGE | 1u << OPTION_MESSAGE,
				.help = "as drain, and probes stop"},
	[VERB_BACKEND_READY] =
		{"backend", "ready", {"NAME"}, OF_CHANGE, .help = "ends drain and maint"},
	[VERB_BACKEND_WEIGHT] = {"backend",
				 "weight",
				 {"NAME", "WEIGHT"},
				 OF_CHANGE,
				 .help = "a run-time weight: N, N% or reset",
				 .more = "N is 0 to 1000; N% is of the configured weight and "
					 "follows it; reset returns to\nthe configured weight. 0 "
					 "sends no new connections."},
	[VERB_FLOW_LIST] = {"flow", "list", {NULL}, OF_FLOWS, .help = "connections, one a line"},
	[VERB_FLOW_COUNT] = {"flow", "count", {NULL}, OF_FLOWS, .help = "how many there are"},
	[VERB_PROBE] = {"probe",
			NULL,
			{"BACKEND"},
			OF_SERVICE | 1u << OPTION_VERBOSE,
			.is_slow = true,
			.help = "probe now",
			.more = "Exits 1 when a probe fails. It may take the probe's configured "
				"time-out."},
	[VERB_CONFIG_CHECK] =
		{"config",
		 "check",
		 {"[FILE]"},
		 .help = "check a file; works without the daemon",
		 .more = "The file is /etc/mxlb/mxlb.yaml unless given. Exits 2 when it "
			 "has faults, each a\nline on stderr: FILE:LINE:COLUMN: path: what; "
			 "what would be right."},
	[VERB_CONFIG_SHOW] = {"config", "show", .help = "the configuration in force"},
	[VERB_CONFIG_DIFF] = {"config",
			      "diff",
			      {"[FILE]"},
			      .help = "what a reload would change",
			      .more = "The file is the daemon's own unless given. Exits 0 without "
				      "changes, 1 with."},
	[VERB_CONFIG_RELOAD] =
		{"config", "reload", .is_slow = true, .help = "read the configuration again",
		 .more = "Returns when the new configuration is in force, or refused: "
			 "then nothing has changed."},
	[VERB_METRICS] = {"metrics", NULL, .help = "the metrics, as Prometheus gets them"},
	[VERB_VERSION] = {"version", NULL, .help = "versions of mxlbctl, mxlbd, kernel and libbpf",
			  .more = "Without a daemon it prints mxlbctl's own and exits 3; "
				  "`mxlbctl --version` never asks."},
	[VERB_HELP] = {"help", NULL, {"[OBJECT]", "[VERB]"}, .help = "this, or help on a command"},
};
