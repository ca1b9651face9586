#pragma once

#include "base/thread.h"

#include <stddef.h>

/* The dialogue of one probe as text, for people: `poise check run -v`.
 *
 * A line each: a mark, a blank, what was said. Bounded: what is beyond HC_TRACE_BYTES is left out,
 * and said so. Every function but the first two accepts NULL, which keeps nothing. */
struct hc_trace;

enum { HC_TRACE_BYTES = 65536 };

/* What a line is: sent, received, or about it. */
enum hc_trace_mark { HC_TRACE_SENT = '>', HC_TRACE_RECEIVED = '<', HC_TRACE_NOTE = '*' };

/* -ENOMEM. */
int hc_trace_new(struct hc_trace **ret) ANY_THREAD;
/* The text, ended by NUL, to be freed by the caller; frees the trace. NULL: no memory. */
char *hc_trace_finish(struct hc_trace *trace) ANY_THREAD;

/* Bytes as they went over the wire: split at line ends, what is not printable as \xNN. */
void hc_trace_bytes(
	struct hc_trace *trace, enum hc_trace_mark mark, const void *bytes, size_t n) ANY_THREAD;
/* One line. */
void hc_trace_note(struct hc_trace *trace, const char *format, ...) ANY_THREAD
	__attribute__((format(printf, 2, 3)));
