/* closing.pml: close against a waiter that joins the queue, a release, a hand-over, an event loop and a cancel; then a drain, and the
 * end of the pool. A pool of one object, without caches, where waiters are handed what comes back.
 *
 * One process holds the object and releases it; a thread waits for it, and so does a waiter of an event loop, whose time may be up at any
 * moment; another closes, drains, and when all have left who may still call, the pool is gone. Whoever gets the object releases it.
 * CANCELS: in place of the thread that waits one cancels the waiter of the loop, which always finds out what is due. CANCELS OPEN: nobody
 * closes, and the thread waits, too. DISCARDS: the holder discards the object, and who is served builds another one.
 *
 * Holds: nobody sleeps for ever; the waiter of the loop is told once or cancelled, never both; nobody is handed anything of a closed pool;
 * the object is in one hand, and none is left when the pool is gone; nobody touches the pool then. Of those who call, who was sent away
 * and who releases need not be waited for, and neither need the loop.
 *
 * also: DISCARDS
 * also: CANCELS
 * also: CANCELS DISCARDS
 * also: CANCELS OPEN
 * mutant: JOINS_BLINDLY       a waiter joins the queue without a look whether the pool is closed
 * mutant: LOOKS_UNLOCKED      it looks before it has the lock, and not again
 * mutant: STILL_SERVED        who waits is served though the pool is closed
 * mutant: NOT_COUNTED         close does not count as a change of limits
 * mutant: COUNTED_LATE        it does, after it has looked at what is idle
 * mutant: ONE_LOOK            a release does not look again, after its push, whether the limits have changed
 * mutant: AWAY_UNCOUNTED      a drain does not wait for a thread that was sent away
 * mutant: AWAY_COUNTED_LATE   it counts itself, when it has woken
 * mutant: RELEASE_UNCOUNTED   a drain does not wait for releases
 * mutant: RELEASE_COUNTED_IF_CLOSED   nor for one that began before the close
 * mutant: RELEASE_COUNTED_LATE   which is counted when its object is gone
 * mutant: DRAINS_BACKWARDS    a drain looks at those who leave before it looks whether anything is alive
 * mutant: DISCARDS BUILDS_BLINDLY   who builds does not look whether the pool was closed meanwhile
 * mutant: CANCELS CANCEL_DROPS   what a cancelled waiter had been handed is lost
 * mutant: CANCELS CANCEL_LOOKS_EARLY  a cancel looks where the waiter is before it has the locks
 * mutant: DUE_THOUGH_TAKEN    a waiter becomes due although a run has taken it, because its time was up
 * mutant: TAKEN_DROPS         a run whose waiter's time was up does not ask whether it was served meanwhile
 * mutant: TOLD_BY_POOL        the waiter of a loop whom a close sent away is told by way of the pool
 * mutant: UNTOLD_EARLY        a run counts its waiter as told before it touches the pool for the last time
 * mutant: WAKES_FIRST         the loop's event is set before the waiter is in the list
 */
#define NOTHING 0
#define OBJECT 1
#define PERMIT 2
#define AWAY 3

#define THREAD 1 /* the two that wait */
#define ASYNC 2

#define NOWHERE 0
#define IN_LINE 1
#define DUE 2
#define TAKEN 3

bool idle;               /* the object, on the stack */
byte alive = 1;
bool lock;               /* the commons lock; the loop's is what is atomic here */
bool closed, surplus, changed, late;
bool call;               /* somebody in the queue is to be served */
byte queue[2];
byte turn[3];            /* how a wait ended */
byte leaving, untold;

byte stage;              /* of the loop's waiter */
bool by_pool;            /* it is told by way of the pool */
bool runner, announced, event;

byte hands = 1;          /* ghosts: who holds the object */
byte told;
bool cancelled, gone;
#ifdef CANCELS
byte callers = 2;        /* in calls that have to be waited for: who waits, and who cancels */
#define readable (stage == DUE)
#define time_may_be_up false
#else
byte callers = 2;        /* those who wait */
#define readable event
#define time_may_be_up (stage == IN_LINE)
#endif

