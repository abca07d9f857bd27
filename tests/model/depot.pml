/* depot.pml: the depot is a stack of magazine numbers, whose head is one word: the number on top, and a tag that counts changes.
 *
 * Three threads push and pop at once, each holding up to two magazines, so that one can be popped, hidden and pushed again under
 * the nose of another which has read the head before (ABA). A magazine's `next` is an ordinary write: it reaches the others when
 * the writer's release does, or, without one, at any later time.
 *
 * Holds: no magazine is in two hands; none is lost; the depth kept in each node is the number of nodes from there down.
 *
 * mutant: NO_TAG            the head is compared without the tag
 * mutant: SHORT_TAG         a tag of one bit comes round again while a thread sleeps
 * mutant: RELAXED_PUSH      the push publishes a magazine before its `next` can be seen
 * mutant: BLIND_POP         the pop stores the new head instead of comparing
 * mutant: STALE_NEXT        a push that failed keeps the `next` it wrote the first time
 */
#define MAGAZINES 3
#define NONE 3
#ifndef STEPS
#define STEPS 3 /* operations of each thread */
#endif
#define THREADS 3

#ifdef SHORT_TAG
#define TAG(t) ((t) & 1)
#else
#define TAG(t) (t) /* a byte: at most STEPS * THREADS changes, no wrap */
#endif

byte head = NONE, tag = 0;
byte next[MAGAZINES] = NONE;    /* what everyone sees */
byte pending[MAGAZINES] = NONE; /* what the pusher wrote */
bool delayed[MAGAZINES];        /* written, not yet seen by others */
byte depth[MAGAZINES];
byte owner[MAGAZINES];          /* ghost: 0 in the depot, otherwise the thread that holds it */
byte finished = 0;

inline take(m) {
  assert(owner[m] == 0); /* not in two hands */
  owner[m] = _pid;
  if
  :: mine[0] == NONE -> mine[0] = m
  :: else -> mine[1] = m
  fi
}

inline pop() {
  do
  :: d_step { h = head; t = tag } /* one load of one word */
     if
     :: h == NONE -> break
     :: else -> skip
     fi;
     if /* acquire: sees what the push released; the magazine may be anyone's by now, and a later write of it be seen or not */
     :: delayed[h] -> d_step { next[h] = pending[h]; delayed[h] = false; n = next[h] }
     :: n = next[h]
     fi;
     d_step {
       if
#ifdef BLIND_POP
       :: true ->
#elif defined NO_TAG
       :: head == h ->
#else
       :: head == h && tag == t ->
#endif
          head = n; tag = TAG(tag + 1); take(h); h = NONE; t = 255
       :: else -> skip
       fi
     }
     if
     :: t == 255 -> t = 0; break
     :: else -> skip
     fi
  od
}

inline push(m) {
  wrote = 0;
  do
  :: d_step { h = head; t = tag }
#ifdef STALE_NEXT
     if
     :: wrote == 0 -> pending[m] = h; delayed[m] = true
     :: else -> skip
     fi;
     wrote = 1;
#else
     pending[m] = h; delayed[m] = true;
#endif
     d_step {
       if
       :: head == h && tag == t ->
#ifndef RELAXED_PUSH
          next[m] = pending[m]; delayed[m] = false; /* release: what was written before is seen with the new head */
#endif
          if
          :: h == NONE -> depth[m] = 1
          :: else -> depth[m] = depth[h] + 1
          fi;
          head = m; tag = TAG(tag + 1); owner[m] = 0; t = 255
       :: else -> skip
       fi
     }
     if
     :: t == 255 -> t = 0; m = NONE; break
     :: else -> skip
     fi
  od;
  wrote = 0
}

/* The last to finish looks: what nobody holds is in the chain, once, and nothing else is. */
inline rest() {
  atomic {
    h = head; t = (owner[0] == 0) + (owner[1] == 0) + (owner[2] == 0);
    do
    :: h != NONE && t > 0 -> assert(owner[h] == 0 && depth[h] == t); t--; h = (delayed[h] -> pending[h] : next[h])
    :: else -> break
    od;
    assert(h == NONE && t == 0)
  }
}

proctype thread() {
  byte mine[2] = NONE;
  byte h, t, n, wrote, step = 0;
  do
  :: step < STEPS && mine[1] == NONE -> step++; pop()
  :: step < STEPS && mine[1] != NONE -> step++; push(mine[1])
  :: step < STEPS && mine[0] != NONE && mine[1] == NONE -> step++; push(mine[0])
  :: step >= STEPS -> break
  od;
  finished++;
  if
  :: finished == THREADS -> rest()
  :: else -> skip
  fi
}

init {
  atomic {
    next[0] = 1; next[1] = 2; depth[0] = 3; depth[1] = 2; depth[2] = 1; head = 0;
    run thread(); run thread(); run thread()
  }
}
