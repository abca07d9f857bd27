/* revocation.pml: thread caches that any thread can take back.
 *
 * Each thread has a slot: items, `top`, and `base`, below which nothing is the owner's. The owner acquires with a store of top - 1 and a
 * load of base, releases with a store of the item, one of top + 1 and a load of base; nothing in between but the compiler's order. Its
 * stores of items and of top wait in a store buffer and reach memory in any order the rules below allow, at any time before the owner
 * takes a lock or a revoker's membarrier passes. Whoever finds nothing and the cap reached revokes: it closes every slot,
 * lets the barrier pass, and moves what is left to the commons, which is a set under a lock.
 *
 * Three threads share MAX objects; a permit is needed from before an acquire until after the release, and there are MAX of them. So an
 * exact protocol never refuses: at any moment of an acquire one object at least is idle or not made yet.
 *
 * With WAITING there is one permit more: who finds nothing waits. It enqueues itself under the commons' lock, revokes, serves whoever
 * is first with what came to light, and sleeps; as long as anyone waits `hold` keeps the slots closed, and releases come to the commons.
 *
 * Holds: no object is in two hands; no acquire is refused (no false exhaustion; an object that was lost would be missed here, too);
 * no deadlock; with WAITING nobody sleeps for ever while the others rest.
 *
 * mutant: NO_BARRIER         no membarrier between closing the slots and reading their tops
 * mutant: EARLY_READ         the tops are read before the barrier
 * mutant: CLAIM_FORGOTTEN    an owner that meets a revocation looks for another object, and leaves the one it had claimed
 * mutant: CLAIM_BLIND        it takes what it had claimed without asking how far the revoker took
 * mutant: RELEASE_FORGOTTEN  a release that meets a revocation leaves its object in the closed slot
 * mutant: CHECK_BEFORE_STORE a release looks at base before it stores, not after
 * mutant: NO_RELEASE_ORDER   the store of top + 1 may pass that of the item
 * mutant: BOTTOM_FORGOTTEN   the revoker does not record how far it took
 * mutant: NO_HOLD            slots may open while a revoker looks
 * mutant: HOLD_READ_FIRST    an opener reads hold before it counts its slot as open
 * also: WAITING MAX=1
 * mutant: WAITING MAX=1 ENQUEUE_LATE   a waiter looks first and enqueues itself afterwards
 * mutant: WAITING MAX=1 PUT_BLINDLY    what comes to the commons is laid there without a look at the queue
 */
#ifndef MAX
#define MAX 2
#endif
#define THREADS 3
#ifndef SLOTS
#define SLOTS 2 /* the third thread has no cache: it lives on what the others give, or on what it takes back from them */
#endif
#define BOTTOM 1  /* index of the first item of a slot; 0 is where an empty slot's top - 1 points */
#define LIMIT 3   /* tops stay below or at this: two items */
#define REVOKED 7 /* a base above every top */
#define NOTHING 0 /* no object; objects are 1 ... MAX */

#define OPEN 0
#define CLOSING 1
#define CLOSED 2

/* one slot for each thread, in columns */
byte top[SLOTS] = BOTTOM;
byte base[SLOTS] = REVOKED;
byte limit[SLOTS] = 0;
byte bottom[SLOTS] = BOTTOM; /* under the lock: where the owner's items begin, or what a revoker left */
byte state[SLOTS] = CLOSED;  /* under the lock */
bool locked[SLOTS];
byte item[9]; /* SLOTS * 3 at most; of each, index 1 and 2 are used */

/* store buffers: what a store is of, and its value */
#define TOP_RELEASE 0
#define TOP_RELAXED 1
#define ITEM(i) ((i) + 1) /* 2, 3 */
#define DEPTH 3
byte pending_what[9];
byte pending_value[9];
byte pending[SLOTS];

bool commons[4]; /* commons[x]: object x is there */
byte alive = 0, open_slots = 0, hold = 0;
bool revoking;
#ifdef WAITING
byte permits = MAX + 1;
#else
byte permits = MAX;
#endif
#ifdef WAITING
#define ROOM 0 /* a thread holds one object at most: who has one and waits for another may wait for itself */
#else
#define ROOM 1
#endif
byte queue[THREADS]; /* under the commons' lock: the threads that wait (their number + 1), first come first */
byte served[THREADS];
byte owner[4]; /* ghost */

