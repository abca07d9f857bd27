/* retry.pml: acquirers that try again what create refused (config.retry_create_ns), in a pool without caches.
 *
 * Who waits looks for an object, and for a place to build. Whom create refused gives the place back, looks for objects once more, and
 * stands in line for objects alone until it is time to try again; then it leaves the line and looks for both; if there is neither, it
 * stands where it stood, and waits for both. A release pushes and serves: the first in line is called, to look for itself, unless it has
 * waited for long, which may be at any moment, or was refused: then it is handed what there is. A place is for the first who was not
 * refused, wherever it stands. A look without the lock is one step here: what lies between is in cap.pml and waiters.pml.
 *
 * One process holds an object and releases it, with DISCARDS it discards it; two wait, one of them with a limit of time; create refuses
 * twice at most, whomever; who gets an object releases it. The time to try again and the limit come at any moment, or not before
 * everybody waits. NEWCOMER: in place of the one without a limit one acquires without waiting. CLOSES: in its place one closes the pool.
 *
 * Holds: when everybody waits, nobody waits for what is there, or of a closed pool; no object is in two hands, and none is lost, nor a
 * place; create is not tried before its time; objects are for whoever stood in line first, also if it tried meanwhile; when time is up,
 * the error is the last refusal, if there was one; who acquires without waiting is refused only if at some moment every place was taken;
 * nobody gets anything of a closed pool, and nothing of it is
 * left.
 *
 * also: DISCARDS
 * also: DISCARDS MAX=1
 * also: NEWCOMER
 * also: CLOSES
 * also: CLOSES DISCARDS
 * mutant: JOINS_AND_SLEEPS        whom create refused does not look again when it stands in line
 * mutant: DISCARDS MAX=1 KEEPS_PLACE     it keeps its place until it tries again
 * mutant: LOSES_PLACE             it does not give its place back
 * mutant: DISCARDS MAX=1 GIVES_BACK_QUIETLY   it does, and does not look whether somebody waits for it
 * mutant: TRIES_AT_ONCE           it looks for a place, too, before it is time
 * mutant: HANDED_A_PLACE          it is handed a place
 * mutant: DISCARDS NO_BUILDER     a place is for the first alone
 * mutant: RETRY_DROPS             when it is time to try again it does not ask whether it was served meanwhile
 * mutant: LAST_IN_LINE            it stands last when it comes back
 * mutant: FORGETS_REFUSAL         when time is up, the error is that of the last wait
 * mutant: NEWCOMER KEPT_OUT       who does not wait takes nothing while the first has waited for long, though that was refused
 * mutant: NEWCOMER ASKS_LATE       it asks whether the first was refused when that may have left
 * mutant: CLOSES JOINS_BLINDLY    who comes back to the line does not look whether the pool was closed
 * mutant: CLOSES BUILDS_BLINDLY   nor who builds
 * mutant: CLOSES STILL_SERVED     who waits is served though the pool is closed
 */
#ifndef MAX
#define MAX 2
#endif
#define NOTHING 0 /* 1 and 2: objects */
#define PERMIT 3
#define AWAY 4
#define TIMEOUT 5
#define REFUSED 6

bool idle[3], exists[3];
byte owner[3];     /* ghost: who holds the object */
byte alive = 1;    /* places taken */
byte rightly = 1;  /* ghost: by objects, and by those who may build one */
bool all_taken = MAX == 1; /* ghost: all were, at some moment of the call of who does not wait */
byte refusals = 0;
bool lock, closed;

byte queue[2];
bool called, call, due, builders;
byte turn[4], next_turn; /* when a waiter came to the line first; 0: never */
bool refused[4];         /* it waits for objects alone */
bool patient[4];         /* it has waited for long */
bool served[4], signal[4];
byte got[4];
byte finished;
#define PROCESSES 3

inline finish() {
  atomic {
    finished++;
    if
    :: finished == PROCESSES ->
       assert(!queue[0] && !owner[1] && !owner[2] && !lock);
       assert(idle[1] == exists[1] && idle[2] == exists[2] && alive == exists[1] + exists[2]); /* nothing is lost */
       assert(!closed || !alive)
    :: else -> skip
    fi
  }
}

