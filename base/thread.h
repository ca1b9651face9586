#pragma once

/* Thread roles that the compiler checks.
 *
 * A role is a Clang capability without a lock: "holding" it means running on that thread.
 * GCC sees nothing; build with clang and -Wthread-safety to check. Every exported prototype
 * with an effect names the role that may call it, or ANY_THREAD. */
#ifdef __clang__
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif

struct TSA(capability("role")) thread_role {
	char unused;
};

extern struct thread_role role_worker;
extern struct thread_role role_control;
extern struct thread_role role_health;
extern struct thread_role role_builder;

#define ON_WORKER TSA(requires_capability(role_worker))
#define ON_CONTROL TSA(requires_capability(role_control))
#define ON_HEALTH TSA(requires_capability(role_health))
#define ON_BUILDER TSA(requires_capability(role_builder))
#define ANY_THREAD
#define OWNED_BY(role) TSA(guarded_by(role))

/* First call of a thread's entry function: states its role; nothing else may. */
static inline void thread_enter(const struct thread_role *role) TSA(assert_capability(role));
static inline void thread_enter(const struct thread_role *role)
{
	(void)role;
}