#define SLOT _pid
#define place(what) ((what) < 2 -> 0 : (what))

/* The i-th pending store of slot s reaches memory. */
inline arrive(s, i) {
  if
  :: pending_what[s * DEPTH + i] < 2 -> top[s] = pending_value[s * DEPTH + i]
  :: else -> item[s * 3 + pending_what[s * DEPTH + i] - 1] = pending_value[s * DEPTH + i]
  fi;
  if
  :: i < 1 -> pending_what[s * DEPTH] = pending_what[s * DEPTH + 1]; pending_value[s * DEPTH] = pending_value[s * DEPTH + 1]
  :: else -> skip
  fi;
  if
  :: i < 2 -> pending_what[s * DEPTH + 1] = pending_what[s * DEPTH + 2]; pending_value[s * DEPTH + 1] = pending_value[s * DEPTH + 2]
  :: else -> skip
  fi;
  pending[s]--;
  pending_what[s * DEPTH + pending[s]] = 0; pending_value[s * DEPTH + pending[s]] = 0
}

#ifdef NO_RELEASE_ORDER
#define waits(s, i) false
#else
#define waits(s, i) (pending_what[s * DEPTH + i] == TOP_RELEASE) /* a release comes after all before it */
#endif
#define same(s, i, j) (place(pending_what[s * DEPTH + i]) == place(pending_what[s * DEPTH + j])) /* one place: in order */

/* Some of the pending stores of slot s have arrived by now. Nobody but a revoker looks, so this is where it matters. */
inline some_arrive(s) {
  do
  :: pending[s] > 0 -> d_step { arrive(s, 0) }
  :: pending[s] > 1 && !waits(s, 1) && !same(s, 0, 1) -> d_step { arrive(s, 1) }
  :: pending[s] > 2 && !waits(s, 2) && !same(s, 0, 2) && !same(s, 1, 2) -> d_step { arrive(s, 2) }
  :: break
  od
}

inline all_arrive(s) {
  do
  :: pending[s] > 0 -> arrive(s, 0)
  :: else -> break
  od
}

inline store(what, value) {
  d_step {
    if
    :: pending[SLOT] == DEPTH -> arrive(SLOT, 0) /* no room: the oldest has arrived */
    :: else -> skip
    fi;
    pending_what[SLOT * DEPTH + pending[SLOT]] = what;
    pending_value[SLOT * DEPTH + pending[SLOT]] = value;
    pending[SLOT]++
  }
}

/* A lock is taken by a locked instruction: what is pending arrives. */
inline lock_own() {
  atomic { !locked[SLOT] -> locked[SLOT] = true; d_step { all_arrive(SLOT) } }
}

/* Under the slot's lock the owner's stores are ordered by its release: they may as well arrive at once. */
inline set_top(value) {
  n = value; top[SLOT] = n
}

inline hand_over(object) {
  served[queue[0] - 1] = object; queue[0] = queue[1]; queue[1] = queue[2]; queue[2] = 0; hold--
}

/* Under the commons' lock: an object goes to the first who waits, or to lie there. */
inline put(object) {
  assert(!commons[object]);
  if
#ifndef PUT_BLINDLY
  :: queue[0] != 0 -> hand_over(object)
#endif
  :: else -> commons[object] = true
  fi
}

inline take_from_commons() {
  if
  :: commons[1] -> commons[1] = false; x = 1
  :: !commons[1] && commons[2] -> commons[2] = false; x = 2
  :: !commons[1] && !commons[2] && commons[3] -> commons[3] = false; x = 3
  :: else -> x = NOTHING
  fi
}

inline take_from_commons_unless_others_wait() {
  if
  :: queue[0] == 0 -> take_from_commons()
  :: else -> x = NOTHING
  fi
}

/* The owner opens its closed slot, if no revoker forbids it, and fills it from the commons: one object for itself, one to keep. */
inline open_slot() {
#ifdef HOLD_READ_FIRST
  seen = hold;
  open_slots++;
#elif defined NO_HOLD
  seen = 0;
  open_slots++;
#else
  open_slots++;
  seen = hold;
#endif
  if
  :: seen > 0 -> open_slots--
  :: else ->
     atomic {
       base[SLOT] = BOTTOM; bottom[SLOT] = BOTTOM; limit[SLOT] = LIMIT; state[SLOT] = OPEN; set_top(BOTTOM)
     }
  fi
}

