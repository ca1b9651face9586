#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A choice that the processor does not have to guess: both values are there, and arithmetic takes
 * one. For what comes in no order, as the directions of packets do; a compiler is free to make
 * a branch of `?:`, and often does. Pure. */

static inline uint32_t pick_u32(bool is_second, uint32_t first, uint32_t second)
{
	uint32_t mask = 0 - (uint32_t)is_second;

	return first ^ ((first ^ second) & mask);
}

static inline const void *pick_pointer(bool is_second, const void *first, const void *second)
{
	uintptr_t mask = 0 - (uintptr_t)is_second, a = (uintptr_t)first;

	return (const void *)(a ^ ((a ^ (uintptr_t)second) & mask));
}

/* 1 for any bit set, else 0; and() and or() of such are no branches either. */
static inline uint64_t pick_is_set(uint64_t x)
{
	return (x | (0 - x)) >> 63;
}
