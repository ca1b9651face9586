#pragma once

#include "base/thread.h"

/* A thread that computes what would hold up the control thread: jobs, one after the other, in the
 * order given. It has ordinary priority and owns nothing: what a job works on is its own from
 * builder_give() until its `done`. */

struct builder;

/* The head of a job's struct. */
struct builder_job {
	void (*run)(struct builder_job *job);  // on the builder
	void (*done)(struct builder_job *job); // then on the control thread; may free the job
};

/* The thread takes over the CPUs of the calling one. -errno. */
int builder_new(struct builder **ret) ON_CONTROL;
/* After the last job is done. NULL is fine. */
void builder_free(struct builder *b) ON_CONTROL;

/* -ENOMEM: it was not taken. */
int builder_give(struct builder *b, struct builder_job *job) ON_CONTROL;
/* Readable when jobs have been run. Owned by the builder; never read it. */
int builder_fd(const struct builder *b) ON_CONTROL;
/* Calls `done` of all that have been run. */
void builder_take(struct builder *b) ON_CONTROL;
/* Waits until all given jobs are done; at the start and at the end, where waiting does no harm. */
void builder_drain(struct builder *b) ON_CONTROL;