#define touch() assert(!gone)

inline acquire_lock() { atomic { touch(); !lock -> lock = true } }
inline unlock() { atomic { touch(); lock = false } }

inline join(who) {
  atomic {
    touch();
    if
    :: queue[0] == NOTHING -> queue[0] = who
    :: else -> queue[1] = who
    fi;
    settle()
  }
}

inline settle() {
#ifdef STILL_SERVED
  call = queue[0] != NOTHING
#else
  call = !closed && queue[0] != NOTHING
#endif
}

inline leave_queue(who) {
  if
  :: queue[0] == who -> queue[0] = queue[1]; queue[1] = NOTHING
  :: queue[1] == who -> queue[1] = NOTHING
  :: else -> assert(false)
  fi;
  settle()
}

/* Under the lock: the first is served, or sent away. */
inline hand_over(what) {
#ifdef WAKES_FIRST
  if
  :: queue[0] == ASYNC && stage == IN_LINE && !runner && !announced -> announced = true; event = true
  :: else -> skip
  fi;
#endif
  atomic {
    touch();
    w = queue[0];
    assert(what == AWAY || !closed); /* nobody is served any more */
    leave_queue(w);
    turn[w] = what;
    if
#ifdef DUE_THOUGH_TAKEN
    :: w == ASYNC ->
#else
    :: w == ASYNC && stage == IN_LINE -> /* else its time is up, and a run is about to look at it */
#endif
       stage = DUE;
       if
       :: what == AWAY ->
          untold--;
#ifndef TOLD_BY_POOL
          by_pool = false
#endif
       :: else -> skip
       fi;
#ifndef CANCELS
       wakes = !runner && !announced;
       announced = announced || wakes
#else
       skip
#endif
    :: else -> skip
    fi;
    w = NOTHING
  }
}

inline wake() {
#ifndef WAKES_FIRST
  if
  :: wakes -> event = true; wakes = false
  :: else -> skip
  fi
#else
  wakes = false
#endif
}

inline pop(x) {
  atomic {
    touch();
    if
    :: idle -> idle = false; x = OBJECT
    :: else -> skip
    fi
  }
}
inline seek(x) {
  pop(x);
  atomic {
    touch();
    if
    :: x == NOTHING && alive == 0 -> alive++; x = PERMIT
    :: else -> skip
    fi
  }
}

inline serve() {
  do
  :: atomic { !call -> touch(); break }
  :: atomic { call -> touch() }
     acquire_lock();
     x = NOTHING;
     if
     :: call && queue[0] != NOTHING ->
        seek(x);
        if
        :: x != NOTHING -> hand_over(x)
        :: else -> skip
        fi
     :: else -> skip
     fi;
     unlock();
     wake();
     if
     :: atomic { x == NOTHING -> break }
     :: atomic { x != NOTHING -> x = NOTHING }
     fi
  od
}

inline destroy() {
  atomic { touch(); assert(alive == 1); alive-- }
#ifdef RELEASE_COUNTED_LATE
  if
  :: leaves -> leaving++
  :: else -> skip
  fi;
#endif
  serve()
}

inline gather() {
  pop(x);
  if
  :: x == OBJECT -> x = NOTHING; destroy()
  :: else -> skip
  fi
}

inline leave_begins() {
#ifdef RELEASE_COUNTED_IF_CLOSED
  atomic { touch(); leaves = closed }
#else
  leaves = true;
#endif
#if !defined RELEASE_UNCOUNTED && !defined RELEASE_COUNTED_LATE
  atomic { touch(); leaving = leaving + leaves }
#endif
}
inline leave_ends() {
  atomic {
    touch();
#ifndef RELEASE_UNCOUNTED
    leaving = leaving - leaves;
#endif
    leaves = false
  }
}

inline catch_up() {
  atomic { touch(); l = late; late = false }
  if
  :: l -> l = false; if :: closed -> gather() :: else -> skip fi
  :: else -> skip
  fi
}

