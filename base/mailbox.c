/* A single-producer single-consumer queue of linked nodes, with an eventfd as its bell.
 *
 * The list runs from `oldest` over `taken` to `newest`:
 *
 *     oldest -> ... -> taken -> first waiting -> ... -> newest -> NULL
 *     `--- used up ---------'   `--- waiting ------------------'
 *
 * The producer alone moves `oldest` and `newest` and writes `next` links; the consumer alone
 * moves `taken`. `taken` is the last node whose message was read; it stays in the list as the
 * place where the next link appears, so the list is never empty and neither side ever touches
 * the other's end. Nodes before `taken` are the producer's to use again.
 *
 * The bell: `is_rung` says that a write to the eventfd was made, or is about to be, since the
 * consumer last found the list empty. It spares a system call for all but the first message.
 * Does not block, and does not know what the messages mean. */
#include "base/mailbox.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CACHE_LINE_BYTES = 64 };

struct node {
	struct node *_Atomic next;
	alignas(max_align_t) unsigned char message[];
};

struct mailbox {
	size_t message_bytes;
	int fd;

	// producer
	alignas(CACHE_LINE_BYTES) struct node *oldest;
	struct node *newest;
	size_t n_posted;

	// consumer writes, producer reads
	alignas(CACHE_LINE_BYTES) struct node *_Atomic taken;
	_Atomic size_t n_taken;

	// both write
	alignas(CACHE_LINE_BYTES) _Atomic bool is_rung;
};

static struct node *node_new(const struct mailbox *m)
{
	return calloc(1, sizeof(struct node) + m->message_bytes);
}

int mailbox_new(size_t message_bytes, struct mailbox **ret)
{
	struct mailbox *m;
	struct node *first;
	int r;

	m = aligned_alloc(CACHE_LINE_BYTES, sizeof(*m));
	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	m->message_bytes = message_bytes;

	r = -ENOMEM;
	first = node_new(m);
	if (!first)
		goto free_mailbox;
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0) {
		r = -errno;
		goto free_node;
	}

	m->oldest = first;
	m->newest = first;
	atomic_init(&m->taken, first);
	*ret = m;
	return 0;

free_node:
	free(first);
free_mailbox:
	free(m);
	return r;
}

void mailbox_free(struct mailbox *m)
{
	struct node *next;

	if (!m)
		return;
	for (struct node *n = m->oldest; n; n = next) {
		// relaxed: both threads have stopped
		next = atomic_load_explicit(&n->next, memory_order_relaxed);
		free(n);
	}
	(void)close(m->fd);
	free(m);
}

/* A node that the consumer is through with, or a new one. */
static struct node *spare_node(struct mailbox *m)
{
	struct node *n = m->oldest;

	// pairs with the release in advance(): the consumer's reading of n is over
	if (n == atomic_load_explicit(&m->taken, memory_order_acquire))
		return node_new(m);
	// relaxed: this thread wrote the link
	m->oldest = atomic_load_explicit(&n->next, memory_order_relaxed);
	return n;
}

/* Makes the descriptor readable unless it is so already.
 *
 * No wake-up is lost: all exchanges of is_rung are in one order. If ours comes before the
 * consumer's in silence(), that one reads ours or a later one, so it synchronizes with us and
 * the look at the list after it finds our message. If ours comes after, the flag was false for
 * us or for an earlier ring after silence(), which then wrote the eventfd after it was read. */
static void ring(struct mailbox *m)
{
	const uint64_t one = 1;

	// pairs with the exchange in silence()
	if (atomic_exchange_explicit(&m->is_rung, true, memory_order_acq_rel))
		return;
	// cannot fail: the counter never gets near its maximum
	(void)!write(m->fd, &one, sizeof(one));
}

/* The consumer found the list empty. It must look once more afterwards: see ring(). */
static void silence(struct mailbox *m)
{
	uint64_t count;

	(void)!read(m->fd, &count, sizeof(count));
	// pairs with the exchange in ring()
	(void)atomic_exchange_explicit(&m->is_rung, false, memory_order_acq_rel);
}

int mailbox_post(struct mailbox *m, const void *message)
{
	struct node *n;

	n = spare_node(m);
	if (!n)
		return -ENOMEM;
	// relaxed: the consumer sees n only through the release below
	atomic_store_explicit(&n->next, NULL, memory_order_relaxed);
	memcpy(n->message, message, m->message_bytes);

	// pairs with the acquire in advance()
	atomic_store_explicit(&m->newest->next, n, memory_order_release);
	m->newest = n;
	m->n_posted++;
	ring(m);
	return 0;
}

size_t mailbox_waiting(const struct mailbox *m)
{
	// relaxed: a count alone; an old value makes the answer too big, never too small
	return m->n_posted - atomic_load_explicit(&m->n_taken, memory_order_relaxed);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

static bool advance(struct mailbox *m, void *ret_message)
{
	struct node *was, *n;

	// relaxed: this thread wrote it
	was = atomic_load_explicit(&m->taken, memory_order_relaxed);
	// pairs with the release in mailbox_post()
	n = atomic_load_explicit(&was->next, memory_order_acquire);
	if (!n)
		return false;

	memcpy(ret_message, n->message, m->message_bytes);
	// pairs with the acquire in spare_node()
	atomic_store_explicit(&m->taken, n, memory_order_release);
	// relaxed: see mailbox_waiting(); this thread is the only writer
	(void)atomic_fetch_add_explicit(&m->n_taken, 1, memory_order_relaxed);
	return true;
}

bool mailbox_take(struct mailbox *m, void *ret_message)
{
	if (advance(m, ret_message))
		return true;
	silence(m);
	if (!advance(m, ret_message))
		return false;
	// more may wait behind it: stay readable until the next call that finds nothing
	ring(m);
	return true;
}
