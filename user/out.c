/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines and tables. A table is kept as cells until its end, when the widths are
 * known; it is then laid out in the widest of three ways that fits.
 */
#include "out.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mem.h"

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     40

static const char *const colour_codes[OUT_COLOUR_COUNT] = {"", "\033[32m", "\033[33m", "\033[31m",
							   "\033[1m"};

struct cell {
	char *text;
	enum out_colour colour;
};

struct out_table {
	const struct out_column *columns;
	size_t n_columns;
	struct cell *cells;
	size_t n_cells;
};

/* How the rows are laid out. */
struct layout {
	unsigned gap;
	bool is_broken; /* newlines in cells are new lines */
	unsigned *widths;
};

void out_setup(struct out *out, FILE *file, bool no_color)
{
	const char *asked = getenv("NO_COLOR");
	struct winsize size;
	bool is_terminal = isatty(fileno(file));

	out->file = file;
	out->is_coloured = is_terminal && !no_color && !(asked && *asked);
	out->width = WIDTH_DEFAULT;
	if (is_terminal && ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col)
		out->width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

/* Bytes of the UTF-8 character at s that may be shown; 0: it may not. */
static size_t shown_len(const unsigned char *s)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0x20 || s[0] == 0x7f || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : len; /* the C1 control characters */
}

/* What may not be shown becomes '?', byte by byte; newlines stay. Frees nothing. */
static void clean(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s) {
		size_t len = *s == '\n' ? 1 : shown_len(s);

		if (len == 0)
			*s = '?';
		s += len ? len : 1;
	}
}

static void text_put(struct out *out, enum out_colour colour, const char *text, size_t len)
{
	bool is_coloured = out->is_coloured && colour != OUT_PLAIN && len;

	fprintf(out->file, "%s%.*s%s", is_coloured ? colour_codes[colour] : "", (int)len, text,
		is_coloured ? "\033[0m" : "");
}

__attribute__((format(printf, 1, 0))) static char *text_format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	clean(mem_check(text));
	return text;
}

void out_text(struct out *out, enum out_colour colour, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = text_format(fmt, ap);
	va_end(ap);
	text_put(out, colour, text, strlen(text));
	free(text);
}

/* ---- tables ---------------------------------------------------------------- */

struct out_table *out_table_new(const struct out_column *columns, size_t n_columns)
{
	struct out_table *table = mem_zero(1, sizeof(*table));

	table->columns = columns;
	table->n_columns = n_columns;
	for (size_t i = 0; i < n_columns; i++)
		out_cell(table, OUT_HEAD, "%s", columns[i].title ? columns[i].title : "");
	return table;
}

void out_cell(struct out_table *table, enum out_colour colour, const char *fmt, ...)
{
	va_list ap;

	table->cells = mem_append(table->cells, &table->n_cells, sizeof(*table->cells));
	va_start(ap, fmt);
	table->cells[table->n_cells - 1].text = text_format(fmt, ap);
	va_end(ap);
	table->cells[table->n_cells - 1].colour = colour;
}

/* Characters, which stand for columns here: names and addresses are ASCII. */
static unsigned text_width(const char *text, size_t len)
{
	unsigned width = 0;

	for (size_t i = 0; i < len; i++)
		width += (text[i] & 0xc0) != 0x80;
	return width;
}

/* The part of a cell on its nth line; "" where it has none. */
static const char *cell_line(const struct cell *cell, unsigned line, size_t *len)
{
	const char *text = cell->text;

	while (line-- > 0 && *text) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	*len = strcspn(text, "\n");
	return text;
}

static unsigned cell_width(const struct cell *cell, bool is_broken)
{
	unsigned width = 0;
	size_t len;

	if (!is_broken)
		return text_width(cell->text, strlen(cell->text));
	for (unsigned line = 0;; line++) {
		const char *text = cell_line(cell, line, &len);

		if (text_width(text, len) > width)
			width = text_width(text, len);
		if (!text[len])
			return width;
	}
}

/* Sets the widths; 0 leaves a column out. Returns the width of a row. */
static unsigned layout_measure(const struct out_table *table, struct layout *layout)
{
	unsigned total = 0;

	for (size_t c = 0; c < table->n_columns; c++) {
		unsigned *width = &layout->widths[c];

		*width = 0;
		for (size_t i = table->n_columns + c; i < table->n_cells; i += table->n_columns) {
			unsigned wanted = cell_width(&table->cells[i], layout->is_broken);

			if (wanted > *width)
				*width = wanted;
		}
		if (*width && cell_width(&table->cells[c], false) > *width)
			*width = cell_width(&table->cells[c], false);
		total += *width ? *width + (total ? layout->gap : 0) : 0;
	}
	return total;
}

static void layout_choose(const struct out_table *table, struct layout *layout, unsigned width)
{
	layout->gap = 2;
	layout->is_broken = false;
	if (layout_measure(table, layout) <= width)
		return;
	layout->is_broken = true;
	if (layout_measure(table, layout) <= width)
		return;
	layout->gap = 1;
	(void)layout_measure(table, layout);
}

/* One line of a row. Returns true while a cell has a further line. */
static bool line_print(const struct out_table *table, const struct layout *layout,
		       const struct cell *row, unsigned line, struct out *out)
{
	unsigned pad = 0; /* spaces owed, so that no line ends with them */
	bool is_first = true, is_more = false;

	for (size_t c = 0; c < table->n_columns; c++) {
		size_t len;
		const char *text = cell_line(&row[c], line, &len);
		unsigned rest = layout->widths[c] - text_width(text, len);

		if (!layout->widths[c])
			continue;
		pad += is_first ? 0 : layout->gap;
		is_first = false;
		is_more |= text[len] != '\0';
		pad += table->columns[c].is_right ? rest : 0;
		if (len) {
			fprintf(out->file, "%*s", (int)pad, "");
			text_put(out, row[c].colour, text, len);
			pad = 0;
		}
		pad += table->columns[c].is_right ? 0 : rest;
	}
	fputc('\n', out->file);
	return is_more;
}

static bool has_head(const struct out_table *table)
{
	for (size_t c = 0; c < table->n_columns; c++) {
		if (table->columns[c].title)
			return true;
	}
	return false;
}

static void table_print(const struct out_table *table, const struct layout *layout, struct out *out)
{
	for (size_t i = has_head(table) ? 0 : table->n_columns; i < table->n_cells;
	     i += table->n_columns) {
		for (size_t c = 0; c < table->n_columns && !layout->is_broken; c++) {
			char *text = table->cells[i + c].text;

			while ((text = strchr(text, '\n')))
				*text = ' ';
		}
		for (unsigned line = 0; line_print(table, layout, &table->cells[i], line, out);)
			line++;
	}
}

void out_table_end(struct out_table *table, struct out *out)
{
	struct layout layout = {.widths = mem_zero(table->n_columns, sizeof(*layout.widths))};

	if (table->n_cells > table->n_columns) {
		layout_choose(table, &layout, out->width);
		table_print(table, &layout, out);
	}
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(layout.widths);
	free(table);
}
