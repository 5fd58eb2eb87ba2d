/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as tables: every key with its kind, range, default and place
 * in struct conf. Reading, defaults, `config diff`, the question whether a change
 * needs a restart, and the texts of faults all come from these tables.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum conf_kind {
	/* Scalars; the member at `offset` is */
	CONF_KIND_NUMBER,   /* unsigned, min to max */
	CONF_KIND_DURATION, /* unsigned, in milliseconds, min to max */
	CONF_KIND_FACTOR,   /* double: 0, or min to max in hundredths */
	CONF_KIND_WORD,	    /* an enum: the index in `words` */
	CONF_KIND_TEXT,	    /* char *: what `rule` accepts */
	CONF_KIND_PROBE,    /* const struct conf_probe *: one of conf.probes */
	/* One scalar or a list of them, up to `max`; the number is at `offset_n`. */
	CONF_KIND_ADDRESSES,	/* struct mxlb_addr * */
	CONF_KIND_ADDRESS_PAIR, /* struct mxlb_addr [MXLB_FAMILIES], zero where absent */
	CONF_KIND_ENDPOINTS,	/* char **: address and port, `min` is the default port */
	/* Parts with keys of their own: in the same struct, or an array of structs. */
	CONF_KIND_SECTION,
	CONF_KIND_INTERFACES,
	CONF_KIND_PROBES,
	CONF_KIND_SERVICES,
	CONF_KIND_BACKENDS,
};

/* What a text must look like, and how that is told to people. */
struct conf_rule {
	bool (*accepts)(const char *text);
	const char *wants;
};

struct conf_key {
	const char *name;
	enum conf_kind kind;
	size_t offset, offset_n; /* in the struct that the table describes */
	unsigned long long min, max;
	const char *def; /* the default, as it would stand in the file; NULL: none */
	const char *const *words;
	const struct conf_rule *rule;
	const struct conf_key *keys; /* of a section or of each object */
	bool is_required;
	bool can_be_off;    /* a section that `off` empties */
	bool needs_restart; /* a reload that changes it is refused */
};

/* Tables end with a key without a name. */
extern const struct conf_key conf_root_keys[];
extern const struct conf_key conf_interface_keys[];
extern const struct conf_key conf_probe_keys[];
extern const struct conf_key conf_service_keys[];
extern const struct conf_key conf_backend_keys[];

/* Words of enums, ended by NULL, in the order of the enum. */
extern const char *const conf_datapath_words[];
extern const char *const conf_scheduler_words[];
extern const char *const conf_forward_words[];

/* Names of objects: letters, digits and ._~- */
extern const struct conf_rule conf_service_name_rule;
extern const struct conf_rule conf_backend_name_rule;
extern const struct conf_rule conf_interface_name_rule;

#endif