/* Everybody waits: is there something for one who does? */
inline all_wait() {
  assert(!queue[0] || !(closed || idle[1] || idle[2]));
  assert(!queue[0] || refused[queue[0]] || exists[1] + exists[2] >= MAX);
  assert(!queue[1] || refused[queue[1]] || exists[1] + exists[2] >= MAX)
}

inline acquire_lock() { atomic { !lock -> lock = true } }

/* What follows up to hand_to is part of atomic steps, and of the queue under the lock. */
inline settle() {
  if
  :: queue[0] -> patient[queue[0]] = true
  :: true
  fi;
#ifdef STILL_SERVED
  due = queue[0] && patient[queue[0]];
  call = queue[0] && (due || !called);
#else
  due = !closed && queue[0] && patient[queue[0]];
  call = !closed && queue[0] && (due || !called);
#endif
  builders = due && refused[queue[0]]
}

inline enqueue() {
  if
  :: !turn[_pid] -> next_turn++; turn[_pid] = next_turn
  :: else -> skip
  fi;
  if
  :: !queue[0] -> queue[0] = _pid; called = false
#ifndef LAST_IN_LINE
  :: queue[0] && turn[queue[0]] > turn[_pid] ->
     queue[1] = queue[0]; queue[0] = _pid; called = false
  :: queue[0] && turn[queue[0]] < turn[_pid] -> queue[1] = _pid
#else
  :: else -> queue[1] = _pid
#endif
  fi;
  settle()
}

inline unqueue(who) {
  if
  :: queue[0] == who -> queue[0] = queue[1]; queue[1] = 0; called = false
  :: queue[1] == who -> queue[1] = 0
  :: else -> assert(false)
  fi;
  patient[who] = false;
  settle()
}

inline pop() {
  if
  :: idle[1] -> idle[1] = false; x = 1
  :: !idle[1] && idle[2] -> idle[2] = false; x = 2
  :: else -> skip
  fi
}

inline reserve() {
  if
  :: alive < MAX -> alive++; rightly++; all_taken = all_taken || rightly == MAX; x = PERMIT
  :: else -> skip
  fi
}

inline hand_to(who, what) {
  assert(what == AWAY || !closed);
  assert(what != PERMIT || !refused[who]); /* not before its time */
  assert(what == PERMIT || !queue[1] || (who == queue[0] && turn[who] < turn[queue[1]]));
  unqueue(who);
  got[who] = what; served[who] = true; signal[who] = true
}

/* unserved: the first has waited for long, and there was nothing for it. */
inline serve() {
  do
  :: atomic { !call -> unserved = false; places = false; break }
  :: atomic { call && !lock -> lock = true; settle(); unserved = due; places = builders; f = (call -> queue[0] : 0) }
     if
     :: f && (due || refused[f]) ->
        atomic { pop() }
#ifdef HANDED_A_PLACE
        atomic { if :: !x -> reserve() :: else -> skip fi }
#else
        atomic { if :: !x && !refused[f] -> reserve() :: else -> skip fi }
#endif
#ifndef NO_BUILDER
        atomic {
          if
          :: !x && !closed && refused[f] && queue[1] && !refused[queue[1]] ->
             reserve();
             f = (x -> queue[1] : f)
          :: else -> skip
          fi
        }
#endif
        atomic { if :: x -> hand_to(f, x) :: else -> skip fi }
     :: f && !due && !refused[f] ->
        atomic {
          if
          :: idle[1] || idle[2] || alive < MAX -> called = true; call = false; signal[f] = true
          :: else -> skip
          fi
        }
     :: else -> skip
     fi;
     atomic { lock = false; f = 0 }
     if
     :: atomic { !x -> break }
     :: atomic { x -> x = NOTHING }
     fi
  od
}

inline destroy() { /* `mine` */
  atomic { assert(exists[mine] && !owner[mine]); exists[mine] = false; alive--; rightly--; mine = NOTHING }
  serve()
}

