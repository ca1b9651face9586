#pragma once

/* Asks for the cache line at `p`; no fault, whatever p is. An empty statement that the compiler
 * must keep goes with it: gcc takes a function that only prefetches for one without any effect, and
 * drops calls to it that it has not inlined before it finds that out. */
static inline void prefetch(const void *p)
{
	__builtin_prefetch(p);
	__asm__ volatile("" : : "r"(p));
}

/* The same for a line that will be written to. */
static inline void prefetch_to_write(const void *p)
{
	__builtin_prefetch(p, 1);
	__asm__ volatile("" : : "r"(p));
}
