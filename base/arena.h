#pragma once

#include "base/thread.h"

#include <stddef.h>

/* Memory that is freed whole: one arena a configuration or snapshot.
 * Every allocation is zeroed, aligned to 16 bytes, and lives until arena_free(). */
struct arena;

/* NULL when out of memory. */
struct arena *arena_new(void) ANY_THREAD;
void arena_free(struct arena *a) ANY_THREAD;

/* NULL when out of memory or when n * size overflows. */
void *arena_alloc(struct arena *a, size_t n, size_t size) ANY_THREAD;
char *arena_strdup(struct arena *a, const char *text) ANY_THREAD;
char *arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3))) ANY_THREAD;
