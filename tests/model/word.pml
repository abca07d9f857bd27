/* word.pml: refusals of a pool whose idle objects are bits of one word, without a lock.
 *
 * An acquire takes a bit, or finds a place to build in, or looks whether it is refused: at `changes`, which tells that ends of reservations or a trim are
 * under way, and how often they were; at how many are alive; at the word; and at `changes` again. A trim takes all bits out of the word, under
 * the lock, and puts them back; whoever sees that something is under way looks once more under the lock.
 *
 * Two that acquire, which then release or destroy what they got; one that destroys or releases what it holds; one that trims.
 *
 * Holds: nobody is refused unless there was a moment during its call at which nothing was idle, in the word or in the trim's hands, and as many were
 * alive as there may be; no object is in two hands; none is lost.
 *
 * mutant: NO_SECOND_LOOK   the refusal does not look at `changes` again
 * mutant: NOT_UNDER_WAY    the refusal does not ask whether something is under way
 * mutant: SILENT_TRIM      the trim does not say that it is under way
 * mutant: SILENT_END       the end of a reservation does not change `changes`
 * mutant: TWO_STEPS        a bit is looked at, and cleared afterwards
 */
#define MOST 2

bool idle[2];      /* the word */
bool aside[2];     /* in the trim's hands */
byte owner[2];     /* ghost: who holds it; 0: nobody */
byte alive = 2;
byte under_way = 0, changed = 0; /* the two halves of `changes` */
bool lock;
bool moment[5]; /* ghost: there was such a moment since its acquire began */
byte finished = 0;

#define NONE_THERE (!idle[0] && !idle[1] && !aside[0] && !aside[1] && alive == MOST)

inline note() {
  if
  :: NONE_THERE -> moment[1] = true; moment[2] = true
  :: else -> skip
  fi
}

inline take(x) { /* x: 0, 1, or 2 for nothing */
#ifdef TWO_STEPS
  x = (idle[0] -> 0 : (idle[1] -> 1 : 2));
#endif
  atomic {
#ifndef TWO_STEPS
    x = (idle[0] -> 0 : (idle[1] -> 1 : 2));
#endif
    if
    :: x < 2 -> assert(owner[x] == 0); idle[x] = false; owner[x] = _pid; note()
    :: else -> skip
    fi
  }
}

inline change_begins() {
  under_way++
}

inline change_ends() {
  d_step { under_way--; changed++ }
}

inline release(x) {
  atomic { assert(owner[x] == _pid); owner[x] = 0; idle[x] = true; x = 2 }
}

inline destroy(x) {
  atomic { assert(owner[x] == _pid); owner[x] = 9 }; /* nobody's until it is built anew */
#ifndef SILENT_END
  change_begins();
#endif
  atomic { alive--; x = 2 };
#ifndef SILENT_END
  change_ends()
#endif
}

inline build(x) { /* the place is reserved */
  atomic {
    if
    :: owner[0] == 9 -> x = 0
    :: else -> assert(owner[1] == 9); x = 1
    fi;
    owner[x] = _pid
  }
}

inline give_back(x) {
  if
  :: release(x)
  :: destroy(x)
  fi
}

proctype acquirer() {
  byte x = 2, seen;
  bool refused = false, again;
  atomic { moment[_pid] = NONE_THERE };
  do
  :: take(x);
     if
     :: x < 2 -> break
     :: else -> skip
     fi;
     if
     :: under_way > 0 -> /* the lock keeps out the trim */
        atomic { !lock -> lock = true };
        take(x);
        lock = false;
        if
        :: x < 2 -> break
        :: else -> skip
        fi
     :: else -> skip
     fi;
     again = false;
     atomic {
       if
       :: alive < MOST -> alive++; again = true; note()
       :: else -> skip
       fi
     };
     if
     :: again -> build(x); break
     :: else -> skip
     fi;
     d_step { /* one word: both halves at once */
       seen = changed;
#ifndef NOT_UNDER_WAY
       again = under_way > 0
#endif
     };
     if
     :: !again -> again = alive < MOST
     :: else -> skip
     fi;
     if
     :: !again -> again = idle[0] || idle[1]
     :: else -> skip
     fi;
#ifndef NO_SECOND_LOOK
     if
     :: !again ->
        d_step {
          again = seen != changed;
#ifndef NOT_UNDER_WAY
          again = again || under_way > 0
#endif
        }
     :: else -> skip
     fi;
#endif
     if
     :: !again -> refused = true; break
     :: else -> skip
     fi
  od;
  assert(!refused || moment[_pid]);
  if
  :: x < 2 -> give_back(x)
  :: else -> skip
  fi;
  finished++
}

proctype holder() {
  byte x = 0;
  give_back(x);
  finished++
}

proctype trimmer() {
  atomic { !lock -> lock = true };
#ifndef SILENT_TRIM
  change_begins();
#endif
  atomic { if :: idle[0] -> idle[0] = false; aside[0] = true :: else -> skip fi };
  atomic { if :: idle[1] -> idle[1] = false; aside[1] = true :: else -> skip fi };
  atomic { if :: aside[0] -> aside[0] = false; idle[0] = true :: else -> skip fi };
  atomic { if :: aside[1] -> aside[1] = false; idle[1] = true :: else -> skip fi };
#ifndef SILENT_TRIM
  change_ends();
#endif
  lock = false;
  finished++
}

init {
  atomic {
    idle[1] = true; owner[0] = 3;
    run acquirer(); run acquirer(); run holder(); run trimmer()
  };
  finished == 4;
  assert((idle[0] || owner[0] == 9) && (idle[1] || owner[1] == 9)); /* none is lost */
  assert(alive == idle[0] + idle[1] && under_way == 0)
}