inline put() {
  atomic { touch(); seen = changed }
  if
  :: surplus -> atomic { !lock -> touch(); assert(closed) } destroy() /* it looks under the lock */
  :: else ->
     atomic { touch(); assert(!idle); idle = true }
#ifndef ONE_LOOK
     atomic { touch(); l = changed != seen }
     if
     :: l -> l = false; late = true
     :: else -> skip
     fi;
#endif
     serve()
  fi;
  seen = false
}

inline release() {
  atomic { assert(hands == 1); hands-- }
  leave_begins();
  put();
  catch_up();
  leave_ends()
}

/* Of a permit: the object is there, and in use; or the pool was closed meanwhile, and it is gone. */
inline build(has) {
  bool closed_when_built;
  closed_when_built = closed;
#ifdef BUILDS_BLINDLY
  if
  :: true -> has = true
#else
  if
  :: !closed -> has = true; assert(!closed_when_built)
#endif
  :: else -> leaves = true; leaving++; destroy(); catch_up(); leave_ends()
  fi;
  assert(!has || !closed_when_built);
  closed_when_built = false
}

proctype holder() {
  byte x, w;
  bool wakes, leaves, l, seen;
#ifdef DISCARDS
  atomic { assert(hands == 1); hands-- }
  leave_begins();
  destroy();
  catch_up();
  leave_ends()
#else
  release()
#endif
}

proctype thread() {
  byte x, w;
  bool wakes, leaves, l, seen, has;
  if
  :: closed -> callers--; goto done
  :: else -> skip
  fi;
#ifdef LOOKS_UNLOCKED
  l = closed;
  acquire_lock();
  if
  :: l -> l = false; unlock(); callers--; goto done
#else
  acquire_lock();
  if
#ifndef JOINS_BLINDLY
  :: closed -> unlock(); callers--; goto done
#endif
#endif
  :: else -> skip
  fi;
  atomic { join(THREAD); callers-- } /* from here on it is served, or sent away */
  unlock();
  serve();
  acquire_lock();
  if
  :: turn[THREAD] == NOTHING && queue[0] == THREAD && !closed -> /* it looks for itself */
     seek(x);
     if
     :: x != NOTHING -> atomic { leave_queue(THREAD); turn[THREAD] = x; x = NOTHING }
     :: else -> skip
     fi
  :: else -> skip
  fi;
  unlock();
  turn[THREAD] != NOTHING; /* it sleeps */
#ifdef AWAY_COUNTED_LATE
  if
  :: turn[THREAD] == AWAY -> leaving++
  :: else -> skip
  fi;
#endif
  atomic { !lock -> touch() } /* it looks under the lock how */
  serve();
  if
  :: turn[THREAD] == AWAY ->
     catch_up();
#ifndef AWAY_UNCOUNTED
     atomic { touch(); leaving-- }
#endif
  :: turn[THREAD] == OBJECT -> has = true
  :: turn[THREAD] == PERMIT -> build(has)
  fi;
  if
  :: has -> has = false; atomic { assert(hands == 0); hands++ } release()
  :: else -> skip
  fi;
done:
  skip
}