inline refill() {
  atomic { /* under the commons' lock */
    take_from_commons();
    if
    :: x != NOTHING ->
       y = x; take_from_commons();
       if
       :: x != NOTHING -> mine[BOTTOM] = x; item[SLOT * 3 + BOTTOM] = x; set_top(BOTTOM + 1)
       :: else -> skip
       fi;
       x = y; y = 0
    :: else -> skip
    fi
  }
}

/* The owner of a slot that is closing closes it itself: whatever it stored it sees. Under the slot's lock. */
inline collect_own() {
  atomic {
    y = bottom[SLOT];
    do
    :: y < n -> put(mine[y]); y++
    :: else -> break
    od;
    bottom[SLOT] = y; y = 0; state[SLOT] = CLOSED; open_slots--
  }
}

inline enqueue() {
  atomic {
    if
    :: queue[0] == 0 -> queue[0] = _pid + 1
    :: queue[0] != 0 && queue[1] == 0 -> queue[1] = _pid + 1
    :: else -> queue[2] = _pid + 1
    fi;
    hold++
  }
}

inline revoke() {
#ifdef WAITING
#ifndef ENQUEUE_LATE
  enqueue(); /* before the look; with it `hold` goes up, until it is served */
#endif
#else
  hold++;
#endif
  if
  :: open_slots == 0 -> skip /* a slot is counted until what was in it can be found in the commons */
  :: open_slots > 0 ->
     atomic { !revoking -> revoking = true }; /* one at a time */
     s = 0;
     do
     :: s < SLOTS ->
        atomic {
          !locked[s] ->
          if
          :: state[s] == OPEN -> base[s] = REVOKED; limit[s] = 0; state[s] = CLOSING
          :: else -> skip
          fi;
          s++
        }
     :: else -> break
     od;
#ifdef EARLY_READ
     early[0] = top[0]; early[1] = top[1];
#endif
#ifndef NO_BARRIER
     /* membarrier: each running thread passes a full barrier between its call and its return, one after the other */
     s = 0;
     do
     :: s < SLOTS -> d_step { all_arrive(s); s++ }
     :: else -> break
     od;
#endif
     s = 0;
     do
     :: s < SLOTS ->
        atomic { !locked[s] -> locked[s] = true };
        if
        :: state[s] == CLOSING ->
           some_arrive(s);
#ifdef EARLY_READ
           seen = early[s];
#else
           seen = top[s];
#endif
           y = bottom[s];
           do
           :: y < seen ->
              some_arrive(s);
              atomic { assert(item[s * 3 + y] != NOTHING); put(item[s * 3 + y]); y++ }
           :: else -> break
           od;
           atomic {
#ifndef BOTTOM_FORGOTTEN
             bottom[s] = y; /* what was seen, or the old bottom where an owner reached below it */
#endif
             state[s] = CLOSED; open_slots--; y = 0; seen = 0
           }
        :: else -> skip
        fi;
        atomic { locked[s] = false; s++ }
     :: else -> break
     od;
     revoking = false
  fi;
  atomic { /* under the commons' lock */
    s = 0;
#ifdef WAITING
    do /* serves who waits, while there is anything */
    :: queue[0] != 0 && (commons[1] || commons[2] || commons[3] || alive < MAX) ->
       take_from_commons();
       if
       :: x == NOTHING -> alive++; x = alive
       :: else -> skip
       fi;
       hand_over(x); x = NOTHING
    :: else -> break
    od
  };
#ifdef ENQUEUE_LATE
  enqueue();
#endif
  atomic { served[_pid] != NOTHING -> x = served[_pid]; served[_pid] = NOTHING }
#else
    take_from_commons();
    if
    :: x == NOTHING && alive < MAX -> alive++; x = alive
    :: x == NOTHING && alive == MAX -> assert(false) /* refused, although there was a permit */
    :: else -> skip
    fi
  };
  hold--
#endif
}

inline create_or_revoke() {
  if
  :: x == NOTHING ->
     atomic {
       if
       :: alive < MAX -> alive++; x = alive
       :: else -> skip
       fi
     };
     if
     :: x == NOTHING -> revoke()
     :: else -> skip
     fi
  :: else -> skip
  fi
}

