#pragma once

#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>

/* A mailbox: messages of one fixed size, from one thread to one other, in order, without a lock.
 *
 * Unbounded: posting fails only when memory does. Nodes are used again, so that a mailbox that
 * is emptied in time stops allocating; its memory is that of the longest queue it ever had.
 * A producer that may flood looks at mailbox_waiting() and holds back what it can repeat.
 * "Producer" and "consumer" below name the one thread that may make the call. */
struct mailbox;

/* Errors: -ENOMEM, -EMFILE, -ENFILE. */
int mailbox_new(size_t message_bytes, struct mailbox **ret) ANY_THREAD;
/* After both threads have stopped using it. Waiting messages are lost. NULL is fine. */
void mailbox_free(struct mailbox *m) ANY_THREAD;

/* Producer. Copies message_bytes from `message`. -ENOMEM: nothing was posted. */
int mailbox_post(struct mailbox *m, const void *message) ANY_THREAD;
/* Producer. Messages posted and, as far as is known here, not taken yet: never too few. */
size_t mailbox_waiting(const struct mailbox *m) ANY_THREAD;

/* Consumer. Readable while messages wait; now and then also when none does. Never read it:
 * mailbox_take() does. Owned by the mailbox. */
int mailbox_fd(const struct mailbox *m) ANY_THREAD;
/* Consumer. Takes the oldest message; false, and nothing written, when there is none. Only a
 * call that returns false makes the descriptor unreadable. */
bool mailbox_take(struct mailbox *m, void *ret_message) ANY_THREAD;