inline gather() {
  do
  :: atomic { idle[1] -> idle[1] = false; mine = 1 } destroy()
  :: atomic { idle[2] -> idle[2] = false; mine = 2 } destroy()
  :: atomic { !idle[1] && !idle[2] -> break }
  od
}

inline release() { /* `mine` */
  atomic { assert(owner[mine] == _pid); owner[mine] = 0 }
  if
  :: closed -> destroy()
  :: else ->
     if
     :: atomic { due -> skip }
        acquire_lock();
        atomic { if :: due -> f = queue[0]; hand_to(f, mine); f = 0; mine = NOTHING :: else -> skip fi; lock = false }
     :: atomic { !due -> skip }
     fi;
     if
     :: mine ->
        atomic { assert(!idle[mine]); idle[mine] = true; mine = NOTHING }
        if
        :: closed -> gather()
        :: else -> skip
        fi
     :: else -> skip
     fi;
     serve()
  fi
}

/* An object; or a place, if it may build. Who has waited for long comes first. */
inline find(may_build) {
  if
  :: due -> serve()
  :: else -> skip
  fi;
  atomic {
#ifdef ASKS_LATE
    places = builders;
#endif
    if
    :: !unserved ->
       pop();
       if
       :: !x && may_build -> reserve()
       :: else -> skip
       fi
#ifdef KEPT_OUT
    :: else -> skip
#else
    :: unserved && may_build && places -> reserve()
    :: else -> skip
#endif
    fi;
    unserved = false; places = false
  }
}

inline tell() { /* a place is free */
  x = NOTHING;
#ifndef GIVES_BACK_QUIETLY
  serve()
#endif
}

/* Of a place: x is an object then, or REFUSED, or AWAY. */
inline build() {
  atomic {
    mine = (exists[1] -> 2 : 1);
    assert(!exists[mine]);
    f = closed;
    if
    :: true -> exists[mine] = true; x = mine
    :: refusals < 2 -> refusals++; x = REFUSED
    fi;
    mine = NOTHING
  }
  if
  :: x == REFUSED ->
#ifdef LOSES_PLACE
     rightly--;
#elif defined KEEPS_PLACE
     atomic { rightly--; keeps = true }
#else
     atomic { rightly--; alive--; f = 0 }
     tell();
#endif
     x = (closed -> AWAY : REFUSED)
#ifdef BUILDS_BLINDLY
  :: else ->
#else
  :: atomic { x != REFUSED && closed -> mine = x } x = NOTHING; f = 0; destroy(); x = AWAY
  :: atomic { x != REFUSED && !closed -> skip }
#endif
     atomic { assert(!f && !owner[x]); owner[x] = _pid; f = 0 } /* f: it was closed by then */
  fi;
  f = 0
}

proctype holder() {
  byte x, f, mine;
  bool unserved, places;
  mine = 1;
#ifdef DISCARDS
  owner[1] = 0;
  destroy()
#else
  release()
#endif
  finish()
}

