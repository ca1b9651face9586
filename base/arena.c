/* A growing row of zeroed chunks, cut from the front, freed together.
 *
 * A request that does not fit the newest chunk gets a new one: of the usual size, or of its own
 * size when it is larger; what was left of the old one stays unused. Nothing is ever given
 * back singly. Not for the packet path, not shared between threads. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, CHUNK_SIZE = 64 * 1024 };

struct chunk {
	struct chunk *older;
	size_t used;
	size_t size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct chunk *newest;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	struct chunk *older;

	if (!a)
		return;
	for (struct chunk *c = a->newest; c; c = older) {
		older = c->older;
		free(c);
	}
	free(a);
}

static struct chunk *add_chunk(struct arena *a, size_t at_least)
{
	size_t size = at_least > CHUNK_SIZE ? at_least : CHUNK_SIZE;
	struct chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	c->older = a->newest;
	c->size = size;
	a->newest = c;
	return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	struct chunk *c = a->newest;
	size_t len;
	void *p;

	if (__builtin_mul_overflow(n, size, &len) || len > SIZE_MAX - ALIGNMENT)
		return NULL;
	// An empty array has an address of its own, too.
	len = len ? (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;

	if (!c || c->size - c->used < len)
		c = add_chunk(a, len);
	if (!c)
		return NULL;
	p = c->bytes + c->used;
	c->used += len;
	return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_alloc(a, 1, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return NULL;

	text = arena_alloc(a, 1, (size_t)len + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	(void)vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
