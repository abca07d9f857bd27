/* waiters.pml: waiting at the cap of a pool without caches: the idle objects are a lock-free stack, the waiters a queue under a lock.
 *
 * A release pushes its object, then reads how many wait, and if any do serves: under the lock it pops objects and hands them to the
 * first in the queue: as with fair_after_ns = 1, where nobody is overtaken (else: calls.pml). A waiter enqueues itself and counts itself as waiting, then looks at the stack once more, then sleeps; when its
 * time is up it takes the lock: it was served meanwhile, or it leaves the queue. The waiter's count must have arrived
 * before it looks: it is sequentially consistent.
 *
 * Two waiters, one with a limit of time, and two objects that two others release; whoever gets an object releases it again.
 *
 * Holds: nobody sleeps for ever while an object is idle (spin's search for end states that are none); no object is in two hands; none is
 * lost, also when a hand-over meets a timeout; the first to wait is the first to be served. With LATE a third acquires without waiting: it
 * serves who waits, and goes on only if nobody waits then; it gets nothing while somebody still waits who was counted when it came.
 *
 * also: LATE
 * mutant: CHECK_BEFORE_PUSH   the release looks for waiters before it pushes
 * mutant: LOOK_BEFORE_COUNT   the waiter looks at the stack before it is counted
 * mutant: BUFFERED_COUNT      the waiter's count is an ordinary store, and waits in the store buffer while it looks
 * mutant: NO_LAST_LOOK        the waiter does not look at the stack again
 * mutant: TIMEOUT_DROPS       a waiter whose time is up does not ask whether it was served meanwhile
 * mutant: LAST_COME_FIRST     the last in the queue is served first
 * mutant: LATE SERVE_AND_POP  who acquires without waiting serves those who wait, and pops whether or not all were served
 */
#define OBJECTS 2
#define WAITERS 2
#define NOTHING 0

bool idle[3];        /* the stack, as the set it is to those who push and pop atomically */
byte owner[3];       /* ghost: who holds object 1, 2; 0: nobody */
byte turn[6];        /* ghost: when a waiter came; 0: it does not wait */
byte next_turn = 0;
byte queue[WAITERS]; /* the numbers of those who wait, first come first; 0: none */
short waiting = 0;
byte served[6];      /* what was handed to a waiter */
bool asleep[6];
bool counted[6];      /* ghost: it waits, and `waiting` says so */
bool lock;
byte finished = 0;
#ifdef LATE
#define PROCESSES 5
#else
#define PROCESSES 4
#endif

inline finish() {
  atomic {
    finished++;
    if
    :: finished == PROCESSES -> assert(idle[1] && idle[2] && waiting == 0 && queue[0] == 0) /* none is lost */
    :: else -> skip
    fi
  }
}

inline acquire_lock() { atomic { !lock -> lock = true } }

/* one compare-and-swap that succeeds; a full barrier besides */
inline pop(x) {
  atomic {
    if
    :: idle[1] -> idle[1] = false; x = 1
    :: !idle[1] && idle[2] -> idle[2] = false; x = 2
    :: else -> x = NOTHING
    fi
  }
}

/* Under the lock: hands idle objects to waiters until either are none. */
inline serve(x) {
  do
  :: queue[0] != 0 ->
     pop(x);
     if
     :: x == NOTHING -> break
     :: else ->
        atomic {
#ifdef LAST_COME_FIRST
          w = (queue[1] != 0 -> queue[1] : queue[0]);
          if
          :: queue[1] != 0 -> skip
          :: else -> queue[0] = 0
          fi;
          queue[1] = 0;
#else
          w = queue[0]; queue[0] = queue[1]; queue[1] = 0;
#endif
          assert(queue[0] == 0 || turn[w] < turn[queue[0]]); /* first come, first served */
          served[w] = x; turn[w] = 0; counted[w] = false; waiting--; asleep[w] = false;
          w = 0; x = NOTHING
        }
     fi
  :: else -> break
  od
}

inline release(object) {
  d_step { assert(owner[object] == _pid); owner[object] = 0 };
#ifdef CHECK_BEFORE_PUSH
  w = waiting;
#endif
  atomic { idle[object] = true; object = NOTHING };
#ifndef CHECK_BEFORE_PUSH
  w = waiting;
#endif
  if
  :: w > 0 -> acquire_lock(); serve(x); lock = false
  :: else -> skip
  fi;
  w = 0
}

proctype holder(byte mine) {
  byte x, w;
  release(mine);
  finish()
}

proctype waiter(bool has_a_limit) {
  byte x, w, mine;
  pop(x);
  if
  :: x != NOTHING -> skip
  :: else ->
     acquire_lock();
#ifdef LOOK_BEFORE_COUNT
     pop(x);
#endif
     if
     :: x != NOTHING -> lock = false
     :: else ->
        atomic {
          if
          :: queue[0] == 0 -> queue[0] = _pid
          :: else -> queue[1] = _pid
          fi;
          next_turn++; turn[_pid] = next_turn; asleep[_pid] = true
        };
#ifndef BUFFERED_COUNT
        atomic { waiting++; counted[_pid] = true };
#endif
#if !defined NO_LAST_LOOK && !defined LOOK_BEFORE_COUNT
        serve(x); /* the last look: whatever is idle goes to the first in the queue, which may be this one */
#endif
        atomic {
#ifdef BUFFERED_COUNT
          waiting++; /* arrives with the store that unlocks; whoever served meanwhile has counted down already */
#endif
          lock = false
        };
        if
        :: !asleep[_pid] -> skip
        :: has_a_limit -> /* its time may be up at any moment */
           acquire_lock();
           atomic {
             if
             :: queue[0] == _pid -> queue[0] = queue[1]; queue[1] = 0; waiting--
             :: queue[1] == _pid -> queue[1] = 0; waiting--
             :: else -> skip /* served meanwhile: what was handed over is taken, though it is late */
             fi;
             turn[_pid] = 0; counted[_pid] = false; asleep[_pid] = false;
#ifdef TIMEOUT_DROPS
             served[_pid] = NOTHING;
#endif
             lock = false
           }
        fi;
        x = served[_pid];
        served[_pid] = NOTHING
     fi
  fi;
  if
  :: x != NOTHING ->
     d_step { assert(owner[x] == 0); owner[x] = _pid; mine = x; x = NOTHING } /* not in two hands */
     release(mine)
  :: else -> skip
  fi;
  finish()
}

#ifdef LATE
proctype late_comer() {
  byte x, w, mine, seen3, seen4;
  d_step { seen3 = (counted[3] -> turn[3] : 0); seen4 = (counted[4] -> turn[4] : 0) };
  if
  :: waiting > 0 -> acquire_lock(); serve(x); lock = false
  :: else -> skip
  fi;
#ifndef SERVE_AND_POP
  if
  :: waiting > 0 -> goto refused
  :: else -> skip
  fi;
#endif
  atomic {
    pop(x);
    assert(x == NOTHING || ((seen3 == 0 || turn[3] != seen3) && (seen4 == 0 || turn[4] != seen4))) /* it overtakes nobody */
  };
  if
  :: x != NOTHING ->
     d_step { assert(owner[x] == 0); owner[x] = _pid; mine = x; x = NOTHING }
     release(mine)
  :: else -> skip
  fi;
refused:
  finish()
}
#endif

init {
  atomic {
    owner[1] = 1; owner[2] = 2;
    run holder(1); run holder(2); run waiter(false); run waiter(true)
#ifdef LATE
    ; run late_comer()
#endif
  }
}