proctype loop() {
  byte x, w;
  bool wakes, leaves, l, seen, has, up;
  if
  :: closed -> callers--; goto done
  :: else -> skip
  fi;
  acquire_lock();
  if
  :: closed -> unlock(); callers--; goto done
  :: else -> skip
  fi;
  atomic { untold++; stage = IN_LINE; by_pool = true; join(ASYNC) }
  unlock();
  serve();
  callers--;
  do
  :: told == 1 || cancelled -> break
  :: atomic {
       told == 0 && !cancelled && (readable || time_may_be_up) ->
       if
       :: readable -> skip
       :: time_may_be_up -> up = true
       fi;
#ifndef CANCELS
       runner = true;
       announced = false
#endif
     }
#ifndef CANCELS
     event = false;
#endif
     do
     :: atomic {
          if
          :: stage == DUE -> stage = TAKEN
          :: stage == IN_LINE && up -> stage = TAKEN
          :: else ->
#ifndef CANCELS
             runner = false;
#endif
             break
          fi
        }
        if
        :: !by_pool -> skip /* it was closed: nothing of the pool is touched */
        :: else ->
           acquire_lock();
           if
           :: turn[ASYNC] == NOTHING -> atomic { leave_queue(ASYNC); l = true }
           :: else -> skip
           fi;
           unlock();
           if
           :: l -> l = false; serve()
           :: else -> skip
           fi;
#ifndef TAKEN_DROPS
           if
#else
           if
           :: up -> skip
#endif
           :: turn[ASYNC] == OBJECT -> has = true
           :: turn[ASYNC] == PERMIT -> build(has)
           :: else -> skip
           fi;
#ifdef UNTOLD_EARLY
           untold--;
           catch_up()
#else
           catch_up();
           atomic {
             touch();
             if
             :: untold > 0 -> untold-- /* else TOLD_BY_POOL did */
             :: else -> skip
             fi
           }
#endif
        fi;
        atomic { assert(told == 0 && !cancelled); told++; stage = NOWHERE }
        if
        :: has -> has = false; atomic { assert(hands == 0); hands++ } release()
        :: else -> skip
        fi
     od;
     up = false
  od;
done:
  skip
}

#ifdef CANCELS
proctype canceller() {
  byte x, w, was;
  bool wakes, leaves, l, seen;
#ifdef CANCEL_LOOKS_EARLY
  was = stage;
#endif
  acquire_lock();
  atomic {
#ifndef CANCEL_LOOKS_EARLY
    was = stage;
#endif
    if
    :: was == IN_LINE || was == DUE -> stage = NOWHERE
    :: else -> skip
    fi;
    if
    :: was == IN_LINE -> leave_queue(ASYNC)
    :: else -> skip
    fi
  }
  unlock();
  if
  :: was == IN_LINE -> serve()
  :: was == DUE && by_pool && turn[ASYNC] != AWAY ->
#ifndef CANCEL_DROPS
     leave_begins();
     if
     :: turn[ASYNC] == OBJECT -> put()
     :: else -> destroy() /* the permit */
     fi;
     catch_up();
     leave_ends()
#endif
  :: else -> skip
  fi;
  if
  :: was == IN_LINE || was == DUE ->
     if
     :: by_pool -> atomic { touch(); untold-- }
     :: else -> skip
     fi;
     atomic { assert(told == 0 && !cancelled); cancelled = true }
  :: else -> skip
  fi;
  callers--
}
#endif

proctype closer() {
  byte x, w;
  bool wakes, leaves, l, more;
  acquire_lock();
  closed = true;
  surplus = true;
  settle();
#if !defined NOT_COUNTED && !defined COUNTED_LATE
  changed = true;
#endif
  unlock();
  do
  :: acquire_lock();
     more = queue[0] != NOTHING;
     if
     :: more ->
#if !defined AWAY_UNCOUNTED && !defined AWAY_COUNTED_LATE
        if
        :: queue[0] == THREAD -> leaving++
        :: else -> skip
        fi;
#endif
        hand_over(AWAY)
     :: else -> skip
     fi;
     unlock();
     wake();
     if
     :: !more -> break
     :: else -> skip
     fi
  od;
  gather();
#ifdef COUNTED_LATE
  changed = true;
#endif
  do /* a drain */
#ifdef DRAINS_BACKWARDS
  :: leaving == 0 -> if :: alive == 0 -> break :: else -> skip fi
#else
  :: alive == 0 -> if :: leaving == 0 -> break :: else -> skip fi
#endif
  od;
  callers == 0 && untold == 0;
  assert(queue[0] == NOTHING && !idle && hands == 0 && !lock);
  gone = true
}

init {
  atomic {
    run holder(); run loop();
#ifdef CANCELS
    run canceller();
#endif
#if !defined CANCELS || defined OPEN
    run thread();
#endif
#ifndef OPEN
    run closer()
#endif
  }
}
