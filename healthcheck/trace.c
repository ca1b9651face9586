/* The dialogue of a probe as text. Grows by doubling up to its bound; a trace that has no memory
 * left keeps what it has. */
#include "healthcheck/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 1024, NOTE_LEN = 512, MARK_LEN = 2 };

static const char cut_note[] = "* (what follows is left out)\n";

struct hc_trace {
	char *text;
	size_t n, size;
	bool is_cut;
};

int hc_trace_new(struct hc_trace **ret)
{
	struct hc_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*ret = t;
	return 0;
}

/* Room for `n` more bytes, the note of a cut and a NUL. */
static bool has_room(struct hc_trace *t, size_t n)
{
	const size_t needed = t->n + n + sizeof(cut_note);
	size_t size = t->size ? t->size : FIRST_BYTES;
	char *text;

	if (needed > HC_TRACE_BYTES)
		return false;
	if (needed <= t->size)
		return true;
	while (size < needed)
		size *= 2;
	text = realloc(t->text, size);
	if (!text)
		return false;
	t->text = text;
	t->size = size;
	return true;
}

static void append(struct hc_trace *t, const char *bytes, size_t n)
{
	if (t->is_cut)
		return;
	if (!has_room(t, n)) {
		t->is_cut = true;
		return;
	}
	memcpy(t->text + t->n, bytes, n);
	t->n += n;
}

static void append_byte(struct hc_trace *t, unsigned char byte)
{
	const bool is_printable = byte >= ' ' && byte < 0x7f && byte != '\\';
	char text[5];
	int n;

	if (is_printable)
		n = snprintf(text, sizeof(text), "%c", byte);
	else
		n = snprintf(text, sizeof(text), byte == '\\' ? "\\\\" : "\\x%02x", byte);
	append(t, text, (size_t)n);
}

static void append_line(
	struct hc_trace *t, enum hc_trace_mark mark, const unsigned char *bytes, size_t n)
{
	const char start[MARK_LEN] = {(char)mark, ' '};

	append(t, start, sizeof(start));
	for (size_t i = 0; i < n && !t->is_cut; i++)
		append_byte(t, bytes[i]);
	append(t, "\n", 1);
}

void hc_trace_bytes(struct hc_trace *trace, enum hc_trace_mark mark, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	const unsigned char *const end = at + n;

	while (trace && at < end && !trace->is_cut) {
		const unsigned char *stop = memchr(at, '\n', (size_t)(end - at));
		const unsigned char *const next = stop ? stop + 1 : end;

		if (!stop)
			stop = end;
		if (stop > at && stop[-1] == '\r')
			stop--;
		append_line(trace, mark, at, (size_t)(stop - at));
		at = next;
	}
}

void hc_trace_note(struct hc_trace *trace, const char *format, ...)
{
	char text[NOTE_LEN];
	va_list args;

	if (!trace)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	append_line(trace, HC_TRACE_NOTE, (const unsigned char *)text, strlen(text));
}

char *hc_trace_finish(struct hc_trace *trace)
{
	char *text;

	// is_cut leaves the room for its note
	if (trace->is_cut && trace->text) {
		while (trace->n > 0 && trace->text[trace->n - 1] != '\n')
			trace->n--;
		memcpy(trace->text + trace->n, cut_note, sizeof(cut_note) - 1);
		trace->n += sizeof(cut_note) - 1;
	}
	text = trace->text ? trace->text : calloc(1, 1);
	if (text)
		text[trace->n] = '\0';
	free(trace);
	return text;
}
