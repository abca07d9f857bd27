/* revoke_closed.c: the owner of an open slot acquires and releases by its fast paths, while others find nothing and revoke it. No object
 * is in two hands, what its holder wrote is seen by the next one, none is lost, and nobody is refused: there is one for each.
 * PATTERN: what the owner does, letter by letter: a cquires, r eleases. IDLE: so many lie in its slot at first. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#include "closed.h"

#ifndef PATTERN
#define PATTERN arar
#endif
#ifndef IDLE
#define IDLE 2
#endif
#ifndef REVOKERS
#define REVOKERS 1
#endif
#define OBJECTS 3 /* IDLE: at least what the owner holds more at once, and one for each revoker */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

typedef struct { uint64_t uses; } thing;


static void *revoker(void *argument) { /* as an acquire of a thread without a slot, or whose slot is empty */
  (void)argument;
  objpool__quest quest = quest_for(OBJPOOL__ACQUIRE);
  objpool__found found = objpool__cached_find(state, &quest);
  void *object = quest.object;
  assert(found == OBJPOOL__OBJECT);
  objpool__flip(objpool__tag(object, 0));
  ((thing *)object)->uses++;
  return object;
}

int main(void) {
  const char *pattern = TEXT(PATTERN);
  for (int i = 0; i < REPEAT; i++) {
    thing *all[OBJECTS], *held[OBJECTS];
    size_t holds = 0, uses = 0;
    begin(OBJECTS, 2);
    objpool__cache_of(state, true);
    for (int k = 0; k < OBJECTS; k++) {
      all[k] = (thing *)made();
      if (k < IDLE) release(all[k]);
      else held[holds++] = all[k];
    }
    start(revoker, REVOKERS);
    go();
    for (const char *step = pattern; *step; step++) {
      if (*step == 'a') {
        held[holds] = (thing *)acquire(OBJPOOL__ACQUIRE);
        assert(held[holds]);
        held[holds]->uses++;
        uses++;
        holds++;
      } else {
        release(held[--holds]);
      }
    }
    all_others_end();
    for (int k = 0; k < REVOKERS; k++) held[holds++] = (thing *)result[k];
    objpool__hold(state); /* what is idle comes to the commons */
    for (void *object; (object = objpool__pop_idle(state)) != NULL;) held[holds++] = (thing *)object;
    assert(holds == OBJECTS);
    for (size_t k = 0; k < OBJECTS; k++) { /* each is there, once */
      size_t times = 0;
      for (size_t j = 0; j < OBJECTS; j++) times += held[j] == all[k];
      assert(times == 1);
      uses -= all[k]->uses;
    }
    assert(uses + REVOKERS == 0);
    objpool__unhold(&state->gate);
    end();
  }
  printf("an owner (%s) and %d revokers, %d times: each object in one hand\n", pattern, REVOKERS, REPEAT);
  return 0;
}
