/* The role tokens of thread.h. They hold no state and are never read: only their names matter
 * to Clang's analysis. */
#include "base/thread.h"

struct thread_role role_worker;
struct thread_role role_control;
struct thread_role role_health;
struct thread_role role_builder;
