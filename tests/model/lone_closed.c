/* lone_closed.c: a bounded pool whose objects lie in the open slot of one thread, which acquires and releases by the look at its slot alone,
 * while another comes, which has no slot. No object is in two hands, what its holder wrote is seen by the next one, none is lost, and
 * nobody is refused for whom there is one. PATTERN: what the owner does, letter by letter: a cquires, r eleases; both objects lie in its
 * slot at first. The other acquires, and with RELEASES gives back what it got. */
#ifndef OBJPOOL_NO_STATS /* counts only add executions */
#define OBJPOOL_NO_STATS
#endif
#define BOUNDED
#define LONE
#include "closed.h"

#ifndef PATTERN
#define PATTERN ara
#endif
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static void *takes(void *argument) {
  (void)argument;
  objpool__quest quest = quest_for(OBJPOOL__TRY);
  objpool__found found = objpool__bounded_find(state, &quest);
  assert(found == OBJPOOL__OBJECT);
  objpool__tag_in_use(state, quest.object);
  *(uint64_t *)quest.object += 1; /* GenMC finds two that have it at once: a race */
#ifdef RELEASES
  objpool__tag_idle(state, quest.object);
  bool kept = objpool__bounded_put(state, quest.object);
  assert(kept);
  return NULL;
#else
  return quest.object;
#endif
}

int main(void) {
  const char *pattern = TEXT(PATTERN);
  for (int i = 0; i < REPEAT; i++) {
    void *held[4];
    size_t holds = 0;
    begin(2, 0);
    objpool__cache_of(state, true); /* one more is in reserve then */
    void *first = made(), *second = made();
    release(first);
    release(second);
    objpool__lone_begins(state);
    assert(objpool__is_lone(objpool__mine(&state->slots)) && !state->word->idle);
    start(takes, 1);
    go();
    for (const char *step = pattern; *step; step++) {
      if (*step == 'a') {
        held[holds] = acquire(OBJPOOL__TRY);
        assert(held[holds]);
        *(uint64_t *)held[holds++] += 1;
      } else {
        *(uint64_t *)held[holds - 1] += 1;
        release(held[--holds]);
      }
    }
    all_others_end();
    if (result[0]) held[holds++] = result[0];
    objpool__lone_ends(state); /* what is idle comes to the word */
    for (void *object; (object = objpool__bounded_pop(state)) != NULL;) held[holds++] = object;
    assert(holds == 2 && ((held[0] == first && held[1] == second) || (held[0] == second && held[1] == first)));
    assert(state->word->changes % OBJPOOL__CHANGE == 0);
    end();
  }
  printf("an owner (%s) and another thread, %d times: each object in one hand\n", pattern, REPEAT);
  return 0;
}