proctype waiter(bool has_a_limit) {
  byte x, f, mine;
  bool unserved, places, was_refused, tries, up_early, up, keeps;
  if
  :: closed -> goto done
  :: else -> skip
  fi;
  do
  :: /* a look without the lock */
#ifdef TRIES_AT_ONCE
     find(true);
#else
     find(!refused[_pid] && !keeps);
#endif
     if
     :: x -> assert(x != PERMIT || !refused[_pid]); goto found
     :: !x && keeps && !refused[_pid] -> keeps = false; rightly++; x = PERMIT; goto found
     :: else -> skip
     fi;
     /* it stands in line */
     tries = refused[_pid];
     acquire_lock();
     if
#ifdef JOINS_BLINDLY
     :: closed && !was_refused -> lock = false; goto done
#else
     :: closed -> lock = false; goto done
#endif
     :: else -> atomic { served[_pid] = false; signal[_pid] = false; enqueue() }
     fi;
     lock = false;
#ifdef JOINS_AND_SLEEPS
     if
     :: tries -> goto sleep
     :: else -> skip
     fi;
#endif
     serve();
     do
     :: acquire_lock(); /* it looks for itself */
        if
        :: atomic { served[_pid] -> lock = false; break }
        :: atomic { !served[_pid] && queue[0] == _pid && !closed -> signal[_pid] = false; called = false; settle() }
           atomic { pop() }
           atomic {
             if
             :: !x && !refused[_pid] -> reserve()
             :: else -> skip
             fi;
             if
             :: x -> unqueue(_pid); served[_pid] = true; got[_pid] = x; x = NOTHING; lock = false; break
             :: else -> skip
             fi
           }
        :: atomic { !served[_pid] && !(queue[0] == _pid && !closed) -> signal[_pid] = false }
        fi;
        lock = false;
sleep:  if
        :: up_early = tries || has_a_limit
        :: up_early = false
        fi;
        if
        :: signal[_pid] -> skip
        :: up_early -> up = true
        :: atomic { timeout && (tries || has_a_limit) -> all_wait(); up = true }
        fi;
        up_early = false;
        if
        :: up ->
           up = false;
           acquire_lock();
           atomic {
#ifdef RETRY_DROPS
             served[_pid] = served[_pid] && !tries;
             if
             :: queue[0] == _pid || queue[1] == _pid -> unqueue(_pid)
#else
             if
             :: !served[_pid] -> unqueue(_pid)
#endif
             :: else -> skip
             fi;
             lock = false;
             break
           }
        :: else -> skip
        fi
     od;
     serve();
     atomic {
       refused[_pid] = false;
       x = (served[_pid] -> got[_pid] : NOTHING); got[_pid] = NOTHING;
       if
       :: x -> goto found
       :: !x && tries -> skip
       :: !x && has_a_limit ->
          x = TIMEOUT;
#ifndef FORGETS_REFUSAL
          tries = was_refused;
#endif
          assert(tries == was_refused); /* what the error says */
          goto found
       fi
     }
     goto again;
found:
     if
     :: x == PERMIT ->
        build();
        if
        :: x == REFUSED -> x = NOTHING; was_refused = true;
           if
           :: refused[_pid] = true; goto again
           :: has_a_limit -> goto done /* its time is up */
           fi
        :: else -> skip
        fi
     :: x == 1 || x == 2 -> atomic { assert(exists[x] && !owner[x]); owner[x] = _pid }
     :: else -> skip
     fi;
     break;
again: skip
  od;
done:
  if
  :: keeps -> mine = x; alive--; tell(); x = mine; mine = NOTHING
  :: else -> skip
  fi;
  if
  :: x == 1 || x == 2 -> mine = x; x = NOTHING; release()
  :: else -> skip
  fi;
  x = NOTHING;
  finish()
}

#ifdef NEWCOMER
proctype newcomer() {
  byte x, f, mine;
  bool unserved, places, keeps;
  all_taken = rightly == MAX;
  find(true);
  if
  :: x == PERMIT -> build(); x = (x == REFUSED -> NOTHING : x)
  :: x == 1 || x == 2 -> atomic { assert(exists[x] && !owner[x]); owner[x] = _pid }
  :: else -> assert(all_taken)
  fi;
  if
  :: x -> mine = x; x = NOTHING; release()
  :: else -> skip
  fi;
  finish()
}
#endif

#ifdef CLOSES
proctype closer() {
  byte x, f, mine;
  bool unserved, places, more;
  acquire_lock();
  atomic { closed = true; settle(); lock = false }
  do
  :: acquire_lock();
     atomic {
       more = queue[0] != 0;
       if
       :: more -> f = queue[0]; hand_to(f, AWAY); f = 0
       :: else -> skip
       fi;
       lock = false
     }
     if
     :: more -> skip
     :: else -> break
     fi
  od;
  gather();
  finish()
}
#endif

init {
  atomic {
    exists[1] = true; owner[1] = 1;
    run holder(); run waiter(true);
#ifdef NEWCOMER
    run newcomer()
#elif defined CLOSES
    run closer()
#else
    run waiter(false)
#endif
  }
}