inline acquire() {
  n = n - 1;
  store(TOP_RELAXED, n);
  if
  :: d_step { n >= base[SLOT] -> x = mine[n] }
  :: else ->
     lock_own();
     x = NOTHING;
     if
#ifdef CLAIM_FORGOTTEN
     :: false ->
#elif defined CLAIM_BLIND
     :: n >= BOTTOM ->
#else
     :: n >= bottom[SLOT] ->
#endif
        x = mine[n] /* its claim: a revoker leaves it, or comes after */
     :: else -> set_top(bottom[SLOT])
     fi;
     if
     :: state[SLOT] == CLOSING -> collect_own()
     :: else -> skip
     fi;
     if
     :: state[SLOT] == CLOSED -> set_top(bottom[SLOT])
     :: else -> skip
     fi;
     if
     :: x == NOTHING ->
        if
        :: state[SLOT] == CLOSED && hold == 0 -> open_slot()
        :: else -> skip
        fi;
        if
        :: state[SLOT] == OPEN -> refill()
        :: else -> atomic { take_from_commons_unless_others_wait() }
        fi
     :: else -> skip
     fi;
     atomic { locked[SLOT] = false; seen = 0 };
     create_or_revoke()
  fi;
  d_step { assert(owner[x] == 0); owner[x] = _pid + 1 } /* not in two hands */
}

inline release(object) {
  d_step { assert(owner[object] == _pid + 1); owner[object] = 0; x = object; object = NOTHING };
#ifdef CHECK_BEFORE_STORE
  seen = base[SLOT];
#endif
  if
  :: n < limit[SLOT] ->
     atomic { mine[n] = x; store(ITEM(n), x) };
     n = n + 1;
     store(TOP_RELEASE, n);
     if
#ifdef CHECK_BEFORE_STORE
     :: seen == REVOKED ->
#else
     :: base[SLOT] == REVOKED ->
#endif
        lock_own();
        if
#ifdef RELEASE_FORGOTTEN
        :: true -> skip
#else
        :: state[SLOT] == CLOSING -> collect_own() /* what was just stored, too */
        :: state[SLOT] == CLOSED && bottom[SLOT] == n -> skip /* the revoker moved it with the rest */
        :: state[SLOT] == CLOSED && bottom[SLOT] != n -> atomic { put(x) } /* taken back out */
#endif
        fi;
        atomic { set_top(bottom[SLOT]); locked[SLOT] = false }
     :: else -> skip
     fi
  :: else ->
     lock_own();
     if
     :: state[SLOT] == CLOSING -> collect_own(); set_top(bottom[SLOT])
     :: else -> skip
     fi;
     atomic { put(x); locked[SLOT] = false }
  fi
}

active [SLOTS] proctype owning_thread() {
  byte n = BOTTOM; /* the owner's own view of its top */
  byte mine[3];    /* and of its items */
  byte held[2];
  byte x, y, s, seen;
#ifdef EARLY_READ
  byte early[2];
#endif
end:
  do
  :: atomic { permits > 0 && held[ROOM] == NOTHING -> permits-- };
     acquire();
     atomic {
       if
       :: held[0] == NOTHING -> held[0] = x
       :: else -> held[1] = x
       fi;
       x = 0; y = 0; s = 0; seen = 0
     }
#ifdef WAITING
  :: held[0] == NOTHING -> break /* a thread may end: nobody may sleep for an object that nobody will bring */
#endif
  :: held[1] != NOTHING -> release(held[1]); atomic { x = 0; seen = 0; permits++ }
  :: held[1] == NOTHING && held[0] != NOTHING -> release(held[0]); atomic { x = 0; seen = 0; permits++ }
  od
}

active [THREADS - SLOTS] proctype thread_without_slot() {
  byte held, x, y, s, seen;
#ifdef EARLY_READ
  byte early[2];
#endif
end:
  do
  :: atomic { permits > 0 && held == NOTHING -> permits-- };
     atomic { take_from_commons_unless_others_wait() };
     create_or_revoke();
     d_step { assert(owner[x] == 0); owner[x] = _pid + 1; held = x; x = 0; y = 0; s = 0; seen = 0 }
#ifdef WAITING
  :: held == NOTHING -> break
#endif
  :: held != NOTHING ->
     atomic { assert(owner[held] == _pid + 1); owner[held] = 0; put(held); held = 0; permits++ }
  od
}
