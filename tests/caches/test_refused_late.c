/* membarrier works when the pool is made and is refused later, as by the filter that a running program puts on itself.
   no sanitizer: theirs is a runtime that makes system calls of its own */
#include "support.h"

#define OBJPOOL__NO_INTERRUPT /* as on processors where nothing else stops a thread */
#define OBJPOOL_IMPLEMENTATION
#include "objpool.h"

#include "sandbox.h"

typedef struct thing {
  long number;
} thing;

OBJPOOL_DEFINE(thing_pool, thing);

enum { CAP = 64, IDLE = 8 };

static thing_pool pool;
static int served;

static void *wait_for_an_object(void *unused) {
  thing *object = thing_pool_acquire_for(&pool, INT64_C(30000000000));
  CHECK(object);
  __atomic_store_n(&served, 1, __ATOMIC_RELEASE);
  thing_pool_release(&pool, object);
  return unused;
}

static void waiter_is_served_by_the_owner_who_closes_its_own_slot(void **state) {
  thing *held[CAP];
  objpool_config config;
  int count;
  (void)state;
  memset(&config, 0, sizeof config);
  config.max_objects = CAP;
  assert_true(thing_pool_init(&pool, &config));
  for (count = 0; count < CAP; count++) held[count] = thing_pool_acquire(&pool);
  while (count > 0) thing_pool_release(&pool, held[--count]);
  for (int i = 0; i < 100000; i++) thing_pool_release(&pool, thing_pool_acquire(&pool)); /* the slot is open again */
  while (count < CAP) held[count++] = thing_pool_acquire(&pool);
  while (count > CAP - IDLE) thing_pool_release(&pool, held[--count]); /* these lie in the slot of this thread */
  if (!refuse_membarrier(EPERM)) skip();
  pthread_t waiter = start_thread(wait_for_an_object, NULL); /* it cannot close that slot */
  WAIT_UNTIL(thing_pool_stats(&pool).waiting == 1);
  thing *mine = thing_pool_acquire(&pool); /* this thread comes by, and closes it */
  WAIT_UNTIL(__atomic_load_n(&served, __ATOMIC_ACQUIRE));
  thing_pool_release(&pool, mine);
  join_thread(waiter);
  while (count > 0) thing_pool_release(&pool, held[--count]);
  thing_pool_destroy(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(waiter_is_served_by_the_owner_who_closes_its_own_slot)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
