/* An all-zero pool, whose type nobody ever told, is asked for an object through the functions that do not know the type.
 *
 * plain: silence
 * asan: silence
 */
#include "misuse.h"

static objpool things;

int main(void) {
#ifdef WITHOUT_MISTAKE
  objpool_type type;
  memset(&type, 0, sizeof type);
  type.size = sizeof(struct thing);
  type.alignment = 8;
  REQUIRE(objpool_init(&things, &type, NULL));
#endif
  errno = 0;
  void *thing = objpool_acquire(&things); /* MISTAKE: before objpool_init */
#ifdef WITHOUT_MISTAKE
  REQUIRE(thing);
  objpool_release(&things, thing);
#else
  REQUIRE(!thing && errno == EINVAL);
  REQUIRE(objpool_warmup(&things, 1) == 0);
#endif
  objpool_destroy(&things);
  return 0;
}
