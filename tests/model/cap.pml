/* cap.pml: the cap of a pool without caches: never more than MAX alive, and never refused without reason.
 *
 * An acquire pops an idle object; if the stack is empty it reserves by a bounded compare-and-swap on `alive` and creates, which may fail
 * and give the reservation back; if `alive` is at the cap it looks at the stack again: only if that is empty with the same tag as
 * before was there a moment (that of reading alive) with nothing idle and MAX alive. A release pushes; a discard destroys.
 *
 * Holds: never more than MAX alive; an acquire is refused only if at some moment of the call nothing was idle and MAX were alive.
 *
 * mutant: NO_SECOND_LOOK   the stack is not looked at again after alive was read
 * mutant: NO_TAG           the second look asks only whether the stack is empty
 * mutant: ADD_THEN_CHECK   alive is incremented first, and decremented again when it was too many
 * mutant: READ_THEN_WRITE  the reservation is a read and a write, not a compare-and-swap
 * mutant: LATE_RESERVATION the reservation is made after create
 */
#define MAX 2
#define THREADS 3
#ifndef CALLS
#define CALLS 2 /* of each thread */
#endif

byte idle = 0, tag = 0, alive = 0;
byte reserved = 0; /* ghost: reservations that were granted and not given back */
byte existing = 0; /* ghost: objects between the start of create and the end of destroy */
bool calling[THREADS], moment[THREADS]; /* ghost: in a call of acquire; there was such a moment in it */

/* After each step that changes idle or reserved, and when a call begins. */
inline note() {
  if
  :: idle == 0 && reserved >= MAX ->
     moment[0] = moment[0] || calling[0]; moment[1] = moment[1] || calling[1]; moment[2] = moment[2] || calling[2]
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
  byte held, calls, seen_tag, seen_alive;
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
        if
        :: seen_alive < MAX ->
#ifdef READ_THEN_WRITE
           atomic { alive = seen_alive + 1; reserved++; note() };
#else
           atomic {
             if
             :: alive == seen_alive -> alive = seen_alive + 1; reserved++; note()
             :: else -> seen_alive = 255
             fi
           };
#endif
           if
           :: seen_alive == 255 -> goto again
           :: else -> skip
           fi;
           build();
           if
           :: failed -> atomic { alive--; reserved--; note() } /* gives the reservation back */
           :: else -> got = true
           fi;
           break
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
again:  skip
     od;
     atomic { calling[_pid] = false; moment[_pid] = false; held = held + got; got = false; failed = false; seen_tag = 0; seen_alive = 0 }
  :: held > 0 -> atomic { held--; idle++; tag++; note() } /* release */
  :: held > 0 && calls < CALLS -> /* discard: destroyed, then no longer alive */
     calls++;
     atomic { existing--; held-- };
     atomic { alive--; reserved--; note() }
  :: calls >= CALLS && held == 0 -> break
  od
}
