/* cap.pml: the cap of a pool without caches: never more than that alive, and never refused without reason.
 *
 * An acquire pops an idle object; if the stack is empty it reserves by a bounded compare-and-swap on `alive` and creates, which may fail
 * and give the reservation back; if `alive` is at the cap it looks at the stack again: only if that is empty with the same tag as
 * before was there a moment (that of reading alive) with nothing idle and so many alive. A release pushes; a discard destroys.
 * With RESIZE the cap is lowered and raised again meanwhile. A resize stores the cap and then reads alive, to see how many are too
 * many; a reservation counts, and then reads the cap once more: one of the two sees the other.
 *
 * Holds: never more than MAX alive, nor, after a resize has looked, more than were alive then or the new cap allows; an acquire is
 * refused only if at some moment of the call nothing was idle and as many alive as the cap allowed.
 *
 * also: RESIZE THREADS=2
 * mutant: NO_SECOND_LOOK   the stack is not looked at again after alive was read
 * mutant: NO_TAG           the second look asks only whether the stack is empty
 * mutant: ADD_THEN_CHECK   alive is incremented first, and decremented again when it was too many
 * mutant: READ_THEN_WRITE  the reservation is a read and a write, not a compare-and-swap
 * mutant: LATE_RESERVATION the reservation is made after create
 * mutant: RESIZE THREADS=2 CAP_READ_LATE  an acquire is refused by what was alive before the cap was read
 * mutant: RESIZE THREADS=2 CAP_READ_ONCE  the cap is not read again after the reservation
 * mutant: RESIZE THREADS=2 ALIVE_READ_FIRST  a resize reads alive before its cap is seen
 */
#define MAX 2
#ifndef THREADS
#define THREADS 3
#endif
#ifndef CALLS
#define CALLS 2 /* of each thread */
#endif

byte idle = 0, tag = 0, alive = 0;
byte reserved = 0; /* ghost: reservations that were granted and not given back */
byte most = MAX, allowed = MAX; /* the cap; ghost: what a resize found, until it is gone */
byte existing = 0; /* ghost: objects between the start of create and the end of destroy */
bool calling[3], moment[3]; /* ghost: in a call of acquire; there was such a moment in it */

#ifdef ADD_THEN_CHECK
#define FULL reserved >= MAX /* that it adds too many itself is no reason */
#else
#define FULL alive >= most
#endif
/* After each step that changes idle, alive or the cap, and when a call begins. */
inline note() {
  if
  :: idle == 0 && FULL ->
     moment[0] = moment[0] || calling[0]; moment[1] = moment[1] || calling[1]; moment[2] = moment[2] || calling[2]
  :: else -> skip
  fi
}

/* After each step that lowers alive. */
inline lower() {
  if
  :: allowed > most && allowed > alive -> allowed = (alive > most -> alive : most)
  :: else -> skip
  fi
}

inline build() {
  atomic { existing++; assert(existing <= MAX) };
  if
  :: skip /* create said yes */
  :: atomic { existing--; failed = true } /* it said no */
  fi
}

active [THREADS] proctype thread() {
  byte held, calls, seen_tag, seen_alive, seen_most;
  bool failed, got;
  do
  :: calls < CALLS && held < 2 ->
     atomic { calls++; calling[_pid] = true; moment[_pid] = false; note() };
     do
     :: atomic {
          seen_tag = tag;
          if
          :: idle > 0 -> idle--; tag++; got = true; note() /* the pop */
          :: else -> skip
          fi
        };
        if
        :: got -> break
        :: else -> skip
        fi;
#ifdef LATE_RESERVATION
        if
        :: alive < MAX ->
           build();
           if
           :: failed -> break
           :: else -> atomic { alive++; reserved++; got = true; note() }; break
           fi
        :: else -> seen_alive = MAX
        fi;
#elif defined ADD_THEN_CHECK
        atomic { alive++; seen_alive = alive - 1; reserved = reserved + (seen_alive < MAX); note() };
        if
        :: seen_alive < MAX ->
           build();
           if
           :: failed -> atomic { alive--; reserved--; note() }
           :: else -> got = true
           fi;
           break
        :: else -> alive--; seen_alive = MAX
        fi;
#else
        seen_alive = alive;
again:  seen_most = most;
        do
        :: seen_alive >= seen_most ->
#ifdef CAP_READ_LATE
           break;
#endif
           seen_alive = alive;
           if
           :: seen_alive >= seen_most && most == seen_most -> break
           :: else -> seen_most = most
           fi
        :: else -> break
        od;
        if
        :: seen_alive < seen_most ->
#ifdef READ_THEN_WRITE
           alive = seen_alive + 1;
#else
           atomic {
             if
             :: alive == seen_alive -> alive++; note()
             :: else -> seen_alive = alive; goto again
             fi
           };
#endif
           atomic {
             if
#ifdef CAP_READ_ONCE
             :: true ->
#else
             :: most == seen_most || seen_alive < most ->
#endif
                reserved++; note(); assert(reserved <= allowed)
             :: else -> goto undo
             fi
           };
           build();
           if
           :: failed -> atomic { alive--; reserved--; lower(); note() } /* gives the reservation back */
           :: else -> got = true
           fi;
           break;
undo:      atomic { alive--; lower(); note(); seen_alive = alive }; /* a resize came between */
           goto again
        :: else -> skip
        fi;
#endif
        atomic {
          if
#ifdef NO_SECOND_LOOK
          :: true ->
#elif defined NO_TAG
          :: idle == 0 ->
#else
          :: idle == 0 && tag == seen_tag ->
#endif
             assert(moment[_pid]); /* refused, with reason */
             break
          :: else -> skip
          fi
        };
     od;
     atomic { calling[_pid] = false; moment[_pid] = false; held = held + got; got = false; failed = false; seen_tag = 0; seen_alive = 0; seen_most = 0 }
  :: held > 0 -> atomic { held--; idle++; tag++; note() } /* release */
  :: held > 0 && calls < CALLS -> /* discard: destroyed, then no longer alive */
     calls++;
     atomic { existing--; held-- };
     atomic { alive--; reserved--; lower(); note() }
  :: calls >= CALLS && held == 0 -> break
  od
}

#ifdef RESIZE
active proctype resize() {
#ifdef ALIVE_READ_FIRST
  allowed = (alive > 1 -> alive : 1);
  atomic { most = 1; note() };
#else
  atomic { most = 1; note() };
  atomic { allowed = (alive > most -> alive : most) };
#endif
  atomic { most = MAX; allowed = MAX; note() }
}
#endif
