/* objpool.h - v2.0.0 - a type-specialised, thread-safe object pool in one file
   SPDX-License-Identifier: MIT OR Unlicense

   One macro line gives a pool of your own type: acquire and release in a few nanoseconds on any number of threads, exact
   limits although every thread has a cache, guards that give an object back at the end of its scope, checked releases,
   statistics.

   A complete example:

      #define OBJPOOL_IMPLEMENTATION            // in exactly one .c or .cpp file
      #include "objpool.h"
      #include <stdio.h>

      struct conn { int socket; };
      OBJPOOL_DEFINE(conn_pool, struct conn);   // at file scope, in a header or a source file

      static conn_pool pool;                    // all-zero is ready to use

      int main(void) {
        OBJPOOL_WITH(conn_pool, conn, &pool) {  // released at the end of the block, however it is left
          conn->socket = 7;
          printf("socket %d\n", conn->socket);
        } else {
          perror("no connection");
        }
        conn_pool_destroy(&pool);
        return 0;
      }

   Build with -pthread; nothing else is needed.

   CONTENTS (search for the tags)
      >>switches        what to #define before the include
      >>functions       the generated functions, as prototypes
      >>notes           threads, ownership, memory
      >>config          compilers, macros
      >>types           public types
      >>core            the inline fast paths
      >>define          OBJPOOL_DEFINE and the guards
      >>sizes           buffers by size
      >>implementation  rooms, each of which uses only those above it:
        >>system        what the operating system gives, and what stands in its place
        >>process       the process lock, the fork that is under way, thread indices
        >>state         what a pool in use consists of
        >>panics        mistakes and events
        >>memory        where a pool's memory comes from
        >>depot         full and empty magazines, two lock-free stacks
        >>places        what handles name
        >>segments      how cells and their tags lie in it
        >>blocks        the memory that objects lie in
        >>limits        places among max_objects, room among max_idle
        >>counts        what each thread counts
        >>times         how long waits, creates and uses took
        >>peaks         how a new peak is noticed without a test in the fast paths
        >>commons       one magazine under a lock
        >>loops         what is due for an event loop
        >>waiting       the queue
        >>revocation    how every slot is closed
        >>slot          what a thread's slow paths do with its slot
        >>threads       thread indices given out, slots made
        >>tracking      who holds an object: words before it
        >>local         engine of one thread's pools
        >>uncached      engine of pools without caches
        >>lone          pools of up to 64 objects that one thread uses alone
        >>bounded       engine of pools of up to 64 objects
        >>cached        engine of pools with caches
        >>timing        how old objects are, and for how long idle
        >>objects       building and taking down
        >>trimming      gathering idle objects, and taking some down
        >>reserve       memory that init takes for all that is to come
        >>binding       the state of a pool: found, verified or made
        >>misuse        what is wrong with an object
        >>acquiring     the slow half of an acquire
        >>releasing     the slow half of a release
        >>async         event loops tell their waiters
        >>walking       loops over what is in use
        >>holders       what is held, longest first, and what leaked
        >>registry      every named pool
        >>forks         what happens to all this in a child
        >>life          init, warm-up, trim, resize, destroy
        >>closing       close and drain
        >>untyped       the operations without the type
        >>statistics    snapshots and resets
      >>fleet           what looks at many pools:
        >>sums          many pools as one
        >>large         buffers that are larger than every class
        >>sets          the classes of a set, together
        >>output        the formats
        >>pressure      of the machine's memory
        >>maintenance   creating ahead of demand, giving back after it
        >>monitor       alerts, and a thread that looks

   SWITCHES                                                                                                     >>switches

      OBJPOOL_IMPLEMENTATION      in one file: compile the slow paths here
      OBJPOOL_STATIC              that copy, and the pools used with it, are private to its file
      OBJPOOL_API                 what stands before each public function [extern]; in a library built by
                                  -fvisibility=hidden whose users share its pools
                                  __attribute__((visibility("default"))), with or without an extern before it
      OBJPOOL_ASSERT(cond)        internal consistency checks [none]
      OBJPOOL_PANIC(message)      misuse was found [prints the message on stderr and aborts]; may jump away or return:
                                  the call then had no effect (an extract gives zeroes or T(), or without T() aborts)
      OBJPOOL_CACHE_LINE          bytes between what different threads write, a plain number [128]
      OBJPOOL_MAX_THREADS         threads with a cache of their own at a time, a plain number [256]; 8 bytes each per pool
      OBJPOOL_UNCHECKED           drops the checks of a release
      OBJPOOL_NO_STATS            drops the counters
      OBJPOOL_NO_THREADS          the program has one thread: no TLS, no locks, no pthread
      OBJPOOL_NO_STDIO            nothing is printed; a panic only aborts
      OBJPOOL_NO_MEMBARRIER       never use the membarrier system call (thread caches then stay closed: correct, slower)
      OBJPOOL_TLS_MODEL           a string: how the one thread-local word is reached [glibc: "initial-exec"; elsewhere the
                                  compiler's choice]; "global-dynamic" for hundreds of plugins with a copy each
      OBJPOOL_VALGRIND            tell Valgrind's memcheck which objects are idle (needs valgrind/memcheck.h)

   CACHE_LINE, MAX_THREADS, UNCHECKED, NO_STATS and NO_THREADS hold for the whole program: files compiled with different
   ones fail to link.

   FUNCTIONS generated by OBJPOOL_DEFINE(conn_pool, struct conn)                                               >>functions

      OBJPOOL_DEFINE(conn_pool, struct conn,          // options, in any order, each an assignment to the word opt:
        opt.create      = conn_open,                  // bool (*)(T *, void *context): builds in zeroed memory
        opt.reset       = conn_rollback,              // void (*)(T *, void *): on every release
        opt.validate    = conn_is_alive,              // bool (*)(T *, void *): false: the object is destroyed
        opt.validate_on = OBJPOOL_ON_ACQUIRE,         // | OBJPOOL_ON_RELEASE | OBJPOOL_ON_MAINTAIN [acquire and release]
        opt.destroy     = conn_close,                 // void (*)(T *, void *): takes down what create built
        opt.on_event    = conn_trace,                 // void (*)(const objpool_event *, void *): sees each event
        opt.local       = false,                      // one thread at a time uses the pool: no atomics, no lock
        opt.wipe        = false,                      // no byte of an object survives its release
        opt.handles     = false,                      // objects have handles
        opt.timed       = false,                      // objects age: config.max_lifetime_ns, idle_timeout_ns, refresh
        opt.tracked     = false);                     // objects know who holds them: objpool_each_held, the report of leaks

      // False with errno EINVAL (objpool_config_error says why), EEXIST (the name), ENOMEM or ECANCELED: it is all-zero.
      bool conn_pool_init(conn_pool *pool, const objpool_config *config);
      void conn_pool_destroy(conn_pool *pool);

      // An object the caller must release, or NULL with errno ENOMEM, ECANCELED (create refused) or EAGAIN (the cap).
      struct conn *conn_pool_acquire(conn_pool *pool);
      // C++: an object as from acquire; a new one is built as T(x, y), or as T{x, y} where there is no such constructor, in
      // place of the default and of create. One that was idle is what it was.
      conn *conn_pool::make(conn_pool *pool, x, y);
      // An idle object the caller must release, or NULL with EAGAIN; never creates.
      struct conn *conn_pool_try_acquire(conn_pool *pool);
      // As acquire, but waits its turn at the cap, OBJPOOL_MS(250) say; negative: without limit. NULL with ETIMEDOUT when
      // time is up. Waiters are served in the order they came; who comes later may take what is idle just then, until the
      // first in line has waited for config.fair_after_ns: from then on objects are handed to that one.
      // With config.retry_create_ns an acquire that may wait does not end when create refuses (ECANCELED, not ENOMEM): it tries
      // again after so long, then after twice as long, and so on, until its time is up, which leaves the last refusal in errno.
      // Between the tries it stands in line for objects, where it stood, and any that comes back serves it; the place that it
      // could not fill is for whoever comes next. Create runs in the caller: one that takes long is not cut short.
      struct conn *conn_pool_acquire_for(conn_pool *pool, int64_t timeout_ns);
      // As acquire_for, without a thread that waits: an event loop's waiter stands in the same line as threads. An object at
      // once; or NULL with EINPROGRESS: then `ready` comes once, from objpool_loop_run alone, with an object that is its own to
      // release, or with NULL and ETIMEDOUT, ECANCELED, ENOMEM or OBJPOOL_ECLOSED; or NULL with acquire's errors, or EINVAL for
      // a loop that is none. On the loop's thread; in local pools, too. The waiter lies in your request, all-zero when it is
      // new, with a `user` for you; from `ready` on it may be used again as it is, or freed. `ready` may use pools as it
      // likes; it must not throw or longjmp.
      struct conn *conn_pool_acquire_async(conn_pool *pool, conn_pool_waiter *waiter, objpool_loop *loop, int64_t timeout_ns,
                                           void (*ready)(conn_pool_waiter *waiter, struct conn *conn, int error));
      // True: it no longer waits, what it had been handed goes to the next in line, `ready` never comes. False: that has come,
      // or is about to. Any thread, while waiter and loop are there (who frees them in `ready` must know of other threads).
      bool conn_pool_cancel(conn_pool *pool, conn_pool_waiter *waiter);
      // Gives an object back, whichever thread acquired it. NULL is fine. Cannot fail; preserves errno.
      void conn_pool_release(conn_pool *pool, struct conn *conn);
      // A release of a broken object: it is destroyed.
      void conn_pool_discard(conn_pool *pool, struct conn *conn);
      // Moves the value out of the pool for good; no reset, no destroy.
      struct conn conn_pool_extract(conn_pool *pool, struct conn *conn);
      // How many it got; errno as acquire when short.
      size_t conn_pool_acquire_many(conn_pool *pool, struct conn **conns, size_t count);
      void conn_pool_release_many(conn_pool *pool, struct conn *const *conns, size_t count);
      // Creates until `idle` objects are idle; returns how many it created.
      size_t conn_pool_warmup(conn_pool *pool, size_t idle);
      // Destroys idle objects until at most `keep` are idle, and gives free blocks back; returns how many it destroyed.
      size_t conn_pool_trim(conn_pool *pool, size_t keep);
      size_t conn_pool_clear(conn_pool *pool);
      // As trim, but destroys at most `most`, in a time that `most` bounds, whatever is idle: for a frame or a tick.
      size_t conn_pool_trim_some(conn_pool *pool, size_t keep, size_t most);
      // No more objects: whoever waits gets NULL at once, and every acquire from now on, with errno OBJPOOL_ECLOSED, counted
      // nowhere. Idle objects are destroyed now, those in use when they come back, one that is being created once it is
      // built. Any thread; waits for nobody; twice is harmless; nothing reopens the pool but destroy.
      void conn_pool_close(conn_pool *pool);
      // Waits until nothing is in use or being created, and every destroy has returned. False with ETIMEDOUT, or EDEADLK at
      // once in a local pool with objects in use. After close and a drain that succeeded, destroy is safe as soon as no
      // thread will call an acquire any more: it waits for releases that are under way. What it cannot see is the last look, a
      // few instructions, of one that began before the close and had nothing else to do.
      bool conn_pool_drain(conn_pool *pool, int64_t timeout_ns);
      // Forgets every idle object without destroy (it counts as extracted; the memory stays the pool's), and returns how
      // many: for the child of a fork, whose parent owns what the objects stand for.
      size_t conn_pool_abandon(conn_pool *pool);
      // With opt.timed: all that is alive now is outdated. Idle objects go at once, those in use when they come back, one that
      // is being created after its first use. Returns how many went at once; 0 with EINVAL: the pool is not timed.
      size_t conn_pool_refresh(conn_pool *pool);
      // The pool's hooks are from now on those of the calling file's definition: after the library that holds them was loaded
      // anew. False with EINVAL: size, alignment or kind differ, and nothing was changed. Nobody uses the pool meanwhile.
      bool conn_pool_rebind(conn_pool *pool);
      // New limits while in use (OBJPOOL_UNCHANGED keeps one); false with EINVAL or ENOMEM changes nothing.
      bool conn_pool_resize(conn_pool *pool, size_t max_idle, size_t max_objects);
      // Prepares the calling thread: its next calls need no allocation. false with ENOMEM.
      bool conn_pool_attach(conn_pool *pool);
      // Bytes that are enough for a pool with reserve = max_objects = objects (and a cache_size of at most 128, or none at
      // all), used by so many threads, that of init included, for good: for an arena that is aligned to 16 and takes nothing
      // back. A name comes on top. SIZE_MAX: more than there can be.
      size_t conn_pool_memory_for(size_t objects, size_t threads);
      // With opt.handles: names one use of an object, from its acquire to its release; all-zero names nothing.
      typedef struct conn_pool_handle { uint32_t index, generation; } conn_pool_handle;
      conn_pool_handle conn_pool_handle_of(const conn_pool *pool, const struct conn *conn);
      // The object while that use lasts, else NULL, whatever the handle is. Any thread, but for a destroy (a local pool's own
      // thread); somebody must keep the object from being released while it is worked on. Indices are small: below twice the
      // peak of objects, plus 64.
      struct conn *conn_pool_get(const conn_pool *pool, conn_pool_handle handle);
      // A release, unless that use has ended: then false. Of two who end a use one wins.
      bool conn_pool_release_handle(conn_pool *pool, conn_pool_handle handle);
      // Releases every object in use, in the order of OBJPOOL_EACH; returns how many. Nobody else uses the pool meanwhile.
      size_t conn_pool_release_all(conn_pool *pool);

      // Every object in use when the loop begins, once, in the order of their places: as created, never by address. The body
      // may release this one or any other, acquire (a newcomer is met once at most, or not), break, continue, return; what
      // other threads change is seen or not. (With OBJPOOL_UNCHECKED only pools with opt.handles can be walked.) C++ also:
      // for (conn &c : objpool_each(pool))
      OBJPOOL_EACH(conn_pool, conn, &pool) { conn->n++; }

      objpool_stats conn_pool_stats(const conn_pool *pool);
      void conn_pool_reset_stats(conn_pool *pool);

      typedef struct { struct conn *object; conn_pool *pool; } conn_pool_guard;   // empty when object is NULL
      conn_pool_guard conn_pool_guard_acquire(conn_pool *pool);
      conn_pool_guard conn_pool_guard_acquire_for(conn_pool *pool, int64_t timeout_ns);
      void conn_pool_guard_release(conn_pool_guard *guard);              // the guard is then empty; twice is harmless
      void conn_pool_guard_discard(conn_pool_guard *guard);
      struct conn *conn_pool_guard_take(conn_pool_guard *guard);         // the caller owns the object
      conn_pool_guard conn_pool_guard_move(conn_pool_guard *guard);      // how a function returns its guard
      struct conn conn_pool_guard_extract(conn_pool_guard *guard);
      struct conn const *conn_pool_guard_ref(const conn_pool_guard *guard);   // panics on an empty guard
      struct conn *conn_pool_guard_mut(conn_pool_guard *guard);

      OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire(&pool);  // released at the end of the scope
      OBJPOOL_WITH(conn_pool, conn, &pool) { … } else { … }              // break and continue end its block only
      // (where both branches return, one more return after them: compilers do not see that it is not reached)

   NOTES                                                                                                           >>notes

   Threads. Any number of threads may use a pool at once, all functions but init and destroy. What was written to an
   object before its release is seen by whoever acquires it. Not for signal handlers. Hooks run outside every lock; they
   may fork, or come back on another thread (fibers), but not longjmp or be cancelled. In C++ create, reset and validate may
   throw: create has then refused, the object of the others is destroyed as invalid. No function is a cancellation point.
   longjmp and exit leave a scope without releasing its guards.

   Event loops. A waiter of a loop (conn_pool_acquire_async) stands in line among threads, in the order in which they came. It
   cannot look for itself: what comes back while it is the first is handed to it at once, with or without fair_after_ns, and
   is in use from then on for close, drain and max_objects, though it counts as acquired only when objpool_loop_run has told
   it. A pool must not be destroyed before its waiters were told, but those that a close sent away; a loop not before all were.

   Ownership. What an acquire returns is the caller's until release, discard or extract. Objects never move. The pool
   writes into an object only for opt.wipe: an idle object keeps its state.

   Memory. Every thread has a slot per pool; every idle object lies in one of three places:

        thread A            thread B              the pool
      ┌ slot ────────┐   ┌ slot ────────┐   depot:    full and empty magazines, two lock-free stacks
      │ top          │   │ top          │   commons:  one magazine under a lock, for threads without an open cache
      │ base  limit  │   │ base  limit  │   blocks:   the memory objects lie in, each larger than the one before
      │ current ───▶ magazine of 64     │
      │ previous ──▶ magazine           │   A thread touches its own slot with plain loads and stores. Whoever must see
      └──────────────┘   └──────────────┘   every idle object (at a cap, in trim) revokes all slots first.

   With config.reserve init asks the allocator once, for the memory of so many objects and of all that a pool needs beside
   them; until more are alive at once, nothing is asked for but a slot and a few magazines for further threads. It stays the
   pool's until destroy: trim gives back only blocks that came later.

   Which engine a pool has is decided by its first configuration. Threads have caches, as above, where there is no cap, and with
   a cap above 1. But with fewer than 64 objects (max_objects or max_idle) they have none where objects are made by a hook or are
   timed, or max_idle is that small: there an acquire that finds whatever is idle, and a release that keeps what it can, are
   worth more than nanoseconds; nor on systems without membarrier, where slots stay closed. Up to 64 objects (max_objects) that no
   thread has a cache for fit one word, a bit for each that is idle: an acquire and a release are one locked instruction each,
   and the look whether anything is idle is a load. While one thread alone uses such a pool, what it gives back lies in its own
   slot and not even that is needed, until another thread comes: not with hooks on acquire or release, an event, wiping, max_idle
   or a cache_size. A few such changes of threads, and the pool stays shared, until a thread ends or the pool is trimmed. All
   else that has no caches is one stack.

   A cell of a block is a tag word and an object. The tag is made of the pool's key and the object's address; its lowest bit
   tells an object in use from an idle one. A release checks it. With opt.handles another word before it is the object's
   handle, in a local pool, or says where its generation is, four bytes that outlive it and tell whether the object is in use;
   with opt.timed three more tell its age, and with opt.tracked five its use: since when, from where, by which thread. With
   opt.handles a block has whole ranges of 32 cells, of fewer where objects have more than 128 bytes.

   A type of up to 1024 bytes that fills multiples of its alignment, 32 or more, would lose a whole alignment by a word before
   it. Where that is more than a quarter, and without these three options, a block consists of segments of 512 to 4096 bytes, each
   with the tags of its objects at its end. 64 bytes aligned to 64 take 73 each, where they would take 128 (32: 43 for 64; 128: 137
   for 256; 1024: 1365 for 2048), without caches but with a cap above 64 or none 85. An acquire and a release compute where the tag
   is: eight instructions more a pair. What is written in front of such an object hits its neighbour, and no tag. Blocks are
   aligned to their segments; an allocator that aligns them less is taken for one that has no memory.

   Holders. In pools with opt.tracked an acquire notes the time, the thread and the place of its call, and the end of a use
   counts how long that was (OBJPOOL_TIME_USE): two reads of a clock a pair. The place is an address within the call: with gcc and clang,
   optimised or not, `addr2line -ipfe program offset` names the function and the line, last where functions were inlined, and
   a program's addresses less where it lies are such offsets. A call without the type that is the last that a function does
   (a tail call) is its caller's.

   Age. In pools with opt.timed each object knows when it was built and when it came back last, by a clock that is read in a
   few ns. An object in use is never taken: what is older than config.max_lifetime_ns, or outdated by refresh, goes when it
   comes back, or an acquire or maintenance finds it idle. What was idle for longer than config.idle_timeout_ns goes by
   maintenance, longest idle first, down to min_idle. All of that counts as expired. The newest idle object is handed out
   first: the newest in the thread's cache, where threads have caches.
*/
#ifndef OBJPOOL_H
#define OBJPOOL_H

/* ------------------------------------------------------------------------------------------------------ >>config */

#define OBJPOOL_VERSION_MAJOR 2
#define OBJPOOL_VERSION_MINOR 0
#define OBJPOOL_VERSION_PATCH 0

#if !defined(__GNUC__)
#error "objpool.h needs gcc, clang or mingw gcc: it uses __attribute__((cleanup)) and the __atomic builtins"
#elif defined(__cplusplus) ? __cplusplus < 201103L : __STDC_VERSION__ < 201112L
#error "objpool.h needs C11, C++11 or later"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C and C++. What else they differ in is in >>define. */
#ifdef __cplusplus
#define OBJPOOL__C_BEGINS extern "C" {
#define OBJPOOL__C_ENDS }
#define OBJPOOL__CXX_BEGINS extern "C++" {
#define OBJPOOL__CXX_ENDS }
#define OBJPOOL__STATIC_ASSERT static_assert
#define OBJPOOL__NULL nullptr
#define OBJPOOL__STRICT
#define OBJPOOL__CAST(type, value) static_cast<type>(value)
#define OBJPOOL__ZERO \
  {}
#define OBJPOOL__NS(count, unit) objpool__ns<unit>(count)
#else
#define OBJPOOL__C_BEGINS
#define OBJPOOL__C_ENDS
#define OBJPOOL__CXX_BEGINS
#define OBJPOOL__CXX_ENDS
#define OBJPOOL__STATIC_ASSERT _Static_assert
#define OBJPOOL__NULL NULL
#define OBJPOOL__STRICT                                                \
  OBJPOOL__PRAGMA(GCC diagnostic error "-Wincompatible-pointer-types") \
  OBJPOOL__PRAGMA(GCC diagnostic error "-Wint-conversion")
#define OBJPOOL__CAST(type, value) ((type)(value))
#define OBJPOOL__ZERO \
  { 0 }
#define OBJPOOL__NS(count, unit) ((int64_t)((count)*INT64_C(unit)))
#endif

/* In C++20 members are named as in C, and g++ warns of those that were not, unless they have a default. Not before: in C++11
   a class with defaults is no aggregate. With defaults it is not trivial, and g++ would warn of a memset, which is as right
   as ever: OBJPOOL__CLEARED overloads it. (string.h comes first: g++ would not know its own memset any more.) */
#if defined(__cplusplus) && __cplusplus > 201703L
#include <string.h>
#define OBJPOOL__0 \
  {}
#define OBJPOOL__CLEARED(type)                                                      \
  extern "C++" inline void *memset(type *memory, int value, size_t size) noexcept { \
    return __builtin_memset(static_cast<void *>(memory), value, size);              \
  }
#else
#define OBJPOOL__0
#define OBJPOOL__CLEARED(type)
#endif

/* Code of ours is inside: whatever the file's own variables are called, and in C++ it stays the C that it is. What our macros
   bring into the file needs no such leave. The first two let every compiler pass over what it does not know. */
#define OBJPOOL__PRAGMA(...) _Pragma(#__VA_ARGS__)
#define OBJPOOL__WITHOUT(warning) OBJPOOL__PRAGMA(GCC diagnostic ignored warning)
#define OBJPOOL__OURS_BEGINS                          \
  OBJPOOL__PRAGMA(GCC diagnostic push)                \
  OBJPOOL__WITHOUT("-Wpragmas")                       \
  OBJPOOL__WITHOUT("-Wunknown-warning-option")        \
  OBJPOOL__WITHOUT("-Wshadow")                        \
  OBJPOOL__WITHOUT("-Wredundant-decls")               \
  OBJPOOL__WITHOUT("-Wdeclaration-after-statement")   \
  OBJPOOL__WITHOUT("-Wold-style-cast")                \
  OBJPOOL__WITHOUT("-Wuseless-cast")                  \
  OBJPOOL__WITHOUT("-Wzero-as-null-pointer-constant") \
  OBJPOOL__WITHOUT("-Wmissing-field-initializers")
#define OBJPOOL__OURS_ENDS OBJPOOL__PRAGMA(GCC diagnostic pop)

#ifndef OBJPOOL_CACHE_LINE
#define OBJPOOL_CACHE_LINE 128
#endif
#ifndef OBJPOOL_MAX_THREADS
#define OBJPOOL_MAX_THREADS 256
#endif

/* What stands before our functions, and before our variables: the same, so that they are as visible, with exactly one
   `extern`. OBJPOOL__AT_FIRST is what a variable begins with, where its declaration is its definition. */
#ifdef OBJPOOL_STATIC
#undef OBJPOOL_API
#define OBJPOOL_API static __attribute__((__unused__))
#define OBJPOOL__DATA OBJPOOL_API
#define OBJPOOL__AT_FIRST(...) = __VA_ARGS__
#define OBJPOOL__LINKED(name)
#else
#define OBJPOOL__LINKED(name) __asm__(OBJPOOL__AS_TEXT(__USER_LABEL_PREFIX__) OBJPOOL__AS_TEXT(OBJPOOL__SYMBOL(name)))
#ifndef OBJPOOL_API
#define OBJPOOL_API extern
#endif
#if defined(_WIN32) || defined(__CYGWIN__) /* a thread-local variable is never imported */
#define OBJPOOL__DATA extern
#else
#define OBJPOOL__DATA OBJPOOL__DATA_BY(OBJPOOL_API)
#endif
#define OBJPOOL__AT_FIRST(...)
#endif
#define OBJPOOL__DATA_BY(...) OBJPOOL__DATA_IF(__VA_ARGS__)
#define OBJPOOL__DATA_IF(...) OBJPOOL__SECOND_OF(OBJPOOL__DATA_##__VA_ARGS__, extern __VA_ARGS__, )
#define OBJPOOL__DATA_extern , extern /* it begins with one: the rest follows */
#define OBJPOOL__DATA_static , extern
#define OBJPOOL__SECOND_OF(...) OBJPOOL__SECOND(__VA_ARGS__)
#define OBJPOOL__SECOND(first, second, ...) second

/* The version and the switches that change layout or protocol are part of every slow path's symbol: files that differ do
   not link, nor do those of which none holds the implementation. The linker shows the name, so it says what to do. For the
   assembler alone: as a name in C, pasted at each use, it was a quarter of what a pool took to compile. */
#ifdef OBJPOOL_UNCHECKED
#define OBJPOOL__CHECKS unchecked
#define OBJPOOL__CHECKED 0
#else
#define OBJPOOL__CHECKS checked
#define OBJPOOL__CHECKED 1
#endif
#ifdef OBJPOOL_NO_STATS
#define OBJPOOL__STATS uncounted
#define OBJPOOL__COUNTED 0
#else
#define OBJPOOL__STATS counted
#define OBJPOOL__COUNTED 1
#endif
#ifdef OBJPOOL_NO_THREADS
#define OBJPOOL__THREADS single
#define OBJPOOL__THREADED 0
#else
#define OBJPOOL__THREADS threads
#define OBJPOOL__THREADED 1
#endif
#define OBJPOOL__PASTE2(name, checks, stats, threads, line, count) \
  name##_needs_OBJPOOL_IMPLEMENTATION_in_one_file_by_the_same_switches_v2_0_0_##checks##_##stats##_##threads##_##line##_##count
#define OBJPOOL__PASTE(name, checks, stats, threads, line, count) \
  OBJPOOL__PASTE2(name, checks, stats, threads, line, count)
#define OBJPOOL__SYMBOL(name) \
  OBJPOOL__PASTE(name, OBJPOOL__CHECKS, OBJPOOL__STATS, OBJPOOL__THREADS, OBJPOOL_CACHE_LINE, OBJPOOL_MAX_THREADS)
#define OBJPOOL__AS_TEXT2(...) #__VA_ARGS__
#define OBJPOOL__AS_TEXT(...) OBJPOOL__AS_TEXT2(__VA_ARGS__)
/* Its symbol is its name: of an emulated thread-local variable compilers make other names by it. */
#define objpool__thread_row OBJPOOL__SYMBOL(objpool__thread_row)

/* How the thread-local word is declared. "initial-exec" saves a call in libraries; glibc keeps room for a word, also under
   dlopen. Without a model, and in what can only be part of a program, it is the compiler's choice. */
#if !defined(OBJPOOL_TLS_MODEL) && defined(__ELF__) && defined(__GLIBC__)
#define OBJPOOL_TLS_MODEL "initial-exec"
#endif
#if !OBJPOOL__THREADED
#define OBJPOOL__TLS
#elif defined(OBJPOOL_TLS_MODEL) && defined(__ELF__) && defined(__PIC__) && !defined(__PIE__)
#define OBJPOOL__TLS __thread __attribute__((__tls_model__(OBJPOOL_TLS_MODEL)))
#else
#define OBJPOOL__TLS __thread
#endif

#define OBJPOOL__LIKELY(condition) __builtin_expect(!!(condition), 1)
#define OBJPOOL__UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define OBJPOOL__MUST_USE __attribute__((__warn_unused_result__))
#define OBJPOOL__CALLED OBJPOOL_API __attribute__((__noinline__)) /* it looks where it was called from */
#ifdef __OPTIMIZE__ /* unoptimised, a debugger should be able to step over it */
#define OBJPOOL__INLINED __attribute__((__unused__, __always_inline__))
#else
#define OBJPOOL__INLINED __attribute__((__unused__))
#endif

/* What a pool's functions are. In C and in C++ static: each file has its own, and two files may not mean the same by a name.
   What a C++20 module exports must not be made of static functions. There they are templates, whose argument tells one
   file's from another's, and hidden: nothing is merged there either. (clang lets a module have static ones.) */
#if defined(__cpp_modules) && !defined(__clang__) && !defined(OBJPOOL_STATIC)
#define OBJPOOL__MODULES
#define OBJPOOL__UNIT unsigned long long objpool__unit = objpool__unit_of(__BASE_FILE__)
#define OBJPOOL__STATIC inline __attribute__((__visibility__("hidden")))
#define OBJPOOL__MADE template <OBJPOOL__UNIT> OBJPOOL__STATIC
#define OBJPOOL__MADE_OF(parameter, type) template <class parameter = type, OBJPOOL__UNIT> OBJPOOL__STATIC
#define OBJPOOL__THAT(function) function<objpool__unit>
extern "C++" constexpr unsigned long long objpool__unit_of(const char *file) {
  unsigned long long hash = 0xcbf29ce484222325u;
  for (; *file; file++) hash = (hash ^ static_cast<unsigned char>(*file)) * 0x100000001b3u;
  return hash;
}
#else
#define OBJPOOL__STATIC static inline
#define OBJPOOL__MADE static inline
#define OBJPOOL__MADE_OF(parameter, type) template <class parameter = type> static inline
#define OBJPOOL__THAT(function) function
#endif
#define OBJPOOL__INLINE OBJPOOL__STATIC OBJPOOL__INLINED

#ifdef __has_feature
#define OBJPOOL__HAS(feature) __has_feature(feature)
#else
#define OBJPOOL__HAS(feature) 0
#endif

/* Idle objects are out of bounds for the sanitizers and for Valgrind. */
#if defined(__SANITIZE_ADDRESS__) || OBJPOOL__HAS(address_sanitizer)
#define OBJPOOL__SANITIZED
OBJPOOL__C_BEGINS
void __asan_poison_memory_region(void const volatile *memory, size_t size);
void __asan_unpoison_memory_region(void const volatile *memory, size_t size);
OBJPOOL__C_ENDS
#define OBJPOOL__HIDE(object, size) __asan_poison_memory_region((object), (size))
#define OBJPOOL__SHOW(object, size) __asan_unpoison_memory_region((object), (size))
#elif OBJPOOL__HAS(memory_sanitizer)
#define OBJPOOL__SANITIZED
OBJPOOL__C_BEGINS
void __msan_poison(const volatile void *memory, size_t size);
void __msan_unpoison(const volatile void *memory, size_t size);
OBJPOOL__C_ENDS
#define OBJPOOL__HIDE(object, size) __msan_poison((object), (size))
#define OBJPOOL__SHOW(object, size) __msan_unpoison((object), (size))
#elif defined(OBJPOOL_VALGRIND)
#define OBJPOOL__SANITIZED
#include <valgrind/memcheck.h>
#define OBJPOOL__HIDE(object, size) ((void)VALGRIND_MAKE_MEM_NOACCESS((object), (size)))
#define OBJPOOL__SHOW(object, size) ((void)VALGRIND_MAKE_MEM_DEFINED((object), (size)))
#else
#define OBJPOOL__HIDE(object, size) ((void)(object), (void)(size))
#define OBJPOOL__SHOW(object, size) ((void)(object), (void)(size))
#endif

/* The first symbol of the file that holds the implementation: of a second one the linker complains by this name. */
#if defined(__ELF__) && !defined(OBJPOOL_STATIC)
#define OBJPOOL__FIRST_SYMBOL                                  \
  __asm__(".pushsection .rodata\n"                             \
          ".globl objpool_has_two_OBJPOOL_IMPLEMENTATIONs\n"   \
          ".hidden objpool_has_two_OBJPOOL_IMPLEMENTATIONs\n"  \
          "objpool_has_two_OBJPOOL_IMPLEMENTATIONs: .byte 0\n" \
          ".popsection");
#else
#define OBJPOOL__FIRST_SYMBOL
#endif
#ifdef OBJPOOL_IMPLEMENTATION
#define OBJPOOL__NAMED
OBJPOOL__FIRST_SYMBOL
#endif

OBJPOOL__OURS_BEGINS
OBJPOOL__C_BEGINS

/* ------------------------------------------------------------------------------------------------------- >>types */

#define OBJPOOL_NO_CACHE SIZE_MAX  /* objpool_config.cache_size: no thread holds idle objects for itself */
#define OBJPOOL_UNCHANGED SIZE_MAX /* resize: keep this limit */
#define OBJPOOL_NONE SIZE_MAX      /* objpool_config.min_idle: maintenance keeps none */

#ifdef _WIN32 /* errno of an acquire after close; by <errno.h>, which whoever uses it includes */
#define OBJPOOL_ECLOSED EPIPE
#else
#define OBJPOOL_ECLOSED ESHUTDOWN
#endif

#define OBJPOOL_MS(count) OBJPOOL__NS(count, 1000000) /* for every timeout: nanoseconds, an int64_t */
#define OBJPOOL_SECONDS(count) OBJPOOL__NS(count, 1000000000)

enum { OBJPOOL_ON_ACQUIRE = 1, OBJPOOL_ON_RELEASE = 2, OBJPOOL_ON_MAINTAIN = 4 }; /* opt.validate_on */

typedef struct objpool objpool; /* the first member of every typed pool */

typedef enum objpool_leak_policy { OBJPOOL_LEAK_REPORT, OBJPOOL_LEAK_ABORT, OBJPOOL_LEAK_IGNORE } objpool_leak_policy;

typedef struct objpool_allocator {
  /* Returns `size` bytes aligned to `alignment` (at most 4096), or NULL. May be called under a pool's slow lock. */
  void *(*allocate)(size_t size, size_t alignment, void *context)OBJPOOL__0;
  void (*deallocate)(void *memory, size_t size, size_t alignment, void *context) OBJPOOL__0;
  void *context OBJPOOL__0;
} objpool_allocator;

/* How big a pool is. Zero means the default in brackets. */
typedef struct objpool_config {
  const char *name OBJPOOL__0;        /* copied; shown in reports and registered [not registered] */
  void *context OBJPOOL__0;           /* handed to every hook */
  size_t warmup OBJPOOL__0;           /* objects created by init [0] */
  size_t reserve OBJPOOL__0;          /* memory for this many objects is taken by init, in one block, and kept [0] */
  size_t min_idle OBJPOOL__0;         /* maintenance keeps at least this many idle [warmup]; OBJPOOL_NONE: none */
  size_t max_idle OBJPOOL__0;         /* idle objects kept; a release beyond it destroys [no limit] */
  size_t max_objects OBJPOOL__0;      /* objects alive at once, in use or idle: never exceeded [no limit] */
  size_t cache_size OBJPOOL__0;       /* idle objects a thread may hold for itself [chosen]; OBJPOOL_NO_CACHE: none */
  double growth_factor OBJPOOL__0;    /* each block of memory is this much larger than the one before [2.0] */
  double shrink_threshold OBJPOOL__0; /* maintenance trims when more than this share is idle [0.7] */
  objpool_allocator allocator OBJPOOL__0; /* [the C library's] */
  objpool_leak_policy on_leak OBJPOOL__0; /* objects in use at destroy [OBJPOOL_LEAK_REPORT, on stderr] */
  uint64_t fair_after_ns OBJPOOL__0; /* who has waited this long is overtaken by nobody [1 ms]; 1: nobody ever is */
  bool ignore_pressure OBJPOOL__0;   /* maintenance does not look at the machine's memory [it does] */
  /* Of pools with opt.timed; others refuse them. Each in ns, and exact to the tick of a coarse clock, some 4 ms, unless one of
     them is below 100 ms. */
  uint64_t idle_timeout_ns
      OBJPOOL__0; /* maintenance destroys what was idle for longer, and gives back nothing else [none] */
  uint64_t max_lifetime_ns OBJPOOL__0;   /* what is older is not handed out any more [none] */
  uint64_t validate_after_ns OBJPOOL__0; /* an acquire validates only what was idle for that long [0: always] */
  /* Of any pool: who may wait tries a create that refused once more after so many ns [never]. */
  uint64_t retry_create_ns OBJPOOL__0;
} objpool_config;

/* What a pool without a static type needs to know of its objects (objpool_init). */
typedef struct objpool_type {
  size_t size OBJPOOL__0, alignment OBJPOOL__0;
  bool (*create)(void *object, void *context) OBJPOOL__0;
  void (*reset)(void *object, void *context) OBJPOOL__0;
  bool (*validate)(void *object, void *context) OBJPOOL__0;
  void (*destroy)(void *object, void *context) OBJPOOL__0;
  unsigned validate_on OBJPOOL__0; /* 0: on acquire and on release */
  bool local OBJPOOL__0, wipe OBJPOOL__0, handles OBJPOOL__0, timed OBJPOOL__0, tracked OBJPOOL__0;
} objpool_type;

/* A snapshot. At rest and until the first reset created - destroyed - extracted == in_use + idle. Peaks are exact for local
   pools and while one thread uses a pool; with more they may lag by what the threads' caches hold. */
typedef struct objpool_stats {
  uint64_t acquires, releases;                   /* objects handed out, and given back */
  uint64_t hits, misses;                         /* acquires = hits (an idle object) + misses (a new one) */
  uint64_t created, destroyed, extracted;        /* objects built, taken down, moved out */
  uint64_t overflowed, invalid;                  /* destroyed for max_idle; by validate or discard */
  uint64_t create_failures, exhausted, timeouts; /* acquires that returned NULL: ENOMEM/ECANCELED, EAGAIN, ETIMEDOUT */
  uint64_t waits, wait_ns, waiting;              /* acquires that waited, how long in all; waiting now */
  uint64_t in_use, idle;                         /* now */
  uint64_t peak_in_use, peak_idle;               /* since the last reset */
  uint64_t refills, flushes, revocations;        /* traffic between thread caches and the shared part */
  uint64_t retired;                              /* cells whose generations are used up */
  uint64_t object_size, memory_bytes;            /* bytes of a T; bytes held from the allocator */
  uint64_t max_idle, max_objects;                /* the limits, 0: none */
  uint64_t since_ns, now_ns;                     /* monotonic time of the last reset, and of the snapshot */
  uint64_t expired;                              /* destroyed for its age, its idle time, or by refresh */
} objpool_stats;

typedef enum objpool_time {
  OBJPOOL_TIME_WAIT,   /* in the queue, with success or in vain: every pool */
  OBJPOOL_TIME_CREATE, /* calls of `create`, those that it refused included: pools that have one */
  OBJPOOL_TIME_USE     /* from an acquire to its release, discard or extract: tracked pools */
} objpool_time;

enum { OBJPOOL__TIMES = OBJPOOL_TIME_USE + 1, OBJPOOL__BUCKETS = 14 };

/* Bucket i counts what took at most 4^i microseconds and more than 4^(i-1), the last one the rest, above 16.8 s. */
typedef struct objpool_histogram {
  uint64_t count, sum_ns; /* count: of all buckets */
  uint64_t buckets[14];
} objpool_histogram;

/* One use of an object, as of now (tracked pools). */
typedef struct objpool_hold {
  const void *object;
  uint64_t held_ns, uses; /* since its acquire; how often it was handed out, this time included */
  const void *site;       /* within the call that acquired it, inlined or not: `addr2line -ipfe program site` */
  uint64_t thread;        /* that did: the system's number of it; elsewhere than on Linux and Windows one of ours */
} objpool_hold;

typedef enum objpool_event_kind {
  OBJPOOL_EVENT_ACQUIRE,
  OBJPOOL_EVENT_RELEASE,
  OBJPOOL_EVENT_CREATE,
  OBJPOOL_EVENT_DESTROY,
  OBJPOOL_EVENT_GROW,
  OBJPOOL_EVENT_SHRINK,
  OBJPOOL_EVENT_CLEAR,
  OBJPOOL_EVENT_RESIZE,
  OBJPOOL_EVENT_EXHAUSTED,
  OBJPOOL_EVENT_WAIT,
  OBJPOOL_EVENT_EXTRACT,
  OBJPOOL_EVENT_TIMEOUT /* of a wait */
} objpool_event_kind;

typedef struct objpool_event {
  objpool_event_kind kind;
  const objpool *pool;
  const void *object; /* ACQUIRE, RELEASE, CREATE, DESTROY, EXTRACT; else NULL */
  size_t count; /* objects: of a new block (GROW), destroyed (SHRINK, CLEAR), the new max_objects (RESIZE); else 1 */
  uint64_t time_ns; /* monotonic */
} objpool_event;

/* 64 bits that are read and written at once: i386 would align a plain uint64_t in a structure to 4 bytes. */
typedef uint64_t __attribute__((__aligned__(8))) objpool__uint64;

/* Where idle objects lie within one thread's reach. `top` is the address just above the last idle pointer. The owner
   alone writes top and the two counters; base, limit and all else are written under the slot's lock. */
typedef struct objpool__slot {
  uintptr_t top;   /* what the owner may take next lies below it; lowered below base, it is a claim */
  uintptr_t base;  /* the owner may take down to here without asking; OBJPOOL__REVOKED: must ask */
  uintptr_t limit; /* the owner may store below this; 0: must ask */
  objpool__uint64 acquires, releases; /* by the owner of the slot, fast and slow */
} objpool__slot;

#define OBJPOOL__REVOKED UINTPTR_MAX

/* Whether nothing but the inline checks stands between an object and whoever acquires or releases it: no hook, no event. */
typedef enum objpool__plainness { OBJPOOL__NOT_PLAIN, OBJPOOL__PLAIN_SHARED, OBJPOOL__PLAIN_ALONE } objpool__plainness;

/* In pools with handles each cell has an index, whose generation outlives it: how many uses have ended, and in the highest bit
   whether there is one now, which the tag does not say then. When the count is 0 again the cell is retired, and its index with
   it. A range of indices is that of as many cells in a row, of one block at a time. Where threads share the pool generations lie
   apart, since a get may run beside whatever gives cells back: the word before a cell's tag says where. In a pool of one thread
   that word is the index and the generation, as in a handle: a get reads one word, of the object's own (1.2 ns for 2.0,
   bench/frame), and a pair takes two instructions more than without handles. */
#define OBJPOOL__IN_USE ((uint32_t)1 << 31)

typedef struct objpool__renewal {
  uint32_t generation; /* of those that get the range next */
  uint32_t gone;       /* a bit for each that is retired */
} objpool__renewal;

typedef struct objpool__range {
  /* the address of its first cell, less that cell's index times the stride; odd: it has none. Written under the memory lock */
  uintptr_t cells;
  union {
    uintptr_t generations;    /* the address of its first generation, less as many as come before */
    objpool__renewal renewal; /* in a pool of one thread */
  } of;
} objpool__range;

#define OBJPOOL__NO_CELLS ((uintptr_t)1)   /* it is free */
#define OBJPOOL__LOST_CELLS ((uintptr_t)3) /* all are retired */

/* All ranges. A table that was outgrown is kept: others may be reading it. */
typedef struct objpool__places {
  size_t stride;           /* of a cell */
  objpool__range range[1]; /* as many as there is memory for */
} objpool__places;

/* Generations lie in pages that never move. Before them stands what an index is more than the number of a generation's word in
   its page, in as much room as a range takes. */
enum { OBJPOOL__PAGE_BYTES = 1024, OBJPOOL__PAGE_WORDS = OBJPOOL__PAGE_BYTES / sizeof(uint32_t) };

/* Cells of one block, or the generations of such. Loops have a copy that nobody else knows of: it stays in registers. */
typedef struct objpool__stretch {
  char *at, *end;
  size_t step;    /* from cell to cell */
  uintptr_t cell; /* of a generation: whose it is */
  bool over;      /* there is no further object; and OBJPOOL_EACH has a loop only for the declaration of this */
} objpool__stretch;

/* When an object was built and came back, in a pool's time (opt.timed). Whoever has the object alone reads and writes it. */
typedef struct objpool__stamps {
  objpool__uint64 ends_ns;       /* its lifetime; UINT64_MAX: never */
  objpool__uint64 idle_since_ns; /* when it came back last, or was built */
  uintptr_t epoch;               /* of the pool, when its building began */
} objpool__stamps;

/* Whether an idle object may be handed out: as it is; after a look by validate, if there is one; or not at all. */
typedef enum objpool__age { OBJPOOL__RECENT, OBJPOOL__RESTED, OBJPOOL__OUTDATED } objpool__age;

/* What lies before an object, downward, each where its option is set. All are zero in a cell that was never used. */
typedef enum objpool__words {
  OBJPOOL__TAG_WORD,      /* always */
  OBJPOOL__PLACE_WORD,    /* opt.handles: see objpool__range */
  OBJPOOL__TIMED_WORDS,   /* opt.timed: an objpool__stamps */
  OBJPOOL__TRACKED_WORDS, /* opt.tracked: an objpool__use */
  OBJPOOL__ALL_WORDS
} objpool__words;

enum { OBJPOOL__TRACKED_BYTES = 5 * sizeof(objpool__uint64) };

/* A loop over the objects in use (OBJPOOL_EACH). */
typedef struct objpool__walk {
  objpool *pool;
  objpool__stretch stretch; /* the one it is in; over: as there */
  const void *block, *last; /* the block that it is in, and the last that there was when it began */
  size_t next, count;       /* the next range, and how many there were; or of the block, the next cell, and cells */
} objpool__walk;

/* Whoever waits stands in a pool's queue with one of these: a thread, or an event loop's waiter. Under the pool's lock. */
typedef struct objpool__turn {
  struct objpool__turn *next, *previous;
  void *object;        /* what it was served with; NULL: with the permit to create one */
  uint64_t began_ns;   /* when it first joined the queue: its place there */
  uint64_t since_ns;   /* when it joined it last */
  uint64_t waited_ns;  /* in it before that */
  bool served, closed; /* it left the queue; for the pool was closed */
  bool async;          /* it is the first member of an objpool__async */
  bool refused;        /* create refused: it waits for objects alone, until it tries once more */
} objpool__turn;

/* What every waiter of an event loop starts with. All-zero when it is new. Private. */
typedef struct objpool__async {
  objpool__turn turn;
  struct objpool__state *state;  /* of the pool; NULL: it is no longer concerned */
  struct objpool__looping *loop; /* NULL: it does not wait */
  void (*tell)(struct objpool__async *waiter, void *object, int error);
  uint64_t deadline, serial; /* of this wait, UINT64_MAX: none; in the order in which the loop's waiters came */
  uint64_t until, pause_ns;  /* the deadline of all; how long after the last refusal create was tried again */
  const void *site;          /* where it asked, for a tracked pool */
  struct objpool__async *child, *later, *earlier; /* in the loop's heap, or in its list */
  int stage;                                      /* an objpool__stage */
} objpool__async;

/* An event loop, for waiters without a thread: one for each loop of the program. All-zero is none. */
typedef struct objpool_loop {
  struct objpool__looping *state; /* private */
} objpool_loop;

/* Waits in a pool's queue for the functions without the type, as conn_pool_waiter. All-zero when it is new. */
typedef struct objpool_waiter {
  objpool__async base; /* private */
  void *user;          /* yours */
  void (*objpool__ready)(struct objpool_waiter *waiter, void *object, int error);
} objpool_waiter;

/* Every pool starts with one. All-zero is a pool that was not used yet. Private, but for its address. */
struct objpool {
  uintptr_t table_offset; /* of the slot table, from the empty table: no test for a pool without one */
  struct objpool__slot **table;
  uintptr_t key;                /* mixed with an object's address: its tag while in use */
  void *context;                /* handed to the hooks */
  struct objpool__state *state; /* all else; NULL before first use */
  uintptr_t kind;               /* an objpool__plainness, for the functions without the type */
  uintptr_t plain_key;          /* for the functions without the type: see objpool__make_plain */
  objpool__slot own;            /* the cache of a local pool */
  objpool__places *places;      /* of a pool with handles */
  uint32_t place_count; /* how many indices it has; beside the table, so that a look at it need not wait for that */
  uint32_t cell_count;  /* in a local pool whose cells lie in one block: so many have the indices from 0 on; else 0 */
  union {
    char *cells;     /* the first of those */
    size_t capacity; /* of what a class of a set hands out */
  };
};

/* What the typed layer tells the core of a pool, once. */
typedef struct objpool__description {
  objpool_type type;
  /* what a release does besides: reset, and validate on release; false: the object is to be destroyed. NULL: neither */
  bool (*restore)(void *object, void *context);
  void (*on_event)(const objpool_event *event, void *context);
  bool resets;
  bool bytes;         /* a class of a set: its blocks grow by a quarter, where nothing else is said */
  const char *called; /* by OBJPOOL_DEFINE */
} objpool__description;
typedef void objpool__describe(objpool__description *zeroed); /* fills in what is not zero */
/* From that of one class of a set to that of the next: so each lies as far from the first as its class. */
enum { OBJPOOL__NEXT_DESCRIBE = sizeof(objpool) / sizeof(objpool__describe *) };

/* What a set of buffers hands out (OBJPOOL_SIZES); empty when `bytes` is NULL. */
typedef struct objpool_buffer {
  char *bytes OBJPOOL__0; /* aligned for any plain type */
  size_t capacity OBJPOOL__0;
} objpool_buffer;

/* Of a set: what is larger than its largest class. Private. */
typedef struct objpool__sizes {
  struct objpool__large *large; /* those in use; as all else here under the memory lock of the first class */
  uint64_t acquires, releases, failures;
  size_t in_use, peak, bytes;
} objpool__sizes;

/* NULL, or a sentence that says what is wrong, as "warmup (8) is above max_objects (4)": all for which an init fails with
   EINVAL, but for what it cannot see: an objpool_type, and times for a pool that is not timed. The sentence lasts until eight
   more were asked for. */
OBJPOOL_API const char *objpool_config_error(const objpool_config *config);

OBJPOOL_API double objpool_hit_rate(const objpool_stats *stats); /* 0…1; 0 when nothing was acquired */
OBJPOOL_API double objpool_miss_rate(const objpool_stats *stats);
OBJPOOL_API uint64_t objpool_bytes_saved(const objpool_stats *stats); /* hits * object_size */
/* How long what ended since the last reset took; waits in progress are not in it yet. Any thread. All zero with EINVAL for a
   pool that was not used yet, or no such time (OBJPOOL_TIME_USE of one that is not tracked). */
OBJPOOL_API objpool_histogram objpool_times(const objpool *pool, objpool_time what);
/* In ns, what a share q of them took at most, estimated within its bucket as Prometheus does: linear, and
   in the last one its lower bound. 0 when there are none. */
OBJPOOL_API double objpool_quantile(const objpool_histogram *histogram, double q);
/* Tracked pools: every object that was in use for at least longer_ns when the call began, and still is, longest first; how many.
   Any thread; others may use the pool meanwhile, and `visit` may acquire and release. 0 with EINVAL: the pool is not tracked, or
   was not used yet. `hold` lives for the call of visit; visit NULL only counts. */
OBJPOOL_API size_t objpool_each_held(objpool *pool, uint64_t longer_ns,
                                     void (*visit)(const objpool_hold *hold, void *user), void *user);
/* A text for people, its length as snprintf counts; the last line recommends a size. */
OBJPOOL_API int objpool_report(const objpool *pool, char *buffer, size_t size);

/* The same operations without the type: for managers and bindings. On an all-zero pool that no typed call has touched
   they return NULL or 0 with errno EINVAL. */
OBJPOOL_API bool objpool_init(objpool *pool, const objpool_type *type, const objpool_config *config) OBJPOOL__MUST_USE;
OBJPOOL_API size_t objpool_memory_for(const objpool_type *type, size_t objects, size_t threads); /* 0: no such type */
OBJPOOL_API void objpool_destroy(objpool *pool);
OBJPOOL__CALLED void *objpool_acquire(objpool *pool) OBJPOOL__MUST_USE;
OBJPOOL__CALLED void *objpool_try_acquire(objpool *pool) OBJPOOL__MUST_USE;
OBJPOOL__CALLED void *objpool_acquire_for(objpool *pool, int64_t timeout_ns) OBJPOOL__MUST_USE;
OBJPOOL_API void objpool_release(objpool *pool, void *object);
OBJPOOL_API void objpool_discard(objpool *pool, void *object);
OBJPOOL__CALLED size_t objpool_acquire_many(objpool *pool, void **objects, size_t count) OBJPOOL__MUST_USE;
OBJPOOL_API void objpool_release_many(objpool *pool, void *const *objects, size_t count);
OBJPOOL_API size_t objpool_warmup(objpool *pool, size_t idle);
OBJPOOL_API size_t objpool_trim(objpool *pool, size_t keep);
OBJPOOL_API size_t objpool_clear(objpool *pool);
OBJPOOL_API size_t objpool_trim_some(objpool *pool, size_t keep, size_t most);
OBJPOOL_API size_t objpool_abandon(objpool *pool);
OBJPOOL_API size_t objpool_refresh(objpool *pool); /* 0 with EINVAL: it is not timed */
OBJPOOL_API void objpool_close(objpool *pool);
OBJPOOL_API bool objpool_drain(objpool *pool, int64_t timeout_ns);
OBJPOOL_API bool objpool_resize(objpool *pool, size_t max_idle, size_t max_objects) OBJPOOL__MUST_USE;
/* As conn_pool_acquire_async and conn_pool_cancel. */
OBJPOOL__CALLED void *
objpool_acquire_async(objpool *pool, objpool_waiter *waiter, objpool_loop *loop, int64_t timeout_ns,
                      void (*ready)(objpool_waiter *waiter, void *object, int error)) OBJPOOL__MUST_USE;
OBJPOOL_API bool objpool_cancel(objpool *pool, objpool_waiter *waiter);
OBJPOOL_API objpool_stats objpool_snapshot(const objpool *pool);
OBJPOOL_API void objpool_reset_stats(objpool *pool);
OBJPOOL_API void *objpool_context(const objpool *pool);

/* ---- event loops: whose waiters stand in the queues of any number of pools, among threads

   A loop's functions are called by its own thread, but for what says otherwise; after a fork they do nothing in the child,
   where all that waited is forgotten: there a loop is destroyed and made anew, its waiters are cleared. */

/* `wake` is called by any thread, with no lock held, once each time something becomes due for the loop (but for what becomes
   due to a run on its own thread, which goes on with it, and calls it once at its end if it has left something): it must only
   schedule a run, as a write to a pipe or an async handle of libuv does, and use neither pool nor loop. NULL: the loop has an
   eventfd. False with errno ENOMEM, ENOSYS (no wake, and no eventfd here) or what the system says, EMFILE say: it is then all-zero. */
OBJPOOL_API bool objpool_loop_init(objpool_loop *loop, void (*wake)(void *user), void *user);
/* Leaves it all-zero; twice is harmless. With waiters that were not told yet it panics. */
OBJPOOL_API void objpool_loop_destroy(objpool_loop *loop);
/* A descriptor that is readable when run has work to do but for what next_ns tells; -1: there is a `wake`. The loop's: do not
   read or close it. */
OBJPOOL_API int objpool_loop_fd(const objpool_loop *loop);
/* Finishes the acquires of up to `most` waiters that were served or closed, or whose time is up: runs `validate` or `create`
   for them, then `ready`; those that become due meanwhile are among them. Returns how many. */
OBJPOOL_API size_t objpool_loop_run(objpool_loop *loop, size_t most);
/* Nanoseconds until a run has something to do if nothing becomes due before: 0 if something is due, -1: never. Any thread. */
OBJPOOL_API int64_t objpool_loop_next_ns(const objpool_loop *loop);

/* ---- a fleet of pools: registry, output, pressure, maintenance, monitor */

typedef enum objpool_format_kind { OBJPOOL_TEXT, OBJPOOL_JSON, OBJPOOL_PROMETHEUS } objpool_format_kind;
typedef enum objpool_pressure { OBJPOOL_PRESSURE_NONE, OBJPOOL_PRESSURE_SOME, OBJPOOL_PRESSURE_FULL } objpool_pressure;
typedef enum objpool_severity { OBJPOOL_INFO, OBJPOOL_WARNING, OBJPOOL_ERROR, OBJPOOL_CRITICAL } objpool_severity;
typedef enum objpool_alert_kind {
  OBJPOOL_ALERT_HIT_RATE,
  OBJPOOL_ALERT_MISS_RATE,
  OBJPOOL_ALERT_MEMORY,
  OBJPOOL_ALERT_SIZE,
  OBJPOOL_ALERT_UTILIZATION,
  OBJPOOL_ALERT_WAIT, /* someone has waited for max_wait_ns, and still does */
  OBJPOOL_ALERT_HELD /* tracked pools: an object was in use for max_held_ns, and still is; the message says who acquired it */
} objpool_alert_kind;

typedef struct objpool_thresholds {     /* zero means the default in brackets */
  double min_hit_rate OBJPOOL__0;       /* 0…1 [0.7] */
  double max_miss_rate OBJPOOL__0;      /* 0…1 [0.3] */
  double max_utilization OBJPOOL__0;    /* in use / max_objects, 0…1 [0.9] */
  uint64_t max_objects OBJPOOL__0;      /* alive [10000] */
  uint64_t max_memory_bytes OBJPOOL__0; /* [100 MiB] */
  uint64_t min_samples OBJPOOL__0;      /* acquires between two polls; with fewer, rates raise no alert [100] */
  uint64_t max_wait_ns OBJPOOL__0;      /* of those who wait now [1 s] */
  uint64_t max_held_ns OBJPOOL__0;      /* of what is in use now, in tracked pools [none] */
} objpool_thresholds;

OBJPOOL__CLEARED(objpool_allocator)
OBJPOOL__CLEARED(objpool_config)
OBJPOOL__CLEARED(objpool_type)
OBJPOOL__CLEARED(objpool_thresholds)
OBJPOOL__CLEARED(objpool_buffer)

typedef struct objpool_alert {
  objpool_alert_kind kind;
  objpool_severity severity; /* OBJPOOL_INFO when it ended */
  bool recovered;            /* false: the condition began; true: it ended */
  const char *pool_name;     /* lives for the call */
  double value, threshold;
  uint64_t time_ns; /* monotonic */
  char message[160];
} objpool_alert;

typedef struct objpool_monitor {
  struct objpool__monitoring *state; /* private */
} objpool_monitor;

/* Pools with a name are registered from init to destroy. A found pool is valid while the caller keeps it from being
   destroyed; visitors and alert handlers may read and trim pools, not init or destroy them. */
OBJPOOL_API objpool *objpool_registry_find(const char *name);
OBJPOOL_API size_t objpool_registry_each(void (*visit)(objpool *pool, void *user), void *user); /* how many */
OBJPOOL_API objpool_stats objpool_registry_snapshot(void); /* all added up; a limit is 0 if any pool has none */
/* If it has none, the name given to OBJPOOL_DEFINE; "unnamed" if it has none of these, or was never used. */
OBJPOOL_API const char *objpool_name(const objpool *pool);

/* One pool, or with NULL the whole registry. Returns the length of the text, as snprintf; negative with errno ENOMEM,
   EINVAL (kind) or EOVERFLOW. */
OBJPOOL_API int objpool_format(const objpool *pool, objpool_format_kind kind, char *buffer, size_t size);

/* Learns the demand, creates ahead of it, gives back after it: call it once a frame or tick, or let a monitor. Returns
   objects created plus destroyed. One thread at a time maintains a pool, a second call meanwhile returns 0. */
OBJPOOL_API size_t objpool_maintain(objpool *pool);
/* The same, but creates at most `most` and destroys at most `most`, for a frame's budget; the rest is for the next call. */
OBJPOOL_API size_t objpool_maintain_some(objpool *pool, size_t most);

/* The worst of what the kernel's pressure and control group files report; NONE where there are none. */
OBJPOOL_API objpool_pressure objpool_memory_pressure(void);
OBJPOOL_API void objpool_set_pressure_source(objpool_pressure (*source)(void *user),
                                             void *user); /* NULL: the built-in */

/* False with EINVAL (a rate outside 0…1) or ENOMEM; the monitor is then all-zero. NULL thresholds: the defaults. */
OBJPOOL_API bool objpool_monitor_init(objpool_monitor *monitor, const objpool_thresholds *thresholds,
                                      void (*on_alert)(const objpool_alert *alert, void *user), void *user);
OBJPOOL_API void objpool_monitor_destroy(objpool_monitor *monitor); /* stops, frees; twice is harmless */
/* Looks at every registered pool over the time since the last poll; reports each condition once when it begins and
   once when it ends, and returns how many it reported. */
OBJPOOL_API size_t objpool_monitor_poll(objpool_monitor *monitor);
/* Poll and maintenance in a thread of their own (local pools are not maintained). False with EINVAL, EBUSY (it runs),
   EAGAIN or ENOSYS. */
OBJPOOL_API bool objpool_monitor_start(objpool_monitor *monitor, uint64_t interval_ns);
OBJPOOL_API void objpool_monitor_stop(objpool_monitor *monitor);

/* -------------------------------------------------------------------------------------------------------- >>core */

/* Rows of a slot table. Row 0: of a thread that was not seen yet, 1 and 2: of one without a cache of its own; then one for
   each index. */
enum { OBJPOOL__INDICES = OBJPOOL__THREADED ? OBJPOOL_MAX_THREADS : 1, OBJPOOL__ROWS = OBJPOOL__INDICES + 3 };

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes" /* OBJPOOL_API may say more of functions than holds for variables */
/* The offset of this thread's row in every slot table, in bytes: an index would cost an instruction to scale. */
OBJPOOL__DATA OBJPOOL__TLS uintptr_t objpool__thread_row;
/* Of errno from the thread pointer, in bytes: a number; a pointer, so that objects do not alias it. */
OBJPOOL__DATA char *objpool__errno_distance OBJPOOL__LINKED(objpool__errno_distance);
/* Every fast path fails there. */
OBJPOOL__DATA objpool__slot objpool__no_slot OBJPOOL__LINKED(objpool__no_slot)
    OBJPOOL__AT_FIRST({0, OBJPOOL__REVOKED, 0, 0, 0});
/* Of a pool that was not used yet. Rows past 0 are filled before an index is given. */
OBJPOOL__DATA objpool__slot *objpool__empty_table[OBJPOOL__ROWS] OBJPOOL__LINKED(objpool__empty_table)
    OBJPOOL__AT_FIRST({&objpool__no_slot});
#pragma GCC diagnostic pop

/* Where the calling thread's row is. Never inlined, and a compiler cannot tell what it returns: elsewhere than on x86 it may
   read the thread pointer once per function, and a fiber that was moved to another thread by a call in between would go on
   with the row of the first. */
OBJPOOL_API uintptr_t *objpool__own_row(void) OBJPOOL__LINKED(objpool__own_row) __attribute__((__noinline__));

/* On x86 the word is read through a segment register each time, unless a call would find it. (Before gcc 14 a module forgets
   that an imported variable is thread-local.) */
#if (defined(OBJPOOL__MODULES) && __GNUC__ < 14) || !(defined(__x86_64__) || defined(__i386__)) || \
    !defined(__ELF__) || (!defined(OBJPOOL_TLS_MODEL) && defined(__PIC__) && !defined(__PIE__))
#define OBJPOOL__ROW (*objpool__own_row())
#elif defined(OBJPOOL_TLS_MODEL)
#define OBJPOOL__ROW (sizeof OBJPOOL_TLS_MODEL > sizeof "initial-exec" ? *objpool__own_row() : objpool__thread_row)
#else
#define OBJPOOL__ROW objpool__thread_row
#endif

/* MAKE: as ACQUIRE, but a new object is built by the objpool__construction whose address stands in place of the timeout.
   ASYNC: as WAIT, but the objpool__async whose address stands there stands in the queue, its deadline being the timeout. */
typedef enum objpool__how { OBJPOOL__TRY, OBJPOOL__ACQUIRE, OBJPOOL__WAIT, OBJPOOL__MAKE, OBJPOOL__ASYNC } objpool__how;
typedef struct objpool__construction {
  bool (*run)(void *object, void *arguments); /* in place of create */
  void *arguments;
} objpool__construction;
typedef enum objpool__given { OBJPOOL__NOT_STORED, OBJPOOL__STORED_REVOKED } objpool__given;

/* Kept out of line, so that the fast paths stay small wherever they are inlined. */
#define OBJPOOL__OUT_OF_LINE OBJPOOL_API __attribute__((__noinline__))
#define OBJPOOL__SLOW OBJPOOL_API __attribute__((__noinline__, __cold__))

/* What typed functions do: called where they are not optimised, see OBJPOOL__ACQUIRED. */
OBJPOOL_API void *objpool__acquire_typed(objpool *pool, objpool__describe *describe, objpool__how how,
                                         int64_t timeout_ns, void *return_address)
    OBJPOOL__LINKED(objpool__acquire_typed);
OBJPOOL_API void objpool__release_typed(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__release_typed);
OBJPOOL_API objpool_stats objpool__stats_of(const objpool *pool, size_t object_size) OBJPOOL__LINKED(objpool__stats_of);

/* The slow halves. `describe` names the pool's options; a pool that was not used yet is bound to them. Two are all that
   bounded pools have: those are not slow. */
OBJPOOL__OUT_OF_LINE void *objpool__acquire_slow(objpool *pool, objpool__describe *describe, objpool__how how,
                                                 int64_t timeout_ns) OBJPOOL__LINKED(objpool__acquire_slow);
OBJPOOL__SLOW void *objpool__acquire_again(objpool *pool, objpool__describe *describe, void *invalid, objpool__how how,
                                           int64_t timeout_ns) OBJPOOL__LINKED(objpool__acquire_again);
OBJPOOL__SLOW void *objpool__acquire_instead(objpool *pool, objpool__describe *describe, void *outdated,
                                             objpool__how how, int64_t timeout_ns)
    OBJPOOL__LINKED(objpool__acquire_instead);
OBJPOOL__OUT_OF_LINE objpool__age objpool__age_of(const objpool *pool, const void *object)
    OBJPOOL__LINKED(objpool__age_of);
OBJPOOL__OUT_OF_LINE bool objpool__may_rest(const objpool *pool, void *object) OBJPOOL__LINKED(objpool__may_rest);
OBJPOOL__SLOW void objpool__drop_outdated(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__drop_outdated);
OBJPOOL__SLOW void objpool__release_wiping(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__release_wiping);
OBJPOOL__OUT_OF_LINE void objpool__release_checked(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__release_checked);
OBJPOOL__SLOW bool objpool__claim(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__claim);
OBJPOOL__SLOW void objpool__give_slow(objpool *pool, objpool__describe *describe, void *object, objpool__given given)
    OBJPOOL__LINKED(objpool__give_slow);
OBJPOOL__SLOW void objpool__drop(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__drop);
OBJPOOL__SLOW void objpool__drop_discarded(objpool *pool, objpool__describe *describe, void *object);
OBJPOOL_API void objpool__forget(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__forget);
OBJPOOL_API void objpool__emit(const objpool *pool, void (*on_event)(const objpool_event *, void *),
                               objpool_event_kind kind, const void *object, size_t count)
    OBJPOOL__LINKED(objpool__emit);
OBJPOOL_API int *objpool__errno_of(void) OBJPOOL__LINKED(objpool__errno_of)
    __attribute__((__noinline__)); /* the calling thread */
OBJPOOL__SLOW void objpool__empty_guard(const objpool *pool, objpool__describe *describe)
    OBJPOOL__LINKED(objpool__empty_guard);
OBJPOOL__SLOW bool objpool__cannot_make(void) OBJPOOL__LINKED(objpool__cannot_make);
OBJPOOL_API bool objpool__init(objpool *pool, objpool__describe *describe, const objpool_config *config)
    OBJPOOL__LINKED(objpool__init);
OBJPOOL_API size_t objpool__memory_for(objpool__describe *describe, size_t objects, size_t threads)
    OBJPOOL__LINKED(objpool__memory_for);
OBJPOOL_API bool objpool__bind(objpool *pool, objpool__describe *describe) OBJPOOL__LINKED(objpool__bind);
OBJPOOL_API bool objpool__attach(objpool *pool, objpool__describe *describe) OBJPOOL__LINKED(objpool__attach);
OBJPOOL_API bool objpool__rebind(objpool *pool, objpool__describe *describe) OBJPOOL__LINKED(objpool__rebind);
OBJPOOL__SLOW void objpool__release_retiring(objpool *pool, objpool__describe *describe, void *object)
    OBJPOOL__LINKED(objpool__release_retiring);
OBJPOOL__SLOW bool objpool__handle_checked(const objpool *pool, objpool__describe *describe, const void *object)
    OBJPOOL__LINKED(objpool__handle_checked);
OBJPOOL_API objpool__walk objpool__walk_begin(objpool *pool) OBJPOOL__LINKED(objpool__walk_begin);
OBJPOOL_API bool objpool__walk_on(objpool__walk *walk) OBJPOOL__LINKED(objpool__walk_on);
OBJPOOL_API void objpool__walk_end(objpool__walk *walk) OBJPOOL__LINKED(objpool__walk_end);
OBJPOOL_API size_t objpool__release_all(objpool *pool, objpool__describe *describe)
    OBJPOOL__LINKED(objpool__release_all);
OBJPOOL_API void *objpool__large_acquire(objpool__sizes *sizes, objpool *first, objpool__describe *describe,
                                         size_t size) OBJPOOL__LINKED(objpool__large_acquire);
OBJPOOL_API void objpool__large_release(objpool__sizes *sizes, objpool *first, objpool__describe *describe,
                                        objpool_buffer buffer) OBJPOOL__LINKED(objpool__large_release);
OBJPOOL__SLOW bool objpool__buffer_held(const objpool *pool, void *bytes) OBJPOOL__LINKED(objpool__buffer_held);
OBJPOOL_API bool objpool__large_held(objpool *first, objpool_buffer buffer) OBJPOOL__LINKED(objpool__large_held);
OBJPOOL__SLOW void objpool__buffer_rejected(objpool *first, objpool__describe *describe, objpool_buffer buffer)
    OBJPOOL__LINKED(objpool__buffer_rejected);
OBJPOOL_API bool objpool__sizes_init(objpool__sizes *sizes, objpool *classes, const size_t *capacities, size_t count,
                                     objpool__describe *const *describes, const objpool_config *config)
    OBJPOOL__LINKED(objpool__sizes_init);
OBJPOOL_API void objpool__sizes_destroy(objpool__sizes *sizes, objpool *classes, size_t count)
    OBJPOOL__LINKED(objpool__sizes_destroy);
OBJPOOL_API size_t objpool__sizes_trim(objpool *classes, const size_t *capacities, size_t count, size_t keep_bytes)
    OBJPOOL__LINKED(objpool__sizes_trim);
OBJPOOL_API objpool_stats objpool__sizes_stats(const objpool__sizes *sizes, const objpool *classes, size_t count)
    OBJPOOL__LINKED(objpool__sizes_stats);
OBJPOOL_API size_t objpool__acquire_many(objpool *pool, objpool__describe *describe, void **objects, size_t count)
    OBJPOOL__LINKED(objpool__acquire_many);
OBJPOOL_API void *objpool__acquire_async(objpool *pool, objpool__describe *describe, objpool__async *waiter,
                                         objpool_loop *loop, int64_t timeout_ns,
                                         void (*tell)(objpool__async *waiter, void *object, int error),
                                         const void *site) OBJPOOL__LINKED(objpool__acquire_async);
OBJPOOL_API bool objpool__cancel(objpool *pool, objpool__async *waiter) OBJPOOL__LINKED(objpool__cancel);
/* Of tracked pools: an object is handed out; it is given back, if it is one in use. And where the call of this one stands. */
OBJPOOL_API size_t objpool__acquire_many_at(objpool *pool, objpool__describe *describe, void **objects, size_t count,
                                            const void *site) OBJPOOL__LINKED(objpool__acquire_many_at);
OBJPOOL__OUT_OF_LINE void objpool__hold_begins(objpool *pool, void *object, const void *site)
    OBJPOOL__LINKED(objpool__hold_begins);
OBJPOOL__OUT_OF_LINE void objpool__hold_ends(objpool *pool, const void *object) OBJPOOL__LINKED(objpool__hold_ends);
OBJPOOL__OUT_OF_LINE const void *objpool__here(void) OBJPOOL__LINKED(objpool__here);

OBJPOOL__C_ENDS

/* relaxed everywhere below unless said: a slot's words have one writer, or are written under its lock */
#define OBJPOOL__LOAD(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define OBJPOOL__STORE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELAXED)

/* Where the call stands that returns there. WebAssembly knows no such address, and emscripten's runtime aborts when it is asked. */
#ifdef __EMSCRIPTEN__
#define OBJPOOL__RETURN_ADDRESS OBJPOOL__NULL
OBJPOOL__INLINE const void *objpool__call_before(void *return_address) { return return_address; }
#else
#define OBJPOOL__RETURN_ADDRESS __builtin_return_address(0)
OBJPOOL__INLINE const void *objpool__call_before(void *return_address) {
  return (const char *)__builtin_extract_return_addr(return_address) - 1;
}
#endif

/* The same of the function that this stands in, which is not inlined. */
#define OBJPOOL__CALLER objpool__call_before(OBJPOOL__RETURN_ADDRESS)

/* Where a pool's function was called: in tracked pools, as in others nobody asks. Optimised, it is part of its caller; else it
   is called from there, and so are the members that C++ has in between always part of it.
   And the heart of the typed functions. Unoptimised it is called, not compiled by each file and for each pool: nothing would be
   faster, and a file that uses twenty pools took gcc twice as long.
   And what fills in a description. It is called by its address, never one that must be inlined; optimised, the typed functions have
   one that must. */
#ifdef __OPTIMIZE__
#define OBJPOOL__SITE(name) \
  (name##_objpool_is().type.tracked ? objpool__here() : OBJPOOL__CAST(const void *, OBJPOOL__NULL))
#define OBJPOOL__ACQUIRED(name, from, how, timeout_ns)                                                         \
  OBJPOOL__VALUE(name, objpool__acquire_as(&(from)->base, name##_objpool_is(), name##_objpool_describe, (how), \
                                           (timeout_ns), OBJPOOL__SITE(name)))
#define OBJPOOL__RELEASED(name, to, what) \
  objpool__release_as(&(to)->base, (what), name##_objpool_is(), name##_objpool_describe)
#define OBJPOOL__FILL(name, description) name##_objpool_fill(description)
#define OBJPOOL__DESCRIBED(name)                                                                             \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe(objpool__description *objpool__d) { \
    name##_objpool_fill(objpool__d);                                                                         \
  }
#else
#define OBJPOOL__SITE(name) OBJPOOL__CALLER
#define OBJPOOL__ACQUIRED(name, from, how, timeout_ns)                                                     \
  OBJPOOL__VALUE(name, objpool__acquire_typed(&(from)->base, name##_objpool_describe, (how), (timeout_ns), \
                                              OBJPOOL__RETURN_ADDRESS))
#define OBJPOOL__RELEASED(name, to, what) objpool__release_typed(&(to)->base, name##_objpool_describe, (what))
#define OBJPOOL__FILL(name, description) name##_objpool_describe(description)
#define OBJPOOL__DESCRIBED(name)
#endif

/* Whether the tags of a type's objects do not stand before them, but together at the end of their segment of a block: where such
   a word would move an object that is aligned to 32 bytes or more to the next multiple of that, and cost more than a quarter. Then
   the bytes of an object, and from bit 16 on those of a segment; else 0. A constant of the type. Segments are aligned to their
   size, which is such that the tags take about one object's place; never more than a page: where an object is, its word may be
   read, also if it is nobody's. */
OBJPOOL__INLINE uint32_t objpool__apart(const objpool_type *type) {
  const size_t least = 32, most = 1024, page = 4096, word = sizeof(uint64_t), size = type->size;
  if (OBJPOOL__LIKELY(type->alignment < least)) return 0;
  if (size & (type->alignment - 1) || size > most || type->alignment - word <= size / 4) return 0;
  if (type->handles || type->timed || type->tracked) return 0;
  size_t wanted = size * size / word;
  size_t segment = wanted > page / 2 ? page : wanted > page / 4 ? page / 2 : wanted > page / 8 ? page / 4 : page / 8;
  return (uint32_t)(segment << 16 | size);
}

OBJPOOL__INLINE uint32_t objpool__apart_bytes(uint32_t apart) {
  const uint32_t bytes = apart & 0xffff;
  if (!bytes) __builtin_unreachable(); /* `apart` is not 0: analyzers see divisions by this */
  return bytes;
}
OBJPOOL__INLINE uint32_t objpool__segment_bytes(uint32_t apart) { return apart >> 16; }

/* Where in its segment an address is. */
OBJPOOL__INLINE uint32_t objpool__segment_offset(const void *address, uint32_t apart) {
  return (uint32_t)(uintptr_t)address & (objpool__segment_bytes(apart) - 1);
}

/* The word of an object: key ^ address while it is in use, which is odd, and one less while it is idle. Before it, or with
   those of its neighbours, the first one's last. `apart` is objpool__apart of its type. */
OBJPOOL__INLINE uintptr_t *objpool__tag(void *object, uint32_t apart) {
  if (OBJPOOL__LIKELY(!apart)) return (uintptr_t *)object - 1;
  uint32_t place = objpool__segment_offset(object, apart) / objpool__apart_bytes(apart);
  return (uintptr_t *)((((uintptr_t)object ^ 1) | (objpool__segment_bytes(apart) - 2)) + 1) - 1 -
         place; /* odd: at no word */
}

/* With tags apart an address within an object leads to the object's word: where some bits of that tell something else, this says
   that it is no object's own. */
OBJPOOL__INLINE bool objpool__is_within(const void *address, uint32_t apart) {
  return apart && objpool__segment_offset(address, apart) % objpool__apart_bytes(apart);
}

OBJPOOL__INLINE uintptr_t objpool__tag_of(uintptr_t key, const void *object) { return key ^ (uintptr_t)object; }

/* Whether one thread at a time uses such a pool. */
OBJPOOL__INLINE bool objpool__is_alone(const objpool_type *type) { return type->local || !OBJPOOL__THREADED; }

/* How many bytes before an object such words begin, if it has them; of ALL_WORDS, what lies before it altogether. */
OBJPOOL__INLINE size_t objpool__words_begin(const objpool_type *type, objpool__words words) {
  size_t bytes = sizeof(uint64_t);
  if (type->handles && words >= OBJPOOL__PLACE_WORD) bytes += sizeof(uint64_t);
  if (type->timed && words >= OBJPOOL__TIMED_WORDS) bytes += sizeof(objpool__stamps);
  if (type->tracked && words >= OBJPOOL__TRACKED_WORDS) bytes += OBJPOOL__TRACKED_BYTES;
  return bytes;
}

OBJPOOL__INLINE size_t objpool__cell_alignment(const objpool_type *type) {
  return type->alignment > sizeof(uint64_t) ? type->alignment : sizeof(uint64_t);
}

/* What a cell takes that has so many bytes more behind its object, where tags are not apart; no overflow: see objpool__plan. */
OBJPOOL__INLINE size_t objpool__cell_bytes(const objpool_type *type, size_t more) {
  const size_t word = sizeof(uint64_t), alignment = objpool__cell_alignment(type);
  size_t bytes = objpool__words_begin(type, OBJPOOL__ALL_WORDS) + ((type->size + word - 1) & ~(word - 1)) + more;
  return (bytes + alignment - 1) & ~(alignment - 1);
}

/* The steps that the processor decides:
   objpool__count      one more. The owner of the slot alone writes, any thread may read. Not a locked instruction.
   objpool__begin_use  the same for a generation that says now that there is a use: a handle is handed on by whoever has it, which
                       orders what it reads.
   objpool__end_use    in a pool of one thread: it says that there is none, and counts one more. False: there was none, or all are
                       used up, as if there were one; objpool__was_last tells.
   objpool__end_once   it says that there is none; decided by one atomic instruction, as objpool__mark_once. False: there was none.
   objpool__is_last_use, after that: whether it can count no more, since one more would look like a use.
   objpool__count_use  it counts one more.
   objpool__below …    a value against a word that others may write.
   objpool__mix        exclusive or of a value and such a word; whether anything remains.
   objpool__reads      whether such a word has this value; acquire: what is read next was there when it got it.
   OBJPOOL__BRANCH     goes on where such a word has this value; acquire: what is read next was there when it got it.
   objpool__flip_bit       an object in use is idle now, or the other way round. Relaxed at most: who gives it back at the same
                       moment, by mistake, looks at it.
   objpool__mark_once  an object that was in use a moment ago is idle now; decided by one atomic instruction (relaxed: it
                       publishes nothing). False: another thread was first. */
#if defined(__x86_64__) && defined(__LP64__) && defined(__GCC_ASM_FLAG_OUTPUTS__) && !defined(OBJPOOL__SANITIZED) && \
    !defined(__SANITIZE_THREAD__) && !OBJPOOL__HAS(thread_sanitizer)
/* Single instructions stand for relaxed accesses, of which gcc makes three. (The sanitizers should see the accesses.) */
#define OBJPOOL__X86_64
#define OBJPOOL__WATCHED 0
OBJPOOL__INLINE void objpool__increment(objpool__uint64 *counter) { __asm__("incq %0" : "+m"(*counter)); }
OBJPOOL__INLINE bool objpool__mix(uintptr_t *value, const uintptr_t *word) {
  bool remains;
  __asm__("xorq %2, %0" : "+r"(*value), "=@ccnz"(remains) : "m"(*(const volatile uintptr_t *)word));
  return remains;
}
#define OBJPOOL__BRANCH(word, constant, above, below)                  \
  __asm__ goto("cmpq %1, %0\n\tja %l[" #above "]\n\tjb %l[" #below "]" \
               :                                                       \
               : "m"(word), "er"((int64_t)(constant))                  \
               : "memory", "cc"                                        \
               : above, below)
OBJPOOL__INLINE void objpool__begin_use(uint32_t *generation) {
  __asm__("addl %1, %0" : "+m"(*generation) : "i"((int32_t)OBJPOOL__IN_USE));
}
OBJPOOL__INLINE bool objpool__end_use(uint32_t *generation) {
  bool is_positive; /* two negative numbers were added: that overflows, but for the last use, which stays negative */
  __asm__("addl %2, %0" : "+m"(*generation), "=@cco"(is_positive) : "i"((int32_t)(OBJPOOL__IN_USE + 1)));
  return is_positive;
}
OBJPOOL__INLINE bool objpool__end_once(uint32_t *generation) {
  bool was_in_use;
  __asm__("lock btrl $31, %1" : "=@ccc"(was_in_use), "+m"(*generation));
  return was_in_use;
}
OBJPOOL__INLINE bool objpool__is_last_use(const uint32_t *generation) {
  bool holds;
  __asm__("cmpl %2, %1" : "=@cce"(holds) : "m"(*generation), "i"((int32_t)(OBJPOOL__IN_USE - 1)));
  return holds;
}
OBJPOOL__INLINE void objpool__count_use(uint32_t *generation) { __asm__("incl %0" : "+m"(*generation)); }
#define OBJPOOL__COMPARE(name, operator, flag)                                                        \
  OBJPOOL__INLINE bool name(uintptr_t value, const uintptr_t *word) {                                 \
    bool holds;                                                                                       \
    __asm__("cmpq %2, %1" : "=@cc" flag(holds) : "r"(value), "m"(*(const volatile uintptr_t *)word)); \
    return holds;                                                                                     \
  }
OBJPOOL__INLINE bool objpool__reads(const uintptr_t *word, int constant) {
  bool holds;
  __asm__ volatile("cmpq %2, %1"
                   : "=@cce"(holds)
                   : "m"(*(const volatile uintptr_t *)word), "er"((int64_t)constant)
                   : "memory");
  return holds;
}
OBJPOOL__INLINE void objpool__flip_bit(uintptr_t *tag) { *tag ^= 1; }
OBJPOOL__INLINE bool objpool__mark_once(uintptr_t *tag) {
  bool was_in_use; /* clang makes a loop of an atomic and */
  __asm__("lock btrq $0, %1" : "=@ccc"(was_in_use), "+m"(*tag));
  return was_in_use;
}
#else
#define OBJPOOL__WATCHED 1 /* someone may: a compiler, or what watches accesses */
OBJPOOL__INLINE void objpool__begin_use(uint32_t *generation) { /* release: pairs with objpool__stretch_next */
  __atomic_store_n(generation, OBJPOOL__LOAD(*generation) + OBJPOOL__IN_USE, __ATOMIC_RELEASE);
}
OBJPOOL__INLINE bool objpool__end_use(uint32_t *generation) {
  uint32_t next = OBJPOOL__LOAD(*generation) + OBJPOOL__IN_USE + 1;
  OBJPOOL__STORE(*generation, next);
  return next && next < OBJPOOL__IN_USE;
}
OBJPOOL__INLINE bool objpool__end_once(uint32_t *generation) {
  return __atomic_fetch_and(generation, ~OBJPOOL__IN_USE, __ATOMIC_RELAXED) & OBJPOOL__IN_USE;
}
OBJPOOL__INLINE bool objpool__is_last_use(const uint32_t *generation) {
  return OBJPOOL__LOAD(*generation) == OBJPOOL__IN_USE - 1;
}
OBJPOOL__INLINE void objpool__count_use(uint32_t *generation) {
  OBJPOOL__STORE(*generation, OBJPOOL__LOAD(*generation) + 1);
}
OBJPOOL__INLINE void objpool__increment(objpool__uint64 *counter) {
  if (sizeof(uintptr_t) == sizeof *counter) {
    /* release: a reader that counted an acquire also sees the releases before it, so that no peak is overstated */
    __atomic_store_n(counter, OBJPOOL__LOAD(*counter) + 1, __ATOMIC_RELEASE);
    return;
  }
  /* two words: a reader may see a count 2^32 off for an instant, once in 2^32 */
  typedef uint32_t __attribute__((__may_alias__)) objpool__half;
  objpool__half *half = (objpool__half *)(void *)counter;
  const int first = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__; /* the low one */
  uint32_t low = OBJPOOL__LOAD(half[first]) + 1;
  OBJPOOL__STORE(half[first], low);
  if (!low) OBJPOOL__STORE(half[!first], OBJPOOL__LOAD(half[!first]) + 1);
}
#define OBJPOOL__COMPARE(name, operator, flag) \
  OBJPOOL__INLINE bool name(uintptr_t value, const uintptr_t *word) { return value operator OBJPOOL__LOAD(*word); }
OBJPOOL__INLINE bool objpool__mix(uintptr_t *value, const uintptr_t *word) {
  return (*value ^= OBJPOOL__LOAD(*word)) != 0;
}
#define OBJPOOL__BRANCH(word, constant, above, below)                  \
  do {                                                                 \
    uintptr_t objpool__v = __atomic_load_n(&(word), __ATOMIC_ACQUIRE); \
    if (objpool__v > (uintptr_t)(constant)) goto above;                \
    if (objpool__v < (uintptr_t)(constant)) goto below;                \
  } while (0)
OBJPOOL__INLINE bool objpool__reads(const uintptr_t *word, int constant) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE) == (uintptr_t)constant;
}
OBJPOOL__INLINE void objpool__flip_bit(uintptr_t *tag) { OBJPOOL__STORE(*tag, OBJPOOL__LOAD(*tag) ^ 1); }
OBJPOOL__INLINE bool objpool__mark_once(uintptr_t *tag) {
  return __atomic_fetch_and(tag, ~(uintptr_t)1, __ATOMIC_RELAXED) & 1;
}
#endif
OBJPOOL__COMPARE(objpool__below, <, "b")
OBJPOOL__COMPARE(objpool__at_most, <=, "be")
OBJPOOL__COMPARE(objpool__differs, !=, "ne")

/* Where the calling thread's errno lies, found anew on both sides of a hook, which may come back on another thread. With
   glibc on x86-64 it has the same distance from the thread pointer in each thread: two instructions, a call takes six. */
#if defined(OBJPOOL__X86_64) && defined(__GLIBC__) && OBJPOOL__THREADED
OBJPOOL__INLINE char *objpool__thread_pointer(void) {
#ifdef __clang__
  return *(char *__attribute__((__address_space__(257))) *)0;
#else
  char *self; /* the second operand: calls in between may change what it reads, but not what lies in objects */
  __asm__("movq %%fs:0, %0" : "=r"(self) : "m"(objpool__errno_distance));
  return self;
#endif
}
OBJPOOL__INLINE int *objpool__errno(void) {
  return (int *)(void *)(objpool__thread_pointer() + (intptr_t)objpool__errno_distance);
}
#else
OBJPOOL__INLINE char *objpool__thread_pointer(void) { return OBJPOOL__NULL; }
OBJPOOL__INLINE int *objpool__errno(void) { return objpool__errno_of(); }
#endif

OBJPOOL__INLINE void objpool__count(objpool__uint64 *counter) {
  if (OBJPOOL__COUNTED) objpool__increment(counter);
}

OBJPOOL__INLINE void objpool__flip(uintptr_t *tag) {
  if (OBJPOOL__CHECKED) objpool__flip_bit(tag);
}

/* Marks an object of the pool with that key that is in use as idle; false: it is not one, or needs another look. */
OBJPOOL__INLINE bool objpool__take_back(uintptr_t key, void *object, uintptr_t *tag) {
  if (OBJPOOL__CHECKED && OBJPOOL__UNLIKELY(objpool__differs(objpool__tag_of(key, object), tag))) return false;
  objpool__flip(tag);
  return true;
}

/* The same as objpool__take_back, before hooks see the object: of two threads that give it back at the same moment one wins. It
   looks first: what is no object may not be writable. */
OBJPOOL__INLINE bool objpool__take_back_once(uintptr_t key, void *object, uintptr_t *tag) {
  if (OBJPOOL__CHECKED && OBJPOOL__UNLIKELY(objpool__differs(objpool__tag_of(key, object), tag))) return false;
  return !OBJPOOL__CHECKED || objpool__mark_once(tag);
}

/* The word before the tag, in a pool of one thread: an index and a generation, as in a handle. */
OBJPOOL__INLINE void *objpool__place_of(const void *object) { return (char *)(uintptr_t)object - 2 * sizeof(uint64_t); }

/* Of an object in a pool with handles; written when the cell was first used. */
OBJPOOL__INLINE uint32_t *objpool__generation_of(const void *object, bool alone) {
  return alone ? (uint32_t *)objpool__place_of(object) + 1 : ((uint32_t *const *)object)[-2];
}

/* Its index: see OBJPOOL__PAGE_BYTES. */
OBJPOOL__INLINE uint32_t objpool__index_of(const void *object, bool alone) {
  if (alone) return *(const uint32_t *)objpool__place_of(object);
  const uintptr_t generation = (uintptr_t)objpool__generation_of(object, false),
                  within = generation % OBJPOOL__PAGE_BYTES;
  return *(const uint32_t *)(generation - within) + (uint32_t)(within / sizeof(uint32_t));
}

/* A range of such objects: 1 << so many cells, of not much more than 4 KiB. */
OBJPOOL__INLINE unsigned objpool__range_bits(size_t size) {
  return size <= 128 ? 5 : size <= 256 ? 4 : size <= 512 ? 3 : size <= 1024 ? 2 : size <= 2048 ? 1 : 0;
}

/* Whether a generation says that there is a use. */
OBJPOOL__INLINE bool objpool__use_lasts(uint32_t generation) { return (int32_t)generation < 0; }

/* The same of one that nobody changes meanwhile: its highest byte tells, in one instruction less than the word takes. */
OBJPOOL__INLINE bool objpool__use_goes_on(const uint32_t *generation) {
  return ((const signed char *)generation)[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 0 : 3] < 0;
}

/* Why objpool__end_use failed, and the end of that. True: it was the last use, which has ended; false: there was none, nor is
   there one now. */
OBJPOOL__INLINE bool objpool__was_last(uint32_t *generation) {
  bool last = OBJPOOL__LOAD(*generation) == OBJPOOL__IN_USE;
  OBJPOOL__STORE(*generation, last ? 0 : OBJPOOL__LOAD(*generation) - OBJPOOL__IN_USE - 1);
  return last;
}

/* What a generation is after the use that it names; 0: that was the last. */
OBJPOOL__INLINE uint32_t objpool__after_use(uint32_t generation) {
  return generation == UINT32_MAX ? 0 : generation + OBJPOOL__IN_USE + 1;
}

/* The end of a use that lasts, by whoever has the object alone; whether it was the last. Where threads share the pool others may
   be looking by a handle: there is one store for them to see; relaxed: it publishes nothing. */
OBJPOOL__INLINE bool objpool__end_own_use(uint32_t *generation, bool alone) {
  if (alone) return OBJPOOL__UNLIKELY(!objpool__end_use(generation)) && objpool__was_last(generation);
  uint32_t next = objpool__after_use(OBJPOOL__LOAD(*generation));
  OBJPOOL__STORE(*generation, next);
  return !next;
}

/* The end of a use in a pool with handles: as objpool__take_back, but the generation decides, so that of a release and a
   release by handle in two threads one wins. *used_up: set where the generation is. */
OBJPOOL__INLINE bool objpool__use_ends(uintptr_t key, void *object, bool alone, bool *used_up) {
  if (OBJPOOL__CHECKED && OBJPOOL__UNLIKELY(objpool__differs(objpool__tag_of(key, object), objpool__tag(object, 0))))
    return false;
  uint32_t *generation = objpool__generation_of(object, alone);
  if (alone) {
    if (OBJPOOL__LIKELY(objpool__end_use(generation))) return true;
    *used_up = objpool__was_last(generation);
    return *used_up;
  }
  if (OBJPOOL__UNLIKELY(!objpool__end_once(generation))) return false;
  if (OBJPOOL__UNLIKELY(objpool__is_last_use(generation))) {
    OBJPOOL__STORE(*generation, 0);
    *used_up = true;
  } else {
    objpool__count_use(generation);
  }
  return true;
}

/* Whether there is a generation of that index. acquire: pairs with objpool__places_widen, of which the table is seen then. */
OBJPOOL__INLINE bool objpool__has_place(const objpool *pool, uint32_t index) {
  return index < __atomic_load_n(&pool->place_count, __ATOMIC_ACQUIRE);
}

/* The range of an index of the pool's. */
OBJPOOL__INLINE const objpool__range *objpool__range_of(const objpool__places *places, uint32_t index,
                                                        const objpool_type *type) {
  return &places->range[index >> objpool__range_bits(type->size)];
}

/* Its generation where threads share the pool, and the cell that has the index now: read first, so that if the generation is
   still a handle's, so was the cell. acquire: of the table pairs with objpool__places_widen, and is perhaps of a later one; of the
   cells pairs with objpool__range_begins, since whoever sees those of another block then sees that all uses in the one before
   have ended. */
OBJPOOL__INLINE uint32_t *objpool__look_up(const objpool *pool, uint32_t index, const objpool_type *type, void **cell) {
  const objpool__places *places = __atomic_load_n(&pool->places, __ATOMIC_ACQUIRE);
  const objpool__range *range = objpool__range_of(places, index, type);
  *cell = (void *)(__atomic_load_n(&range->cells, __ATOMIC_ACQUIRE) + (uintptr_t)index * places->stride);
  return (uint32_t *)(range->of.generations + (uintptr_t)index * sizeof(uint32_t));
}

/* In a pool of one thread the cell that has the index, or NULL. What a cell takes is a constant of the type. While all lie in one
   block, as those of a reserve, the table is not needed: 1.2 ns a get for 1.8 (bench/frame.c, with -DGROWN). */
OBJPOOL__INLINE void *objpool__look_within(const objpool *pool, uint32_t index, const objpool_type *type) {
  const uintptr_t within = (uintptr_t)index * objpool__cell_bytes(type, 0);
  if (OBJPOOL__LIKELY(index < pool->cell_count)) {
    char *cells = pool->cells;
    if (!cells) __builtin_unreachable(); /* the caller need not ask again */
    return cells + within;
  }
  if (!objpool__has_place(pool, index)) return OBJPOOL__NULL;
  uintptr_t cells = objpool__range_of(OBJPOOL__LOAD(pool->places), index, type)->cells;
  return cells & 1 ? OBJPOOL__NULL : (char *)cells + within;
}

/* What the handle of an object in use says; nothing is written if it has none. */
OBJPOOL__INLINE void objpool__name_use(const objpool *pool, const void *object, objpool_type type,
                                       objpool__describe *describe, uint32_t *index, uint32_t *generation) {
  if (!type.handles || !object) return;
  const bool alone = objpool__is_alone(&type);
  const uintptr_t *tag = (const uintptr_t *)object - 1;
  if (OBJPOOL__CHECKED &&
      OBJPOOL__UNLIKELY(objpool__differs(objpool__tag_of(pool->key, object), tag) ||
                        !objpool__use_lasts(OBJPOOL__LOAD(*objpool__generation_of(object, alone)))) &&
      !objpool__handle_checked(pool, describe, object))
    return;
  *index = objpool__index_of(object, alone);
  *generation = OBJPOOL__LOAD(*objpool__generation_of(object, alone));
}

/* A handle as one word, and what it says. */
OBJPOOL__INLINE uint64_t objpool__read_handle(const void *handle, uint32_t *index, uint32_t *generation) {
  const bool index_first = __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__;
  uint64_t word;
  __builtin_memcpy(&word, handle, sizeof word);
  *index = (uint32_t)(index_first ? word : word >> 32);
  *generation = (uint32_t)(index_first ? word >> 32 : word);
  return word;
}

/* Whether a handle may name a use. */
OBJPOOL__INLINE bool objpool__names_use(uint64_t word) {
  return word >> (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 31 : 63) & 1;
}

/* The object while that use lasts, or NULL. The handle is read as one word: how many gets a processor has under way depends
   on how many words each reads (2.7 ns with two of the handle, 2.1 with one; random order, 20,000 objects). */
OBJPOOL__INLINE void *objpool__get(const objpool *pool, const void *handle, objpool_type type) {
  uint32_t index, generation;
  uint64_t word = objpool__read_handle(handle, &index, &generation);
  if (!objpool__names_use(word)) return OBJPOOL__NULL;
  void *object;
  if (objpool__is_alone(&type)) {
    object = objpool__look_within(pool, index, &type);
    if (!object) return OBJPOOL__NULL;
    typedef uint64_t __attribute__((__may_alias__)) objpool__name; /* of two words of 32 bits */
    if (*(const objpool__name *)objpool__place_of(object) != word) return OBJPOOL__NULL;
  } else {
    if (!objpool__has_place(pool, index)) return OBJPOOL__NULL;
    if (OBJPOOL__LOAD(*objpool__look_up(pool, index, &type, &object)) != generation) return OBJPOOL__NULL;
  }
  if (!object) __builtin_unreachable(); /* the caller need not ask again */
  return object;
}

/* The heart of an acquire: the thread's newest idle object, which is still marked so, or NULL: ask objpool__acquire_slow.
   A shared pool lowers top first, and only then looks whether it may: whoever revokes a slot sets base, makes every
   thread pass a barrier (membarrier), and reads top. So either the owner sees the base, or the revoker sees the top. */
OBJPOOL__INLINE void *objpool__take_from(objpool__slot *slot, bool local) {
  uintptr_t top;
  if (OBJPOOL__THREADED && !local) {
    top = OBJPOOL__LOAD(slot->top) - sizeof(void *);
    __atomic_store_n(&slot->top, top, __ATOMIC_RELEASE); /* pairs with the acquire of the revoker, as in release */
    __asm__ volatile("" ::: "memory");                   /* the processor's half is the revoker's membarrier */
    if (OBJPOOL__UNLIKELY(objpool__below(top, &slot->base))) return OBJPOOL__NULL;
  } else {
    top = OBJPOOL__LOAD(slot->top);
    if (OBJPOOL__UNLIKELY(objpool__at_most(top, &slot->base))) return OBJPOOL__NULL;
    top -= sizeof(void *);
    OBJPOOL__STORE(slot->top, top);
  }
  objpool__count(&slot->acquires);
  void *object = *(void **)top;
  if (!object) __builtin_unreachable(); /* the caller need not ask again */
  return object;
}

/* The slot of the calling thread in a pool that may not have been used yet. */
OBJPOOL__INLINE objpool__slot *objpool__slot_of(objpool *pool, bool local) {
  if (!OBJPOOL__THREADED || local) return &pool->own;
  /* acquire: pairs with the release of a new table in objpool__publish */
  uintptr_t offset = __atomic_load_n(&pool->table_offset, __ATOMIC_ACQUIRE);
  offset += OBJPOOL__ROW;
  __asm__("" : "+r"(offset)); /* keeps the sum together: one instruction less */
  return *(objpool__slot **)((uintptr_t)objpool__empty_table + offset);
}

OBJPOOL__INLINE void *objpool__take(objpool *pool, bool local) {
  return objpool__take_from(objpool__slot_of(pool, local), local);
}

/* The heart of a release: leaves the object on top of the thread's cache, if there is room. After the store, never
   before, it looks whether the cache was revoked: someone may wait for just this object. *describe is read only when it is needed. */
OBJPOOL__INLINE void objpool__give_by(objpool *pool, void *object, bool local, objpool__describe *const *describe) {
  objpool__slot *slot = &pool->own;
  if (OBJPOOL__THREADED && !local) /* bound: it handed the object out */
    slot = *(objpool__slot **)((uintptr_t)pool->table + OBJPOOL__ROW);
  uintptr_t top = OBJPOOL__LOAD(slot->top);
  if (OBJPOOL__UNLIKELY(!objpool__below(top, &slot->limit))) {
    objpool__give_slow(pool, *describe, object, OBJPOOL__NOT_STORED);
    return;
  }
  objpool__count(&slot->releases); /* before the store: nobody counts an acquire of it first */
  *(void **)top = object;
  /* a sum that is stored, no addition in memory: processors that hand a store on to the next load at once do so with no
     other (2.3 ns a pair in place of 2.9) */
  top += sizeof(void *);
  __atomic_store_n(&slot->top, top, __ATOMIC_RELEASE); /* whoever revokes the slot and reads top sees the object */
  if (OBJPOOL__THREADED && !local) {
    __asm__ volatile("" ::: "memory"); /* as in objpool__take_from */
    if (OBJPOOL__UNLIKELY(objpool__below(top, &slot->base)))
      objpool__give_slow(pool, *describe, object, OBJPOOL__STORED_REVOKED);
  }
}

OBJPOOL__INLINE void objpool__give(objpool *pool, void *object, bool local, objpool__describe *describe) {
  objpool__give_by(pool, object, local, &describe);
}

/* Whether an object that was taken is good, or another one. */
OBJPOOL__INLINE void *objpool__look_at(objpool *pool, const objpool__description *as, objpool__describe *describe,
                                       void *object, objpool__how how, int64_t timeout_ns) {
  objpool__age age = as->type.timed ? objpool__age_of(pool, object) : OBJPOOL__RESTED;
  if (OBJPOOL__UNLIKELY(age == OBJPOOL__OUTDATED))
    return objpool__acquire_instead(pool, describe, object, how, timeout_ns);
  if (as->type.validate && (as->type.validate_on & OBJPOOL_ON_ACQUIRE) && age == OBJPOOL__RESTED &&
      OBJPOOL__UNLIKELY(!as->type.validate(object, pool->context)))
    return objpool__acquire_again(pool, describe, object, how, timeout_ns);
  if (as->on_event) objpool__emit(pool, as->on_event, OBJPOOL_EVENT_ACQUIRE, object, 1);
  return object;
}

/* The description is read where it lies: a copy of it takes longer than all else. */
OBJPOOL__INLINE void *objpool__acquire_by(objpool *pool, const objpool__description *as, objpool__describe *describe,
                                          objpool__how how, int64_t timeout_ns) {
  void *object = objpool__take(pool, as->type.local);
  if (OBJPOOL__UNLIKELY(!object)) return objpool__acquire_slow(pool, describe, how, timeout_ns);
  if (as->type.handles)
    objpool__begin_use(objpool__generation_of(object, objpool__is_alone(&as->type)));
  else
    objpool__flip(objpool__tag(object, objpool__apart(&as->type)));
  OBJPOOL__SHOW(object, as->type.size);
  return objpool__look_at(pool, as, describe, object, how, timeout_ns);
}

/* The rest of a release, when the object is the caller's alone. */
OBJPOOL__INLINE void objpool__release_rest(objpool *pool, void *object, const objpool__description *as,
                                           objpool__describe *describe, bool used_up) {
  if (OBJPOOL__UNLIKELY(used_up)) {
    objpool__release_retiring(pool, describe, object);
    return;
  }
  if (as->type.wipe) {
    objpool__release_wiping(pool, describe, object);
    return;
  }
  if (as->restore) {
    int saved = *objpool__errno();
    bool valid = as->restore(object, pool->context);
    *objpool__errno() = saved;
    if (OBJPOOL__UNLIKELY(!valid)) {
      if (as->on_event) objpool__emit(pool, as->on_event, OBJPOOL_EVENT_RELEASE, object, 1);
      objpool__drop(pool, describe, object);
      return;
    }
  }
  if (as->on_event) objpool__emit(pool, as->on_event, OBJPOOL_EVENT_RELEASE, object, 1);
  if (as->type.timed && OBJPOOL__UNLIKELY(!objpool__may_rest(pool, object))) {
    objpool__drop_outdated(pool, describe, object);
    return;
  }
  OBJPOOL__HIDE(object, as->type.size);
  objpool__give(pool, object, as->type.local, describe);
}

OBJPOOL__INLINE void objpool__release_by(objpool *pool, void *object, const objpool__description *as,
                                         objpool__describe *describe) {
  if (!object) return;
  if (as->type.tracked) objpool__hold_ends(pool, object);
  bool once = !as->type.local && (as->type.wipe || as->restore), used_up = false;
  uintptr_t *tag = objpool__tag(object, objpool__apart(&as->type));
  if (OBJPOOL__UNLIKELY(!(as->type.handles
                              ? objpool__use_ends(pool->key, object, objpool__is_alone(&as->type), &used_up)
                          : once ? objpool__take_back_once(pool->key, object, tag)
                                 : objpool__take_back(pool->key, object, tag)))) {
    objpool__release_checked(pool, describe, object);
    return;
  }
  objpool__release_rest(pool, object, as, describe, used_up);
}

OBJPOOL__INLINE void objpool__discard_by(objpool *pool, void *object, const objpool__description *as,
                                         objpool__describe *describe) {
  if (!object || !objpool__claim(pool, describe, object)) return;
  if (as->on_event) objpool__emit(pool, as->on_event, OBJPOOL_EVENT_RELEASE, object, 1);
  objpool__drop_discarded(pool, describe, object);
}

/* The typed functions call these with a constant description: what it does not name is compiled away. */
OBJPOOL__INLINE void *objpool__acquire_as(objpool *pool, objpool__description as, objpool__describe *describe,
                                          objpool__how how, int64_t timeout_ns, const void *site) {
  void *object = objpool__acquire_by(pool, &as, describe, how, timeout_ns);
  if (as.type.tracked && OBJPOOL__LIKELY(object != OBJPOOL__NULL)) objpool__hold_begins(pool, object, site);
  return object;
}

OBJPOOL__INLINE void objpool__release_as(objpool *pool, void *object, objpool__description as,
                                         objpool__describe *describe) {
  objpool__release_by(pool, object, &as, describe);
}

/* A release by handle; false: that use has ended. */
OBJPOOL__INLINE bool objpool__release_handle_as(objpool *pool, const void *handle, objpool__description as,
                                                objpool__describe *describe) {
  uint32_t index, generation;
  (void)objpool__read_handle(handle, &index, &generation);
  void *object;
  bool used_up;
  if (objpool__is_alone(&as.type)) {
    object = objpool__get(pool, handle, as.type);
    if (!object) return false;
    used_up = objpool__end_own_use(objpool__generation_of(object, true), true);
  } else {
    if (!objpool__use_lasts(generation) || !objpool__has_place(pool, index)) return false;
    uint32_t *word = objpool__look_up(pool, index, &as.type, &object), next = objpool__after_use(generation);
    used_up = !next;
    if (!__atomic_compare_exchange_n(word, &generation, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
      return false; /* it decides, and publishes nothing */
  }
  if (as.type.tracked) objpool__hold_ends(pool, object);
  objpool__release_rest(pool, object, &as, describe, used_up);
  return true;
}

/* The next object in use in the stretch, or NULL. With handles its generation says so, else its tag. acquire, where threads share
   a pool with handles: pairs with objpool__begin_use, since another one may just have built the object; marks are relaxed.
   `stride`: from cell to cell, if that is a constant; 0: as the stretch has it. */
OBJPOOL__INLINE void *objpool__stretch_next(objpool__stretch *stretch, bool handles, bool alone, size_t stride,
                                            uint32_t apart) {
  for (char *at; (at = stretch->at) != stretch->end;) {
    void *object = at;
    const size_t to_next = stride ? stride : stretch->step;
    bool in_use;
    if (handles && !alone) {
      const uint32_t *word = (const uint32_t *)object;
      object = (void *)stretch->cell;
      stretch->at = at + sizeof *word;
      stretch->cell += to_next;
      in_use = objpool__use_lasts(__atomic_load_n(word, __ATOMIC_ACQUIRE));
    } else {
      stretch->at = at + to_next;
      if (handles) {
        in_use = objpool__use_goes_on(objpool__generation_of(object, true));
      } else { /* a tag is odd then; what is none, a link or 0, is even */
        const uintptr_t *tag = objpool__tag(object, apart);
        in_use = (alone ? *tag : OBJPOOL__LOAD(*tag)) & 1;
      }
    }
    if (!in_use) continue;
    stretch->over = false; /* a constant here: neither this nor the object is looked at again */
    return object;
  }
  stretch->over = true;
  return OBJPOOL__NULL;
}

/* The next object in use of all. `stretch` is the caller's own, so that it stays in registers. */
OBJPOOL__INLINE void *objpool__walk_next(objpool__walk *walk, objpool__stretch *stretch, bool handles, bool alone,
                                         size_t stride, uint32_t apart) {
  for (;;) {
    void *object = objpool__stretch_next(stretch, handles, alone, stride, apart);
    if (OBJPOOL__LIKELY(!stretch->over) || !objpool__walk_on(walk)) return object;
    *stretch = walk->stretch;
  }
}

OBJPOOL__INLINE void *objpool__walk_next_as(objpool__walk *walk, objpool__stretch *stretch, objpool__description as) {
  const uint32_t apart = objpool__apart(&as.type);
  const bool alone = objpool__is_alone(&as.type);
  const size_t stride = !alone ? 0 : apart ? objpool__apart_bytes(apart) : objpool__cell_bytes(&as.type, 0);
  return objpool__walk_next(walk, stretch, as.type.handles, alone, stride, apart);
}

OBJPOOL__INLINE void objpool__discard_as(objpool *pool, void *object, objpool__description as,
                                         objpool__describe *describe) {
  objpool__discard_by(pool, object, &as, describe);
}

/* ------------------------------------------------------------------------------------------------------ >>define */

/* A user's own variable may be called opt, or as a parameter of what is generated (pool, object, timeout_ns: editors show these);
   a hook of the wrong type is an error in C, as it is in C++. */
#define OBJPOOL__OPTIONS_BEGIN OBJPOOL__PRAGMA(GCC diagnostic push) OBJPOOL__WITHOUT("-Wshadow") OBJPOOL__STRICT
#define OBJPOOL__OPTIONS_END OBJPOOL__PRAGMA(GCC diagnostic pop)

#ifdef __cplusplus
/* a tag of its own: the pool may be called guard, or as one of its members */
#define OBJPOOL__POOL(name)                                                                                 \
  struct name##_guard;                                                                                      \
  struct name##_objpool_pool {                                                                              \
    objpool base;                                                                                           \
    name##_objpool_pool() = default;                                                                        \
    name##_objpool_pool(const name##_objpool_pool &) = delete;                                              \
    name##_objpool_pool &operator=(const name##_objpool_pool &) = delete;                                   \
    name##_objpool_pool &operator=(name##_objpool_pool &&) = default; /* or g++ would warn of a memset */   \
    typedef name##_objpool_value value_type;                                                                \
    typedef name##_guard guard;                                                                             \
    OBJPOOL__MUST_USE static value_type *acquire(name##_objpool_pool *objpool__p);                          \
    static void release(name##_objpool_pool *objpool__p, value_type *objpool__o);                           \
    template <class... objpool__A>                                                                          \
    OBJPOOL__MUST_USE static value_type *make(name##_objpool_pool *objpool__p, objpool__A &&...objpool__a); \
    static void *objpool__make(name##_objpool_pool *objpool__p, const objpool__construction *objpool__n,    \
                               const void *objpool__s);                                                     \
    static guard objpool__acquire(name##_objpool_pool *objpool__p);                                         \
    static void objpool__release(guard *objpool__g);                                                        \
    static objpool__walk objpool__each(name##_objpool_pool *objpool__p);                                    \
    static value_type *objpool__next(objpool__walk *objpool__w, objpool__stretch *objpool__s);              \
  };                                                                                                        \
  typedef name##_objpool_pool name;
/* Of two files that mean different pools by one name the linker would keep one file's members, if any were left to it. */
#define OBJPOOL__MEMBER inline __attribute__((__always_inline__))
#define OBJPOOL__CXX_MEMBERS(name)                                                                                   \
  OBJPOOL__MEMBER name##_objpool_value *name##_objpool_pool::acquire(name##_objpool_pool *objpool__p) {              \
    return name##_acquire(objpool__p);                                                                               \
  }                                                                                                                  \
  OBJPOOL__MEMBER void name##_objpool_pool::release(name##_objpool_pool *objpool__p,                                 \
                                                    name##_objpool_value *objpool__o) {                              \
    name##_release(objpool__p, objpool__o);                                                                          \
  }                                                                                                                  \
  OBJPOOL__MEMBER void *name##_objpool_pool::objpool__make(name##_objpool_pool *objpool__p,                          \
                                                           const objpool__construction *objpool__n,                  \
                                                           const void *objpool__s) {                                 \
    return name##_objpool_make(objpool__p, objpool__n, objpool__s);                                                  \
  }                                                                                                                  \
  template <class... objpool__A>                                                                                     \
  OBJPOOL__MEMBER name##_objpool_value *name##_objpool_pool::make(name##_objpool_pool *objpool__p,                   \
                                                                  objpool__A &&...objpool__a) {                      \
    return objpool__made<name##_objpool_pool>(objpool__p,                                                            \
                                              name##_objpool_is().type.tracked ? objpool__here()                     \
                                                                               : static_cast<const void *>(nullptr), \
                                              static_cast<objpool__A &&>(objpool__a)...);                            \
  }                                                                                                                  \
  OBJPOOL__MEMBER name##_guard name##_objpool_pool::objpool__acquire(name##_objpool_pool *objpool__p) {              \
    return name##_guard_acquire(objpool__p);                                                                         \
  }                                                                                                                  \
  OBJPOOL__MEMBER void name##_objpool_pool::objpool__release(name##_guard *objpool__g) {                             \
    name##_guard_release(objpool__g);                                                                                \
  }                                                                                                                  \
  OBJPOOL__MEMBER objpool__walk name##_objpool_pool::objpool__each(name##_objpool_pool *objpool__p) {                \
    return name##_objpool_walk(objpool__p);                                                                          \
  }                                                                                                                  \
  OBJPOOL__MEMBER name##_objpool_value *name##_objpool_pool::objpool__next(objpool__walk *objpool__w,                \
                                                                           objpool__stretch *objpool__s) {           \
    return name##_objpool_next(objpool__w, objpool__s);                                                              \
  }
#define OBJPOOL__MAKE_BY(name)                                                                                 \
  OBJPOOL__MADE OBJPOOL__INLINED void *name##_objpool_make(name##_objpool_pool *objpool__p,                    \
                                                           const objpool__construction *objpool__n,            \
                                                           const void *objpool__s) {                           \
    return objpool__acquire_as(&objpool__p->base, name##_objpool_is(), name##_objpool_describe, OBJPOOL__MAKE, \
                               static_cast<int64_t>(reinterpret_cast<uintptr_t>(objpool__n)), objpool__s);     \
  }
/* templates: there only when used, since an immovable T has no extract */
#define OBJPOOL__EXTRACT(name)                                                                          \
  OBJPOOL__MADE_OF(objpool__value, name##_objpool_value)                                                \
  OBJPOOL__MUST_USE objpool__value name##_extract(name *pool, objpool__value *object) {                 \
    return objpool__cxx<objpool__value>::extract(&pool->base, name##_objpool_describe, object);         \
  }                                                                                                     \
  OBJPOOL__MADE_OF(objpool__guard, name##_guard)                                                        \
  OBJPOOL__MUST_USE                                                                                     \
  typename objpool__guard::objpool__value name##_guard_extract(objpool__guard *guard) {                 \
    if (!name##_guard_mut(guard)) return objpool__cxx<typename objpool__guard::objpool__value>::none(); \
    return name##_extract(guard->pool, name##_guard_take(guard));                                       \
  }
#define OBJPOOL__KIND(T)                                                                              \
  static_assert(objpool__kind<T>::value != 1, "OBJPOOL_DEFINE: T is void");                           \
  static_assert(objpool__kind<T>::value != 2, "OBJPOOL_DEFINE: T is a reference");                    \
  static_assert(objpool__kind<T>::value != 3, "OBJPOOL_DEFINE: T is an array: put it into a struct"); \
  static_assert(objpool__kind<T>::value != 4, "OBJPOOL_DEFINE: T is const");                          \
  static_assert(objpool__kind<T>::value != 5, "OBJPOOL_DEFINE: T is volatile");
#if __cplusplus >= 201703L && !defined(OBJPOOL__MODULES) /* a template: an option that is no constant does not matter */
#define OBJPOOL__CHOSEN template <class objpool__any = void> static constexpr inline
#define OBJPOOL__MAKES(name)                                                                       \
  static_assert(objpool__cxx<name##_objpool_value>::makes || bool(name##_objpool_chosen().create), \
                "OBJPOOL_DEFINE: there is no T() for this T: set opt.create");
#endif
#define OBJPOOL__HAS_OPTIONS(...) 1
#define OBJPOOL__CREATES(T, options) ((options).create || objpool__cxx<T>::builds)
#define OBJPOOL__DESTROYS(T, options) ((options).destroy || objpool__cxx<T>::takes_down)
#define OBJPOOL__CREATE(T, options, object, context) \
  ((options).create ? (options).create((object), (context)) : objpool__cxx<T>::build(object))
#define OBJPOOL__DESTROY(T, options, object, context) \
  ((options).destroy ? (options).destroy((object), (context)) : objpool__cxx<T>::take_down(object))
#define OBJPOOL__GUARD_TYPES(name) typedef name##_objpool_value objpool__value;
#define OBJPOOL__NOEXCEPT noexcept
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define OBJPOOL__CATCH(...) \
  try {                     \
    __VA_ARGS__;            \
  } catch (...) {           \
    return false;           \
  }
#else
#define OBJPOOL__CATCH(...) __VA_ARGS__;
#endif

extern "C++" {
/* Any number times a constant: a template, so that no cast is useless, and none is the user's. */
template <int64_t unit, class objpool__N> constexpr int64_t objpool__ns(objpool__N count) {
  return static_cast<int64_t>(count * unit);
}

struct objpool__memory_at {
  void *memory;
};
inline void *operator new(size_t, objpool__memory_at place) noexcept { return place.memory; }
inline void operator delete(void *, objpool__memory_at) noexcept {}

#if defined(__clang__)
#define OBJPOOL__TRIVIALLY_DESTROYED(T) __is_trivially_destructible(T)
#else
#define OBJPOOL__TRIVIALLY_DESTROYED(T) __has_trivial_destructor(T)
#endif

template <bool constructible> struct objpool__maker { /* a T without T() needs opt.create */
  template <class objpool__T> static bool make(objpool__T *) { return objpool__cannot_make(); }
  template <class objpool__T> static objpool__T none() { __builtin_abort(); }
};
template <> struct objpool__maker<true> {
  template <class objpool__T> static bool make(objpool__T *object) {
    objpool__memory_at place = {(void *)object};
    OBJPOOL__CATCH(::new (place) objpool__T(); return true)
  }
  template <class objpool__T> static objpool__T none() { return objpool__T(); }
};

/* What is no type for a pool. */
template <int kind> struct objpool__kind_is { static constexpr int value = kind; };
template <class objpool__T> struct objpool__kind : objpool__kind_is<0> {};
template <> struct objpool__kind<void> : objpool__kind_is<1> {};
template <class objpool__T> struct objpool__kind<objpool__T &> : objpool__kind_is<2> {};
template <class objpool__T> struct objpool__kind<objpool__T &&> : objpool__kind_is<2> {};
template <class objpool__T> struct objpool__kind<objpool__T[]> : objpool__kind_is<3> {};
template <class objpool__T, size_t count> struct objpool__kind<objpool__T[count]> : objpool__kind_is<3> {};
template <class objpool__T> struct objpool__kind<const objpool__T> : objpool__kind_is<4> {};
template <class objpool__T> struct objpool__kind<const objpool__T[]> : objpool__kind_is<3> {};
template <class objpool__T, size_t count> struct objpool__kind<const objpool__T[count]> : objpool__kind_is<3> {};
template <class objpool__T> struct objpool__kind<volatile objpool__T> : objpool__kind_is<5> {};
template <class objpool__T> struct objpool__kind<const volatile objpool__T> : objpool__kind_is<5> {};

/* What opt.create and opt.destroy are when they are not set, and how a value leaves. */
template <class objpool__T> struct objpool__cxx {
  enum : bool {
    makes = __is_constructible(objpool__T),
    builds = !__is_trivially_constructible(objpool__T), /* a trivial T() only clears, and the memory is clear */
    takes_down = !OBJPOOL__TRIVIALLY_DESTROYED(objpool__T)
  };
  static bool build(objpool__T *object) { return objpool__maker<__is_constructible(objpool__T)>::make(object); }
  static void take_down(objpool__T *object) {
    object->~objpool__T();
    (void)object;
  }
  static objpool__T extract(objpool *pool, objpool__describe *describe, objpool__T *object) {
    struct leaves { /* after the value was moved out */
      objpool *pool;
      objpool__describe *describe;
      objpool__T *object;
      ~leaves() {
        if (!pool) return;
        objpool__cxx<objpool__T>::take_down(object);
        objpool__forget(pool, describe, object);
      }
    } leave = {objpool__claim(pool, describe, object) ? pool : nullptr, describe, object};
    if (!leave.pool) return none();
    return static_cast<objpool__T &&>(*object);
  }
  /* What an extract returns that was a mistake, if the panic lets it: as in C a value of zeroes, if there is one. */
  static objpool__T none() { return objpool__maker<__is_constructible(objpool__T)>::template none<objpool__T>(); }
};

/* T(arguments...) in that memory, or T{arguments...} for a T that is an aggregate. */
template <bool by_constructor> struct objpool__constructor {
  template <class objpool__T, class... objpool__A>
  static void run(objpool__memory_at place, objpool__A &&...arguments) {
    ::new (place) objpool__T(static_cast<objpool__A &&>(arguments)...);
  }
};
template <> struct objpool__constructor<false> {
  template <class objpool__T, class... objpool__A>
  static void run(objpool__memory_at place, objpool__A &&...arguments) {
    ::new (place) objpool__T{static_cast<objpool__A &&>(arguments)...};
  }
};
template <class objpool__F> bool objpool__run(void *object, void *function) {
  objpool__memory_at place = {object};
  OBJPOOL__CATCH((*static_cast<objpool__F *>(function))(place); return true)
}

/* P::make; always part of its caller, so that `site` costs nothing where nobody asks for it. */
template <class objpool__P, class... objpool__A>
OBJPOOL__MEMBER typename objpool__P::value_type *objpool__made(objpool__P *pool, const void *site,
                                                               objpool__A &&...arguments) {
  typedef typename objpool__P::value_type objpool__T;
  auto construct = [&](objpool__memory_at place) {
    objpool__constructor<__is_constructible(objpool__T, objpool__A && ...)>::template run<objpool__T>(
        place, static_cast<objpool__A &&>(arguments)...);
  };
  objpool__construction construction = {objpool__run<decltype(construct)>, &construct};
  return static_cast<objpool__T *>(objpool__P::objpool__make(pool, &construction, site));
}

/* A guard that moves: `objpool_scoped<conn_pool> guard(&pool)`, or OBJPOOL_SCOPED as in C. It is a plain guard by its address
   alone, as the functions of guards take it: whoever means to keep the object says take or move. */
template <class objpool__P, class = void> class objpool_scoped : private objpool__P::guard {
public:
  using objpool__P::guard::object;
  using objpool__P::guard::pool;
  OBJPOOL__MEMBER typename objpool__P::guard *operator&() noexcept { return this; }
  OBJPOOL__MEMBER const typename objpool__P::guard *operator&() const noexcept { return this; }
  OBJPOOL__MEMBER objpool_scoped() noexcept : objpool__P::guard() {}
  OBJPOOL__MEMBER explicit objpool_scoped(objpool__P *from) : objpool__P::guard(objpool__P::objpool__acquire(from)) {}
  OBJPOOL__MEMBER objpool_scoped(const typename objpool__P::guard &held) noexcept : objpool__P::guard(held) {}
  OBJPOOL__MEMBER objpool_scoped(objpool_scoped &&other) noexcept : objpool__P::guard(other) { other.object = nullptr; }
  OBJPOOL__MEMBER objpool_scoped &operator=(objpool_scoped &&other) noexcept {
    if (this != &other) {
      objpool__P::objpool__release(this);
      object = other.object;
      pool = other.pool;
      other.object = nullptr;
    }
    return *this;
  }
  objpool_scoped(const objpool_scoped &) = delete;
  objpool_scoped &operator=(const objpool_scoped &) = delete;
  OBJPOOL__MEMBER ~objpool_scoped() { objpool__P::objpool__release(this); }
  OBJPOOL__MEMBER typename objpool__P::value_type *operator->() const noexcept { return this->object; }
  OBJPOOL__MEMBER typename objpool__P::value_type &operator*() const noexcept { return *this->object; }
  OBJPOOL__MEMBER explicit operator bool() const noexcept { return this->object != nullptr; }
  OBJPOOL__MEMBER objpool_scoped *itself() noexcept { return this; } /* for OBJPOOL_WITH */
};

/* The same for a set of buffers. */
template <class objpool__P>
class objpool_scoped<objpool__P, typename objpool__P::objpool__is_set> : private objpool__P::guard {
public:
  using objpool__P::guard::buffer;
  using objpool__P::guard::set;
  OBJPOOL__MEMBER typename objpool__P::guard *operator&() noexcept { return this; }
  OBJPOOL__MEMBER objpool_scoped() noexcept : objpool__P::guard() {}
  OBJPOOL__MEMBER objpool_scoped(const typename objpool__P::guard &held) noexcept : objpool__P::guard(held) {}
  OBJPOOL__MEMBER objpool_scoped(objpool_scoped &&other) noexcept : objpool__P::guard(other) {
    objpool__P::objpool__forget(&other);
  }
  objpool_scoped(const objpool_scoped &) = delete;
  objpool_scoped &operator=(const objpool_scoped &) = delete;
  OBJPOOL__MEMBER ~objpool_scoped() { objpool__P::objpool__release(this); }
  OBJPOOL__MEMBER explicit operator bool() const noexcept { return buffer.bytes != nullptr; }
};

/* Every object in use, for `for (bullet &b : objpool_each(pool))`, a pool or a pointer to one: as OBJPOOL_EACH. */
template <class objpool__P> class objpool_range {
  objpool__walk walk;

public:
  class iterator {
    objpool__walk *walk;
    objpool__stretch stretch;
    typename objpool__P::value_type *object; /* NULL: the end */

  public:
    OBJPOOL__MEMBER explicit iterator(objpool__walk *over) : walk(over), stretch(), object(nullptr) {
      if (walk) ++*this;
    }
    OBJPOOL__MEMBER typename objpool__P::value_type &operator*() const { return *object; }
    OBJPOOL__MEMBER iterator &operator++() {
      object = objpool__P::objpool__next(walk, &stretch);
      return *this;
    }
    OBJPOOL__MEMBER bool operator!=(const iterator &other) const { return object != other.object; }
  };
  explicit objpool_range(objpool__P *pool) : walk(objpool__P::objpool__each(pool)) {}
  objpool_range(objpool_range &&other) noexcept : walk(other.walk) { other.walk.pool = nullptr; }
  objpool_range(const objpool_range &) = delete;
  objpool_range &operator=(const objpool_range &) = delete;
  ~objpool_range() { objpool__walk_end(&walk); }
  OBJPOOL__MEMBER iterator begin() { return iterator(&walk); }
  OBJPOOL__MEMBER iterator end() { return iterator(nullptr); }
};
template <class objpool__P> objpool_range<objpool__P> objpool_each(objpool__P &pool) {
  return objpool_range<objpool__P>(&pool);
}
template <class objpool__P> objpool_range<objpool__P> objpool_each(objpool__P *pool) {
  return objpool_range<objpool__P>(pool);
}
}

#define OBJPOOL_SCOPED(...) objpool_scoped<__VA_ARGS__>
#define OBJPOOL__EACH(P, variable, pool_, walk_, stretch_)                                            \
  for (objpool__walk walk_ __attribute__((__cleanup__(objpool__walk_end))) = P::objpool__each(pool_); \
       !walk_.stretch.over; walk_.stretch.over = true)                                                \
    for (objpool__stretch stretch_ = walk_.stretch; !stretch_.over; stretch_.over = true)             \
      for (decltype(P::objpool__next(&walk_, &stretch_)) variable __attribute__((__unused__));        \
           (void(variable = P::objpool__next(&walk_, &stretch_)), !stretch_.over);)
#define OBJPOOL__WITH(P, variable, pool_, guard_, once_)                                  \
  for (objpool_scoped<P> guard_(pool_), *once_ = guard_.itself(); once_; once_ = nullptr) \
    for (decltype(guard_.object) variable = guard_.object; once_; once_ = nullptr)        \
      if (variable)

#else
/* a tag of its own: T may be `struct name` */
#define OBJPOOL__POOL(name)            \
  typedef struct name##_objpool_pool { \
    objpool base;                      \
  } name;                              \
  typedef struct name##_objpool_pool name##_objpool_pool;
#define OBJPOOL__CXX_MEMBERS(name)
#define OBJPOOL__MAKE_BY(name)
#define OBJPOOL__EXTRACT(name)                                                                                         \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value name##_extract(name *pool,                     \
                                                                                       name##_objpool_value *object) { \
    static name##_objpool_value objpool__zero;                                                                         \
    name##_objpool_value objpool__v;                                                                                   \
    if (!objpool__claim(&pool->base, name##_objpool_describe, object)) return objpool__zero;                           \
    __builtin_memcpy((void *)&objpool__v, object, sizeof objpool__v); /* T may have const members */                   \
    objpool__forget(&pool->base, name##_objpool_describe, object);                                                     \
    return objpool__v;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value name##_guard_extract(name##_guard *guard) {    \
    static name##_objpool_value objpool__zero;                                                                         \
    if (!name##_guard_mut(guard)) return objpool__zero;                                                                \
    return name##_extract(guard->pool, name##_guard_take(guard));                                                      \
  }
#define OBJPOOL__KIND(T)                                                               \
  _Static_assert(!__builtin_types_compatible_p(T, void), "OBJPOOL_DEFINE: T is void"); \
  _Static_assert(!__builtin_types_compatible_p(T *, const T *), "OBJPOOL_DEFINE: T is const");
/* Without options nothing that hooks need is compiled. (There are eleven of them.) */
#define OBJPOOL__HAS_OPTIONS(...) OBJPOOL__SIXTEENTH(__VA_ARGS__, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, )
#define OBJPOOL__SIXTEENTH(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ...) p
#define OBJPOOL__CREATES(T, options) ((options).create)
#define OBJPOOL__DESTROYS(T, options) ((options).destroy)
#define OBJPOOL__CREATE(T, options, object, context) (!(options).create || (options).create((object), (context)))
#define OBJPOOL__DESTROY(T, options, object, context) \
  if ((options).destroy) (options).destroy((object), (context))
#define OBJPOOL__GUARD_TYPES(name)
#define OBJPOOL__NOEXCEPT
#define OBJPOOL__CATCH(...) __VA_ARGS__;

/* A guard whose scope gives its object back: OBJPOOL_SCOPED(conn_pool) guard = conn_pool_guard_acquire(&pool); */
#define OBJPOOL_SCOPED(P) __attribute__((__cleanup__(P##_guard_release), __unused__)) P##_guard
#define OBJPOOL__EACH(P, variable, pool_, walk_, stretch_)                                            \
  for (objpool__walk walk_ __attribute__((__cleanup__(objpool__walk_end))) = P##_objpool_walk(pool_); \
       !walk_.stretch.over; walk_.stretch.over = true)                                                \
    for (objpool__stretch stretch_ = walk_.stretch; !stretch_.over; stretch_.over = true)             \
      for (P##_objpool_value * variable __attribute__((__unused__));                                  \
           (void)(variable = P##_objpool_next(&walk_, &stretch_)), !stretch_.over;)
#define OBJPOOL__WITH(P, variable, pool_, guard_, once_)                                                              \
  for (P##_guard guard_ __attribute__((__cleanup__(P##_guard_release))) = P##_guard_acquire(pool_), *once_ = &guard_; \
       once_; once_ = NULL)                                                                                           \
    for (P##_objpool_value *variable = guard_.object; once_; once_ = NULL)                                            \
      if (variable)
#endif

#ifndef OBJPOOL__CHOSEN
#define OBJPOOL__CHOSEN OBJPOOL__MADE OBJPOOL__INLINED
#define OBJPOOL__MAKES(name)
#endif

#define OBJPOOL__VALUE(name, memory) OBJPOOL__CAST(name##_objpool_value *, memory)

#define OBJPOOL__JOIN2(a, b) a##b
#define OBJPOOL__JOIN(a, b) OBJPOOL__JOIN2(a, b)

/* What options bring: hooks, and what a description says of them. */
#define OBJPOOL__HOOKS(has_options, ...) OBJPOOL__HOOKS_##has_options(__VA_ARGS__)
#define OBJPOOL__FILL_OPTIONS(has_options, name) OBJPOOL__FILL_OPTIONS_##has_options(name)
#define OBJPOOL__HOOKS_0(name, ...)
#define OBJPOOL__FILL_OPTIONS_0(name)
#define OBJPOOL__HOOKS_1(name, ...)                                                                                  \
  typedef struct name##_objpool_options {                                                                            \
    bool (*create)(name##_objpool_value *, void *);                                                                  \
    void (*reset)(name##_objpool_value *, void *);                                                                   \
    bool (*validate)(name##_objpool_value *, void *);                                                                \
    void (*destroy)(name##_objpool_value *, void *);                                                                 \
    void (*on_event)(const objpool_event *, void *);                                                                 \
    unsigned validate_on;                                                                                            \
    bool local, wipe, handles, timed, tracked;                                                                       \
  } name##_objpool_options;                                                                                          \
  OBJPOOL__CHOSEN name##_objpool_options name##_objpool_chosen(void) {                                               \
    name##_objpool_options opt = OBJPOOL__ZERO;                                                                      \
    __VA_ARGS__;                                                                                                     \
    return opt;                                                                                                      \
  }                                                                                                                  \
  OBJPOOL__MAKES(name)                                                                                               \
  OBJPOOL__MADE __attribute__((__unused__)) bool name##_objpool_create(void *objpool__o, void *objpool__c) {         \
    name##_objpool_options objpool__s = name##_objpool_chosen();                                                     \
    OBJPOOL__CATCH(                                                                                                  \
        return OBJPOOL__CREATE(name##_objpool_value, objpool__s, OBJPOOL__VALUE(name, objpool__o), objpool__c))      \
  }                                                                                                                  \
  OBJPOOL__MADE __attribute__((__unused__)) bool name##_objpool_validate(void *objpool__o, void *objpool__c) {       \
    name##_objpool_options objpool__s = name##_objpool_chosen();                                                     \
    OBJPOOL__CATCH(return !objpool__s.validate || objpool__s.validate(OBJPOOL__VALUE(name, objpool__o), objpool__c)) \
  }                                                                                                                  \
  OBJPOOL__MADE __attribute__((__unused__)) bool name##_objpool_restore(void *objpool__o, void *objpool__c) {        \
    name##_objpool_options objpool__s = name##_objpool_chosen();                                                     \
    OBJPOOL__CATCH(if (objpool__s.reset) objpool__s.reset(OBJPOOL__VALUE(name, objpool__o), objpool__c);             \
                   return !objpool__s.validate ||                                                                    \
                          (objpool__s.validate_on && !(objpool__s.validate_on & OBJPOOL_ON_RELEASE)) ||              \
                          objpool__s.validate(OBJPOOL__VALUE(name, objpool__o), objpool__c))                         \
  }                                                                                                                  \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_destroy(void *objpool__o, void *objpool__c)          \
      OBJPOOL__NOEXCEPT {                                                                                            \
    name##_objpool_options objpool__s = name##_objpool_chosen();                                                     \
    OBJPOOL__DESTROY(name##_objpool_value, objpool__s, OBJPOOL__VALUE(name, objpool__o), objpool__c);                \
  }
#define OBJPOOL__FILL_OPTIONS_1(name)                                                                    \
  {                                                                                                      \
    name##_objpool_options objpool__s = name##_objpool_chosen();                                         \
    unsigned objpool__v = objpool__s.validate_on;                                                        \
    if (OBJPOOL__CREATES(name##_objpool_value, objpool__s))                                              \
      objpool__d->type.create = OBJPOOL__THAT(name##_objpool_create);                                    \
    if (objpool__s.reset || (objpool__s.validate && (!objpool__v || (objpool__v & OBJPOOL_ON_RELEASE)))) \
      objpool__d->restore = OBJPOOL__THAT(name##_objpool_restore);                                       \
    objpool__d->resets = objpool__s.reset != OBJPOOL__NULL;                                              \
    if (objpool__s.validate) objpool__d->type.validate = OBJPOOL__THAT(name##_objpool_validate);         \
    if (OBJPOOL__DESTROYS(name##_objpool_value, objpool__s))                                             \
      objpool__d->type.destroy = OBJPOOL__THAT(name##_objpool_destroy);                                  \
    if (objpool__v) objpool__d->type.validate_on = objpool__v;                                           \
    objpool__d->type.local = objpool__s.local;                                                           \
    objpool__d->type.wipe = objpool__s.wipe;                                                             \
    objpool__d->type.handles = objpool__s.handles;                                                       \
    objpool__d->type.timed = objpool__s.timed;                                                           \
    objpool__d->type.tracked = objpool__s.tracked;                                                       \
    objpool__d->on_event = objpool__s.on_event;                                                          \
  }

#define OBJPOOL_DEFINE(name, ...) OBJPOOL__DEFINE(OBJPOOL__HAS_OPTIONS(__VA_ARGS__), name, __VA_ARGS__, (void)0)
#define OBJPOOL__DEFINE(has_options, name, T, ...)                                                                    \
  OBJPOOL__CXX_BEGINS                                                                                                 \
  OBJPOOL__STATIC_ASSERT(sizeof(#T) > 1, "OBJPOOL_DEFINE(name, T, options): there is no T");                          \
  typedef __typeof__(T) name##_objpool_value; /* before the pool: T may have the name of one of its members */        \
  OBJPOOL__KIND(name##_objpool_value)                                                                                 \
  OBJPOOL__POOL(name)                                                                                                 \
  typedef struct name##_guard {                                                                                       \
    OBJPOOL__GUARD_TYPES(name)                                                                                        \
    name##_objpool_value *object;                                                                                     \
    name##_objpool_pool *pool;                                                                                        \
  } name##_guard;                                                                                                     \
  typedef struct name##_handle {                                                                                      \
    uint32_t index, generation;                                                                                       \
  } name##_handle;                                                                                                    \
  typedef struct name##_waiter {                                                                                      \
    objpool__async base;                                                                                              \
    void *user;                                                                                                       \
    void (*objpool__ready)(struct name##_waiter *, name##_objpool_value *, int);                                      \
  } name##_waiter;                                                                                                    \
  OBJPOOL__OPTIONS_BEGIN                                                                                              \
  OBJPOOL__HOOKS(has_options, name, __VA_ARGS__)                                                                      \
  OBJPOOL__MADE OBJPOOL__INLINED void OBJPOOL__FILL(name, objpool__description *objpool__d) {                         \
    objpool__d->called = #name;                                                                                       \
    objpool__d->type.size = sizeof(name##_objpool_value);                                                             \
    objpool__d->type.alignment = __alignof__(name##_objpool_value);                                                   \
    objpool__d->type.validate_on = OBJPOOL__CAST(unsigned, OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE);                  \
    OBJPOOL__FILL_OPTIONS(has_options, name)                                                                          \
  }                                                                                                                   \
  OBJPOOL__DESCRIBED(name)                                                                                            \
  OBJPOOL__MADE OBJPOOL__INLINED objpool__description name##_objpool_is(void) {                                       \
    objpool__description objpool__d = OBJPOOL__ZERO;                                                                  \
    OBJPOOL__FILL(name, &objpool__d);                                                                                 \
    return objpool__d;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE bool name##_init(name *pool, const objpool_config *config) {       \
    return objpool__init(&pool->base, name##_objpool_describe, config);                                               \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_destroy(name *pool) { objpool_destroy(&pool->base); }                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value *name##_acquire(name *pool) {                 \
    return OBJPOOL__ACQUIRED(name, pool, OBJPOOL__ACQUIRE, 0);                                                        \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value *name##_try_acquire(name *pool) {             \
    return OBJPOOL__ACQUIRED(name, pool, OBJPOOL__TRY, 0);                                                            \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value *name##_acquire_for(name *pool,               \
                                                                                            int64_t timeout_ns) {     \
    return OBJPOOL__ACQUIRED(name, pool, OBJPOOL__WAIT, timeout_ns);                                                  \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_release(name *pool, name##_objpool_value *object) {                      \
    OBJPOOL__RELEASED(name, pool, object);                                                                            \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_discard(name *pool, name##_objpool_value *object) {                      \
    objpool__discard_as(&pool->base, object, name##_objpool_is(), name##_objpool_describe);                           \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE size_t name##_acquire_many(name *pool,                             \
                                                                              name##_objpool_value **objects,         \
                                                                              size_t count) {                         \
    if (name##_objpool_is().type.tracked)                                                                             \
      return objpool__acquire_many_at(&pool->base, name##_objpool_describe,                                           \
                                      OBJPOOL__CAST(void **, OBJPOOL__CAST(void *, objects)), count,                  \
                                      OBJPOOL__SITE(name));                                                           \
    return objpool__acquire_many(&pool->base, name##_objpool_describe,                                                \
                                 OBJPOOL__CAST(void **, OBJPOOL__CAST(void *, objects)), count);                      \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_release_many(name *pool, name##_objpool_value *const *objects,           \
                                                          size_t count) {                                             \
    while (count-- > 0) name##_release(pool, *objects++);                                                             \
  }                                                                                                                   \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_tell(objpool__async *objpool__w, void *objpool__o,    \
                                                                     int objpool__e) {                                \
    name##_waiter *objpool__n = OBJPOOL__CAST(name##_waiter *, OBJPOOL__CAST(void *, objpool__w));                    \
    objpool__n->objpool__ready(objpool__n, OBJPOOL__VALUE(name, objpool__o), objpool__e);                             \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_objpool_value *name##_acquire_async(                        \
      name *pool, name##_waiter *waiter, objpool_loop *loop, int64_t timeout_ns,                                      \
      void (*ready)(name##_waiter *, name##_objpool_value *, int)) {                                                  \
    if (!waiter->base.loop) waiter->objpool__ready = ready;                                                           \
    return OBJPOOL__VALUE(name, objpool__acquire_async(&pool->base, name##_objpool_describe, &waiter->base, loop,     \
                                                       timeout_ns, OBJPOOL__THAT(name##_objpool_tell),                \
                                                       OBJPOOL__SITE(name)));                                         \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED bool name##_cancel(name *pool, name##_waiter *waiter) {                              \
    return objpool__cancel(&pool->base, &waiter->base);                                                               \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_warmup(name *pool, size_t idle) {                                      \
    return objpool__bind(&pool->base, name##_objpool_describe) ? objpool_warmup(&pool->base, idle) : 0;               \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_trim(name *pool, size_t keep) {                                        \
    return OBJPOOL__LOAD(pool->base.state) ? objpool_trim(&pool->base, keep) : 0;                                     \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_clear(name *pool) {                                                    \
    return OBJPOOL__LOAD(pool->base.state) ? objpool_clear(&pool->base) : 0;                                          \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_trim_some(name *pool, size_t keep, size_t most) {                      \
    return OBJPOOL__LOAD(pool->base.state) ? objpool_trim_some(&pool->base, keep, most) : 0;                          \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_close(name *pool) {                                                      \
    if (objpool__bind(&pool->base, name##_objpool_describe)) objpool_close(&pool->base);                              \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED bool name##_drain(name *pool, int64_t timeout_ns) {                                  \
    return !OBJPOOL__LOAD(pool->base.state) || objpool_drain(&pool->base, timeout_ns);                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_abandon(name *pool) {                                                  \
    return OBJPOOL__LOAD(pool->base.state) ? objpool_abandon(&pool->base) : 0;                                        \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_refresh(name *pool) {                                                  \
    return OBJPOOL__LOAD(pool->base.state) ? objpool_refresh(&pool->base) : 0;                                        \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE bool name##_resize(name *pool, size_t max_idle,                    \
                                                                      size_t max_objects) {                           \
    return objpool__bind(&pool->base, name##_objpool_describe) && objpool_resize(&pool->base, max_idle, max_objects); \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE bool name##_attach(name *pool) {                                   \
    return objpool__attach(&pool->base, name##_objpool_describe);                                                     \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_memory_for(size_t objects, size_t threads) {                           \
    return objpool__memory_for(name##_objpool_describe, objects, threads);                                            \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE bool name##_rebind(name *pool) {                                   \
    return objpool__rebind(&pool->base, name##_objpool_describe);                                                     \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED objpool_stats name##_stats(const name *pool) {                                       \
    return objpool__stats_of(&pool->base, sizeof(name##_objpool_value));                                              \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_reset_stats(name *pool) { objpool_reset_stats(&pool->base); }            \
  OBJPOOL__MADE OBJPOOL__INLINED name##_handle name##_handle_of(const name *pool,                                     \
                                                                const name##_objpool_value *object) {                 \
    name##_handle objpool__h = {0, 0};                                                                                \
    objpool__name_use(&pool->base, object, name##_objpool_is().type, name##_objpool_describe, &objpool__h.index,      \
                      &objpool__h.generation);                                                                        \
    return objpool__h;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED name##_objpool_value *name##_get(const name *pool, name##_handle handle) {           \
    return OBJPOOL__VALUE(name, objpool__get(&pool->base, &handle, name##_objpool_is().type));                        \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED bool name##_release_handle(name *pool, name##_handle handle) {                       \
    return objpool__release_handle_as(&pool->base, &handle, name##_objpool_is(), name##_objpool_describe);            \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED objpool__walk name##_objpool_walk(name##_objpool_pool *objpool__p) {                 \
    return objpool__walk_begin(&objpool__p->base);                                                                    \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED name##_objpool_value *name##_objpool_next(objpool__walk *objpool__w,                 \
                                                                           objpool__stretch *objpool__s) {            \
    return OBJPOOL__VALUE(name, objpool__walk_next_as(objpool__w, objpool__s, name##_objpool_is()));                  \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_release_all(name *pool) {                                              \
    return objpool__release_all(&pool->base, name##_objpool_describe);                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_guard name##_guard_acquire(name *pool) {                    \
    name##_guard objpool__g = {OBJPOOL__ACQUIRED(name, pool, OBJPOOL__ACQUIRE, 0), pool};                             \
    return objpool__g;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_guard name##_guard_acquire_for(name *pool,                  \
                                                                                         int64_t timeout_ns) {        \
    name##_guard objpool__g = {OBJPOOL__ACQUIRED(name, pool, OBJPOOL__WAIT, timeout_ns), pool};                       \
    return objpool__g;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED name##_objpool_value *name##_guard_take(name##_guard *guard) {                       \
    name##_objpool_value *objpool__o = guard->object;                                                                 \
    guard->object = OBJPOOL__NULL;                                                                                    \
    return objpool__o;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_guard_release(name##_guard *guard) {                                     \
    name##_objpool_value *objpool__o = guard->object;                                                                 \
    guard->object = OBJPOOL__NULL;                                                                                    \
    if (objpool__o) OBJPOOL__RELEASED(name, guard->pool, objpool__o);                                                 \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_guard_discard(name##_guard *guard) {                                     \
    if (guard->object) name##_discard(guard->pool, name##_guard_take(guard));                                         \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_guard name##_guard_move(name##_guard *guard) {              \
    name##_guard objpool__m = *guard;                                                                                 \
    guard->object = OBJPOOL__NULL;                                                                                    \
    return objpool__m;                                                                                                \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED name##_objpool_value const *name##_guard_ref(const name##_guard *guard) {            \
    if (OBJPOOL__UNLIKELY(!guard->object))                                                                            \
      objpool__empty_guard(guard->pool ? &guard->pool->base : OBJPOOL__NULL, name##_objpool_describe);                \
    return guard->object;                                                                                             \
  }                                                                                                                   \
  OBJPOOL__MADE OBJPOOL__INLINED name##_objpool_value *name##_guard_mut(name##_guard *guard) {                        \
    if (OBJPOOL__UNLIKELY(!guard->object))                                                                            \
      objpool__empty_guard(guard->pool ? &guard->pool->base : OBJPOOL__NULL, name##_objpool_describe);                \
    return guard->object;                                                                                             \
  }                                                                                                                   \
  OBJPOOL__MAKE_BY(name)                                                                                              \
  OBJPOOL__EXTRACT(name)                                                                                              \
  OBJPOOL__CXX_MEMBERS(name)                                                                                          \
  OBJPOOL__OPTIONS_END                                                                                                \
  OBJPOOL__CXX_ENDS                                                                                                   \
  OBJPOOL__STATIC_ASSERT(sizeof(name##_objpool_pool) == sizeof(objpool), "OBJPOOL_DEFINE(...) ends with a semicolon")

/* OBJPOOL_EACH(conn_pool, conn, &pool) { conn is a struct conn *, each one in use in turn } */
#define OBJPOOL_EACH(P, variable, pool) OBJPOOL__EACH_AT(P, variable, pool, __COUNTER__)
#define OBJPOOL__EACH_AT(P, variable, pool, at) \
  OBJPOOL__EACH(P, variable, pool, OBJPOOL__JOIN(objpool__walk_, at), OBJPOOL__JOIN(objpool__stretch_, at))

/* OBJPOOL_WITH(conn_pool, conn, &pool) { conn is a struct conn * } else { there was none: errno says why } */
#define OBJPOOL_WITH(P, variable, pool) OBJPOOL__WITH_AT(P, variable, pool, __COUNTER__)
#define OBJPOOL__WITH_AT(P, variable, pool, at) \
  OBJPOOL__WITH(P, variable, pool, OBJPOOL__JOIN(objpool__guard_, at), OBJPOOL__JOIN(objpool__once_, at))

/* ------------------------------------------------------------------------------------------------------- >>sizes */

/* OBJPOOL_SIZES(buffers, 64, 256, 1024, 4096, 65536); at file scope, up to 16 sizes, ascending: a set of pools of bytes, a class
   for each size. An all-zero `buffers` is ready to use from any thread.

      objpool_buffer buffers_acquire(buffers *set, size_t size);   // of the smallest class that holds it; above the largest just
                                                                   // that size, never kept. Empty with ENOMEM or EAGAIN
      objpool_buffer buffers_grow(buffers *set, objpool_buffer buffer, size_t size); // the same bytes in one of at least `size`;
                                                  // when it fails it is empty, with errno, and `buffer` is still the caller's
      void buffers_release(buffers *set, objpool_buffer buffer);   // empty is fine
      bool buffers_init(buffers *set, const objpool_config *config); // holds for each class, but for the name: name/64, name/256
      void buffers_destroy(buffers *set);
      size_t buffers_trim(buffers *set, size_t keep_bytes);        // idle bytes destroyed, largest classes first
      objpool_stats buffers_stats(const buffers *set);             // added up
      objpool *buffers_class(buffers *set, size_t size);           // the pool of the class, NULL above the largest
      OBJPOOL_SCOPED(buffers) guard = buffers_guard_acquire(&set, 300); // guard.buffer, until the end of the scope
*/

/* Small sizes are looked up, in steps; what is larger is compared with the larger classes. Compares alone took 60 instructions
   with 16 classes, a look takes 5. Classes that are no multiples of a step have no such table (gcc -O2). */
enum { OBJPOOL__STEP = 8, OBJPOOL__STEPS = 128, OBJPOOL__STEPPED = OBJPOOL__STEP * OBJPOOL__STEPS };

/* How far from the first class the one for so many bytes lies: a pool for each class that is smaller. */
OBJPOOL__INLINE size_t objpool__class_of(const size_t *sizes, size_t count, const unsigned short *steps, size_t size) {
  size_t place = 0, small = steps ? OBJPOOL__STEPPED : 0; /* each class up to there is smaller than what is compared */
  if (steps && OBJPOOL__LIKELY(size <= OBJPOOL__STEPPED)) {
    size_t distance = steps[(size + OBJPOOL__STEP - 1) / OBJPOOL__STEP];
    if (sizes[count - 1] >= OBJPOOL__STEPPED && distance >= count * sizeof(objpool))
      __builtin_unreachable(); /* none is above the largest */
    return distance;
  }
  if (count > 0) place += sizes[0] <= small || size > sizes[0];
  if (count > 1) place += sizes[1] <= small || size > sizes[1];
  if (count > 2) place += sizes[2] <= small || size > sizes[2];
  if (count > 3) place += sizes[3] <= small || size > sizes[3];
  if (count > 4) place += sizes[4] <= small || size > sizes[4];
  if (count > 5) place += sizes[5] <= small || size > sizes[5];
  if (count > 6) place += sizes[6] <= small || size > sizes[6];
  if (count > 7) place += sizes[7] <= small || size > sizes[7];
  if (count > 8) place += sizes[8] <= small || size > sizes[8];
  if (count > 9) place += sizes[9] <= small || size > sizes[9];
  if (count > 10) place += sizes[10] <= small || size > sizes[10];
  if (count > 11) place += sizes[11] <= small || size > sizes[11];
  if (count > 12) place += sizes[12] <= small || size > sizes[12];
  if (count > 13) place += sizes[13] <= small || size > sizes[13];
  if (count > 14) place += sizes[14] <= small || size > sizes[14];
  if (count > 15) place += sizes[15] <= small || size > sizes[15];
  return place * sizeof(objpool);
}

/* Whether a release of it would be right. Pools of up to 64 objects have tags that only their state knows. */
OBJPOOL__INLINE bool objpool__holds(const objpool *pool, void *bytes) {
  return !OBJPOOL__CHECKED || !objpool__differs(objpool__tag_of(pool->key, bytes), objpool__tag(bytes, 0)) ||
         objpool__buffer_held(pool, bytes);
}

OBJPOOL__INLINE objpool_buffer objpool__no_buffer(void) {
  objpool_buffer none = OBJPOOL__ZERO;
  return none;
}

OBJPOOL__INLINE objpool *objpool__class_at(objpool *classes, size_t distance) {
  return (objpool *)(void *)((char *)classes + distance);
}

OBJPOOL__INLINE objpool__describe *const *objpool__class_describe(objpool__describe *const *describes,
                                                                  size_t distance) {
  return (objpool__describe *const *)(const void *)((const char *)describes + distance);
}

/* A buffer of a class, and one given back to it. What describes the class is read when it is asked for. */
OBJPOOL__INLINE char *objpool__buffer_take(objpool *classes, size_t distance, objpool__describe *const *describes) {
  objpool *pool = objpool__class_at(classes, distance);
  void *bytes = objpool__take(pool, false);
  if (OBJPOOL__UNLIKELY(!bytes))
    return (char *)objpool__acquire_slow(pool, *objpool__class_describe(describes, distance), OBJPOOL__ACQUIRE, 0);
  objpool__flip(objpool__tag(bytes, 0));
  OBJPOOL__SHOW(bytes, pool->capacity);
  return (char *)bytes;
}

OBJPOOL__INLINE void objpool__buffer_give(objpool *classes, size_t distance, objpool_buffer buffer,
                                          objpool__describe *const *describes) {
  objpool *pool = objpool__class_at(classes, distance);
  objpool__describe *const *describe = objpool__class_describe(describes, distance);
  void *bytes = buffer.bytes;
  if (OBJPOOL__UNLIKELY(!objpool__take_back(pool->key, bytes, objpool__tag(bytes, 0)))) {
    objpool__release_checked(pool, *describe, bytes);
    return;
  }
  OBJPOOL__HIDE(bytes, buffer.capacity);
  objpool__give_by(pool, bytes, false, describe);
}

OBJPOOL__INLINE size_t objpool__largest_alignment(void) {
  const size_t largest = __BIGGEST_ALIGNMENT__;
  return largest < 16 ? largest : 16;
}

#define OBJPOOL__NO_SIZES 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define OBJPOOL__SIZES_COUNT(...) OBJPOOL__SIZES_COUNT_(__VA_ARGS__)
#define OBJPOOL__SIZES_COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, count, ...) (count)
#define OBJPOOL__BELOW(size, n) ((size) + 0 > 0 && (size) + 0 < OBJPOOL__STEP * (n))
#define OBJPOOL__STEP_OF(n, a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, ...)                                 \
  OBJPOOL__CAST(unsigned short,                                                                                  \
                sizeof(objpool) *                                                                                \
                    (OBJPOOL__BELOW(a, n) + OBJPOOL__BELOW(b, n) + OBJPOOL__BELOW(c, n) + OBJPOOL__BELOW(d, n) + \
                     OBJPOOL__BELOW(e, n) + OBJPOOL__BELOW(f, n) + OBJPOOL__BELOW(g, n) + OBJPOOL__BELOW(h, n) + \
                     OBJPOOL__BELOW(i, n) + OBJPOOL__BELOW(j, n) + OBJPOOL__BELOW(k, n) + OBJPOOL__BELOW(l, n) + \
                     OBJPOOL__BELOW(m, n) + OBJPOOL__BELOW(o, n) + OBJPOOL__BELOW(p, n) + OBJPOOL__BELOW(q, n)))
#define OBJPOOL__STEPS_8(n, ...)                                                      \
  OBJPOOL__STEP_OF((n) + 0, __VA_ARGS__), OBJPOOL__STEP_OF((n) + 1, __VA_ARGS__),     \
      OBJPOOL__STEP_OF((n) + 2, __VA_ARGS__), OBJPOOL__STEP_OF((n) + 3, __VA_ARGS__), \
      OBJPOOL__STEP_OF((n) + 4, __VA_ARGS__), OBJPOOL__STEP_OF((n) + 5, __VA_ARGS__), \
      OBJPOOL__STEP_OF((n) + 6, __VA_ARGS__), OBJPOOL__STEP_OF((n) + 7, __VA_ARGS__)
#define OBJPOOL__STEPS_64(n, ...)                                                       \
  OBJPOOL__STEPS_8((n) + 0, __VA_ARGS__), OBJPOOL__STEPS_8((n) + 8, __VA_ARGS__),       \
      OBJPOOL__STEPS_8((n) + 16, __VA_ARGS__), OBJPOOL__STEPS_8((n) + 24, __VA_ARGS__), \
      OBJPOOL__STEPS_8((n) + 32, __VA_ARGS__), OBJPOOL__STEPS_8((n) + 40, __VA_ARGS__), \
      OBJPOOL__STEPS_8((n) + 48, __VA_ARGS__), OBJPOOL__STEPS_8((n) + 56, __VA_ARGS__)
/* How far the class lies that holds what ends with each step. */
#define OBJPOOL__STEPS_OF(...) \
  OBJPOOL__STEPS_64(0, __VA_ARGS__), OBJPOOL__STEPS_64(64, __VA_ARGS__), OBJPOOL__STEP_OF(128, __VA_ARGS__)
#define OBJPOOL__WHOLE(size) ((size) + 0 > OBJPOOL__STEPPED || (size) + 0 == 0 || ((size) + 0) % OBJPOOL__STEP == 0)
#define OBJPOOL__ARE_STEPPED(...) OBJPOOL__ARE_STEPPED_(__VA_ARGS__)
#define OBJPOOL__ARE_STEPPED_(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, ...)                          \
  (OBJPOOL__WHOLE(a) && OBJPOOL__WHOLE(b) && OBJPOOL__WHOLE(c) && OBJPOOL__WHOLE(d) && OBJPOOL__WHOLE(e) && \
   OBJPOOL__WHOLE(f) && OBJPOOL__WHOLE(g) && OBJPOOL__WHOLE(h) && OBJPOOL__WHOLE(i) && OBJPOOL__WHOLE(j) && \
   OBJPOOL__WHOLE(k) && OBJPOOL__WHOLE(l) && OBJPOOL__WHOLE(m) && OBJPOOL__WHOLE(o) && OBJPOOL__WHOLE(p) && \
   OBJPOOL__WHOLE(q))
#define OBJPOOL__SIZES_CHECK(...) OBJPOOL__SIZES_CHECK_(__VA_ARGS__)
#define OBJPOOL__SIZES_CHECK_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, ...)    \
  OBJPOOL__STATIC_ASSERT((a) > 0, "OBJPOOL_SIZES: a size is at least 1");                \
  OBJPOOL__STATIC_ASSERT(!((b) + 0) || (a) < (b), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((c) + 0) || (b) < (c), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((d) + 0) || (c) < (d), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((e) + 0) || (d) < (e), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((f) + 0) || (e) < (f), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((g) + 0) || (f) < (g), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((h) + 0) || (g) < (h), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((i) + 0) || (h) < (i), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((j) + 0) || (i) < (j), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((k) + 0) || (j) < (k), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((l) + 0) || (k) < (l), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((m) + 0) || (l) < (m), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((n) + 0) || (m) < (n), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((o) + 0) || (n) < (o), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((p) + 0) || (o) < (p), "OBJPOOL_SIZES: sizes are ascending"); \
  OBJPOOL__STATIC_ASSERT(!((q) + 0), "OBJPOOL_SIZES takes at most 16 sizes");

#ifdef __cplusplus
#define OBJPOOL__SET(name)                           \
  struct name##_guard;                               \
  struct name##_objpool_set {                        \
    objpool__sizes sizes;                            \
    objpool classes[name##_objpool_count];           \
    typedef void objpool__is_set;                    \
    typedef name##_guard guard;                      \
    static void objpool__release(guard *objpool__g); \
    static void objpool__forget(guard *objpool__g);  \
  };                                                 \
  typedef name##_objpool_set name;
#define OBJPOOL__SET_MEMBERS(name)                                                      \
  OBJPOOL__MEMBER void name##_objpool_set::objpool__release(name##_guard *objpool__g) { \
    name##_guard_release(objpool__g);                                                   \
  }                                                                                     \
  OBJPOOL__MEMBER void name##_objpool_set::objpool__forget(name##_guard *objpool__g) {  \
    objpool__g->buffer = objpool_buffer();                                              \
  }
#else
#define OBJPOOL__SET(name)                 \
  typedef struct name##_objpool_set {      \
    objpool__sizes sizes;                  \
    objpool classes[name##_objpool_count]; \
  } name;                                  \
  typedef struct name##_objpool_set name##_objpool_set;
#define OBJPOOL__SET_MEMBERS(name)
#endif

#define OBJPOOL_SIZES(name, ...)                                                                                       \
  OBJPOOL__CXX_BEGINS                                                                                                  \
  OBJPOOL__SIZES_CHECK(__VA_ARGS__, OBJPOOL__NO_SIZES)                                                                 \
  enum {                                                                                                               \
    name##_objpool_count =                                                                                             \
        OBJPOOL__SIZES_COUNT(__VA_ARGS__, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)                \
  };                                                                                                                   \
  OBJPOOL__SET(name)                                                                                                   \
  typedef struct name##_guard {                                                                                        \
    objpool_buffer buffer;                                                                                             \
    name##_objpool_set *set;                                                                                           \
  } name##_guard;                                                                                                      \
  OBJPOOL__MADE OBJPOOL__INLINED const size_t *name##_objpool_capacities(void) {                                       \
    static const size_t objpool__c[name##_objpool_count] = {__VA_ARGS__};                                              \
    return objpool__c;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_objpool_class_of(size_t objpool__n) {                                   \
    static const size_t objpool__c[name##_objpool_count] = {__VA_ARGS__};                                              \
    static const unsigned short objpool__t[OBJPOOL__STEPS + 1] = {OBJPOOL__STEPS_OF(__VA_ARGS__, OBJPOOL__NO_SIZES)};  \
    return objpool__class_of(objpool__c, name##_objpool_count,                                                         \
                             OBJPOOL__ARE_STEPPED(__VA_ARGS__, OBJPOOL__NO_SIZES) ? objpool__t : OBJPOOL__NULL,        \
                             objpool__n);                                                                              \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_objpool_capacity(name##_objpool_set *objpool__s, size_t objpool__d) {   \
    return __builtin_constant_p(objpool__d) ? name##_objpool_capacities()[objpool__d / sizeof(objpool)]                \
                                            : objpool__class_at(objpool__s->classes, objpool__d)->capacity;            \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED objpool__description name##_objpool_is(size_t objpool__i) {                           \
    objpool__description objpool__d = OBJPOOL__ZERO;                                                                   \
    objpool__d.called = #name;                                                                                         \
    objpool__d.bytes = true;                                                                                           \
    objpool__d.type.size = name##_objpool_capacities()[objpool__i];                                                    \
    objpool__d.type.alignment = objpool__largest_alignment();                                                          \
    objpool__d.type.validate_on = OBJPOOL__CAST(unsigned, OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE);                    \
    return objpool__d;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_0(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(0);                                                                                \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_1(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(1 < name##_objpool_count ? 1 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_2(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(2 < name##_objpool_count ? 2 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_3(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(3 < name##_objpool_count ? 3 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_4(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(4 < name##_objpool_count ? 4 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_5(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(5 < name##_objpool_count ? 5 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_6(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(6 < name##_objpool_count ? 6 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_7(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(7 < name##_objpool_count ? 7 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_8(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(8 < name##_objpool_count ? 8 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_9(objpool__description *objpool__d) {         \
    *objpool__d = name##_objpool_is(9 < name##_objpool_count ? 9 : 0);                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_10(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(10 < name##_objpool_count ? 10 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_11(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(11 < name##_objpool_count ? 11 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_12(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(12 < name##_objpool_count ? 12 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_13(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(13 < name##_objpool_count ? 13 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_14(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(14 < name##_objpool_count ? 14 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE __attribute__((__unused__)) void name##_objpool_describe_15(objpool__description *objpool__d) {        \
    *objpool__d = name##_objpool_is(15 < name##_objpool_count ? 15 : 0);                                               \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED objpool__describe *const *name##_objpool_describes(void) {                            \
    static objpool__describe *const objpool__f[16][OBJPOOL__NEXT_DESCRIBE] = {                                         \
        {name##_objpool_describe_0},  {name##_objpool_describe_1},  {name##_objpool_describe_2},                       \
        {name##_objpool_describe_3},  {name##_objpool_describe_4},  {name##_objpool_describe_5},                       \
        {name##_objpool_describe_6},  {name##_objpool_describe_7},  {name##_objpool_describe_8},                       \
        {name##_objpool_describe_9},  {name##_objpool_describe_10}, {name##_objpool_describe_11},                      \
        {name##_objpool_describe_12}, {name##_objpool_describe_13}, {name##_objpool_describe_14},                      \
        {name##_objpool_describe_15}};                                                                                 \
    return objpool__f[0];                                                                                              \
  }                                                                                                                    \
  OBJPOOL__OPTIONS_BEGIN                                                                                               \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE bool name##_init(name *set, const objpool_config *config) {         \
    return objpool__sizes_init(&set->sizes, set->classes, name##_objpool_capacities(), name##_objpool_count,           \
                               name##_objpool_describes(), config);                                                    \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_destroy(name *set) {                                                      \
    objpool__sizes_destroy(&set->sizes, set->classes, name##_objpool_count);                                           \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE objpool_buffer name##_acquire(name *set, size_t size) {             \
    size_t objpool__d = name##_objpool_class_of(size);                                                                 \
    objpool_buffer objpool__b = OBJPOOL__ZERO;                                                                         \
    if (OBJPOOL__LIKELY(objpool__d < sizeof set->classes)) {                                                           \
      objpool__b.bytes = objpool__buffer_take(set->classes, objpool__d, name##_objpool_describes());                   \
      if (OBJPOOL__LIKELY(objpool__b.bytes)) objpool__b.capacity = name##_objpool_capacity(set, objpool__d);           \
      return objpool__b;                                                                                               \
    }                                                                                                                  \
    objpool__b.bytes =                                                                                                 \
        OBJPOOL__CAST(char *, objpool__large_acquire(&set->sizes, set->classes, name##_objpool_describes()[0], size)); \
    if (objpool__b.bytes) objpool__b.capacity = size;                                                                  \
    return objpool__b;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_release(name *set, objpool_buffer buffer) {                               \
    size_t objpool__d = name##_objpool_class_of(buffer.capacity);                                                      \
    if (!buffer.bytes) return;                                                                                         \
    if (OBJPOOL__UNLIKELY(objpool__d >= sizeof set->classes))                                                          \
      objpool__large_release(&set->sizes, set->classes, name##_objpool_describes()[0], buffer);                        \
    else if (OBJPOOL__UNLIKELY(name##_objpool_capacity(set, objpool__d) != buffer.capacity))                           \
      objpool__buffer_rejected(set->classes, name##_objpool_describes()[0], buffer);                                   \
    else                                                                                                               \
      objpool__buffer_give(set->classes, objpool__d, buffer, name##_objpool_describes());                              \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED bool name##_objpool_holds(name *set, objpool_buffer buffer) {                         \
    size_t objpool__d = name##_objpool_class_of(buffer.capacity);                                                      \
    if (objpool__d >= sizeof set->classes) return objpool__large_held(set->classes, buffer);                           \
    return name##_objpool_capacity(set, objpool__d) == buffer.capacity &&                                              \
           objpool__holds(objpool__class_at(set->classes, objpool__d), buffer.bytes);                                  \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE objpool_buffer name##_grow(name *set, objpool_buffer buffer,        \
                                                                              size_t size) {                           \
    objpool_buffer objpool__w = buffer;                                                                                \
    if (OBJPOOL__UNLIKELY(buffer.bytes && !name##_objpool_holds(set, buffer))) { /* it panics: nothing was acquired */ \
      name##_release(set, buffer);                                                                                     \
      return objpool__no_buffer();                                                                                     \
    }                                                                                                                  \
    if (buffer.bytes && size <= buffer.capacity) return objpool__w;                                                    \
    objpool__w = name##_acquire(set, size);                                                                            \
    if (objpool__w.bytes && buffer.bytes) {                                                                            \
      __builtin_memcpy(objpool__w.bytes, buffer.bytes, buffer.capacity);                                               \
      name##_release(set, buffer);                                                                                     \
    }                                                                                                                  \
    return objpool__w;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED size_t name##_trim(name *set, size_t keep_bytes) {                                    \
    return objpool__sizes_trim(set->classes, name##_objpool_capacities(), name##_objpool_count, keep_bytes);           \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED objpool_stats name##_stats(const name *set) {                                         \
    return objpool__sizes_stats(&set->sizes, set->classes, name##_objpool_count);                                      \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED objpool *name##_class(name *set, size_t size) {                                       \
    size_t objpool__d = name##_objpool_class_of(size);                                                                 \
    if (objpool__d >= sizeof set->classes ||                                                                           \
        !objpool__bind(objpool__class_at(set->classes, objpool__d),                                                    \
                       *objpool__class_describe(name##_objpool_describes(), objpool__d)))                              \
      return OBJPOOL__NULL;                                                                                            \
    return objpool__class_at(set->classes, objpool__d);                                                                \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_guard name##_guard_acquire(name *set, size_t size) {         \
    name##_guard objpool__g = OBJPOOL__ZERO;                                                                           \
    objpool__g.buffer = name##_acquire(set, size);                                                                     \
    objpool__g.set = set;                                                                                              \
    return objpool__g;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED objpool_buffer name##_guard_take(name##_guard *guard) {                               \
    objpool_buffer objpool__b = guard->buffer;                                                                         \
    guard->buffer.bytes = OBJPOOL__NULL;                                                                               \
    guard->buffer.capacity = 0;                                                                                        \
    return objpool__b;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED void name##_guard_release(name##_guard *guard) {                                      \
    if (guard->buffer.bytes) name##_release(guard->set, name##_guard_take(guard));                                     \
  }                                                                                                                    \
  OBJPOOL__MADE OBJPOOL__INLINED OBJPOOL__MUST_USE name##_guard name##_guard_move(name##_guard *guard) {               \
    name##_guard objpool__m = *guard;                                                                                  \
    (void)name##_guard_take(guard);                                                                                    \
    return objpool__m;                                                                                                 \
  }                                                                                                                    \
  OBJPOOL__OPTIONS_END                                                                                                 \
  OBJPOOL__SET_MEMBERS(name)                                                                                           \
  OBJPOOL__CXX_ENDS                                                                                                    \
  OBJPOOL__STATIC_ASSERT(name##_objpool_count <= 16,                                                                   \
                         "OBJPOOL_SIZES(...) takes at most 16 sizes and ends with a semicolon")

OBJPOOL__OURS_ENDS
#endif /* OBJPOOL_H */

#if defined(OBJPOOL_IMPLEMENTATION) && !defined(OBJPOOL__IMPLEMENTED)
#define OBJPOOL__IMPLEMENTED
/* ---------------------------------------------------------------------------------------------- >>implementation */

#undef OBJPOOL__INLINE /* from here on each copy's own, also where modules are compiled */
#define OBJPOOL__INLINE static inline OBJPOOL__INLINED

#ifndef OBJPOOL__NAMED
#define OBJPOOL__NAMED
OBJPOOL__FIRST_SYMBOL
#endif

OBJPOOL__OURS_BEGINS

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifndef OBJPOOL_NO_STDIO
#include <stdio.h>
#endif
#include <time.h>
#ifndef OBJPOOL_NO_THREADS
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__linux__)
#include <fcntl.h>
#include <sys/syscall.h>
#endif
#if defined(_WIN32)
#include <windows.h>
#else
#include <unistd.h>
#endif

OBJPOOL__C_BEGINS

#ifndef OBJPOOL_ASSERT
#define OBJPOOL_ASSERT(cond) ((void)0)
#endif

/* ---- room: system >>system
   What the operating system and the C library give, named once; and what stands in its place where there are no threads, no
   stdio, or no such call. No other room names a platform or asks what there is. */

#define OBJPOOL__UNUSED __attribute__((__unused__)) /* but in some builds: by an OBJPOOL_ASSERT */

#ifdef OBJPOOL_NO_STDIO
static void objpool__print(const char *text) { (void)text; }
#else
static void objpool__print(const char *text) { (void)fputs(text, stderr); /* nobody is left to tell if it fails */ }
#endif

/* errno is preserved as it stands in the thread that calls: a hook may have come back on another one. */
OBJPOOL_API int *objpool__errno_of(void) {
  __asm__ volatile(""); /* or compilers would call it once for both sides of a hook */
  return &errno;
}

static void objpool__set_error(int error) { *objpool__errno_of() = error; }

/* Platforms: Linux by its calls, which strict -std=c11 does not hide; Windows; and the rest, by POSIX. */

#if defined(__linux__)
#ifndef __cplusplus
extern long syscall(long number, ...);
#endif
#ifdef SYS_futex /* what its old calls take: longs, whatever _TIME_BITS says */
typedef long objpool__kernel_word;
enum { OBJPOOL__FUTEX = SYS_futex, OBJPOOL__CLOCK_GETTIME = SYS_clock_gettime };
#else
typedef int64_t objpool__kernel_word;
enum { OBJPOOL__FUTEX = SYS_futex_time64, OBJPOOL__CLOCK_GETTIME = SYS_clock_gettime64 };
#endif
typedef struct objpool__kernel_time {
  objpool__kernel_word seconds, nanoseconds;
} objpool__kernel_time;

static long objpool__process_id(void) { return syscall(SYS_getpid); }
static long objpool__thread_number(void) { return syscall(SYS_gettid); }

/* Whether the kernel knows no thread by this number any more. */
static bool objpool__thread_ended(long number) {
  return syscall(SYS_tgkill, objpool__process_id(), number, 0L) != 0 && errno == ESRCH;
}

/* Asks for huge pages where memory is large: the first 10^6 objects of 64 bytes cost 38 ns each in place of 62. A hint: the
   system may refuse. */
static void objpool__prefer_huge_pages(void *memory, size_t size) {
  enum { OBJPOOL__HUGEPAGE = 14, OBJPOOL__PAGES = 65536 };
  if (size < (size_t)4 << 20) return;
  int saved = errno;
  uintptr_t first = ((uintptr_t)memory + OBJPOOL__PAGES - 1) & ~(uintptr_t)(OBJPOOL__PAGES - 1),
            end = ((uintptr_t)memory + size) & ~(uintptr_t)(OBJPOOL__PAGES - 1);
  syscall(SYS_madvise, first, end - first, (long)OBJPOOL__HUGEPAGE);
  objpool__set_error(saved);
}
#elif defined(_WIN32)
static long objpool__process_id(void) { return 1; } /* no forks */
static long objpool__thread_number(void) { return (long)GetCurrentThreadId(); }
#else
static long objpool__process_id(void) { return (long)getpid(); }
static long objpool__thread_number(void) { return (long)(uintptr_t)&objpool__thread_row; } /* an address of its own */
#endif

#ifndef __linux__
static bool objpool__thread_ended(long number) { return (void)number, false; } /* not known */
static void objpool__prefer_huge_pages(void *memory, size_t size) { (void)memory, (void)size; }
#endif

#if defined(CLOCK_MONOTONIC)
#define OBJPOOL__MONOTONIC CLOCK_MONOTONIC
#elif defined(__EMSCRIPTEN__) || (defined(__linux__) && defined(__LP64__))
#define OBJPOOL__MONOTONIC 1 /* strict -std=c11 hides it, and what takes it: */
extern int clock_gettime(int clock, struct timespec *now); /* where time_t has one size */
#endif

#ifdef __linux__
#define OBJPOOL__MONOTONIC_COARSE 6
#elif defined(OBJPOOL__MONOTONIC)
#define OBJPOOL__MONOTONIC_COARSE OBJPOOL__MONOTONIC
#endif

/* coarse: as it was at the last tick, some milliseconds ago, which is read in a few ns, if the system keeps it. 0: it cannot be read
   (a filter of system calls, say). Sleeps are timed by the system itself, so that they end then, too. */
OBJPOOL__INLINE uint64_t objpool__clock_ns(bool coarse) {
#if defined(_WIN32)
  LARGE_INTEGER count, frequency;
  (void)coarse;
  QueryPerformanceCounter(&count);
  QueryPerformanceFrequency(&frequency);
  return (uint64_t)(count.QuadPart / frequency.QuadPart) * 1000000000u +
         (uint64_t)(count.QuadPart % frequency.QuadPart) * 1000000000u / (uint64_t)frequency.QuadPart;
#elif defined(OBJPOOL__MONOTONIC)
  struct timespec now = OBJPOOL__ZERO;                     /* it stays where this fails */
  clock_gettime(coarse ? OBJPOOL__MONOTONIC_COARSE : OBJPOOL__MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#else
  const long monotonic = coarse ? OBJPOOL__MONOTONIC_COARSE : 1;
  objpool__kernel_time now = OBJPOOL__ZERO;
  syscall(OBJPOOL__CLOCK_GETTIME, monotonic, &now);
  return (uint64_t)now.seconds * 1000000000u + (uint64_t)now.nanoseconds;
#endif
}

static uint64_t objpool__now_ns(void) { return objpool__clock_ns(false); }
static uint64_t objpool__coarse_now_ns(void) { return objpool__clock_ns(true); }

/* How long that took, by one clock or another; 0 where it could not be read at one of the two times. */
static uint64_t objpool__elapsed(uint64_t began, uint64_t now) { return began && now > began ? now - began : 0; }

/* Linux 4.14: every running thread of this process passes a full barrier. False: not here. */
#if defined(SYS_membarrier) && !defined(OBJPOOL_NO_MEMBARRIER)
static bool objpool__may_have_membarrier(void) { return true; } /* a sandbox may refuse it */
static bool objpool__membarrier(bool registering) {
  enum { OBJPOOL__PRIVATE_EXPEDITED = 8, OBJPOOL__REGISTER_PRIVATE_EXPEDITED = 16 };
  return syscall(SYS_membarrier, (long)(registering ? OBJPOOL__REGISTER_PRIVATE_EXPEDITED : OBJPOOL__PRIVATE_EXPEDITED),
                 0L, 0L) == 0;
}
#elif defined(_WIN32) && !defined(OBJPOOL_NO_MEMBARRIER)
static bool objpool__may_have_membarrier(void) { return true; }
static bool objpool__membarrier(bool registering) {
  FlushProcessWriteBuffers();
  (void)registering;
  return true;
}
#else
static bool objpool__may_have_membarrier(void) { return false; }
static bool objpool__membarrier(bool registering) {
  (void)registering;
  return false;
}
#endif

/* In its place, once a sandbox refuses it: where a page that was just written loses a right, x86 processors that run this
   process are interrupted to forget it, and an interrupt is a full barrier. By one thread at a time, with a page of its own.
   (Linux from 6.15 on can do that without an interrupt on AMD's processors with INVLPGB: there this is no more than probable.) */
static bool objpool__interrupt_all(volatile char *page, size_t size) {
#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__)) && !defined(OBJPOOL__NO_INTERRUPT) && \
    !defined(OBJPOOL_NO_MEMBARRIER)
  enum { OBJPOOL__READ = 1, OBJPOOL__WRITE = 2 };
  if (syscall(SYS_mprotect, page, (long)size, (long)(OBJPOOL__READ | OBJPOOL__WRITE)) != 0) return false;
  page[0] = (char)(page[0] + 1);
  return syscall(SYS_mprotect, page, (long)size, (long)OBJPOOL__READ) == 0;
#else
  (void)page, (void)size;
  return false;
#endif
}

/* Threads, by pthread; or none. */

#ifndef OBJPOOL_NO_THREADS
typedef pthread_t objpool__thread;
typedef pthread_key_t objpool__key;
typedef pthread_mutex_t objpool__plain_mutex;
#define OBJPOOL__UNLOCKED PTHREAD_MUTEX_INITIALIZER

static bool objpool__mutex_make(objpool__plain_mutex *mutex) { return pthread_mutex_init(mutex, NULL) == 0; }
static void objpool__mutex_unmake(objpool__plain_mutex *mutex) { pthread_mutex_destroy(mutex); }
static void objpool__mutex_lock(objpool__plain_mutex *mutex) { pthread_mutex_lock(mutex); }
static void objpool__mutex_unlock(objpool__plain_mutex *mutex) { pthread_mutex_unlock(mutex); }
static OBJPOOL__UNUSED bool objpool__mutex_try(objpool__plain_mutex *mutex) {
  return pthread_mutex_trylock(mutex) == 0;
}
static bool objpool__key_make(objpool__key *key, void (*at_exit)(void *)) {
  return pthread_key_create(key, at_exit) == 0;
}
static void objpool__key_unmake(objpool__key key) { pthread_key_delete(key); }
static bool objpool__key_set(objpool__key key, void *value) { return pthread_setspecific(key, value) == 0; }
static int objpool__thread_start(objpool__thread *thread, void *(*run)(void *), void *argument) {
  return pthread_create(thread, NULL, run, argument);
}
static bool objpool__thread_is(objpool__thread thread) { return pthread_equal(pthread_self(), thread) != 0; }
static void objpool__thread_join(objpool__thread thread) { pthread_join(thread, NULL); }

#ifdef __ANDROID__ /* has no cancellation */
static int objpool__set_cancel(int state) { return state; }
enum { OBJPOOL__CANCEL_OFF };
#else
enum { OBJPOOL__CANCEL_OFF = PTHREAD_CANCEL_DISABLE };
static int objpool__set_cancel(int state) {
  int before = state;
  pthread_setcancelstate(state, &before);
  return before;
}
#endif

#ifdef _WIN32
#define OBJPOOL__AT_FORK(prepare, parent, child) ((void)(prepare), (void)(parent), (void)(child))
#else
#define OBJPOOL__AT_FORK(prepare, parent, child) ((void)pthread_atfork(prepare, parent, child))
#endif
static void objpool__once(void (*start)(void)) { /* of all that it is called with, the first */
  static pthread_once_t started = PTHREAD_ONCE_INIT;
  pthread_once(&started, start);
}
#else
typedef char objpool__thread, objpool__key, objpool__plain_mutex;
#define OBJPOOL__UNLOCKED 0
enum { OBJPOOL__CANCEL_OFF };
static bool objpool__mutex_make(objpool__plain_mutex *mutex) { return (void)mutex, true; }
static void objpool__mutex_unmake(objpool__plain_mutex *mutex) { (void)mutex; }
static void objpool__mutex_lock(objpool__plain_mutex *mutex) { (void)mutex; }
static void objpool__mutex_unlock(objpool__plain_mutex *mutex) { (void)mutex; }
static OBJPOOL__UNUSED bool objpool__mutex_try(objpool__plain_mutex *mutex) { return (void)mutex, false; } /* held */
static bool objpool__key_make(objpool__key *key, void (*at_exit)(void *)) { return (void)key, (void)at_exit, false; }
static void objpool__key_unmake(objpool__key key) { (void)key; }
static bool objpool__key_set(objpool__key key, void *value) { return (void)key, (void)value, false; }
static int objpool__thread_start(objpool__thread *thread, void *(*run)(void *), void *argument) {
  return (void)thread, (void)run, (void)argument, ENOSYS;
}
static bool objpool__thread_is(objpool__thread thread) { return (void)thread, true; }
static void objpool__thread_join(objpool__thread thread) { (void)thread; }
static int objpool__set_cancel(int state) { return state; }
#define OBJPOOL__AT_FORK(prepare, parent, child) ((void)(prepare), (void)(parent), (void)(child))
static void objpool__once(void (*start)(void)) { start(); }
#endif

/* No function of ours is a cancellation point, though some that the system offers are: those are called between these two. */
static int objpool__cancel_off(void) { return objpool__set_cancel(OBJPOOL__CANCEL_OFF); }
static void objpool__cancel_restore(int before) { (void)objpool__set_cancel(before); }

/* Signals: one thread sleeps until another one sets it. */

typedef enum objpool__progress { OBJPOOL__AWAKE, OBJPOOL__ASLEEP, OBJPOOL__SET } objpool__progress;

#if !defined(__linux__) && !defined(OBJPOOL_NO_THREADS)
typedef struct objpool__bell {
  pthread_mutex_t lock;
  pthread_cond_t wake;
} objpool__bell;
#endif

typedef struct objpool__signal {
  uint32_t progress; /* objpool__progress */
#if !defined(__linux__) && !defined(OBJPOOL_NO_THREADS)
  objpool__bell own, *bell; /* bell: own, or where that could not be had objpool__common_bell */
#endif
} objpool__signal;

static bool objpool__signal_is_set(objpool__signal *signal) { /* pairs with objpool__signal_set */
  return __atomic_load_n(&signal->progress, __ATOMIC_ACQUIRE) == OBJPOOL__SET;
}

/* Its thread will wait for it once more. By that thread, while nobody can set it; relaxed: whoever sets it next comes after. */
static void objpool__signal_rearm(objpool__signal *signal) { OBJPOOL__STORE(signal->progress, OBJPOOL__AWAKE); }

#if defined(OBJPOOL_NO_THREADS) /* nobody waits */
static void objpool__signal_make(objpool__signal *signal) { signal->progress = OBJPOOL__AWAKE; }
static void objpool__signal_unmake(objpool__signal *signal) { (void)signal; }
static uint32_t *objpool__signal_set(objpool__signal *signal) { return (void)signal, OBJPOOL__NULL; }
static void objpool__signal_wake(uint32_t *word) { (void)word; }
static bool objpool__signal_wait(objpool__signal *signal, uint64_t deadline) {
  return deadline == 0 && objpool__signal_is_set(signal);
}
#elif defined(__linux__)

/* Sleeps on a word until it is woken, the monotonic time has come (UINT64_MAX: never), or for no reason; not at all if the
   word is no longer `expected`. */
static bool objpool__sleep(uint32_t *word, uint32_t expected, uint64_t deadline) {
  enum { OBJPOOL__WAIT_BITSET_PRIVATE = 137 }; /* an absolute time on the monotonic clock */
  uint64_t seconds = deadline / 1000000000u;
  objpool__kernel_time until = {(objpool__kernel_word)seconds, (objpool__kernel_word)(deadline % 1000000000u)};
  bool endless = seconds >> (8 * sizeof(objpool__kernel_word) - 2) != 0 || deadline == UINT64_MAX;
  return syscall(OBJPOOL__FUTEX, word, (long)OBJPOOL__WAIT_BITSET_PRIVATE, (long)expected, endless ? NULL : &until,
                 NULL, 0xffffffffL) == 0 ||
         errno != ETIMEDOUT;
}

/* Wakes who sleeps on it. If the word is a stack's that was used again since, someone wakes for no reason, at worst. */
static void objpool__wake(uint32_t *word) {
  enum { OBJPOOL__WAKE_PRIVATE = 129 };
  syscall(OBJPOOL__FUTEX, word, (long)OBJPOOL__WAKE_PRIVATE, 1L);
}

static void objpool__signal_make(objpool__signal *signal) { signal->progress = OBJPOOL__AWAKE; }
static void objpool__signal_unmake(objpool__signal *signal) { (void)signal; }

/* Returns what objpool__signal_wake needs, or NULL: its thread is awake. After it the signal may be gone. */
static uint32_t *objpool__signal_set(objpool__signal *signal) {
  uint32_t *word = &signal->progress;
  /* release: what was handed over is seen; pairs with objpool__signal_is_set */
  return __atomic_exchange_n(word, OBJPOOL__SET, __ATOMIC_ACQ_REL) == OBJPOOL__ASLEEP ? word : NULL;
}

static void objpool__signal_wake(uint32_t *word) {
  if (!word) return;
  int saved = errno;
  objpool__wake(word);
  objpool__set_error(saved);
}

/* True when set, false when the monotonic deadline passed (UINT64_MAX: never). */
static bool objpool__signal_wait(objpool__signal *signal, uint64_t deadline) {
  uint32_t *word = &signal->progress, before = OBJPOOL__AWAKE;
  /* acquire on failure: it was set; acq_rel: who sets it sees it asleep, or it sees that it is set */
  if (!__atomic_compare_exchange_n(word, &before, OBJPOOL__ASLEEP, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
      before == OBJPOOL__SET)
    return true; /* else it waits once more */
  while (!objpool__signal_is_set(signal)) {
    if (deadline != UINT64_MAX && objpool__now_ns() >= deadline) return false;
    if (!objpool__sleep(word, OBJPOOL__ASLEEP, deadline)) return objpool__signal_is_set(signal);
  }
  return true;
}

#else /* a condition for each; the monotonic clock decides, sleeps are bounded */

static objpool__bell objpool__common_bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};

static void objpool__signal_make(objpool__signal *signal) {
  signal->progress = OBJPOOL__AWAKE;
  signal->bell = &objpool__common_bell;
  if (pthread_mutex_init(&signal->own.lock, NULL) != 0) return;
  if (pthread_cond_init(&signal->own.wake, NULL) == 0)
    signal->bell = &signal->own;
  else
    pthread_mutex_destroy(&signal->own.lock);
}

static void objpool__signal_unmake(objpool__signal *signal) {
  pthread_mutex_lock(&signal->bell->lock); /* whoever set it is done with it */
  pthread_mutex_unlock(&signal->bell->lock);
  if (signal->bell != &signal->own) return;
  pthread_mutex_destroy(&signal->own.lock);
  pthread_cond_destroy(&signal->own.wake);
}

static uint32_t *objpool__signal_set(objpool__signal *signal) {
  objpool__bell *bell = signal->bell; /* the signal may be gone once it is set and the lock is free */
  pthread_mutex_lock(&bell->lock);
  __atomic_store_n(&signal->progress, OBJPOOL__SET, __ATOMIC_RELEASE); /* pairs with objpool__signal_is_set */
  pthread_cond_broadcast(&bell->wake);                                 /* others may hear the same bell */
  pthread_mutex_unlock(&bell->lock);
  return NULL;
}

static void objpool__signal_wake(uint32_t *word) { (void)word; }

static bool objpool__signal_wait(objpool__signal *signal, uint64_t deadline) {
  pthread_mutex_lock(&signal->bell->lock);
  while (!objpool__signal_is_set(signal)) {
    uint64_t now = objpool__now_ns(), left;
    if (now >= deadline) break;
    left = deadline - now < 50000000u ? deadline - now : 50000000u;
    struct timespec until; /* steps of at most 50 ms: changes of the wall clock are harmless */
#ifdef TIME_UTC
    timespec_get(&until, TIME_UTC);
#else /* mingw with the old C library */
    clock_gettime(CLOCK_REALTIME, &until);
#endif
    until.tv_nsec += (long)left;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int before = objpool__cancel_off();
    bool slept = pthread_cond_timedwait(&signal->bell->wake, &signal->bell->lock, &until) != 0;
    objpool__cancel_restore(before);
    if (slept && !now) break; /* the clock cannot be read: no longer than one step */
  }
  bool set = objpool__signal_is_set(signal);
  pthread_mutex_unlock(&signal->bell->lock);
  return set;
}
#endif

/* Waiting for another thread without a queue: after a bounded number of turns it sleeps, so that a thread of high priority
   lets go on the one it waits for, which it may have preempted. */
static void objpool__pause(unsigned *turns) {
  enum { OBJPOOL__TURNS = 1024, OBJPOOL__NAP_NS = 50000 };
  if (++*turns < OBJPOOL__TURNS) return;
  objpool__signal nobody; /* sets it */
  objpool__signal_make(&nobody);
  (void)objpool__signal_wait(&nobody, objpool__now_ns() + OBJPOOL__NAP_NS);
  objpool__signal_unmake(&nobody);
}

/* Files of the system: for the pressure of memory, and a counter that an event loop can wait for. */

#ifndef OBJPOOL__PRESSURE_ROOT
#define OBJPOOL__PRESSURE_ROOT "" /* where tests put files of their own */
#endif

/* Reads a small file into `text` (always terminated); 0 bytes if it cannot. */
#ifdef __linux__
#ifdef O_CLOEXEC
enum { OBJPOOL__CLOEXEC = O_CLOEXEC };
#else /* hidden by strict -std=c11 */
enum { OBJPOOL__CLOEXEC = 02000000 };
#endif
static size_t objpool__read_file(const char *path, char *text, size_t size) {
  size_t length = 0;
  int before = objpool__cancel_off(); /* opening and reading are cancellation points */
  int file = open(path, O_RDONLY | OBJPOOL__CLOEXEC);
  for (ssize_t got; file >= 0 && length < size - 1 && (got = read(file, text + length, size - 1 - length)) > 0;)
    length += (size_t)got;
  if (file >= 0) close(file);
  objpool__cancel_restore(before);
  text[length] = 0;
  return length;
}

/* An eventfd, or -1 with errno. By plain calls: the C library's would be cancellation points. */
static int objpool__event_make(void) { return (int)syscall(SYS_eventfd2, 0L, (long)(O_NONBLOCK | OBJPOOL__CLOEXEC)); }
static void objpool__event_unmake(int event) { syscall(SYS_close, (long)event); }
static void objpool__event_set(int event) { /* fails only if it is set already, 2^64 times */
  const uint64_t once = 1;
  syscall(SYS_write, (long)event, &once, (long)sizeof once);
}
static void objpool__event_clear(int event) { /* fails if it is clear already */
  uint64_t times;
  syscall(SYS_read, (long)event, &times, (long)sizeof times);
}
#else
static size_t objpool__read_file(const char *path, char *text, size_t size) {
  (void)path, (void)size;
  text[0] = 0;
  return 0;
}
static int objpool__event_make(void) { return errno = ENOSYS, -1; }
static void objpool__event_unmake(int event) { (void)event; }
static void objpool__event_set(int event) { (void)event; }
static void objpool__event_clear(int event) { (void)event; }
#endif

/* A clock for tracked pools, which read it twice a pair. On x86 it is the processor's counter, where Linux itself goes by that
   and so sees to it that it runs evenly, and is the same on each processor: 10 ns where clock_gettime takes 25. It is held
   against the other clock when the first tracked pool is made, for so short a time that its rate is known to some 1e-3; for what
   took longer it is held against it once more, all the time since then, which leaves an error below a microsecond. (What the
   machine slept through may count.) Written under the process lock before a pool is tracked. */
static struct objpool__ticker {
  bool started, by_processor;
  uint64_t origin, origin_ns; /* the same moment in both */
  double tick_ns;
} objpool__ticker;

#if defined(__linux__) && (defined(__x86_64__) || defined(__i386__))
static bool objpool__has_ticks(void) {
  char source[16];
  size_t length =
      objpool__read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, sizeof source);
  return length >= 3 && !memcmp(source, "tsc", 3);
}

static uint64_t objpool__processor_ticks(void) { return __builtin_ia32_rdtsc(); }

/* For one to three microseconds a line of the cache is left to whoever else is at work on it: time for some dozen of their pairs,
   where a line takes longer from one processor to the other than all else. */
static void objpool__breathe(void) {
  for (int pause = 0; pause < 64; pause++) __builtin_ia32_pause();
}
#else
static bool objpool__has_ticks(void) { return false; }
static uint64_t objpool__processor_ticks(void) { return 0; }
static void objpool__breathe(void) {}
#endif

/* After a race for a word was lost: twice as long each time, up to some microseconds. Who won has the word's line of the cache, and
   goes on with it: four threads without caches take 41 ns a pair so, 160 where each leaves it for a pause at first, 37 with a
   mutex (bench/grid, two processors that do not share a cache). */
static void objpool__back_off(unsigned *lost) {
  enum { OBJPOOL__LOST_MOST = 2 };
  for (unsigned turn = 0; turn < 1u << *lost; turn++) objpool__breathe();
  if (*lost < OBJPOOL__LOST_MOST) ++*lost;
}

OBJPOOL__INLINE uint64_t objpool__ticks(void) {
  return OBJPOOL__LIKELY(objpool__ticker.by_processor) ? objpool__processor_ticks() : objpool__now_ns();
}

/* Both clocks at one moment: of some tries the one that took least. */
static uint64_t objpool__ticks_at(uint64_t *now_ns) {
  uint64_t least = UINT64_MAX, ticks = 0;
  for (int i = 0; i < 5; i++) {
    uint64_t before = objpool__processor_ticks(), ns = objpool__now_ns(), after = objpool__processor_ticks();
    if (after - before >= least) continue;
    least = after - before;
    ticks = before + least / 2;
    *now_ns = ns;
  }
  return ticks;
}

static void objpool__ticker_start(void) {
  enum { OBJPOOL__LEARNING_NS = 100000, OBJPOOL__LEARNING_TURNS = 10000 };
  struct objpool__ticker *ticker = &objpool__ticker;
  if (ticker->started) return;
  ticker->started = true;
  ticker->tick_ns = 1;
  if (!objpool__has_ticks()) return;
  uint64_t now_ns = 0, ticks;
  ticker->origin = objpool__ticks_at(&ticker->origin_ns);
  int turns = 0;
  do ticks = objpool__ticks_at(&now_ns);
  while (now_ns < ticker->origin_ns + OBJPOOL__LEARNING_NS && ++turns < OBJPOOL__LEARNING_TURNS);
  if (ticks <= ticker->origin || !objpool__elapsed(ticker->origin_ns, now_ns)) return; /* one of them stands still */
  ticker->tick_ns = (double)(now_ns - ticker->origin_ns) / (double)(ticks - ticker->origin);
  ticker->by_processor = true;
}

/* What a tick takes, as it is known by now. */
static double objpool__tick_ns(void) {
  const struct objpool__ticker *ticker = &objpool__ticker;
  const double nearly = 0.005;
  double tick_ns = ticker->tick_ns;
  if (!ticker->by_processor) return tick_ns;
  uint64_t now_ns = 0, ticks = objpool__ticks_at(&now_ns);
  double longer = ticks > ticker->origin ? (double)(now_ns - ticker->origin_ns) / (double)(ticks - ticker->origin) : 0;
  bool agrees = longer > tick_ns * (1 - nearly) && longer < tick_ns * (1 + nearly); /* or one of them stood still */
  return agrees ? longer : tick_ns;
}

/* How long so many ticks are. */
OBJPOOL__INLINE uint64_t objpool__ticks_ns(uint64_t ticks) {
  const double longer_ns = 1e7;
  double ns = (double)ticks * objpool__ticker.tick_ns;
  return (uint64_t)(OBJPOOL__LIKELY(ns < longer_ns) ? ns : (double)ticks * objpool__tick_ns());
}

/* Which program or library an address lies in, and where there, as addr2line counts; false: the system does not tell. glibc
   before 2.34, and programs without shared libraries, do not have the function. */
#if defined(__ELF__) && !defined(__EMSCRIPTEN__)
static bool objpool__module_of(const void *address, const char **file, uintptr_t *offset) {
  enum { OBJPOOL__ELF_TYPE = 8, OBJPOOL__EXECUTABLE = 2 }; /* of uint16_t; its addresses are what they are */
  extern int objpool__dladdr(const void *address, void *information) __asm__("dladdr") __attribute__((__weak__));
  const void *found[4] = {NULL, NULL, NULL, NULL}; /* a Dl_info: the file, where it lies, a symbol, where that lies */
  if (!objpool__dladdr || !objpool__dladdr(address, found) || !found[0] || !found[1]) return false;
  bool fixed = ((const uint16_t *)found[1])[OBJPOOL__ELF_TYPE] == OBJPOOL__EXECUTABLE;
  *file = (const char *)found[0];
  *offset = (uintptr_t)address - (fixed ? 0 : (uintptr_t)found[1]);
  return true;
}
#else
static bool objpool__module_of(const void *address, const char **file, uintptr_t *offset) {
  return (void)address, (void)file, (void)offset, false;
}
#endif

/* Clears memory so that no optimiser drops it. */
static void objpool__wipe(void *memory, size_t size) {
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

static bool objpool__multiply(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

/* By its bits, and where it lies: for -ffast-math no number is infinite, or none at all, and what is passed or compared is one. */
static bool objpool__is_between(const double *number, double least, double most) {
  const uint64_t exponent = UINT64_C(0x7FF) << 52; /* all of it: what is no finite number */
  uint64_t bits;
  memcpy(&bits, number, sizeof bits);
  return (bits & exponent) != exponent && *number >= least && *number <= most;
}

/* Rounds up to a power of two; false when that overflows. */
static bool objpool__round_up(size_t size, size_t alignment, size_t *rounded) {
  bool overflow = __builtin_add_overflow(size, alignment - 1, rounded);
  *rounded &= ~(alignment - 1);
  return !overflow;
}

/* ---- room: process >>process
   What is one per process: its lock, the fork that is under way, and which thread has which row of every slot table. */

typedef struct objpool__mutex {
  objpool__plain_mutex plain;
  bool unneeded; /* what it guards is one thread's at a time (a local pool) */
} objpool__mutex;

#ifndef OBJPOOL_STATIC
OBJPOOL__TLS uintptr_t objpool__thread_row;
char *objpool__errno_distance;
objpool__slot objpool__no_slot = {0, OBJPOOL__REVOKED, 0, 0, 0};
objpool__slot *objpool__empty_table[OBJPOOL__ROWS] = {&objpool__no_slot};
#endif
OBJPOOL_API uintptr_t *objpool__own_row(void) {
  uintptr_t *row = &objpool__thread_row;
  __asm__ volatile("" : "+r"(row) : : "memory");
  return row;
}

enum {                        /* what a thread's index can be besides its row */
       OBJPOOL__NO_INDEX = 0, /* not seen yet */
       OBJPOOL__GUEST = 1,    /* every index was taken */
       OBJPOOL__LEAVING = 2,  /* the thread ends, and gave its index back */
       OBJPOOL__FIRST_INDEX = 3
};

static unsigned objpool__thread_index(void) { return (unsigned)(OBJPOOL__ROW / sizeof(objpool__slot *)); }
static void objpool__set_thread_index(unsigned index) { *objpool__own_row() = index * sizeof(objpool__slot *); }

/* Who calls: the address of something that each thread has for itself. */
static uintptr_t objpool__self(void) { return (uintptr_t)objpool__own_row(); }

typedef struct objpool__state objpool__state;     /* cycle: a pool needs locks, and those the list of pools */
typedef struct objpool__looping objpool__looping; /* cycle: a loop needs locks, and these the list of loops */

/* Owner: all pools. The forker writes what it says of itself while it holds every lock; all else is written under the lock,
   but `membarrier` once more by whom the system refuses it. */
static struct objpool__process {
  objpool__mutex lock;
  uintptr_t forker; /* the thread that forks: it holds every lock, and writes these; 0: none */
  long forker_id;   /* of the process, when it began to */
  unsigned nested;  /* forks by its handlers */
  unsigned forks;   /* this process is so many forks away from the first */
  bool prepared, has_key;
  bool membarrier;                              /* written once, and again when the system begins to refuse it */
  objpool__key key;                             /* its destructor gives a thread's index back */
  uint64_t keys;                                /* pools bound so far */
  objpool__state *states;                       /* every bound pool */
  uintptr_t leaver;                             /* the thread that gives an index back, under the lock; 0: none */
  objpool__looping *owed;                       /* a list: loops that are to be woken once the lock is free */
  unsigned given;                               /* indices in use */
  uint64_t taken[(OBJPOOL__INDICES + 63) / 64]; /* a bit for each of them */
  long owners[OBJPOOL__INDICES];                /* the kernel's number of the thread that has it, where it is known */
} objpool__process = {{OBJPOOL__UNLOCKED, false}};

static void objpool__fork_child(void); /* cycle: the first lock that is taken in a child finds out that it is one */

/* Whether the calling thread is in the handlers of a fork, and holds every lock. */
static bool objpool__forks(void) {
  if (OBJPOOL__LOAD(objpool__process.forker) != objpool__self()) return false;
  if (objpool__process.forker_id == objpool__process_id()) return true;
  int saved = errno;
  objpool__fork_child(); /* the first call in the child */
  objpool__set_error(saved);
  return false;
}

/* From the first handler of a fork to the last the forking thread holds every lock, and its own calls in between (a
   program's handlers may use pools, too) find them taken, by itself. relaxed: only that thread finds itself there. */
OBJPOOL__INLINE bool objpool__holds_all(void) {
  return OBJPOOL__UNLIKELY(OBJPOOL__LOAD(objpool__process.forker) != 0) && objpool__forks();
}

OBJPOOL__INLINE void objpool__lock(objpool__mutex *mutex) {
  if (!mutex->unneeded && !objpool__holds_all()) objpool__mutex_lock(&mutex->plain);
}

OBJPOOL__INLINE void objpool__unlock(objpool__mutex *mutex) {
  if (!mutex->unneeded && !objpool__holds_all()) objpool__mutex_unlock(&mutex->plain);
}

/* For assertions: whether somebody holds it, who can only be the caller. */
static OBJPOOL__UNUSED bool objpool__is_held(objpool__mutex *mutex) {
  if (mutex->unneeded || objpool__holds_all() || !objpool__mutex_try(&mutex->plain)) return true;
  objpool__mutex_unlock(&mutex->plain);
  return false;
}

/* In a child: whoever held it is not there. */
static void objpool__mutex_renew(objpool__mutex *mutex) {
  objpool__plain_mutex unlocked = OBJPOOL__UNLOCKED;
  mutex->plain = unlocked;
}

/* Every thread of this process passes a full barrier before this returns; false: the system has no way, or refuses it. */
static bool objpool__barrier(void) {
  enum { OBJPOOL__PAGE = 4096 };
  static objpool__mutex lock = {OBJPOOL__UNLOCKED, false};
  static volatile char page[OBJPOOL__PAGE] __attribute__((__aligned__(OBJPOOL__PAGE)));
  int saved = errno;
  bool done = objpool__membarrier(false);
  if (!done) {
    OBJPOOL__STORE(objpool__process.membarrier, false); /* refused from now on: no slot opens again */
    objpool__lock(&lock);
    done = objpool__interrupt_all(page, sizeof page);
    objpool__unlock(&lock);
  }
  objpool__set_error(saved);
  return done;
}

/* ---- room: state >>state
   What a pool in use consists of: a struct for each room that works on it, which says whose it is and what guards it.
   Magazines and depot are those of Bonwick and Adams (2001). Locks, each above those after it: registry, growth, process,
   revoke, a slot's, commons, memory or a loop's. */

#define OBJPOOL__ALONE __attribute__((__aligned__(OBJPOOL_CACHE_LINE))) /* starts a cache line of its own */

/* What looking for an object can end with. */
typedef enum objpool__found {
  OBJPOOL__OBJECT,
  OBJPOOL__PERMIT,
  OBJPOOL__NOTHING,
  OBJPOOL__RETRY /* by a waiter whom create refused: it is time to look for a permit */
} objpool__found;

/* Counts that slow paths make; a slot's are written by its owner alone. */
typedef enum objpool__counter {
  OBJPOOL__MISSES,
  OBJPOOL__CREATED,
  OBJPOOL__DESTROYED,
  OBJPOOL__EXTRACTED,
  OBJPOOL__OVERFLOWED,
  OBJPOOL__INVALID,
  OBJPOOL__DISCARDED, /* of those that are invalid */
  OBJPOOL__EXPIRED,
  OBJPOOL__FAILURES,
  OBJPOOL__EXHAUSTED,
  OBJPOOL__TIMEOUTS,
  OBJPOOL__WAITS,
  OBJPOOL__WAIT_NS,
  OBJPOOL__REFILLS,
  OBJPOOL__FLUSHES,
  OBJPOOL__REVOCATIONS,
  OBJPOOL__ACQUIRES,
  OBJPOOL__RELEASES,
  OBJPOOL__COUNTERS
} objpool__counter;

/* How an acquire waits that may. */
typedef struct objpool__patience {
  objpool__async *async; /* who stands in the queue in place of the calling thread; NULL: nobody */
  uint64_t began_ns;     /* when it first joined the queue; 0: it never did, or its wait was counted */
  uint64_t waited_ns;    /* how long it stood there */
  uint64_t pause_ns;     /* how long after the last refusal create is tried again; 0: it did not refuse */
  uint64_t retry_ns;     /* when it is; 0: now */
} objpool__patience;

/* What an acquire is about, from its first look to its last. */
typedef struct objpool__quest {
  objpool__how how;
  uint64_t deadline;
  bool claimed;       /* a fast acquire lowered the top of this thread's slot */
  bool permit;        /* holds the reservation of an object that proved invalid: enough for a new one */
  bool from_own_slot; /* so that its base watches over the peak */
  unsigned leaving;   /* how it is counted in state->leaving, or 0 */
  bool ended;         /* there is no object: */
  int error;          /* what it ends with when there is none */
  objpool__counter failure;
  void *object;                              /* found idle, or handed over */
  void *cell;                                /* of the slot's strip, to build one in */
  const objpool__construction *construction; /* what builds a new one; NULL: create */
  objpool__patience *patience;               /* of an acquire that may wait, and of no other */
} objpool__quest;

#define OBJPOOL__OTHER_KEY (UINTPTR_MAX / 2 + 1)

/* What an engine has to do; each stands in a room of its own. Which one a pool has is chosen once, by
   objpool__choose_engine. */
typedef struct objpool__engine {
  /* not 0: what looks inline finds no object, and every release comes to objpool__release_checked. The highest bit, in which no
     two addresses differ that lead to the same word */
  uintptr_t key_difference;
  /* find: an idle object, in quest->object, or the permit to build one; and for those who gather, under the commons lock,
     whatever is idle outside of open slots */
  objpool__found (*find)(objpool__state *state, objpool__quest *quest);
  void *(*pop)(objpool__state *state);
  size_t (*idle)(objpool__state *state); /* how many pop would find */
  /* without a lock: whether at a moment during the call nothing was idle or on its way there, and nothing could be built;
     NULL: one has to look under the lock */
  bool (*refuses)(const objpool__state *state);
  /* put: leaves an idle object where others find it, or with the first waiter; false: there is no room. give: the same for
     a release, counted. push: the same for those who gather, under the commons lock, tagged */
  bool (*put)(objpool__state *state, void *object);
  bool (*give)(objpool__state *state, void *object, objpool__given given);
  bool (*push)(objpool__state *state, void *object);
  size_t (*push_some)(objpool__state *state, void *const *objects, size_t count); /* how many there was room for */
  /* settle: an object left the pool, or comes back before others can get it; and where the inline paths must ask next */
  void (*taken)(objpool__state *state, bool from_own_slot);
  void (*returned)(objpool__state *state, objpool__counter how, size_t objects);
  void (*settle)(objpool__state *state);
  size_t (*look)(objpool__state *state, size_t *idle); /* in use and idle now, for anyone who asks */
  /* grow: a cell to build in; and whether, with more cells, there is a place for each object that is idle, or making it */
  void *(*cell)(objpool__state *state, size_t *grown);
  bool (*has_places)(const objpool__state *state, size_t cells);
  bool (*make_places)(objpool__state *state, size_t cells);
  /* for engines whose objects have a node each: how many bytes a cell has for its address, behind the object; unbind: a cell
     is free again. quick: where an acquire is plain, an idle object, in use and counted, if there is nothing else to be
     done; NULL: nothing was done */
  size_t node_bytes;
  void (*unbind)(objpool__state *state, void *cell);
  void *(*quick)(objpool__state *state);
  bool (*quick_give)(objpool__state *state, void *object); /* the same for a release; false: nothing was done */
} objpool__engine;

typedef struct objpool__kept { /* heads memory that is kept while the pool lives: others may be reading it */
  struct objpool__kept *next;
  size_t bytes;
} objpool__kept;

/* Heads the memory that init took for config.reserve. Owner: the pool; `used` and `handed` are by atomic operations, for a
   fork's handler does not wait for growth_lock; the rest is fixed. */
typedef struct objpool__reserved {
  objpool_allocator source; /* of this, and of what it has no room for */
  size_t bytes, alignment;  /* of all */
  size_t used;              /* up to here it was handed out */
  size_t handed;            /* bytes that others have of it now, and account for */
} objpool__reserved;

/* Owner: the pool; guarded by `lock`. */
typedef struct objpool__memory {
  objpool__mutex growth_lock; /* one grower at a time, without a lock while it asks the allocator */
  uintptr_t grower;           /* the thread that has growth_lock; 0: none */
  objpool__mutex lock; /* guards memory, blocks, the making of magazines and of slots; nothing is locked under it */
  bool touches;        /* what is no block is touched when it is asked for; fixed */
  objpool_allocator allocator;
  size_t bytes;         /* held; read without the lock */
  size_t refused_bytes; /* the allocator had no such block when last asked; 0: never */
  objpool__kept *kept;  /* magazines and directories */
} objpool__memory;

typedef struct objpool__magazine {
  uint32_t next; /* number of the one below in its stack; 0: none */
  uint32_t number;
  objpool__uint64 depth; /* of the stack, this one included */
  void *objects[1];      /* `rounds` of them */
} objpool__magazine;

/* Owner: the pool; the stacks by compare-and-swap, the rest fixed or under the memory lock. */
typedef struct objpool__depot {
  size_t rounds; /* objects per magazine */
  uint32_t magazine_bytes;
  uint32_t segment_bits, segment_mask; /* a magazine's place in its segment: so many bits of its number */
  char **directory;                    /* of segments of magazines; grows, and the old one is kept */
  size_t count;                        /* magazines that there is memory for */
  bool fills;                          /* there may have been as many cells as a magazine holds: not to be undone */
  size_t directory_capacity;           /* in segments */
  char *first_directory[8];
  OBJPOOL__ALONE objpool__uint64 full;  /* heads of the stacks of full … */
  OBJPOOL__ALONE objpool__uint64 empty; /* … and empty magazines: a tag of 40 bits, a number of 24 */
  uint32_t begun;                       /* numbers given out so far: what was never used was never touched */
} objpool__depot;

typedef struct objpool__block {           /* memory of `cells` cells, the first at `first` */
  size_t bytes, cells, fresh, used, idle; /* fresh: cells never used; used: cells that hold an object, or
                                           will at once, or are retired; idle: the trimmer's scratch */
  size_t named, retired; /* with handles: cells that have an index, the first so many; that are retired */
  struct objpool__block *later, *earlier; /* in the order in which they were made */
  struct objpool__block *next;            /* of those to be freed */
  char *first;
  void *free;    /* cells given back, linked through their tag words */
  bool clear;    /* fresh cells are known to be zero */
  bool reserved; /* it stays, also without an object: config.reserve */
} objpool__block;

typedef struct objpool__strip { /* fresh cells set aside for one thread: they count as used in their block */
  char *next;
  size_t cells;
  objpool__block *block;
} objpool__strip;

/* Owner: the pool; guarded by the memory lock. */
typedef struct objpool__blocks {
  size_t stride, offset, object_bytes; /* of a cell; of the first object in a block; a T, rounded up to 8: fixed */
  uint32_t header;                     /* bytes before each object: fixed */
  uint32_t apart;                      /* see objpool__apart: fixed */
  size_t alignment;                    /* of a block: fixed */
  double growth_factor;                /* fixed */
  objpool__block **sorted, *filling;   /* by address; new objects go to `filling` while it has free cells */
  size_t count, capacity;
  size_t cells, used, next_cells; /* of all blocks; cells is read without the lock */
  bool plain_bytes;               /* nobody expects zeroes: fixed */
  bool emptied;                   /* there may be a block without a used cell */
  uint8_t least_cells;            /* of a block after the first, if the allocator has it: fixed */
  uint8_t range_bits;             /* a block has a multiple of 1 << this cells: 0, but with handles. fixed */
  bool named_within;              /* with handles: generations lie in the cells. fixed */
  uint8_t first_cell;             /* with tags apart: cells that a block's head takes the place of; fixed */
  uint8_t per_segment;            /* with tags apart: cells; fixed */
  bool by_ranges; /* with handles: loops go so. Else the order of indices is that of blocks and of their cells */
  objpool__block *oldest, *newest;
  size_t walks; /* loops over objects: meanwhile no block goes back */
} objpool__blocks;

/* Owner: the pool; guarded by the memory lock. What pool->places leads to is read without. */
typedef struct objpool__placing {
  size_t given, capacity; /* ranges that were ever given; that there is memory for */
  size_t lowest;          /* none before it is free */
  uint32_t lost;          /* ranges that are nobody's any more, for all their cells were retired */
  uint32_t retired;       /* cells that were, an index each */
} objpool__placing;

/* Owner: the pool. alive and room by compare-and-swap, the limits under the commons lock, with all slots held closed. In one
   line: who looks at a limit looks at what it limits. */
typedef struct objpool__limits {
  size_t alive; /* objects reserved, built or being taken down */
  /* bounded idle: max_idle - idle objects - capacity granted to open slots; aligned: i386 has no atomics for less */
  int64_t room __attribute__((__aligned__(8)));
  size_t max_idle, max_objects; /* 0: none */
  bool bounded;                 /* idle objects must be counted: max_idle is below what may be alive */
  bool surplus;                 /* more are alive than a resize allows: no slot may open */
  bool closed;                  /* none may be idle, and none is handed out; once set, surplus stays */
  size_t resizes;               /* how often they were changed; before the look at what is idle */
  objpool__uint64
      dry; /* with caches; odd: nothing is idle, and no slot open. Set under the commons lock: see objpool__dry_begins */
} objpool__limits;

/* Owner: the pool; by atomic operations, but for what revoke_lock guards. */
typedef struct objpool__gate {
  size_t hold; /* > 0: no slot may open */
  size_t open_slots;
  uint32_t calm_in;           /* > 0: this many operations until slots may open again */
  uint32_t calm_span;         /* what calm_in starts from: what the last barrier cost; written under revoke_lock */
  bool destroying;            /* no slot opens from here on; written by the destroyer */
  bool ended;                 /* closed, or being destroyed: acquires get nothing */
  bool late;                  /* an object came out of a slot, or a resize overtook a release: see objpool__catch_up */
  objpool__mutex revoke_lock; /* one revoker at a time */
} objpool__gate;

typedef struct objpool__waiter { /* lies on the stack of a waiting thread; guarded by the commons lock */
  objpool__turn turn;            /* first: the queue sees only this */
  objpool__signal signal;        /* set when it was served, or is to look for itself */
} objpool__waiter;

/* Owner: the pool; guarded by the commons lock, but `waiting`, `call`, `due` and the times are read without; `untold` is by
   atomic add. */
typedef struct objpool__queue {
  size_t waiting;
  size_t untold; /* waiters of event loops that stand in it, or left it and are still to be told by way of the pool */
  objpool__turn *first, *last;
  objpool__uint64 began_ns; /* when those who wait joined it, added up */
  size_t refused;           /* how many of them wait for objects alone */
  objpool__uint64 first_ns; /* when the first began to; 0: there is none */
  bool called;              /* the first was told to look for itself, and has not done so yet */
  bool call;                /* there is a first, and it is due or not called: who leaves something idle must serve */
  bool due;                 /* the first has waited for fair_after_ns: nobody overtakes it */
  bool builders;            /* but those who build, for the first was refused that */
} objpool__queue;

/* Where a waiter of an event loop is. */
typedef enum objpool__stage {
  OBJPOOL__NOWHERE, /* it does not wait */
  OBJPOOL__IN_LINE, /* in a pool's queue, and in the loop's heap */
  OBJPOOL__DUE,     /* in the loop's list, to be told */
  OBJPOOL__TAKEN,   /* a run is telling it */
  OBJPOOL__LATE     /* the same, and its time was up: it may have been served, or closed, since */
} objpool__stage;

/* An event loop. Owner: objpool_loop; guarded by `lock`, but `wakes` is by atomic add, and what is fixed is read without. */
struct objpool__looping {
  /* nothing is locked under it: so who forks, and holds all other locks, takes it like anybody */
  objpool__plain_mutex lock;
  void (*wake)(void *user); /* fixed, as user, event and forks */
  void *user;
  int event;                  /* an eventfd; -1: there is a wake */
  unsigned forks;             /* of the process, when the loop was made: in a child it is not there */
  uint64_t serial;            /* waiters that ever stood in line */
  objpool__async *in_line;    /* a heap by their deadlines, a pairing heap of Fredman and others (1986) */
  objpool__async *due, *last; /* a list */
  uintptr_t runner;           /* the thread that runs; 0: none */
  bool announced;             /* the eventfd was set since the last run began, or will be at once */
  unsigned wakes;             /* calls of wake, or settings of the eventfd, under way */
  unsigned owed;              /* of these, those that wait for the process lock; under that, as what follows */
  uintptr_t owing;            /* the thread that is to do it */
  objpool__looping *next_owed;
};

/* Owner: the pool; guarded by `lock`. The counts are read without. */
typedef struct objpool__commons {
  objpool__mutex lock;
  objpool__magazine *magazine;
  size_t count; /* objects in it */
  void *aside;  /* idle objects that maintenance is validating one by one, linked */
  size_t aside_count;
  bool gathering; /* a trim has popped what it will push back */
} objpool__commons;

/* Owner: the pool; by atomic add, the peaks raised by compare-and-swap, the baseline by whoever resets. */
typedef struct objpool__counts {
  objpool__uint64 shared[OBJPOOL__COUNTERS];             /* of threads without a slot */
  objpool__uint64 baseline[OBJPOOL__COUNTERS], since_ns; /* of the last reset */
  size_t peak_in_use, peak_idle; /* seldom written, often read: the words around them are as quiet */
  bool baseline_set;             /* there was a reset */
  bool inherited;                /* this is a child, forked when other threads may have been moving objects */
} objpool__counts;

/* Of a timed pool. Owner: the pool; epoch and builds by atomic add, due_ns by compare-and-swap, late under the commons lock, read
   without. */
typedef struct objpool__lifetimes {
  uintptr_t epoch;        /* how often all that is alive was outdated */
  uintptr_t builds;       /* objects stamped */
  objpool__uint64 due_ns; /* nothing idle is to go before that; UINT64_MAX: nothing is */
  bool late;              /* some that were idle for too long stayed for min_idle */
  bool precise;           /* its limits are too short for the coarse clock: fixed */
} objpool__lifetimes;

/* Before each object of a tracked pool. Written by whoever has the object alone, read by anyone: see the room `tracking`. */
typedef struct objpool__use {
  objpool__uint64
      turn; /* odd: in use; one more with each beginning and each end of a use, as long as there is the cell */
  objpool__uint64 first; /* what it was when the object before this one was gone */
  objpool__uint64 began, thread;
  objpool__uint64 site; /* an address */
} objpool__use;

/* How long something took, as objpool_histogram. Owner: the pool; lock-free, by atomic add. Of uses each slot has one besides,
   behind its cache, which its owner alone writes. */
typedef struct objpool__times {
  objpool__uint64 sum_ns, buckets[OBJPOOL__BUCKETS];
} objpool__times;

enum {
  OBJPOOL__TOOK_BYTES = ((size_t)OBJPOOL__TIMES - OBJPOOL_TIME_CREATE) * sizeof(objpool__times)
}; /* creates, and uses */

/* Open: the owner's fast paths work. Closing: revoked, its objects still there. Closed: empty, all goes to the commons. */
typedef enum objpool__openness { OBJPOOL__CLOSED, OBJPOOL__CLOSING, OBJPOOL__OPEN } objpool__openness;

/* What stands behind a slot of the table. Owner: the thread that has the row; guarded by `locked`, but for what the slot
   says of itself, and for `others` and `bottom`, which the owner reads and writes without. */
typedef struct objpool__cache {
  objpool__slot slot; /* first: the fast paths see only this */
  char locked;        /* a spin lock: held for a few dozen instructions, or while objects are counted over */
  char openness;
  bool previous_full;
  bool peak_pending; /* a new peak of in_use may last: limit is drawn in to see its end */
  bool idle_pending; /* a new peak of idle may last: base is drawn up to see its end */
  bool giving; /* its owner may still look at the pool, whose object is idle: see 5 of the room closing. By it alone */
  uintptr_t bottom; /* open: start of the current magazine; closed: where the revoker stopped */
  union {
    objpool__magazine *current; /* NULL until a slot is open for the first time */
    objpool__uint64 moved;      /* of a bounded pool: which of `bits` went to the word when the slot was closed */
  };
  objpool__magazine *previous; /* full or empty; NULL until current is full for the first time */
  objpool__strip strip;        /* may hold cells */
  size_t granted;              /* of the pool's room; while it is not closed under the commons lock */
  union {
    objpool__uint64 others; /* what others had done to the pool when last looked */
    objpool__uint64 bits;   /* of a bounded pool: the places whose objects lie in this slot; by its owner alone */
  };
  unsigned looked; /* how many of its acquires there were then, modulo what fits */
  objpool__uint64 counts[OBJPOOL__ACQUIRES];
  struct objpool__cache *next; /* in the pool's list */
} objpool__cache;

/* Owner: the pool; pushed under the memory lock, never removed, read without. */
typedef struct objpool__slots {
  objpool__cache *first, *spare; /* one in reserve */
  size_t count;
  size_t bytes;          /* of one: fixed */
  bool open_at_all;      /* slots hold objects, not only counts, or there are none: fixed */
  objpool__slot **table; /* a row per thread index, behind the state; objpool__empty_table: no thread has a slot here */
} objpool__slots;

enum { OBJPOOL__WORD_BITS = 64, OBJPOOL__NO_BIT = OBJPOOL__WORD_BITS };

/* What is needed later of its configuration. Owner: the pool; fixed, so that nobody locks it. */
typedef struct objpool__settings {
  void *context;
  size_t warmup, min_idle;
  double shrink_threshold;
  objpool_leak_policy on_leak;
  bool ignore_pressure;
  uint64_t fair_after_ns, idle_timeout_ns, max_lifetime_ns, validate_after_ns, retry_create_ns;
} objpool__settings;

/* Of a bounded pool. Owner: the pool; by atomic operations. An object's place stands in its tag, above the lowest bit. */
typedef struct objpool__word {
  OBJPOOL__ALONE objpool__uint64 idle; /* a bit for each place whose object is idle */
  objpool__uint64 fewest,
      most;     /* of the idle bits: with all of these, or none but these, there is no new peak: hints */
  size_t floor; /* with so many idle objects there is no new peak of in_use */
  bool plain_acquire, plain_release; /* the word alone is to be asked, and there is nothing else to do */
  bool quick_acquire, quick_release; /* the same, but for looks and hooks: see objpool__word_learn */
  bool lone, opens;  /* a slot is open; the next acquire may open its own. Both, and openings, under the commons lock */
  bool keeps;        /* slots may be opened at all: fixed */
  unsigned openings; /* how many slots may still be closed because somebody else came */
  OBJPOOL__ALONE objpool__uint64 taken; /* a bit for each place that has an object */
  objpool__uint64 changes; /* of what is alive or idle elsewhere: those under way, and how often, above 16 bits */
  void *objects[OBJPOOL__WORD_BITS]; /* written by who took the place, before the object is idle for the first time */
} objpool__word;

/* Owner: the one thread that uses the local pool; no lock. */
typedef struct objpool__array {
  void *memory; /* what pool->own works in; its address is read by others */
  size_t capacity;
} objpool__array;

enum { OBJPOOL__TICKS = 32 };

/* What maintenance has learned. Owner: whoever set the pool's `maintaining`. */
typedef struct objpool__demand {
  double smoothed, surge, last, peaks[OBJPOOL__TICKS];
  double owed; /* shares of an object that were to go back */
  uint64_t misses, overflowed;
  unsigned tick;
  bool begun;
} objpool__demand;

/* Owner: the registry, under its lock; learned: written by whoever set `maintaining`. */
typedef struct objpool__fleet {
  objpool__state *next; /* in the registry */
  uint64_t serial;      /* in the order pools were bound; fixed */
  unsigned visits;      /* by monitors that maintain it */
  char maintaining;
  objpool__demand *learned; /* NULL: it was not maintained so far */
} objpool__fleet;

/* In lines of the cache by who writes what. What stands in one line is written on the same occasions, or hardly ever. */
struct objpool__state {
  /* fixed while the pool lives */
  objpool *pool;
  objpool__description as;
  objpool__describe *describe; /* NULL: made by objpool_init */
  char called[48];             /* a class of a set without a name: what it is called by */
  const void *home;            /* the copy of the implementation that made it */
  const objpool__engine *engine;
  char *name;
  uintptr_t key;        /* of its tags; pool->key is the same, but for the engine's difference */
  objpool__word *word;  /* behind the table; NULL: it is not bounded */
  objpool__times *took; /* creates and uses, behind all else; NULL: it has neither */
  bool alone;           /* one thread at a time uses it */
  bool plain_tags;      /* they stand before the objects, hold no place, and are all that tells a use */
  bool looks;           /* an acquire looks at what it found idle: at its age, or by validate */
  bool restores;        /* a release runs reset, or validate */
  bool plain_acquire;   /* of what is idle: no look, no event, no generation */
  bool plain_release;   /* of what comes back: nothing to restore, no event, nothing to wipe, no generation */
  bool plain;           /* nor a look at what is idle, nor a time to note */
  size_t bytes;         /* of this */
  objpool__settings config;

  /* seldom written */
  objpool__state *next, **link; /* in objpool__process, under its lock */
  objpool__array array;
  objpool__lifetimes lifetimes;
  objpool__slots slots;
  objpool__gate gate;
  objpool__times waits;

  /* by who takes the commons lock, or has no slot */
  OBJPOOL__ALONE objpool__commons commons;
  objpool__fleet fleet;
  objpool__counts counts;
  objpool__queue queue;

  /* by who builds and destroys objects */
  OBJPOOL__ALONE objpool__limits limits;
  objpool__memory memory;
  objpool__blocks blocks;
  objpool__placing placing;

  /* Calls that may end the last use of an object, and whom close sent away: a drain waits for them. By who gives back what its
     slot has no room for, and in no line that an acquire reads: an object from thread to thread takes 72 ns for 84. */
  OBJPOOL__ALONE size_t leaving;

  OBJPOOL__ALONE const objpool__cache *watched; /* the slot whose owner came last: see objpool__watch */

  objpool__depot depot; /* these three last: a pool of one thread has none of them, and no memory for them */
};

OBJPOOL__STATIC_ASSERT(offsetof(objpool__cache, slot) == 0, "a slot of the table is its cache");
OBJPOOL__STATIC_ASSERT(OBJPOOL__COUNTERS - OBJPOOL__ACQUIRES == 2, "a slot itself counts acquires and releases, last");
OBJPOOL__STATIC_ASSERT(__alignof__(objpool__uint64) == sizeof(uint64_t), "read and written at once");
OBJPOOL__STATIC_ASSERT(sizeof(objpool_stats) % sizeof(uint64_t) == 0, "all its fields are uint64_t");
OBJPOOL__STATIC_ASSERT(sizeof(objpool__use) == OBJPOOL__TRACKED_BYTES, "the words of a tracked object");

/* What a pool without a name is called by: the name given to OBJPOOL_DEFINE, or to OBJPOOL_SIZES and the size. */
static const char *objpool__name_of(const objpool__state *state) {
  const char *name = state ? state->name : NULL;
  return name ? name : state && state->as.called ? state->as.called : "unnamed";
}

/* An idle object's or a free cell's link to the next: its tag word, which a loop over the objects may be looking at. */
static void **objpool__link(void *object, uint32_t apart) { return (void **)(void *)objpool__tag(object, apart); }

enum {
  OBJPOOL__TAG_BITS = 2 * (OBJPOOL__WORD_BITS | (OBJPOOL__WORD_BITS - 1))
}; /* where an object's place stands in its tag */

static uintptr_t objpool__tag_ignored(const objpool__word *word) { return word ? OBJPOOL__TAG_BITS : 0; }

/* What a word that may be the object's tag is more than that, but for its place; with handles 0: it is an object of this pool. */
static uintptr_t objpool__tag_more(const objpool__state *state, const void *object, uintptr_t word) {
  uintptr_t more = (word ^ objpool__tag_of(state->key, object)) & ~objpool__tag_ignored(state->word);
  return state->word && objpool__is_within(object, state->blocks.apart) ? 2 : more;
}

/* What such a word says of the object: 0: in use, 1: idle; else: it is no tag of this pool. */
static uintptr_t objpool__tag_says(const objpool__state *state, const void *object, uintptr_t word) {
  uintptr_t more = objpool__tag_more(state, object, word);
  if (more || !state->as.type.handles) return more;
  return !objpool__use_lasts(OBJPOOL__LOAD(*objpool__generation_of(object, state->alone)));
}

/* What is now where an object has its tag, of an address that may be none. */
static uintptr_t objpool__word_of(const objpool__blocks *blocks, const void *address) {
  return OBJPOOL__LOAD(*objpool__tag((void *)(uintptr_t)address, blocks->apart));
}

/* For assertions: without checks tags say nothing. */
static OBJPOOL__UNUSED bool objpool__is_idle(const objpool__state *state, void *object) {
  return !OBJPOOL__CHECKED || objpool__tag_says(state, object, objpool__word_of(&state->blocks, object)) == 1;
}

/* An object's place: what its tag says, or where that is a link now, what the table says. */
static unsigned objpool__bit_of(const objpool__state *state, void *object) {
  const objpool__word *word = state->word;
  uintptr_t said = (objpool__word_of(&state->blocks, object) ^ objpool__tag_of(state->key, object)) / 2;
  /* relaxed, here and below: the place of an object that the caller holds does not change */
  if (said < OBJPOOL__WORD_BITS && OBJPOOL__LOAD(word->objects[said]) == object) return (unsigned)said;
  unsigned place = 0;
  while (place < OBJPOOL__WORD_BITS && OBJPOOL__LOAD(word->objects[place]) != object) place++;
  return place; /* OBJPOOL__NO_BIT, if none has it */
}

/* An object's tag while it is in use. */
static uintptr_t objpool__tag_for(const objpool__state *state, void *object) {
  uintptr_t tag = objpool__tag_of(state->key, object);
  return state->word ? tag ^ (uintptr_t)2 * objpool__bit_of(state, object) : tag;
}

/* In a pool with handles: a use begins or ends, unless it has already. By whoever has the object alone. */
static void objpool__mark_use(const objpool_type *type, void *object, bool in_use) {
  if (!type->handles) return;
  uint32_t *generation = objpool__generation_of(object, objpool__is_alone(type));
  if (objpool__use_lasts(OBJPOOL__LOAD(*generation)) == in_use) return;
  if (in_use)
    objpool__begin_use(generation);
  else
    (void)objpool__end_own_use(generation, objpool__is_alone(type));
}

/* A beginning or an end of a use did not happen, and nobody was told of it. */
static void objpool__use_undone(const objpool_type *type, void *object) {
  if (!type->handles) {
    objpool__flip(objpool__tag(object, objpool__apart(type)));
    return;
  }
  uint32_t *generation = objpool__generation_of(object, objpool__is_alone(type)), said = *generation;
  OBJPOOL__STORE(*generation, objpool__use_lasts(said) ? said - OBJPOOL__IN_USE : (said - 1) | OBJPOOL__IN_USE);
}

/* relaxed: see objpool__flip */
static __attribute__((__noinline__)) void objpool__tag_fully(const objpool__state *state, void *object, bool in_use) {
  const objpool_type *type = &state->as.type;
  if (!in_use) objpool__mark_use(type, object, false); /* who ends a use looks whether it was the last */
  OBJPOOL__STORE(*objpool__tag(object, state->blocks.apart),
                 objpool__tag_for(state, object) - (!in_use && !type->handles));
  if (in_use) objpool__mark_use(type, object, true); /* last: who sees the use in a loop sees its tag, too */
}

static void objpool__tag_idle(const objpool__state *state, void *object) {
  if (OBJPOOL__LIKELY(state->plain_tags)) /* relaxed, here and below: see objpool__flip */
    OBJPOOL__STORE(*objpool__tag(object, 0), objpool__tag_of(state->key, object) - 1);
  else
    objpool__tag_fully(state, object, false);
}

static void objpool__tag_in_use(const objpool__state *state, void *object) {
  if (OBJPOOL__LIKELY(state->plain_tags))
    OBJPOOL__STORE(*objpool__tag(object, 0), objpool__tag_of(state->key, object));
  else
    objpool__tag_fully(state, object, true);
}

/* ---- room: panics >>panics
   Mistakes and events, told with no lock held and nothing changed. A panic names the pool, the pointer and the mistake. */

OBJPOOL_API void objpool__emit(const objpool *pool, void (*on_event)(const objpool_event *, void *),
                               objpool_event_kind kind, const void *object, size_t count) {
  int saved = errno;
  objpool_event event = {kind, pool, object, count, objpool__now_ns()};
  on_event(&event, pool->context);
  objpool__set_error(saved);
}

OBJPOOL__INLINE void objpool__report_event(objpool__state *state, objpool_event_kind kind, const void *object,
                                           size_t count) {
  if (state->as.on_event) objpool__emit(state->pool, state->as.on_event, kind, object, count);
}

static size_t objpool__append(char *text, size_t size, size_t length, const char *more) {
  while (*more && length + 1 < size) text[length++] = *more++;
  text[length] = '\0';
  return length;
}

/* The same for a number, to the base of 10 or 16. */
static size_t objpool__append_digits(char *text, size_t size, size_t length, uint64_t number, unsigned base) {
  char digits[3 * sizeof number + 1], *digit = digits + sizeof digits - 1;
  *digit = '\0';
  do *--digit = "0123456789abcdef"[number % base];
  while (number /= base);
  return objpool__append(text, size, length, digit);
}

#ifndef OBJPOOL_PANIC
#define OBJPOOL_PANIC(message) objpool__die(message)
static void objpool__die(char *message) {
  objpool__cancel_off(); /* for good: this thread ends here */
  objpool__append(message, 256, strlen(message), "\n");
  objpool__print(message);
  abort();
}
#endif

/* What a class of a set is called by: "name/64", the name cut where it is too long. */
static void objpool__name_class(char *text, size_t size, const char *name, size_t capacity) {
  enum { OBJPOOL__SUFFIX = 3 * sizeof capacity + 1 };
  size_t length = objpool__append(text, size - OBJPOOL__SUFFIX, 0, name);
  length = objpool__append(text, size, length, "/");
  objpool__append_digits(text, size, length, capacity, 10);
}

/* `what` stands at the address; NULL address: it is the pool as a whole. */
static void objpool__panic_about(const char *name, const char *what, const void *address, const char *mistake) {
  enum { OBJPOOL__SIZE = 256, OBJPOOL__NAME = 128 };
  char message[OBJPOOL__SIZE];
  size_t length = objpool__append(message, OBJPOOL__SIZE, 0, "objpool: pool '");
  length = objpool__append(message, OBJPOOL__NAME, length, name);
  length = objpool__append(message, OBJPOOL__SIZE, length, "': ");
  if (address) {
    length = objpool__append(message, OBJPOOL__SIZE, length, what);
    length = objpool__append(message, OBJPOOL__SIZE, length, " 0x");
    length = objpool__append_digits(message, OBJPOOL__SIZE, length, (uintptr_t)address, 16);
    length = objpool__append(message, OBJPOOL__SIZE, length, " ");
  }
  objpool__append(message, OBJPOOL__SIZE, length, mistake);
  OBJPOOL_PANIC(message);
}

static void objpool__panic_named(const char *name, const void *object, const char *mistake) {
  objpool__panic_about(name, "object", object, mistake);
}

static void objpool__panic(const objpool__state *state, const void *object, const char *mistake) {
  objpool__panic_named(objpool__name_of(state), object, mistake);
}

/* For a pool that may not be in use yet: `describe` tells what it is called. */
static void objpool__panic_early(const objpool *pool, objpool__describe *describe, const void *object,
                                 const char *mistake) {
  const objpool__state *state =
      pool ? __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE) : NULL; /* pairs with objpool__publish */
  objpool__description as = OBJPOOL__ZERO;
  if (!state && describe) describe(&as);
  objpool__panic_named(state || !as.called ? objpool__name_of(state) : as.called, object, mistake);
}

OBJPOOL_API void objpool__empty_guard(const objpool *pool, objpool__describe *describe) {
  objpool__panic_early(pool, describe, NULL, "used an empty guard (its object was released, taken or moved)");
}

/* Before C++17 nothing tells this while compiling. False: not built, where the panic returns. */
OBJPOOL_API bool objpool__cannot_make(void) {
  objpool__panic_named("a pool", NULL, "cannot build an object: there is no T() for its T: set opt.create");
  return false;
}

/* ---- room: memory >>memory
   Where a pool's memory comes from. Own over-allocation instead of aligned_alloc: there everywhere, and calloc's memory is
   known to be zero. */

enum { OBJPOOL__NATURAL = 2 * sizeof(void *) }; /* what every allocator's memory is aligned to */

static void *objpool__system_allocate(size_t size, size_t alignment, bool clear) {
  size_t slack = alignment > sizeof(void *) * 2 ? alignment + sizeof(void *) : 0;
  size_t bytes = size + slack; /* size is at most PTRDIFF_MAX: see objpool__allocate */
  char *whole = (char *)(clear ? calloc(1, bytes) : malloc(bytes));
  if (whole) objpool__prefer_huge_pages(whole, bytes);
  if (!whole || !slack) return whole;
  uintptr_t start = ((uintptr_t)whole + slack) & ~(uintptr_t)(alignment - 1);
  ((void **)start)[-1] = whole;
  return (void *)start;
}

static void *objpool__default_allocate(size_t size, size_t alignment, void *context) {
  (void)context;
  return objpool__system_allocate(size, alignment, true);
}

static void objpool__default_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  (void)size, (void)context;
  free(alignment > sizeof(void *) * 2 ? ((void **)memory)[-1] : memory);
}

static void *objpool__reserved_allocate(size_t size, size_t alignment, void *context) {
  objpool__reserved *reserved = (objpool__reserved *)context;
  size_t used = OBJPOOL__LOAD(reserved->used), slack, left;
  do { /* a fork's handler may take some meanwhile; relaxed, here and below: these are counts */
    slack = (0 - ((uintptr_t)reserved + used)) & (alignment - 1);
    left = reserved->bytes - used;
    if (slack > left || size > left - slack)
      return reserved->source.allocate(size, alignment, reserved->source.context);
  } while (!__atomic_compare_exchange_n(&reserved->used, &used, used + slack + size, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
  __atomic_fetch_add(&reserved->handed, size, __ATOMIC_RELAXED);
  return (char *)reserved + used + slack;
}

static void objpool__reserved_deallocate(void *memory, size_t size, size_t alignment, void *context) {
  objpool__reserved *reserved = (objpool__reserved *)context;
  if ((uintptr_t)memory - (uintptr_t)reserved < reserved->bytes)
    __atomic_fetch_sub(&reserved->handed, size, __ATOMIC_RELAXED);
  else
    reserved->source.deallocate(memory, size, alignment, reserved->source.context);
}

/* What stands in front of a pool's memory; NULL: it has no reserve. */
static objpool__reserved *objpool__reserved_of(const objpool_allocator *allocator) {
  return allocator->allocate == objpool__reserved_allocate ? (objpool__reserved *)allocator->context : NULL;
}

/* Zeroed memory (or, for blocks, memory whose `clear` says whether it is), or NULL with errno ENOMEM. */
static void *objpool__allocate(objpool_allocator allocator, size_t size, size_t alignment, bool *clear) {
  void *memory;
  if (size > PTRDIFF_MAX) {
    errno = ENOMEM;
    return NULL;
  }
  memory = allocator.allocate(size, alignment, allocator.context);
  if (!memory) {
    errno = ENOMEM;
    return NULL;
  }
  const objpool__reserved *reserved = objpool__reserved_of(&allocator); /* which hands nothing out twice */
  bool is_clear = (reserved ? reserved->source.allocate : allocator.allocate) == objpool__default_allocate;
  if (clear)
    *clear = is_clear;
  else if (!is_clear)
    memset(memory, 0, size);
  return memory;
}

/* Takes growth_lock; false: it need not. An allocator may fork, and the fork's handlers let that pool grow: its thread does not
   wait for itself, nor, while the fork holds every lock, for another one. */
static bool objpool__growth_begins(objpool__memory *memory) {
  if (objpool__holds_all() ||
      OBJPOOL__LOAD(memory->grower) == objpool__self()) /* relaxed: only that thread finds itself there */
    return false;
  objpool__lock(&memory->growth_lock);
  OBJPOOL__STORE(memory->grower, objpool__self());
  return true;
}

static void objpool__growth_ends(objpool__memory *memory, bool took_it) {
  if (!took_it) return;
  OBJPOOL__STORE(memory->grower, 0);
  objpool__unlock(&memory->growth_lock);
}

/* In a child: who was growing the pool is not there, unless it is the thread that forked. */
static void objpool__growth_inherit(objpool__memory *memory) {
  if (memory->grower == objpool__self()) return;
  memory->grower = 0;
  objpool__mutex_renew(&memory->growth_lock);
}

/* Has the system's pages given while memory is asked for: what is kept is written to by a release, much later perhaps, and that
   should not wait for them (200 of them for the first release of 100,000 objects).
   Elsewhere a pool that only grows would pay for it: a fifth of what its objects cost where a page costs 20 microseconds. */
static void objpool__touch(char *memory, size_t size) {
  enum { SMALLEST_PAGE = 4096 };
  for (size_t at = 0; at < size; at += SMALLEST_PAGE) *(volatile char *)(memory + at) = 0;
  *(volatile char *)(memory + size - 1) = 0; /* its page may begin after the last of these */
}

/* As objpool__allocate, for a pool. The allocator may use other pools: it is called without the memory lock, which the
   caller holds, and what that guards may have changed when this returns. growth_lock keeps other growers out meanwhile. */
static void *objpool__allocate_for(objpool__memory *memory, size_t size, size_t alignment, bool *clear) {
  OBJPOOL_ASSERT(objpool__is_held(&memory->lock));
  objpool__unlock(&memory->lock);
  void *piece = objpool__allocate(memory->allocator, size, alignment, clear);
  if (piece && !clear && memory->touches) objpool__touch((char *)piece, size);
  objpool__lock(&memory->lock);
  if (piece) OBJPOOL__STORE(memory->bytes, memory->bytes + size); /* under the lock; others read */
  return piece;
}

/* As above: gives up the lock for the call. */
static void objpool__deallocate_for(objpool__memory *memory, void *piece, size_t size, size_t alignment) {
  if (!piece) return;
  OBJPOOL_ASSERT(objpool__is_held(&memory->lock) && memory->bytes >= size);
  OBJPOOL__STORE(memory->bytes, memory->bytes - size); /* as above */
  objpool__unlock(&memory->lock);
  memory->allocator.deallocate(piece, size, alignment, memory->allocator.context);
  objpool__lock(&memory->lock);
}

/* As objpool__allocate_for, of one size among many: what was refused is not asked for again, nor is more, as long as there is
   a smaller one. */
static void *objpool__allocate_piece(objpool__memory *memory, size_t bytes, size_t alignment, bool *clear,
                                     bool smallest) {
  if (!smallest && memory->refused_bytes && bytes >= memory->refused_bytes) return NULL;
  void *piece = objpool__allocate_for(memory, bytes, alignment, clear);
  if (!piece)
    memory->refused_bytes = bytes;
  else if (bytes >= memory->refused_bytes)
    memory->refused_bytes = 0; /* it has more again */
  return piece;
}

static void *objpool__keep_piece(objpool__memory *memory, void *piece, size_t bytes) {
  objpool__kept *kept = (objpool__kept *)piece;
  if (!kept) return NULL;
  kept->bytes = bytes;
  kept->next = memory->kept;
  memory->kept = kept;
  return kept + 1;
}

/* Memory that is kept until the pool ends. Under growth_lock and the memory lock. */
static void *objpool__keep(objpool__memory *memory, size_t size, bool smallest) {
  size_t bytes = sizeof(objpool__kept) + size;
  return objpool__keep_piece(memory, objpool__allocate_piece(memory, bytes, OBJPOOL__NATURAL, OBJPOOL__NULL, smallest),
                             bytes);
}

/* The same for what a pool can do without, with neither lock held; errno stays. That there was none for so little does not keep
   blocks smaller than that. */
static void *objpool__keep_less(objpool__memory *memory, size_t size) {
  size_t bytes = sizeof(objpool__kept) + size;
  int saved = errno;
  bool grows = objpool__growth_begins(memory);
  objpool__lock(&memory->lock);
  void *kept = objpool__keep_piece(memory, objpool__allocate_for(memory, bytes, OBJPOOL__NATURAL, NULL), bytes);
  objpool__unlock(&memory->lock);
  objpool__growth_ends(memory, grows);
  objpool__set_error(saved);
  return kept;
}

/* A wider array in place of one that is full: at least `least` elements, more where the allocator has them. Gives up the
   lock, and a fork's handler may have been first: so the caller looks again. NULL with ENOMEM. */
static void *objpool__allocate_wider(objpool__memory *memory, size_t wanted, size_t least, size_t *capacity) {
  void *wider = objpool__allocate_for(memory, wanted * sizeof(void *), OBJPOOL__NATURAL, NULL);
  *capacity = wanted;
  if (!wider && wanted > least) {
    wider = objpool__allocate_for(memory, least * sizeof(void *), OBJPOOL__NATURAL, NULL);
    *capacity = least;
  }
  return wider;
}

static void objpool__memory_free(objpool_allocator allocator, objpool__kept *kept) {
  for (objpool__kept *next; kept; kept = next) {
    next = kept->next;
    allocator.deallocate(kept, kept->bytes, OBJPOOL__NATURAL, allocator.context);
  }
}

/* ---- room: depot >>depot
   Two stacks (Treiber 1986) of magazine numbers: full and empty ones.
   1. A pop reads `next` of a magazine that someone else may have popped meanwhile: that reads a live word, because
      magazines are never freed while the pool lives; and its compare-and-swap then fails, because each change of a head
      changes its tag (40 bits: reuse of a head, ABA, takes 2^40 changes within one pop).
   2. A push within `most` compares the depth of the magazine on top: its compare-and-swap fails if the head changed since,
      so the depth was that of this head, and the limit is exact.
   3. A magazine's objects are written before its push (release) and read after its pop (acquire).
   4. A number is seen by others after its segment stands in a directory: either in the one a reader has, or, where that was
      replaced, in the newer one; old ones are kept. */

enum { OBJPOOL__NUMBER_BITS = 24, OBJPOOL__NUMBER_MAX = (1 << OBJPOOL__NUMBER_BITS) - 1 };

static objpool__magazine *objpool__magazine_at(const objpool__depot *depot, uint32_t number) {
  OBJPOOL_ASSERT(number > 0 && number <= OBJPOOL__LOAD(depot->begun));
  /* acquire: pairs with the release in objpool__directory_widen; a number is only seen after its segment */
  char **directory = __atomic_load_n(&depot->directory, __ATOMIC_ACQUIRE);
  uint32_t place = number - 1;
  return (objpool__magazine *)(void *)(directory[place >> depot->segment_bits] +
                                       (size_t)(place & depot->segment_mask) * depot->magazine_bytes);
}

static uint64_t objpool__successor(uint64_t head, uint32_t number) {
  return ((head >> OBJPOOL__NUMBER_BITS) + 1) << OBJPOOL__NUMBER_BITS | number;
}

static uint32_t objpool__number(uint64_t head) { return (uint32_t)(head & OBJPOOL__NUMBER_MAX); }

/* Pushes unless the stack is `most` deep already (0: no limit). Returns how deep it is now; 0: not pushed. crowded: threads meet
   here at every acquire and release. */
OBJPOOL__INLINE uint64_t objpool__depot_push(objpool__depot *depot, objpool__uint64 *stack, objpool__magazine *magazine,
                                             uint64_t most, bool crowded) {
  uint64_t head = __atomic_load_n(stack, __ATOMIC_ACQUIRE); /* pairs with the push of the head: its depth is there */
  unsigned lost = 0;
  OBJPOOL_ASSERT(magazine && magazine->number > 0 && objpool__magazine_at(depot, magazine->number) == magazine);
  for (;;) {
    uint32_t below = objpool__number(head);
    uint64_t depth = below ? __atomic_load_n(&objpool__magazine_at(depot, below)->depth, __ATOMIC_ACQUIRE) : 0;
    /* stale if head changed; acquire: the look at the head again comes after it */
    if (most && depth >= most) {
      uint64_t again = __atomic_load_n(stack, __ATOMIC_ACQUIRE); /* as above: was that the depth? */
      if (again == head) return 0;
      head = again;
      continue;
    }
    OBJPOOL__STORE(magazine->next, below); /* published by the compare-and-swap */
    OBJPOOL__STORE(magazine->depth, depth + 1);
    /* release: publishes the magazine's objects to the pop; seq_cst: and stands before a look for waiters. relaxed: what a lost
       race reads is not used */
    if (__atomic_compare_exchange_n(stack, &head, objpool__successor(head, magazine->number), true, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED))
      return depth + 1;
    if (crowded) objpool__back_off(&lost);
    head = __atomic_load_n(stack, __ATOMIC_ACQUIRE); /* as above */
  }
}

OBJPOOL__INLINE objpool__magazine *objpool__depot_pop(objpool__depot *depot, objpool__uint64 *stack, bool crowded) {
  uint64_t head = __atomic_load_n(stack, __ATOMIC_SEQ_CST); /* acquire: the push's objects; seq_cst: after waiting++ */
  unsigned lost = 0;
  for (;;) {
    uint32_t number = objpool__number(head);
    if (!number) return NULL;
    objpool__magazine *magazine = objpool__magazine_at(depot, number);
    uint32_t below = OBJPOOL__LOAD(magazine->next); /* if someone popped it meanwhile, the tag differs */
    if (__atomic_compare_exchange_n(stack, &head, objpool__successor(head, below), true, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) /* acquire: pairs with the push; relaxed: as there */
      return magazine;
    if (crowded) objpool__back_off(&lost);
    head = __atomic_load_n(stack, __ATOMIC_SEQ_CST); /* as above */
  }
}

/* An empty magazine. By objpool__provide there always is one: on the stack, never used yet, or, with every number given
   out, on its way back to the stack in the hands of another thread. */
static objpool__magazine *objpool__magazine_take(objpool__depot *depot) {
  for (;;) {
    objpool__magazine *magazine = objpool__depot_pop(depot, &depot->empty, false);
    if (magazine) return magazine;
    uint32_t begun = OBJPOOL__LOAD(depot->begun); /* a counter: whoever raises it has the number alone */
    if (begun < __atomic_load_n(&depot->count, __ATOMIC_ACQUIRE) && /* pairs with objpool__provide */
        __atomic_compare_exchange_n(&depot->begun, &begun, begun + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      magazine = objpool__magazine_at(depot, begun + 1);
      magazine->number = begun + 1;
      return magazine;
    }
  }
}

static void objpool__magazine_give(objpool__depot *depot, objpool__magazine *magazine) {
  objpool__depot_push(depot, &depot->empty, magazine, 0, false);
}

static uint64_t objpool__depot_depth(objpool__depot *depot, objpool__uint64 *stack) {
  uint64_t head =
      __atomic_load_n(stack, __ATOMIC_SEQ_CST); /* pairs with the push of the head; for resize, after its store */
  for (;;) {
    uint32_t number = objpool__number(head);
    /* acquire: the look at the head again comes after it */
    uint64_t depth = number ? __atomic_load_n(&objpool__magazine_at(depot, number)->depth, __ATOMIC_ACQUIRE) : 0;
    uint64_t again = __atomic_load_n(stack, __ATOMIC_ACQUIRE); /* unchanged: the depth was that of this head */
    if (again == head) return depth;
    head = again;
  }
}

/* A directory with a place for so many segments; who reads the old one finds there what it looks for. */
static bool objpool__directory_widen(objpool__depot *depot, objpool__memory *memory, size_t segments) {
  while (segments > depot->directory_capacity) {
    size_t capacity = 2 * depot->directory_capacity > segments ? 2 * depot->directory_capacity : segments;
    char **wider = (char **)objpool__keep(memory, capacity * sizeof *wider, true);
    if (!wider) return false;
    if (capacity <= depot->directory_capacity) continue; /* a fork's handler was first */
    memcpy(wider, depot->directory, depot->directory_capacity * sizeof *wider);
    __atomic_store_n(&depot->directory, wider, __ATOMIC_RELEASE); /* pairs with objpool__magazine_at */
    depot->directory_capacity = capacity;
  }
  return true;
}

/* How many magazines there must be that a release always finds one: all objects idle, every slot with two of its own; as long
   as all objects never filled one, with one of its own: see objpool__flush. */
static size_t objpool__magazines_for(const objpool__depot *depot, size_t cells, size_t caches) {
  return cells >= depot->rounds || depot->fills ? cells / depot->rounds + 2 * caches + 4 : caches + 2;
}

/* How many segments are taken in one piece where there are so many: all that are missing, or half as many again. */
static size_t objpool__segments_at_once(size_t segments, size_t missing) {
  return segments / 2 > missing ? segments / 2 : missing;
}

/* Makes as many magazines. They are taken in one piece or, when the allocator has none as large, in smaller ones. Under
   growth_lock and the memory lock. */
static bool objpool__provide(objpool__depot *depot, objpool__memory *memory, size_t wanted) {
  size_t each = depot->magazine_bytes, segment = (size_t)1 << depot->segment_bits, piece = 0;
  if (wanted > OBJPOOL__NUMBER_MAX - segment) {
    errno = ENOMEM;
    return false;
  }
  for (size_t count; (count = depot->count) < wanted;) {
    size_t missing = (wanted - count + segment - 1) / segment, most = (OBJPOOL__NUMBER_MAX - count) / segment, first;
    if (piece == 0) piece = objpool__segments_at_once(count / segment, missing);
    if (piece > most) piece = most;
    char *segments = (char *)objpool__keep(memory, piece * segment * each, piece == 1);
    if (!segments) {
      if (piece == 1) return false;
      piece /= 2;
      continue;
    }
    do { /* once more if a fork's handler has added some meanwhile */
      first = depot->count / segment;
      if (!objpool__directory_widen(depot, memory, first + piece))
        return false; /* the memory lies unused until the pool ends */
    } while (first != depot->count / segment);
    OBJPOOL_ASSERT(first + piece <= depot->directory_capacity);
    for (size_t i = 0; i < piece; i++) depot->directory[first + i] = segments + i * segment * each;
    /* release: a number below it is seen after its segment; pairs with objpool__magazine_take */
    __atomic_store_n(&depot->count, (first + piece) * segment, __ATOMIC_RELEASE);
  }
  return true;
}

/* What magazines of so many rounds take, and how many a segment of about a quarter of a page has. */
static void objpool__depot_plan(objpool__depot *depot, size_t rounds) {
  depot->rounds = rounds;
  depot->magazine_bytes = (uint32_t)((offsetof(objpool__magazine, objects) + rounds * sizeof(void *) + 7) &
                                     ~(size_t)7); /* depth is aligned */
  while (depot->magazine_bytes << (depot->segment_bits + 1) <= 1088) depot->segment_bits++;
  depot->segment_mask = (1u << depot->segment_bits) - 1;
  depot->directory = depot->first_directory;
  depot->directory_capacity = sizeof depot->first_directory / sizeof *depot->first_directory;
}

/* ---- room: places >>places
   In pools with handles an index names a cell: a range of them as many cells in a row, until their block goes back. Then other
   cells get the range, and go on with its generations. Where threads share the pool those are never freed: who has a handle may
   read them at any time; the order of EACH is that of indices. In a pool of one thread they lie in the cells, and when those go
   the range keeps the highest, from which all go on, and which are retired.
   1. What get returns was the handle's object while that use lasted. It reads the range's cells before the generation. The range
      had these cells when the use began, and whoever has the handle sees that. It has others only after all uses in the old ones have
      ended: so whoever reads those sees another generation.
   2. A cell whose generation is used up is not handed out again, and stays counted as used until its block goes. Nor is the
      cell that has its index then: so no generation comes twice, and no other index is lost. */

#define OBJPOOL__GONE (OBJPOOL__IN_USE - 1) /* the generation of a cell that was retired, once its block is gone */

static size_t objpool__ranges_a_page(unsigned bits) { return ((size_t)OBJPOOL__PAGE_WORDS >> bits) - 1; }

/* So many pages, wherever they begin, and the table of so many ranges behind them; or the table alone. */
static size_t objpool__places_bytes(const objpool__blocks *blocks, size_t pages, size_t ranges) {
  return (blocks->named_within ? 0 : (pages + 1) * OBJPOOL__PAGE_BYTES) + sizeof(objpool__places) +
         ranges * sizeof(objpool__range);
}

/* The generations of a page's ranges, from that one on. */
static void objpool__page_begins(objpool__range *ranges, size_t first, size_t each, char *page, unsigned bits) {
  size_t index = first << bits, before_it = (size_t)1 << bits;
  *(uint32_t *)(void *)page = (uint32_t)(index - before_it);
  for (size_t i = first; i < first + each; i++)
    ranges[i].of.generations = (uintptr_t)page - (index - before_it) * sizeof(uint32_t);
}

/* Memory for more generations: pages, and a table in place of the old one, which others may be reading. Under growth_lock
   and the memory lock. */
static bool objpool__places_widen(objpool *pool, objpool__placing *placing, objpool__memory *memory,
                                  const objpool__blocks *blocks) {
  const objpool__places *before = pool->places;
  size_t each = objpool__ranges_a_page(blocks->range_bits), pages = placing->capacity / each, more = pages ? pages : 1;
  char *memory_of = NULL;
  size_t capacity = 0;
  for (; more > 0; more /= 2) { /* in one piece: nothing is kept of half of it */
    capacity = (pages + more) * each;
    memory_of = (char *)objpool__keep(memory, objpool__places_bytes(blocks, more, capacity), more == 1);
    if (memory_of) break;
  }
  if (!memory_of) return false;
  if (pool->places != before) return true; /* a fork's handler was first; the memory lies unused until the pool ends */
  char *page = memory_of + (0 - (uintptr_t)memory_of) % OBJPOOL__PAGE_BYTES,
       *table = blocks->named_within ? memory_of : page + more * OBJPOOL__PAGE_BYTES;
  objpool__places *wider = (objpool__places *)(void *)table;
  wider->stride = blocks->stride;
  for (size_t i = 0; i < placing->capacity; i++) wider->range[i] = before->range[i];
  for (size_t i = placing->capacity; i < capacity; i++)
    wider->range[i].cells = OBJPOOL__NO_CELLS; /* all else is clear */
  for (size_t i = placing->capacity; i < capacity && !blocks->named_within; i += each, page += OBJPOOL__PAGE_BYTES)
    objpool__page_begins(wider->range, i, each, page, blocks->range_bits);
  placing->capacity = capacity;
  /* pair with objpool__look_up and, that they are there for the new indices, with objpool__has_place: pages are clear */
  __atomic_store_n(&pool->places, wider, __ATOMIC_RELEASE);
  size_t count = capacity << blocks->range_bits;
  __atomic_store_n(&pool->place_count, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, __ATOMIC_RELEASE);
  return true;
}

/* How many ranges so many cells take. */
static size_t objpool__ranges_for(const objpool__placing *placing, const objpool__blocks *blocks, size_t cells) {
  return (cells >> blocks->range_bits) + placing->lost;
}

/* The lowest range that is free. Under the memory lock. */
static size_t objpool__range_take(const objpool__places *places, objpool__placing *placing) {
  while (placing->lowest < placing->given && places->range[placing->lowest].cells != OBJPOOL__NO_CELLS)
    placing->lowest++;
  size_t taken = placing->lowest++;
  OBJPOOL_ASSERT(taken < placing->capacity);
  if (taken == placing->given) placing->given++;
  return taken;
}

/* The range has other cells from now on, or none. Under the memory lock. release: pairs with objpool__look_up, which by an old handle
   then sees that its use has ended. */
static void objpool__range_begins(objpool__places *places, size_t range, uintptr_t cells) {
  __atomic_store_n(&places->range[range].cells, cells, __ATOMIC_RELEASE);
}

/* ---- room: segments >>segments
   How cells lie in a block: one beside the other, each with its tag before it. Or with tags apart, in segments, each with as many
   cells as leave room for their words; a block's own head takes the place of the first ones. */

/* The address of a block's cell of that number, or of the one that would follow its last. */
static char *objpool__cell_at(const objpool__blocks *blocks, const objpool__block *block, size_t number) {
  if (!blocks->apart) return block->first + number * blocks->stride;
  number += blocks->first_cell;
  return (char *)(uintptr_t)block + number / blocks->per_segment * objpool__segment_bytes(blocks->apart) +
         number % blocks->per_segment * blocks->stride;
}

/* How many cells from that one on, of at most so many, lie side by side. */
static size_t objpool__cells_beside(const objpool__blocks *blocks, size_t number, size_t most) {
  size_t beside = blocks->apart ? blocks->per_segment - (number + blocks->first_cell) % blocks->per_segment : most;
  return beside < most ? beside : most;
}

/* What a block of so many cells takes; false: more than there can be. */
static bool objpool__block_bytes(const objpool__blocks *blocks, size_t cells, size_t *bytes) {
  if (!blocks->apart)
    return objpool__multiply(cells, blocks->stride, bytes) && !__builtin_add_overflow(*bytes, blocks->offset, bytes);
  return !__builtin_add_overflow(cells, blocks->first_cell + blocks->per_segment - 1, &cells) &&
         objpool__multiply(cells / blocks->per_segment, objpool__segment_bytes(blocks->apart), bytes);
}

/* How far into one of the block's cells an address points; stride: it points at none. */
static size_t objpool__cell_offset(const objpool__blocks *blocks, const objpool__block *block, const char *address) {
  if (address < block->first) return blocks->stride;
  if (!blocks->apart) return (size_t)(address - block->first) % blocks->stride;
  size_t within = objpool__segment_offset(address, blocks->apart);
  return within < blocks->per_segment * blocks->stride ? within % blocks->stride : blocks->stride;
}

/* So many cells or more, which fill a block's last segment. */
static size_t objpool__whole_segments(const objpool__blocks *blocks, size_t cells) {
  size_t over = blocks->apart ? (cells + blocks->first_cell) % blocks->per_segment : 0;
  return over ? cells + blocks->per_segment - over : cells;
}

/* The first block: about a quarter of a page, at least 8 cells unless they are huge; of a pool of one thread, which itself takes
   less, a quarter of that, and at least 4: the next is then as large as others' first. With tags apart: whole
   segments. */
static size_t objpool__first_cells(const objpool__blocks *blocks, bool alone) {
  const size_t bytes = alone ? 256 : 1024, most = 64, least = alone ? 4 : 8, huge = 65536;
  if (blocks->apart) {
    size_t segment = objpool__segment_bytes(blocks->apart), segments = segment < bytes ? bytes / segment : 1;
    return segments * blocks->per_segment - blocks->first_cell;
  }
  size_t cells = bytes / blocks->stride;
  return cells >= most ? most : cells >= least ? cells : blocks->stride > huge ? 1 : least;
}

/* What a cell takes that has so many bytes more behind its object (a word, or none), and how cells lie in blocks; no overflow:
   see objpool__plan. */
static void objpool__lay_out(objpool__blocks *blocks, const objpool_type *type, size_t more) {
  size_t alignment = objpool__cell_alignment(type);
  blocks->apart = objpool__apart(type);
  blocks->header = blocks->apart ? 0 : (uint32_t)objpool__words_begin(type, OBJPOOL__ALL_WORDS);
  blocks->alignment = alignment;
  if (blocks->alignment < OBJPOOL__NATURAL) blocks->alignment = OBJPOOL__NATURAL;
  if (blocks->apart) { /* the word stands beside the tags */
    size_t segment = objpool__segment_bytes(blocks->apart), size = objpool__apart_bytes(blocks->apart);
    blocks->stride = size;
    blocks->per_segment = (uint8_t)((segment - segment / size * (sizeof(uintptr_t) + more)) / size);
    blocks->first_cell = (uint8_t)((sizeof(objpool__block) + size - 1) / size);
    blocks->offset = blocks->first_cell * size;
    blocks->alignment = segment;
  } else {
    blocks->stride = objpool__cell_bytes(type, more);
    objpool__round_up(sizeof(objpool__block) + blocks->header, alignment, &blocks->offset);
  }
  bool alone = objpool__is_alone(type);
  blocks->next_cells = objpool__first_cells(blocks, alone);
  blocks->least_cells = (uint8_t)(alone ? objpool__first_cells(blocks, false) : 1); /* 64 at most */
}

/* ---- room: blocks >>blocks
   Cells come from blocks, each growth_factor larger than the one before; a block whose cells are all free goes back to the
   allocator when the pool is trimmed. */

/* Where a block with this address stands, or would stand, in the sorted array. Under the memory lock. */
static size_t objpool__block_place(const objpool__blocks *blocks, const void *address) {
  size_t low = 0, high = blocks->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if ((uintptr_t)blocks->sorted[middle] <= (uintptr_t)address)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The block that an address lies in, or NULL. Under the memory lock. */
static objpool__block *objpool__block_of(const objpool__blocks *blocks, const void *object) {
  size_t place = objpool__block_place(blocks, object);
  objpool__block *block = place > 0 ? blocks->sorted[place - 1] : NULL;
  return block && (uintptr_t)object < (uintptr_t)block + block->bytes ? block : NULL;
}

/* The number of the first cell that was never used. */
static size_t objpool__block_begun(const objpool__block *block) {
  OBJPOOL_ASSERT(block->fresh <= block->cells);
  return block->cells - block->fresh;
}

/* Its address. */
static char *objpool__block_fresh(const objpool__blocks *blocks, const objpool__block *block) {
  return objpool__cell_at(blocks, block, objpool__block_begun(block));
}

enum { OBJPOOL__FIRST_BLOCKS = 4 }; /* that there is a place for at first */

static bool objpool__blocks_widen(objpool__blocks *blocks, objpool__memory *memory) {
  size_t old = blocks->capacity, wanted = 2 * old, capacity;
  objpool__block **before = blocks->sorted, **wider;
  if (!old) wanted = OBJPOOL__FIRST_BLOCKS;
  wider = (objpool__block **)objpool__allocate_wider(memory, wanted, old + 1, &capacity);
  if (!wider) return false;
  if (blocks->capacity != old) { /* a fork's handler was first */
    objpool__deallocate_for(memory, wider, capacity * sizeof *wider, OBJPOOL__NATURAL);
    return true;
  }
  if (before) memcpy(wider, before, blocks->count * sizeof *wider);
  blocks->sorted = wider;
  blocks->capacity = capacity;
  objpool__deallocate_for(memory, before, old * sizeof *wider, OBJPOOL__NATURAL);
  return true;
}

/* Makes all that a block of so many cells needs besides. Each step gives up the memory lock, and a fork's handler may have
   grown the pool meanwhile: so it looks again. */
static bool objpool__make_places(objpool__state *state, size_t more) {
  objpool__blocks *blocks = &state->blocks;
  const objpool__engine *engine = state->engine;
  for (;;) {
    if (blocks->count == blocks->capacity) {
      if (!objpool__blocks_widen(blocks, &state->memory)) return false;
    } else if (state->as.type.handles &&
               state->placing.capacity < objpool__ranges_for(&state->placing, blocks, blocks->cells + more)) {
      size_t ranges = objpool__ranges_for(&state->placing, blocks, blocks->cells + more);
      if (ranges > UINT32_MAX >> blocks->range_bits || /* an index is 32 bits */
          !objpool__places_widen(state->pool, &state->placing, &state->memory, blocks))
        return false;
    } else if (!engine->has_places(state, blocks->cells + more)) {
      if (!engine->make_places(state, blocks->cells + more)) return false;
    } else {
      return true;
    }
  }
}

/* Adds a block. Under growth_lock and the memory lock; NULL with ENOMEM. */
static objpool__block *objpool__block_add(objpool__state *state, size_t cells) {
  objpool__blocks *blocks = &state->blocks;
  size_t bytes = 0; /* gcc does not see that it is written wherever it is read */
  if (!objpool__block_bytes(blocks, cells, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  bool clear = false;
  objpool__block *block = (objpool__block *)objpool__allocate_piece(&state->memory, bytes, blocks->alignment, &clear,
                                                                    cells >> blocks->range_bits <= 1);
  if (!block) return NULL;
  /* an allocator that aligns less than it was asked to: where an object's word is depends on it */
  bool stands = !blocks->apart || !((uintptr_t)block & (blocks->alignment - 1));
  if (!stands) errno = ENOMEM;
  if (!stands || !objpool__make_places(state, cells)) {
    objpool__deallocate_for(&state->memory, block, bytes, blocks->alignment);
    return NULL;
  }
  memset(block, 0, sizeof *block);
  block->bytes = bytes;
  block->cells = block->fresh = cells;
  block->clear = clear;
  block->first = (char *)block + blocks->offset;
  size_t place = objpool__block_place(blocks, block);
  OBJPOOL_ASSERT(place <= blocks->count && blocks->count < blocks->capacity);
  memmove(blocks->sorted + place + 1, blocks->sorted + place, (blocks->count - place) * sizeof *blocks->sorted);
  blocks->sorted[place] = block;
  blocks->count++;
  blocks->emptied = true;
  block->earlier = blocks->newest;
  *(block->earlier ? &block->earlier->later : &blocks->oldest) = block;
  blocks->newest = block;
  OBJPOOL_ASSERT(place == 0 || blocks->sorted[place - 1] < block);
  OBJPOOL_ASSERT(place + 1 == blocks->count || block < blocks->sorted[place + 1]);
  OBJPOOL__STORE(blocks->cells, blocks->cells + cells); /* atomic for maintenance, which looks without the lock */
  return block;
}

/* So many cells or more, that are whole ranges. */
static size_t objpool__whole_ranges(const objpool__blocks *blocks, size_t cells) {
  size_t most = ((size_t)1 << blocks->range_bits) - 1;
  return cells > SIZE_MAX - most ? cells : (cells + most) & ~most;
}

static size_t objpool__cells_after(const objpool__blocks *blocks, size_t cells) {
  double next = (double)cells * blocks->growth_factor;
  if (next < (double)(SIZE_MAX / 2)) cells = (size_t)(next + 0.999999);
  cells = objpool__whole_segments(blocks, cells);
  return cells > blocks->least_cells ? cells : blocks->least_cells;
}

/* Adds a block of the next size or, when the allocator has none, of half of it, and so on. True: there is a free cell.
   *grown: objects of the new block. */
static bool objpool__grow(objpool__state *state, size_t *grown) {
  objpool__blocks *blocks = &state->blocks;
  bool grows = objpool__growth_begins(&state->memory);
  objpool__lock(&state->memory.lock);
  bool enough = blocks->used < blocks->cells; /* another thread was first */
  if (!enough) {
    size_t cells = blocks->next_cells;
    size_t cap =
        OBJPOOL__LOAD(state->limits.max_objects); /* may change meanwhile: then the block is larger than needed */
    if (cap && cells > cap - (blocks->cells < cap ? blocks->cells : cap - 1))
      cells = cap > blocks->cells ? cap - blocks->cells : 1;
    objpool__block *block;
    while (!(block = objpool__block_add(state, cells = objpool__whole_ranges(blocks, cells))) &&
           cells >> blocks->range_bits > 1)
      cells /= 2;
    if (block) {
      *grown = cells;
      blocks->filling = block;
      blocks->next_cells = objpool__cells_after(blocks, cells);
    }
    enough = blocks->used < blocks->cells; /* or a cell came free meanwhile */
  }
  objpool__unlock(&state->memory.lock);
  objpool__growth_ends(&state->memory, grows);
  return enough;
}

/* Makes a cell's memory ready to build an object in. */
static void *objpool__cell_ready(const objpool__blocks *blocks, void *cell, bool clear) {
  OBJPOOL__SHOW(cell, blocks->object_bytes);
  if (!clear && !blocks->plain_bytes) memset(cell, 0, blocks->object_bytes);
  return cell;
}

/* The block that new objects go to: the fullest that has a free cell, of those the oldest, whatever their addresses; NULL: none
   has. Under the memory lock. */
static objpool__block *objpool__block_to_fill(objpool__blocks *blocks) {
  OBJPOOL_ASSERT(blocks->used <= blocks->cells);
  objpool__block *best = blocks->filling;
  if (best && best->used < best->cells) return best;
  best = NULL;
  if (blocks->used < blocks->cells)
    for (objpool__block *block = blocks->oldest; block; block = block->later)
      if (block->used < block->cells &&
          (!best || (double)block->used * (double)best->cells > (double)best->used * (double)block->cells))
        best = block;
  blocks->filling = best;
  return best;
}

/* Cells that were never used: the words before them are no tag. */
static void objpool__cells_begin(const objpool__blocks *blocks, const objpool__block *block, char *cell, size_t count) {
  for (; !block->clear && count > 0; count--, cell += blocks->stride)
    if (blocks->apart)
      *objpool__tag(cell, blocks->apart) = 0;
    else
      memset(cell - blocks->header, 0, blocks->header);
}

/* Whether the next cells of the block would stand before others that come earlier in their blocks' order. There is no later block:
   one is added when each cell of those there are is in use, and thus named. Under the memory lock. */
static bool objpool__goes_before(const objpool__blocks *blocks, const objpool__block *block, size_t index) {
  OBJPOOL_ASSERT(!block->later);
  const objpool__block *last = block;
  while (last && !last->named) last = last->earlier;
  return last && index < objpool__index_of(last->first + (last->named - 1) * blocks->stride, true);
}

/* With handles: the block's next range of cells gets indices. Under the memory lock. */
static void objpool__cells_name(objpool__state *state, objpool__block *block) {
  objpool__blocks *blocks = &state->blocks;
  size_t range = objpool__range_take(state->pool->places, &state->placing), count = (size_t)1 << blocks->range_bits,
         first = range << blocks->range_bits;
  char *cell = block->first + block->named * blocks->stride;
  const objpool__range *as = &state->pool->places->range[range];
  objpool__cells_begin(blocks, block, cell, count);
  for (size_t i = 0; i < count; i++) {
    char *one = cell + i * blocks->stride;
    if (blocks->named_within) {
      uint32_t *place = (uint32_t *)objpool__place_of(one);
      place[0] = (uint32_t)(first + i);
      place[1] = as->of.renewal.gone >> i & 1 ? OBJPOOL__GONE : as->of.renewal.generation;
    } else {
      ((uint32_t **)(void *)one)[-2] = (uint32_t *)(as->of.generations + (first + i) * sizeof(uint32_t));
    }
  }
  objpool__range_begins(state->pool->places, range, (uintptr_t)cell - first * blocks->stride);
  if (blocks->named_within) { /* while all its ranges, from the first on, are this block's, and there is no other */
    blocks->by_ranges |= objpool__goes_before(blocks, block, first);
    bool goes_on = blocks->count == 1 && first == block->named && state->pool->cell_count == block->named;
    state->pool->cells = block->first;
    state->pool->cell_count = goes_on ? (uint32_t)(first + count) : 0;
  }
  block->named += count;
}

/* A cell of the block whose generation was used up before is not handed out. Under the memory lock. */
static void objpool__cell_is_gone(objpool__blocks *blocks, objpool__block *block, void *cell) {
  OBJPOOL__STORE(*objpool__link(cell, 0), cell);
  block->used++;
  blocks->used++;
  block->retired++;
}

/* A free cell of the block; NULL: the last ones were gone before. Under the memory lock. */
static char *objpool__cell_of(objpool__state *state, objpool__block *block, bool *clear) {
  objpool__blocks *blocks = &state->blocks;
  char *cell = (char *)block->free;
  *clear = false;
  if (cell) {
    block->free = *objpool__link(cell, blocks->apart);
  } else {
    bool gone;
    OBJPOOL_ASSERT(block->fresh > 0);
    do {
      cell = objpool__block_fresh(blocks, block);
      if (!state->as.type.handles)
        objpool__cells_begin(blocks, block, cell, 1);
      else if (block->named == block->cells - block->fresh)
        objpool__cells_name(state, block);
      gone = state->as.type.handles && OBJPOOL__LOAD(*objpool__generation_of(cell, state->alone)) == OBJPOOL__GONE;
      block->fresh--;
      if (gone) objpool__cell_is_gone(blocks, block, cell);
    } while (gone && block->fresh > 0);
    if (gone) return NULL;
    *clear = block->clear;
  }
  block->used++;
  blocks->used++;
  OBJPOOL_ASSERT(block->used <= block->cells && blocks->used <= blocks->cells);
  return cell;
}

enum { OBJPOOL__STRIP = 32 };

/* Sets up to that many fresh cells of the block aside, so that building many takes the lock once in a while: 325
   instructions per first object in place of 746 (gcc -O2, callgrind). Under the memory lock. */
static void objpool__strip_cut(objpool__blocks *blocks, objpool__block *block, objpool__strip *strip) {
  strip->block = block;
  strip->next = objpool__block_fresh(blocks, block);
  strip->cells = objpool__cells_beside(blocks, objpool__block_begun(block),
                                       block->fresh < OBJPOOL__STRIP - 1 ? block->fresh : OBJPOOL__STRIP - 1);
  objpool__cells_begin(blocks, block, strip->next, strip->cells);
  block->fresh -= strip->cells;
  block->used += strip->cells;
  blocks->used += strip->cells;
}

/* The strip's next cell; *clear: its memory is zero. */
static char *objpool__strip_take(const objpool__blocks *blocks, objpool__strip *strip, bool *clear) {
  char *cell = strip->next;
  OBJPOOL_ASSERT(strip->cells > 0);
  *clear = strip->block->clear;
  strip->next += blocks->stride;
  strip->cells--;
  return cell;
}

/* Gives a strip's cells back to their block: as fresh ones, if no other was taken since. */
static void objpool__strip_give(objpool__blocks *blocks, objpool__memory *memory, objpool__strip *strip) {
  if (!strip->cells) return;
  objpool__block *block = strip->block;
  objpool__lock(&memory->lock);
  OBJPOOL_ASSERT(block->used >= strip->cells && blocks->used >= strip->cells);
  block->used -= strip->cells;
  blocks->used -= strip->cells;
  blocks->emptied |= !block->used;
  if (strip->next == objpool__cell_at(blocks, block, objpool__block_begun(block) - strip->cells))
    block->fresh += strip->cells;
  else
    for (; strip->cells; strip->cells--, strip->next += blocks->stride) {
      OBJPOOL__STORE(*objpool__link(strip->next, blocks->apart), block->free);
      block->free = strip->next;
    }
  objpool__unlock(&memory->lock);
  strip->cells = 0;
}

/* A cell to build an object in, its memory zeroed; NULL with ENOMEM. *grown: objects of a new block. `strip`, if given,
   gets the fresh cells after it. */
static void *objpool__cell_take(objpool__state *state, size_t *grown, objpool__strip *strip) {
  objpool__blocks *blocks = &state->blocks;
  char *cell = NULL;
  bool clear = false;
  do {
    objpool__lock(&state->memory.lock);
    objpool__block *block = objpool__block_to_fill(blocks);
    if (block) {
      bool reused = block->free != NULL;
      cell = objpool__cell_of(state, block, &clear);
      /* not of a reserve, where each cell may be the last of those that were promised; nor with handles, whose indices
         would lie far apart */
      if (strip && !reused && !block->reserved && !state->as.type.handles) objpool__strip_cut(blocks, block, strip);
    }
    objpool__unlock(&state->memory.lock);
  } while (!cell && objpool__grow(state, grown));
  return cell ? objpool__cell_ready(blocks, cell, clear) : NULL;
}

/* Whether an object's generation is used up. */
static bool objpool__is_used_up(const objpool_type *type, const void *object) {
  return type->handles && !OBJPOOL__LOAD(*objpool__generation_of(object, objpool__is_alone(type)));
}

/* A cell that is never used again, as long as its block is there. Its link leads to itself. */
static void objpool__cell_retire(objpool__state *state, void *cell) {
  objpool__blocks *blocks = &state->blocks;
  OBJPOOL__HIDE(cell, blocks->object_bytes);
  objpool__lock(&state->memory.lock);
  objpool__block *block = objpool__block_of(blocks, cell);
  OBJPOOL__STORE(*objpool__link(cell, 0), cell); /* relaxed: see objpool__flip */
  block->retired++;
  blocks->emptied |= block->used == block->retired;
  OBJPOOL__STORE(state->placing.retired, state->placing.retired + 1); /* read without the lock */
  objpool__unlock(&state->memory.lock);
}

/* Gives a cell back; its tag word becomes a link, which is no tag. */
static void objpool__cell_give(objpool__blocks *blocks, objpool__memory *memory, void *cell) {
  OBJPOOL__HIDE(cell, blocks->object_bytes);
  objpool__lock(&memory->lock);
  objpool__block *block = objpool__block_of(blocks, cell);
  OBJPOOL_ASSERT(block && block->used > 0 && blocks->used > 0);
  OBJPOOL_ASSERT(objpool__cell_offset(blocks, block, (char *)cell) == 0);
  OBJPOOL__STORE(*objpool__link(cell, blocks->apart), block->free); /* relaxed: see objpool__flip */
  block->free = cell;
  block->used--;
  blocks->used--;
  blocks->emptied |= block->used == block->retired;
  objpool__unlock(&memory->lock);
}

/* Takes every block without a used cell out, and returns them, linked. Under the memory lock. */
static objpool__block *objpool__blocks_unused(objpool__blocks *blocks, bool alone) {
  size_t kept = 0, largest = 0;
  objpool__block *doomed = NULL;
  if (!blocks->emptied || blocks->walks) return NULL;
  blocks->emptied = false;
  for (size_t i = 0; i < blocks->count; i++) {
    objpool__block *block = blocks->sorted[i];
    if (block->used > block->retired || block->reserved) {
      blocks->sorted[kept++] = block;
      if (block->cells > largest) largest = block->cells;
    } else {
      OBJPOOL__STORE(blocks->cells, blocks->cells - block->cells); /* as in objpool__block_add */
      blocks->used -= block->retired;
      *(block->earlier ? &block->earlier->later : &blocks->oldest) = block->later;
      *(block->later ? &block->later->earlier : &blocks->newest) = block->earlier;
      block->next = doomed;
      doomed = block;
    }
  }
  if (doomed)
    blocks->next_cells = largest ? objpool__cells_after(blocks, largest) : objpool__first_cells(blocks, alone);
  blocks->count = kept;
  blocks->filling = NULL;
  return doomed;
}

/* Which of a range's cells are retired when they go, and in a pool of one thread what it keeps of their generations; how many are
   retired. Under the memory lock. */
static size_t objpool__range_leaves(const objpool__blocks *blocks, const objpool__block *block, objpool__range *range,
                                    char *cell) {
  size_t count = (size_t)1 << blocks->range_bits, gone = 0;
  for (size_t i = 0; i < count; i++, cell += blocks->stride) {
    uint32_t *generation = objpool__generation_of(cell, blocks->named_within);
    objpool__renewal *renewal = &range->of.renewal;
    if (block->retired && OBJPOOL__LOAD(*objpool__link(cell, 0)) == cell) OBJPOOL__STORE(*generation, OBJPOOL__GONE);
    bool is_gone = OBJPOOL__LOAD(*generation) == OBJPOOL__GONE;
    gone += is_gone;
    if (!blocks->named_within) continue;
    if (is_gone)
      renewal->gone |= (uint32_t)1 << i;
    else if (*generation > renewal->generation)
      renewal->generation = *generation;
  }
  return gone;
}

/* The ranges of a block that goes are free, but for those of which each cell is retired. Under the memory lock. */
static void objpool__places_leave(objpool__state *state, const objpool__block *block) {
  const objpool__blocks *blocks = &state->blocks;
  objpool__placing *placing = &state->placing;
  size_t count = (size_t)1 << blocks->range_bits;
  if (block->named) state->pool->cell_count = 0;
  if (!state->blocks.count) state->blocks.by_ranges = !blocks->named_within;
  for (size_t named = 0; named < block->named; named += count) {
    char *cell = block->first + named * blocks->stride;
    size_t number = objpool__index_of(cell, blocks->named_within) >> blocks->range_bits;
    if (objpool__range_leaves(blocks, block, &state->pool->places->range[number], cell) == count) {
      placing->lost++; /* apart, it keeps cells that are gone, and no use of which lasts */
      if (blocks->named_within) state->pool->places->range[number].cells = OBJPOOL__LOST_CELLS;
      continue;
    }
    objpool__range_begins(state->pool->places, number, OBJPOOL__NO_CELLS);
    if (number < placing->lowest) placing->lowest = number;
  }
}

/* Gives every block without a used cell back to the allocator. */
static void objpool__blocks_shrink(objpool__state *state) {
  objpool__blocks *blocks = &state->blocks;
  objpool__memory *memory = &state->memory;
  objpool__lock(&memory->lock);
  objpool__block *doomed = objpool__blocks_unused(blocks, state->alone);
  for (objpool__block *block = state->as.type.handles ? doomed : NULL; block; block = block->next)
    objpool__places_leave(state, block);
  if (doomed) memory->refused_bytes = 0;
  for (objpool__block *next; doomed; doomed = next) {
    next = doomed->next;
    OBJPOOL__SHOW(doomed->first, doomed->bytes - blocks->offset);
    objpool__deallocate_for(memory, doomed, doomed->bytes, blocks->alignment);
  }
  objpool__unlock(&memory->lock);
}

/* All objects at once, those that somebody still has as well. */
static void objpool__blocks_wipe(objpool__blocks *blocks) {
  for (size_t i = 0; i < blocks->count; i++) {
    objpool__block *block = blocks->sorted[i];
    OBJPOOL__SHOW(block->first, block->bytes - blocks->offset);
    objpool__wipe(block->first, block->bytes - blocks->offset);
  }
}

static void objpool__blocks_free(objpool__blocks *blocks, objpool_allocator allocator) {
  for (size_t i = 0; i < blocks->count; i++) {
    objpool__block *block = blocks->sorted[i];
    OBJPOOL__SHOW(block->first, block->bytes - blocks->offset);
    allocator.deallocate(block, block->bytes, blocks->alignment, allocator.context);
  }
  if (blocks->sorted)
    allocator.deallocate(blocks->sorted, blocks->capacity * sizeof *blocks->sorted, OBJPOOL__NATURAL,
                         allocator.context);
}

/* ---- room: limits >>limits
   A place among max_objects is taken before create runs, room among max_idle before an object is left idle. Who is refused
   saw, at one moment of its call, that many alive under that limit: the compare-and-swaps never overshoot, and a resize,
   which stores its limit and then reads `alive`, and a reservation, which raises `alive` and then reads the limit, cannot
   miss each other (both seq_cst). */

/* A place among max_objects. */
static bool objpool__reserve_shared(objpool__limits *limits) {
  for (;;) { /* seq_cst: one order with objpool__unreserve, the looks of a failing acquire, and resize */
    size_t alive = __atomic_load_n(&limits->alive, __ATOMIC_SEQ_CST), most;
    do {
      most = __atomic_load_n(&limits->max_objects, __ATOMIC_SEQ_CST);
      while (most && alive >= most) { /* refused only if so many are alive while this limit holds: a resize may come */
        alive = __atomic_load_n(&limits->alive, __ATOMIC_SEQ_CST);
        size_t still = __atomic_load_n(&limits->max_objects, __ATOMIC_SEQ_CST);
        if (alive >= most && still == most) return false;
        most = still;
      }
    } while (!__atomic_compare_exchange_n(&limits->alive, &alive, alive + 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    size_t now = __atomic_load_n(&limits->max_objects, __ATOMIC_SEQ_CST); /* resize stores it, then reads alive */
    if (now == most || !now || alive < now) return true;
    __atomic_fetch_sub(&limits->alive, 1, __ATOMIC_SEQ_CST); /* a resize came between: by the new limit, then */
  }
}

/* The same in a pool that is one thread's at a time. */
static bool objpool__reserve_alone(objpool__limits *limits) {
  if (limits->max_objects && limits->alive >= limits->max_objects) return false;
  OBJPOOL__STORE(limits->alive, limits->alive + 1);
  return true;
}

/* What a failing acquire of a bounded pool must not miss happens between these two: an end of a reservation, and whatever
   hides idle objects outside of the word, as an open slot does as long as it is open. seq_cst: one order with what happens, and
   with the looks of the acquire. */
enum { OBJPOOL__CHANGE = 1 << 16 };
static void objpool__change_begins(objpool__word *word) {
  if (word) __atomic_fetch_add(&word->changes, 1, __ATOMIC_SEQ_CST);
}
static void objpool__change_ends(objpool__word *word) { /* seq_cst: as above */
  if (word) __atomic_fetch_add(&word->changes, OBJPOOL__CHANGE - 1, __ATOMIC_SEQ_CST);
}

/* For refusals without a lock, in pools with caches: nothing is idle from the one to the other. Once every slot was found
   closed, and nothing outside of them, under the commons lock; until a slot opens, or something is left idle outside of
   them, or the limits change: before it does. seq_cst: one order with the looks of those who are refused; the count tells one
   dry time from the next. */
static void objpool__dry_begins(objpool__limits *limits) {
  uint64_t dry = OBJPOOL__LOAD(limits->dry); /* others end it only */
  if (!(dry & 1)) __atomic_store_n(&limits->dry, dry + 1, __ATOMIC_SEQ_CST);
}
static void objpool__dry_ends(objpool__limits *limits) { /* by whoever is first */
  uint64_t dry = __atomic_load_n(&limits->dry, __ATOMIC_SEQ_CST);
  if (dry & 1)
    __atomic_compare_exchange_n(&limits->dry, &dry, dry + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); /* as above */
}

/* Whether as many are alive as there may be. seq_cst: one order with objpool__unreserve and resize. */
OBJPOOL__INLINE bool objpool__is_full(const objpool__limits *limits) {
  size_t most = __atomic_load_n(&limits->max_objects, __ATOMIC_SEQ_CST);
  return most && __atomic_load_n(&limits->alive, __ATOMIC_SEQ_CST) >= most &&
         __atomic_load_n(&limits->max_objects, __ATOMIC_SEQ_CST) == most;
}

/* Whether at a moment during the call nothing was idle, and if may_build nothing could be built: it is dry before and after the
   look at `alive`. */
OBJPOOL__INLINE bool objpool__is_dry(const objpool__limits *limits, bool may_build) {
  uint64_t dry = __atomic_load_n(&limits->dry, __ATOMIC_SEQ_CST); /* both of these in one order with `alive` */
  return dry & 1 && (!may_build || objpool__is_full(limits)) && dry == __atomic_load_n(&limits->dry, __ATOMIC_SEQ_CST);
}

static bool objpool__reserve(objpool__state *state) {
  return state->alone ? objpool__reserve_alone(&state->limits) : objpool__reserve_shared(&state->limits);
}

/* Whether a resize has left more alive than it allows; forgets it once that is over. Under the commons lock. */
static bool objpool__has_surplus(objpool__limits *limits) {
  if (!OBJPOOL__LOAD(limits->surplus)) return false;
  if (limits->closed) return true;
  bool surplus = limits->max_objects && OBJPOOL__LOAD(limits->alive) > limits->max_objects;
  if (!surplus) OBJPOOL__STORE(limits->surplus, false); /* read without the lock by objpool__may_open */
  return surplus;
}

/* Room for that many more idle objects, or more capacity; only pools with bounded idle count it. */
static bool objpool__room_take(objpool__limits *limits, size_t objects) {
  if (!OBJPOOL__LOAD(limits->bounded)) return true;
  int64_t room = OBJPOOL__LOAD(limits->room);
  do {
    if (room < (int64_t)objects) return false;
    /* acq_rel: whoever gets room that was given back comes after the giving */
  } while (!__atomic_compare_exchange_n(&limits->room, &room, room - (int64_t)objects, true, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED));
  return true;
}

/* More room, or with a negative number less, whether there is any or not. */
static void objpool__room_add(objpool__limits *limits, int64_t objects) {
  if (OBJPOOL__LOAD(limits->bounded))
    __atomic_fetch_add(&limits->room, objects, __ATOMIC_ACQ_REL); /* pairs with objpool__room_take */
}

/* Around whatever may end the last use of an object, and its looks at the pool after that: a drain of a closed pool waits for
   both, also if they began before the close. seq_cst: it is counted before `alive` goes down, or the object can be found;
   release, pairs with objpool__is_drained. What this returns the other is told; 0: it is not counted. A hook may fork in between: in
   the child nobody is counted. */
OBJPOOL__INLINE unsigned objpool__leave_begins(objpool__state *state) {
  if (state->alone) return 0;
  __atomic_fetch_add(&state->leaving, 1, __ATOMIC_SEQ_CST);
  return objpool__process.forks + 1;
}

OBJPOOL__INLINE void objpool__leave_ends(objpool__state *state, unsigned leaving) {
  if (leaving == objpool__process.forks + 1) __atomic_fetch_sub(&state->leaving, 1, __ATOMIC_RELEASE); /* as above */
}

/* Whether an acquire and a release of a bounded pool may go to its word at once: nobody is due, has the word for itself or may
   have it, nothing is at an end, no other limit; and whether that is all they do, without hook, event or wiping. Under the
   commons lock, whenever one of these changes. */
static void objpool__word_learn(objpool__state *state) {
  const objpool__description *as = &state->as;
  const objpool__limits *limits = &state->limits;
  objpool__word *word = state->word;
  bool quick = !limits->closed && !OBJPOOL__LOAD(state->queue.due) && !OBJPOOL__LOAD(word->lone);
  bool acquires = quick && !OBJPOOL__LOAD(state->gate.ended);
  bool releases = quick && !OBJPOOL__LOAD(limits->bounded) && !OBJPOOL__LOAD(limits->surplus);
  bool plain_acquire = acquires && !as->on_event && !state->looks, plain_release = releases && state->plain_release;
  bool opens = plain_acquire && plain_release && word->openings;
  /* relaxed, also where they are read: whoever comes after a close or a resize sees it, and `due` orders nothing */
  OBJPOOL__STORE(word->opens, opens);
  OBJPOOL__STORE(word->quick_acquire, acquires && !opens);
  OBJPOOL__STORE(word->quick_release, releases);
  OBJPOOL__STORE(word->plain_acquire, plain_acquire && !opens);
  OBJPOOL__STORE(word->plain_release, plain_release);
}

/* A thread that had a slot ends, or the pool was trimmed: who comes now may be alone. */
static void objpool__word_again(objpool__state *state) {
  objpool__word *word = state->word;
  if (!word || !word->keeps) return;
  objpool__lock(&state->commons.lock);
  if (!word->openings) word->openings = 1;
  objpool__word_learn(state);
  objpool__unlock(&state->commons.lock);
}

static bool objpool__is_bounded(size_t max_idle, size_t max_objects) {
  return max_idle && max_idle <= PTRDIFF_MAX && (!max_objects || max_idle < max_objects); /* more cannot be alive */
}

/* What maintenance keeps idle. */
static size_t objpool__min_idle(const objpool__settings *config) {
  return config->min_idle == OBJPOOL_NONE ? 0 : config->min_idle ? config->min_idle : config->warmup;
}

/* ---- room: counts >>counts
   Each thread counts in its own slot, a thread without one in the pool's, by atomic add. Without statistics they are
   constants: OBJPOOL__COUNTED is 0. */

/* Where the calling thread counts; objpool__no_slot: it has no slot. Found anew each time: a hook may have come back on another
   thread (fibers). */
OBJPOOL__INLINE objpool__slot *objpool__counting_slot(const objpool__slots *slots) {
  return *(objpool__slot **)((uintptr_t)slots->table + OBJPOOL__ROW);
}

/* The calling thread's slot, or NULL. */
static objpool__cache *objpool__mine(const objpool__slots *slots) {
  objpool__slot *slot = objpool__counting_slot(slots);
  return slot == &objpool__no_slot ? NULL : (objpool__cache *)(void *)slot;
}

static objpool__uint64 *objpool__count_in_slot(objpool__slot *slot, objpool__uint64 *others, objpool__counter counter) {
  return counter == OBJPOOL__ACQUIRES   ? &slot->acquires
         : counter == OBJPOOL__RELEASES ? &slot->releases
                                        : &others[counter];
}

OBJPOOL__INLINE void objpool__add(objpool__state *state, objpool__counter counter, uint64_t amount) {
  if (!OBJPOOL__COUNTED) return;
  objpool__cache *cache = objpool__mine(&state->slots);
  if (cache) {
    objpool__uint64 *count = objpool__count_in_slot(&cache->slot, cache->counts, counter);
    __atomic_store_n(count, OBJPOOL__LOAD(*count) + amount, __ATOMIC_RELEASE); /* one writer: the owner */
  } else if (state->alone) {
    objpool__uint64 *count = objpool__count_in_slot(&state->pool->own, state->counts.shared, counter);
    OBJPOOL__STORE(*count, *count + amount);
  } else {
    __atomic_fetch_add(&state->counts.shared[counter], amount, __ATOMIC_RELEASE); /* as in objpool__count */
  }
}

static void objpool__add_objects(objpool__state *state, objpool__counter how, size_t objects) {
  objpool__add(state, how, objects);
}

/* Raises a peak that others may be raising; relaxed: a count. */
static void objpool__raise(size_t *peak, size_t value) {
  size_t seen = OBJPOOL__LOAD(*peak);
  while (seen < value && !__atomic_compare_exchange_n(peak, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

/* The list of slots, to walk: acquire pairs with the release in objpool__cache_make. */
OBJPOOL__INLINE objpool__cache *objpool__all_slots(const objpool__slots *slots) {
  return __atomic_load_n(&slots->first, __ATOMIC_ACQUIRE);
}

static uint64_t objpool__sum(objpool__state *state, objpool__counter counter) {
  uint64_t sum = OBJPOOL__LOAD(state->counts.shared[counter]); /* counts, here and below */
  if (counter >= OBJPOOL__ACQUIRES) sum += OBJPOOL__LOAD(*objpool__count_in_slot(&state->pool->own, NULL, counter));
  for (objpool__cache *cache = objpool__all_slots(&state->slots); cache; cache = cache->next)
    sum += OBJPOOL__LOAD(*objpool__count_in_slot(&cache->slot, cache->counts, counter));
  return sum;
}

typedef struct objpool__usage {
  size_t in_use;
  uint64_t moves; /* all that was ever acquired, released or extracted */
} objpool__usage;

/* in_use = acquires - releases - extracted, over all slots. Reading all acquires before all releases never says more than
   there was: an acquire is counted after it, a release before it. */
static objpool__usage objpool__usage_now(objpool__state *state) {
  objpool__usage now;
  uint64_t out = __atomic_load_n(&state->counts.shared[OBJPOOL__ACQUIRES], __ATOMIC_ACQUIRE), in;
  /* acquire, here and below: pairs with the release of each count */
  for (objpool__cache *cache = objpool__all_slots(&state->slots); cache; cache = cache->next)
    out += __atomic_load_n(&cache->slot.acquires, __ATOMIC_ACQUIRE);
  objpool__cache *all = objpool__all_slots(&state->slots); /* again: releases of slots made since count too */
  in = __atomic_load_n(&state->counts.shared[OBJPOOL__RELEASES], __ATOMIC_ACQUIRE) +
       __atomic_load_n(&state->counts.shared[OBJPOOL__EXTRACTED], __ATOMIC_ACQUIRE);
  for (objpool__cache *cache = all; cache; cache = cache->next)
    in += __atomic_load_n(&cache->slot.releases, __ATOMIC_ACQUIRE) +
          __atomic_load_n(&cache->counts[OBJPOOL__EXTRACTED], __ATOMIC_ACQUIRE);
  now.in_use = out > in ? (size_t)(out - in) : 0;
  now.moves = out + in;
  return now;
}

/* What all threads but the slot's owner have done so far: unchanged since the last look, the owner was alone. Counts. */
static uint64_t objpool__others(objpool__usage usage, const objpool__cache *mine) {
  return usage.moves - OBJPOOL__LOAD(mine->slot.acquires) - OBJPOOL__LOAD(mine->slot.releases) -
         OBJPOOL__LOAD(mine->counts[OBJPOOL__EXTRACTED]);
}

/* ---- room: times >>times
   How long waits, creates and uses took: counts in buckets, each four times as wide as the one before. */

/* The upper bound of the first bucket; the next is four times that. */
enum { OBJPOOL__FIRST_BUCKET_NS = 1000 };

/* Relaxed, here and below: counts. `alone`: nobody else counts there. */
OBJPOOL__INLINE void objpool__count_time(objpool__times *times, bool alone, uint64_t ns) {
  unsigned i = 0;
  for (uint64_t bound = OBJPOOL__FIRST_BUCKET_NS; i < OBJPOOL__BUCKETS - 1 && ns > bound; bound *= 4) i++;
  if (alone) {
    OBJPOOL__STORE(times->buckets[i], times->buckets[i] + 1);
    OBJPOOL__STORE(times->sum_ns, times->sum_ns + ns);
  } else {
    __atomic_fetch_add(&times->buckets[i], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&times->sum_ns, ns, __ATOMIC_RELAXED);
  }
}

/* NULL: of that the pool has none. */
static objpool__times *objpool__times_for(objpool__state *state, objpool_time what) {
  return what == OBJPOOL_TIME_WAIT ? &state->waits : state->took ? &state->took[what - OBJPOOL_TIME_CREATE] : NULL;
}

static void objpool__took(objpool__state *state, objpool_time what, uint64_t ns) {
  objpool__times *times = OBJPOOL__COUNTED ? objpool__times_for(state, what) : NULL;
  if (times) objpool__count_time(times, state->alone, ns); /* NULL: see objpool__rebind */
}

/* Of uses: where the owner of a slot counts. */
static objpool__times *objpool__times_of(objpool__cache *cache) { return (objpool__times *)(void *)(cache + 1); }

static objpool_histogram objpool__times_now(objpool__state *state, objpool_time what) {
  const objpool__times *times = objpool__times_for(state, what);
  objpool_histogram now;
  bool in_slots = what == OBJPOOL_TIME_USE && state->as.type.tracked;
  memset(&now, 0, sizeof now);
  if (!times) return now;
  /* acquire, here and below: pairs with objpool__times_restart, so that the slots have no less than it took off here */
  now.sum_ns = __atomic_load_n(&times->sum_ns, __ATOMIC_ACQUIRE);
  for (int i = 0; i < OBJPOOL__BUCKETS; i++) now.buckets[i] = __atomic_load_n(&times->buckets[i], __ATOMIC_ACQUIRE);
  for (objpool__cache *cache = in_slots ? objpool__all_slots(&state->slots) : NULL; cache; cache = cache->next) {
    times = objpool__times_of(cache);
    now.sum_ns += OBJPOOL__LOAD(times->sum_ns);
    for (int i = 0; i < OBJPOOL__BUCKETS; i++) now.buckets[i] += OBJPOOL__LOAD(times->buckets[i]);
  }
  for (int i = 0; i < OBJPOOL__BUCKETS; i++) now.count += now.buckets[i];
  return now;
}

/* What was counted so far is taken off: others go on counting, in slots by plain stores. */
static void objpool__times_restart(objpool__state *state) {
  for (int what = 0; what < OBJPOOL__TIMES; what++) {
    objpool_histogram now = objpool__times_now(state, (objpool_time)what);
    objpool__times *times = objpool__times_for(state, (objpool_time)what);
    if (!times) continue;
    __atomic_fetch_sub(&times->sum_ns, now.sum_ns, __ATOMIC_RELEASE);
    for (int i = 0; i < OBJPOOL__BUCKETS; i++) __atomic_fetch_sub(&times->buckets[i], now.buckets[i], __ATOMIC_RELEASE);
  }
}

OBJPOOL_API double objpool_quantile(const objpool_histogram *histogram, double q) {
  double rank = (q > 0 ? q < 1 ? q : 1 : 0) * (double)histogram->count, below = 0, low = 0;
  double high = OBJPOOL__FIRST_BUCKET_NS;
  for (int i = 0; i < OBJPOOL__BUCKETS; i++) {
    double here = (double)histogram->buckets[i];
    if (i == OBJPOOL__BUCKETS - 1 && histogram->count) return low; /* how long they took nobody knows */
    if (here > 0 && below + here >= rank) return low + (high - low) * (rank - below) / here;
    below += here;
    low = high;
    high *= 4;
  }
  return 0;
}

/* ---- room: peaks >>peaks
   A new peak of in_use or of idle is noticed without a test in the fast paths: the words that they compare with anyway, base
   and limit, are drawn to where it would begin.

     slot                     base                   limit             written by
     open, quiet              bottom                 end, or drawn in  owner, under the slot's lock
     open, peak_in_use near   top - what is missing  as above          objpool__watch
     open, new in_use peak    bottom                 bottom            objpool__cache_take: the next release asks
     open, new idle peak      end                    end               objpool__watch, reset_stats: the next acquire asks
     closing, closed          REVOKED                0                 objpool__revoke */

/* The end of the magazine that the fast paths work in. */
static uintptr_t objpool__end_of(const objpool__depot *depot, const objpool__cache *cache) {
  return cache->bottom + depot->rounds * sizeof(void *);
}

/* Notes the peaks that may last until now; that of idle ends. Under the slot's lock. */
static void objpool__settle_peaks(objpool__state *state, objpool__cache *cache) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked));
  if (!OBJPOOL__COUNTED || (!cache->peak_pending && !cache->idle_pending)) return;
  objpool__usage usage = objpool__usage_now(state);
  size_t in_use = usage.in_use, alive = OBJPOOL__LOAD(state->limits.alive);
  /* else alive may count what another is building; relaxed: objpool__cached_taken writes it without the slot's lock */
  bool alone = objpool__others(usage, cache) == OBJPOOL__LOAD(cache->others);
  if (cache->peak_pending) objpool__raise(&state->counts.peak_in_use, in_use);
  if (cache->idle_pending && alone && alive > in_use) objpool__raise(&state->counts.peak_idle, alive - in_use);
  cache->idle_pending = false;
}

/* A new peak of in_use begins: all below is one until the next release, which asks. Under the slot's lock. */
static void objpool__peak_begins(objpool__cache *cache) {
  OBJPOOL__STORE(cache->slot.base, cache->bottom);
  OBJPOOL__STORE(cache->slot.limit, cache->bottom);
}

/* Looks at what is in use, and draws base and limit to where the next peak would begin. */
static void objpool__draw(objpool__state *state, objpool__cache *cache) {
  objpool__counts *counts = &state->counts;
  bool open = cache->openness == OBJPOOL__OPEN;
  uintptr_t top = OBJPOOL__LOAD(cache->slot.top), base = cache->bottom,
            limit = open ? objpool__end_of(&state->depot, cache) : 0;
  objpool__usage usage = objpool__usage_now(state);
  uint64_t others = objpool__others(usage, cache);
  bool alone = others == cache->others; /* nobody else used the pool since the last look */
  size_t in_use = usage.in_use, alive = OBJPOOL__LOAD(state->limits.alive);
  size_t idle = alive > in_use ? alive - in_use : 0;
  bool more_idle = alone && idle > OBJPOOL__LOAD(counts->peak_idle);
  cache->others = others;
  objpool__raise(&counts->peak_in_use, in_use);
  if (more_idle) objpool__raise(&counts->peak_idle, idle);
  if (!open) return;
  size_t peak = OBJPOOL__LOAD(counts->peak_in_use), below = peak > in_use ? peak - in_use : 0;
  size_t peak_idle = OBJPOOL__LOAD(counts->peak_idle), above = peak_idle > idle ? peak_idle - idle : 0;
  if (below < (top - base) / sizeof(void *)) base = top - below * sizeof(void *);
  cache->peak_pending = false;
  cache->idle_pending = more_idle;
  if (more_idle)
    base = limit;
  else if (alone && above < (limit - top) / sizeof(void *))
    limit = top + above * sizeof(void *);
  OBJPOOL_ASSERT(base >= cache->bottom && limit <= objpool__end_of(&state->depot, cache));
  OBJPOOL__STORE(cache->slot.base, base);
  OBJPOOL__STORE(cache->slot.limit, limit);
}

/* Notes the peaks, and sees that the next is noticed. Whoever comes for the second time in a row looks at what all threads count;
   as long as they come in turn each looks when it has taken a magazine since, so that no more is unseen than its cache could hold;
   with each look it misses their slots' lines of the cache, and they theirs after that. Under the slot's lock, by its owner; `top`
   is known to be settled. */
static void objpool__watch(objpool__state *state, objpool__cache *cache) {
  if (!OBJPOOL__COUNTED) return;
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked));
  unsigned acquires = (unsigned)OBJPOOL__LOAD(cache->slot.acquires); /* its own */
  bool again = OBJPOOL__LOAD(state->watched) == cache;               /* relaxed: a hint */
  if (!again) OBJPOOL__STORE(state->watched, cache);
  cache->idle_pending = false;
  if (again || acquires - cache->looked >= state->depot.rounds || OBJPOOL__LOAD(state->slots.count) == 1) {
    cache->looked = acquires;
    objpool__draw(state, cache);
  } else if (cache->openness == OBJPOOL__OPEN) {
    OBJPOOL__STORE(cache->slot.base, cache->bottom);
    OBJPOOL__STORE(cache->slot.limit, cache->peak_pending ? cache->bottom : objpool__end_of(&state->depot, cache));
  }
}

/* ---- room: commons >>commons
   One magazine under a lock, for threads without an open cache, with the depot behind it; and beside it what maintenance has
   set aside. All under the commons lock. */

/* Onto the magazine; for what room was taken. */
static void objpool__commons_push(objpool__commons *commons, objpool__depot *depot, void *const *objects,
                                  size_t count) {
  OBJPOOL_ASSERT(objpool__is_held(&commons->lock));
  OBJPOOL_ASSERT(commons->count <= depot->rounds);
  while (count > 0) {
    if (commons->count == depot->rounds) {
      objpool__depot_push(depot, &depot->full, commons->magazine, 0, false);
      commons->magazine = NULL;
    }
    if (!commons->magazine) {
      commons->magazine = objpool__magazine_take(depot);
      OBJPOOL__STORE(commons->count, 0);
    }
    size_t fit = depot->rounds - commons->count;
    if (fit > count) fit = count;
    memcpy(commons->magazine->objects + commons->count, objects, fit * sizeof *objects);
    OBJPOOL__STORE(commons->count, commons->count + fit); /* atomic for those who look without the lock */
    objects += fit;
    count -= fit;
  }
}

/* Off the magazine, or the full one that comes in its place. */
static void *objpool__commons_pop(objpool__commons *commons, objpool__depot *depot) {
  OBJPOOL_ASSERT(objpool__is_held(&commons->lock));
  if (!OBJPOOL__LOAD(commons->count)) {
    objpool__magazine *full = objpool__depot_pop(depot, &depot->full, false);
    if (!full) return NULL;
    if (commons->magazine) objpool__magazine_give(depot, commons->magazine);
    commons->magazine = full;
    OBJPOOL__STORE(commons->count, depot->rounds); /* atomic for those who look without the lock */
  }
  size_t left = commons->count - 1;
  OBJPOOL__STORE(commons->count, left);
  return commons->magazine->objects[left];
}

/* One that maintenance set aside to validate it. */
static void *objpool__aside_pop(objpool__state *state) {
  objpool__commons *commons = &state->commons;
  OBJPOOL_ASSERT(objpool__is_held(&commons->lock));
  void *object = commons->aside;
  OBJPOOL_ASSERT(!object == !commons->aside_count);
  if (!object) return NULL;
  commons->aside = *objpool__link(object, state->blocks.apart);
  objpool__tag_idle(state, object);
  __atomic_store_n(&commons->aside_count, commons->aside_count - 1,
                   __ATOMIC_SEQ_CST); /* see objpool__uncached_refuses */
  objpool__room_add(&state->limits, 1);
  return object;
}

/* How many objects are idle outside of open slots. */
static size_t objpool__count_commons(objpool__state *state) {
  objpool__lock(&state->commons.lock); /* which keeps out whoever gathers them */
  size_t idle = state->engine->idle(state);
  objpool__unlock(&state->commons.lock);
  return idle;
}

/* ---- room: loops >>loops
   What is due for an event loop. Its waiters stand in the queues of pools as threads do; served or closed they come into the
   loop's list, and it is woken.
   1. A waiter joins a queue, and becomes due, under the commons lock of the pool and the loop's lock; who cancels it in line
      has both, too. A run takes it, and a cancel takes it out of the list, under the loop's. So of those who would end its
      wait one wins, and whoever lost sees that by its stage. What it was served with was written before: a run that takes it out
      of the list reads that under the loop's lock alone.
   2. A run takes a waiter whose time is up under the loop's lock alone: where it stands in a queue, and lives, and so does the
      pool, for it is in queue.untold. Only then it comes for the commons lock; served meanwhile, it has what it was given.
   3. Who makes a waiter due puts it into the list before it wakes the loop. A run forgets that the loop was woken, then clears
      the eventfd, then looks at the list; who comes later finds either the run, which looks once more, under the lock under
      which it ends, or a loop that was not woken, and wakes it. No wake-up is lost; one may come for nothing.
   4. Wakes run without a lock, and count themselves in `wakes` before: a loop ends after the last of them. A thread that serves
      under the process lock, for another one's slot or in a fork's handlers, owes them, and wakes once that is free. */

/* A heap: every waiter's deadline is at most those of its children, which are linked through `later`. */
static bool objpool__is_sooner(const objpool__async *one, const objpool__async *other) {
  return one->deadline < other->deadline || (one->deadline == other->deadline && one->serial < other->serial);
}

static objpool__async *objpool__meld(objpool__async *one, objpool__async *other) {
  if (!one || !other) return one ? one : other;
  bool first = objpool__is_sooner(one, other);
  objpool__async *above = first ? one : other, *below = first ? other : one;
  below->earlier = above;
  below->later = above->child;
  if (below->later) below->later->earlier = below;
  above->child = below;
  return above;
}

/* Children without a parent become one heap: in pairs, and these from the last to the first. */
static objpool__async *objpool__meld_all(objpool__async *children) {
  objpool__async *pairs = NULL, *whole = NULL, *next;
  for (objpool__async *one = children; one; one = next) {
    objpool__async *other = one->later;
    next = other ? other->later : NULL;
    one->later = one->earlier = NULL;
    if (other) other->later = other->earlier = NULL;
    one = objpool__meld(one, other);
    one->later = pairs;
    pairs = one;
  }
  for (; pairs; pairs = next) {
    next = pairs->later;
    pairs->later = NULL;
    whole = objpool__meld(whole, pairs);
  }
  return whole;
}

static void objpool__leave_line(objpool__looping *loop, objpool__async *waiter) {
  objpool__async *rest = objpool__meld_all(waiter->child);
  waiter->child = NULL;
  if (waiter == loop->in_line) {
    loop->in_line = rest;
    return;
  }
  *(waiter->earlier->child == waiter ? &waiter->earlier->child : &waiter->earlier->later) = waiter->later;
  if (waiter->later) waiter->later->earlier = waiter->earlier;
  loop->in_line = objpool__meld(loop->in_line, rest);
}

static void objpool__leave_list(objpool__looping *loop, objpool__async *waiter) {
  *(waiter->earlier ? &waiter->earlier->later : &loop->due) = waiter->later;
  *(waiter->later ? &waiter->later->earlier : &loop->last) = waiter->earlier;
}

/* Whether the loop was made in this process, and not in one that it was forked from: there its lock may be held for good. */
static bool objpool__is_here(const objpool__looping *loop) {
  (void)objpool__holds_all(); /* in a fork's child that has not begun yet: it is one more fork away */
  return loop && loop->forks == objpool__process.forks;
}

/* The waiter stands in the queue. Under the commons lock. */
static void objpool__loop_joins(objpool__async *waiter) {
  objpool__looping *loop = waiter->loop;
  waiter->child = waiter->later = waiter->earlier = NULL;
  objpool__mutex_lock(&loop->lock);
  waiter->serial = ++loop->serial;
  OBJPOOL__STORE(waiter->stage, OBJPOOL__IN_LINE); /* relaxed, here and below: decided under the lock */
  loop->in_line = objpool__meld(loop->in_line, waiter);
  objpool__mutex_unlock(&loop->lock);
}

/* The waiter has left the queue, served or closed. Under the commons lock. Returns the loop if it is to be woken, which
   objpool__loop_wake does. */
static objpool__looping *objpool__loop_due(objpool__queue *queue, objpool__async *waiter) {
  objpool__looping *loop = waiter->loop;
  bool wakes = false;
  objpool__mutex_lock(&loop->lock);
  if (waiter->stage == OBJPOOL__IN_LINE) { /* else its time is up, and a run is about to look at it */
    objpool__leave_line(loop, waiter);
    OBJPOOL__STORE(waiter->stage, OBJPOOL__DUE);
    waiter->later = NULL;
    waiter->earlier = loop->last;
    *(loop->last ? &loop->last->later : &loop->due) = waiter;
    loop->last = waiter;
    if (waiter->turn.closed) { /* there is nothing more that it needs the pool for */
      waiter->state = NULL;
      __atomic_fetch_sub(&queue->untold, 1, __ATOMIC_RELEASE); /* pairs with the look of a destroy */
    }
    wakes = loop->wake ? loop->runner != objpool__self() : !loop->runner && !loop->announced;
    if (wakes) {
      loop->announced = true;
      __atomic_fetch_add(&loop->wakes, 1, __ATOMIC_RELAXED); /* whoever ends the loop comes by this lock */
    }
  }
  objpool__mutex_unlock(&loop->lock);
  return wakes ? loop : NULL;
}

/* Without a lock; or by who gives an index back, or forks, who does it later. */
static void objpool__loop_wake(objpool__looping *loop) {
  bool leaves =
      OBJPOOL__LOAD(objpool__process.leaver) == objpool__self(); /* relaxed: only that thread finds itself there */
  if (leaves || objpool__holds_all()) {
    OBJPOOL_ASSERT(objpool__is_held(&objpool__process.lock));
    if (loop->owed++) return; /* another thread may owe it: that wakes for this one, too */
    loop->owing = objpool__self();
    loop->next_owed = objpool__process.owed;
    OBJPOOL__STORE(objpool__process.owed, loop); /* relaxed: see objpool__wake_owed */
    return;
  }
  int saved = errno;
  if (loop->wake)
    loop->wake(loop->user);
  else
    objpool__event_set(loop->event);
  __atomic_fetch_sub(&loop->wakes, 1, __ATOMIC_RELEASE); /* pairs with objpool_loop_destroy: the last that it does */
  objpool__set_error(saved);
}

/* Wakes whoever this thread served under the process lock, which is free again; not for others, whose wakes may wait for what it
   does next. A child that a wake forks owes nothing. */
static void objpool__wake_owed(void) {
  uintptr_t self = objpool__self();
  objpool__looping *loop;
  if (!OBJPOOL__LOAD(objpool__process.owed) || objpool__holds_all()) return; /* relaxed: what it owes it sees */
  do {
    objpool__lock(&objpool__process.lock);
    objpool__looping **link = &objpool__process.owed;
    while (*link && (*link)->owing != self) link = &(*link)->next_owed;
    loop = *link;
    if (loop && !--loop->owed) OBJPOOL__STORE(*link, loop->next_owed);
    objpool__unlock(&objpool__process.lock);
    if (loop) objpool__loop_wake(loop); /* after the last the loop may be gone */
  } while (loop);
}

/* The loop ends: what is owed to it is not paid any more, or a fork's handler would wait for itself. */
static void objpool__wake_no_more(objpool__looping *loop) {
  objpool__lock(&objpool__process.lock);
  objpool__looping **link = &objpool__process.owed;
  while (*link && *link != loop) link = &(*link)->next_owed;
  if (*link) OBJPOOL__STORE(*link, loop->next_owed);
  __atomic_fetch_sub(&loop->wakes, loop->owed, __ATOMIC_RELAXED); /* relaxed: these did nothing */
  objpool__unlock(&objpool__process.lock);
}

/* What a run tells next; NULL: nothing is due, and the run has ended: it is `before` who runs, if anybody. */
static objpool__async *objpool__loop_take(objpool__looping *loop, uintptr_t before) {
  objpool__mutex_lock(&loop->lock);
  objpool__async *waiter = loop->due;
  if (waiter) {
    objpool__leave_list(loop, waiter);
    OBJPOOL__STORE(waiter->stage, OBJPOOL__TAKEN);
  } else if (loop->in_line && loop->in_line->deadline != UINT64_MAX && loop->in_line->deadline <= objpool__now_ns()) {
    waiter = loop->in_line;
    objpool__leave_line(loop, waiter);
    OBJPOOL__STORE(waiter->stage, OBJPOOL__LATE);
  } else {
    loop->runner = before;
  }
  objpool__mutex_unlock(&loop->lock);
  return waiter;
}

/* ---- room: waiting >>waiting
   A queue of nodes under the commons lock. The first in it looks for an object like anybody else when it is called, until it
   has waited for fair_after_ns; from then on objects are handed to it: Go's mutex (sync.Mutex, 1.9) bounds overtaking so.
   1. Every release looks at `call` after its object can be found; a waiter stores `call` before it looks for objects. Both
      are seq_cst, so one of the two sees the other: no object lies idle while the first sleeps and is not called.
   2. While the first is called and not due, `call` is false: releases need not stop, for it looks once more, by rule 1, before
      it sleeps again. So each wake-up is of somebody for whom something was idle, and one is under way at a time.
   3. What was handed over is a waiter's before it can wake. Once the first is due, who comes later finds `due`, and takes
      nothing before the queue is served.
   4. A waiter that gives up takes the lock first: either it was served by then, and takes what it got, or it leaves the
      queue, and nobody serves it any more. Whoever leaves the queue lets the next be called: a call is never lost.
   5. An end of a reservation (alive--) is looked at like a release: before the look at `call`.
   6. The waiter of an event loop cannot look for itself: as the first it is handed what there is, due or not, and `call` is
      true while it stands there. So rule 1 holds for it, with whoever serves in its place.
   7. Whom create refused waits for objects alone, until its time to try again: so a place that is free is for the first that
      was not refused, wherever it stands, and for newcomers. Who is first and was refused is handed objects like 6; once
      more in the queue after a try, it stands where it stood.
   8. Who serves while the first is due looks without the lock, first: where for a moment nothing was idle and nothing could be
      built, there was nothing to hand over, and whoever changes that afterwards looks at `call` after it, by rule 1. While it
      is not, the look is under the lock: or newcomers could take what is released, each before it is looked for, without end. */

/* Whom to wake once the lock is free: the word that a thread sleeps on, or an event loop, by its address and one; 0: nobody. */
typedef uintptr_t objpool__sleeper;

static objpool__sleeper objpool__sleeping_loop(objpool__looping *loop) { return loop ? (uintptr_t)loop | 1 : 0; }

static void objpool__wake_up(objpool__sleeper sleeper) {
  if (sleeper & 1)
    objpool__loop_wake((objpool__looping *)(sleeper - 1));
  else
    objpool__signal_wake((uint32_t *)sleeper);
}

/* Who is first now, and whether it is due. seq_cst: `call` before the look of a waiter, see 1; `due` orders nothing. */
static void objpool__queue_settle(objpool__state *state, uint64_t now) {
  objpool__queue *queue = &state->queue;
  OBJPOOL_ASSERT(objpool__is_held(&state->commons.lock) && !queue->first == !queue->last);
  bool due =
      queue->first && now - queue->first->began_ns + 1 >= state->config.fair_after_ns; /* 1: from its beginning */
  bool closed = state->limits.closed; /* then nobody is served: objpool_close sends all away */
  if (closed) due = false;
  if (due != OBJPOOL__LOAD(queue->due)) {
    OBJPOOL__STORE(queue->due, due);
    if (state->word) objpool__word_learn(state);
  }
  OBJPOOL__STORE(queue->builders, due && queue->first->refused);              /* as `due` */
  OBJPOOL__STORE(queue->first_ns, queue->first ? queue->first->began_ns : 0); /* to tell */
  __atomic_store_n(&queue->call, !closed && queue->first && (due || !queue->called), __ATOMIC_SEQ_CST);
}

static void objpool__enqueue(objpool__state *state, objpool__turn *turn) {
  objpool__queue *queue = &state->queue;
  OBJPOOL_ASSERT(objpool__is_held(&state->commons.lock));
  turn->next = NULL;
  if (turn->since_ns != turn->began_ns) /* it stood there before: in front of those who came since */
    for (turn->next = queue->first; turn->next && turn->next->began_ns <= turn->began_ns;)
      turn->next = turn->next->next;
  turn->previous = turn->next ? turn->next->previous : queue->last;
  *(turn->previous ? &turn->previous->next : &queue->first) = turn;
  *(turn->next ? &turn->next->previous : &queue->last) = turn;
  if (queue->first == turn) queue->called = false; /* that was another one, who finds that it is not the first */
  queue->refused += turn->refused;
  OBJPOOL__STORE(queue->began_ns, queue->began_ns + turn->since_ns);       /* others read both, to tell */
  __atomic_store_n(&queue->waiting, queue->waiting + 1, __ATOMIC_RELEASE); /* after began_ns: see objpool__wait_ns */
  objpool__queue_settle(state, turn->since_ns);
  __atomic_fetch_add(&state->gate.hold, 1, __ATOMIC_SEQ_CST); /* pairs with objpool__may_open */
}

/* Whoever may come back, because create refuses, counts the whole of its wait when that ends. */
static void objpool__unqueue(objpool__state *state, objpool__turn *turn) {
  objpool__queue *queue = &state->queue;
  uint64_t now = objpool__now_ns();
  OBJPOOL_ASSERT(queue->waiting > 0 && OBJPOOL__LOAD(state->gate.hold) > 0);
  if (queue->first == turn) queue->called = false;
  *(turn->previous ? &turn->previous->next : &queue->first) = turn->next;
  *(turn->next ? &turn->next->previous : &queue->last) = turn->previous;
  queue->refused -= turn->refused;
  uint64_t waited_ns = objpool__elapsed(turn->since_ns, now);
  objpool__add(state, OBJPOOL__WAIT_NS, waited_ns); /* as objpool__wait_ns looks: one or the other */
  turn->waited_ns += waited_ns;
  if (!state->config.retry_create_ns || turn->closed) objpool__took(state, OBJPOOL_TIME_WAIT, turn->waited_ns);
  OBJPOOL__STORE(queue->waiting, queue->waiting - 1); /* as above, but before began_ns */
  __atomic_store_n(&queue->began_ns, queue->began_ns - turn->since_ns, __ATOMIC_RELEASE);
  objpool__queue_settle(state, now);
  __atomic_fetch_sub(&state->gate.hold, 1, __ATOMIC_SEQ_CST); /* pairs with objpool__may_open */
}

/* Hands a waiter an object, or with NULL the permit to create one. Under the commons lock; the caller wakes who is returned,
   without the lock. */
static objpool__sleeper objpool__hand_to(objpool__state *state, objpool__turn *turn, void *object) {
  OBJPOOL_ASSERT(objpool__is_held(&state->commons.lock) && turn);
  objpool__unqueue(state, turn);
  turn->object = object;
  turn->served = true;
  if (turn->async) return objpool__sleeping_loop(objpool__loop_due(&state->queue, (objpool__async *)(void *)turn));
  return (objpool__sleeper)objpool__signal_set(&((objpool__waiter *)(void *)turn)->signal);
}

static objpool__sleeper objpool__hand_over(objpool__state *state, void *object) {
  return objpool__hand_to(state, state->queue.first, object);
}

/* Tells the first, a thread that is not due, to look for itself. Under the commons lock; the caller wakes who is returned. */
static objpool__sleeper objpool__call_first(objpool__queue *queue) {
  OBJPOOL_ASSERT(queue->first && !queue->called && !queue->first->async);
  queue->called = true;
  __atomic_store_n(&queue->call, false, __ATOMIC_SEQ_CST); /* one order with the looks at it */
  return (objpool__sleeper)objpool__signal_set(&((objpool__waiter *)(void *)queue->first)->signal);
}

/* What is idle outside of open slots, or the permit to build, for the first. Under the commons lock. */
static bool objpool__seek_for_first(objpool__state *state, void **object) {
  *object = state->engine->pop(state);
  return *object || (!state->queue.first->refused && objpool__reserve(state));
}

/* The permit to build for the first who was not refused it, behind those who were. Under the commons lock. */
static objpool__turn *objpool__seek_builder(objpool__state *state) {
  objpool__turn *turn = state->queue.first;
  if (!state->queue.refused || state->queue.refused == state->queue.waiting || state->limits.closed) return NULL;
  while (turn->refused) turn = turn->next;
  return objpool__reserve(state) ? turn : NULL;
}

/* Whether objpool__seek_for_first would find something just now. */
static bool objpool__is_there_any(objpool__state *state) {
  size_t most =
      __atomic_load_n(&state->limits.max_objects, __ATOMIC_SEQ_CST); /* in one order with what is served for */
  return state->engine->idle(state) || !most || __atomic_load_n(&state->limits.alive, __ATOMIC_SEQ_CST) < most;
}

/* How a look for whoever is due ended: nobody is left; at a moment during the call nothing was idle outside of open slots, and
   nothing could be built; or nothing was idle, and create had refused the first, so that a place may be another's. What is said under
   the lock: the first may leave at any time after. */
typedef enum objpool__unserved { OBJPOOL__NOBODY, OBJPOOL__UNSERVED, OBJPOOL__UNSERVED_REFUSED } objpool__unserved;

/* Serves waiters in their order while there is anything for them, or lets the first serve itself. */
static objpool__unserved objpool__serve(objpool__state *state) {
  bool (*refuses)(const objpool__state *state) = state->engine->refuses;
  while (__atomic_load_n(&state->queue.call, __ATOMIC_SEQ_CST)) { /* after the push or the end of a reservation */
    (void)objpool__holds_all(); /* in a fork's child that has not begun yet: nobody waits there */
    /* relaxed: see 8. A first that is not due yet may have become so */
    if (refuses && OBJPOOL__LOAD(state->queue.due) && refuses(state)) return OBJPOOL__UNSERVED;
    objpool__sleeper sleeper = 0;
    void *object;
    bool served = false;
    objpool__lock(&state->commons.lock);
    if (state->queue.first) objpool__queue_settle(state, objpool__now_ns());
    objpool__unserved unserved = !state->queue.due       ? OBJPOOL__NOBODY
                                 : state->queue.builders ? OBJPOOL__UNSERVED_REFUSED
                                                         : OBJPOOL__UNSERVED;
    objpool__turn *first = state->queue.call ? state->queue.first : NULL, *builder = NULL;
    if (first && (state->queue.due || first->async || first->refused)) {
      served = objpool__seek_for_first(state, &object);
      if (served) sleeper = objpool__hand_over(state, object);
      if (!served) builder = objpool__seek_builder(state);
      if (builder) sleeper = objpool__hand_to(state, builder, NULL);
      served = served || builder;
    } else if (first && objpool__is_there_any(state)) {
      sleeper = objpool__call_first(&state->queue);
    }
    objpool__unlock(&state->commons.lock);
    objpool__wake_up(sleeper);
    if (!served) return unserved;
  }
  return OBJPOOL__NOBODY;
}

/* Before anybody who does not wait takes something: whoever is due comes first. */
OBJPOOL__INLINE objpool__unserved objpool__serve_due(objpool__state *state) {
  /* relaxed: it orders nothing */
  return OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->queue.due)) ? objpool__serve(state) : OBJPOOL__NOBODY;
}

/* What is left for who does not wait while somebody is due who gets nothing: a place, if that one was refused to build. */
static objpool__found objpool__find_place(objpool__state *state, const objpool__quest *quest,
                                          objpool__unserved unserved) {
  bool builds = quest->how != OBJPOOL__TRY && !quest->permit && unserved == OBJPOOL__UNSERVED_REFUSED;
  return builds && objpool__reserve(state) ? OBJPOOL__PERMIT : OBJPOOL__NOTHING;
}

/* The calling waiter looks for itself, before it sleeps: not while it is not the first, nor out of turn. True: it is
   served. Under the commons lock. */
static bool objpool__look_for_itself(objpool__state *state, objpool__waiter *waiter) {
  objpool__queue *queue = &state->queue;
  if (waiter->turn.served) return true;
  objpool__signal_rearm(&waiter->signal);
  if (queue->first != &waiter->turn || state->limits.closed) return false;
  queue->called = false;
  objpool__queue_settle(state, objpool__now_ns()); /* before the look: see 1 */
  if (!objpool__seek_for_first(state, &waiter->turn.object)) return false;
  objpool__unqueue(state, &waiter->turn);
  return waiter->turn.served = true;
}

/* Waits in the queue until it is served, or its time is up, which is a false. */
static bool objpool__stand_in_line(objpool__state *state, objpool__waiter *waiter, uint64_t deadline) {
  bool served, in_time = true;
  do {
    objpool__lock(&state->commons.lock);
    served = in_time ? objpool__look_for_itself(state, waiter) : waiter->turn.served;
    if (!served && !in_time) objpool__unqueue(state, &waiter->turn);
    objpool__unlock(&state->commons.lock);
    if (served || !in_time) break;
    in_time = objpool__signal_wait(&waiter->signal, deadline);
  } while (true);
  objpool__serve(state); /* the next may be called */
  return served;
}

static void objpool__unreserve(objpool__state *state) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(state->limits.alive) > 0);
  if (state->alone) {
    OBJPOOL__STORE(state->limits.alive, state->limits.alive - 1);
  } else {
    objpool__change_begins(state->word);
    __atomic_fetch_sub(&state->limits.alive, 1, __ATOMIC_SEQ_CST); /* seq_cst: before the look for waiters */
    objpool__change_ends(state->word);
  }
  objpool__serve(state);
}

/* ---- room: revocation >>revocation
   An open slot is its owner's, who uses it with plain loads and stores; whoever must see every idle object closes all.
   1. Closing takes three steps: base and limit are set so that each fast path fails; a membarrier makes every thread pass a
      barrier; what then lies between bottom and top is moved to the commons, and the slot is closed.
   2. An owner's fast path stores top, and only then looks at base. So after the barrier either its look sees base revoked,
      or its store of top was before the barrier, and the revoker sees it. Never neither.
   3. If both: a take that lowered top has claimed that one object (the revoker moves only what lies below top), and finds it
      in its slow path, under the slot's lock; a give that stored above where the revoker stopped takes its object back out,
      or, if the revoker moved it, leaves it. Nothing is lost, nothing is there twice.
   4. Only its owner opens a slot again, in its slow path, and only while nobody holds slots closed: it counts itself open
      first and looks for holders then; a holder does it the other way round (Dekker, seq_cst).
   5. Where the system refuses the barrier, other slots stay closing: each owner closes its own when it next comes by. */

/* What an operation of a closed slot costs beyond one of an open slot; and most operations that slots stay closed for. */
enum { OBJPOOL__CLOSED_NS = 32, OBJPOOL__LONGEST_CALM = 4096 };

/* Apart, for its frame on the stack, 18 instructions a lock (gcc -O2, callgrind). */
static __attribute__((__noinline__)) void objpool__spin_wait(objpool__cache *cache) {
  unsigned turns = 0;
  do {
    if (objpool__holds_all()) return;
    while (OBJPOOL__LOAD(cache->locked)) objpool__pause(&turns);
  } while (__atomic_test_and_set(&cache->locked, __ATOMIC_ACQUIRE)); /* as below */
}

static void objpool__spin_lock(objpool__cache *cache) {
  /* pairs with objpool__spin_unlock */
  if (OBJPOOL__UNLIKELY(__atomic_test_and_set(&cache->locked, __ATOMIC_ACQUIRE))) objpool__spin_wait(cache);
}

static void objpool__spin_unlock(objpool__cache *cache) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked));
  if (!objpool__holds_all()) __atomic_clear(&cache->locked, __ATOMIC_RELEASE); /* pairs with objpool__spin_lock */
}

/* Unlocks a slot that may have been closed: what is left of its strip goes back once the lock is free, for that waits for
   another lock. */
static void objpool__slot_unlock(objpool__state *state, objpool__cache *cache) {
  if (OBJPOOL__LIKELY(cache->openness != OBJPOOL__CLOSED || !cache->strip.cells)) {
    objpool__spin_unlock(cache);
    return;
  }
  objpool__strip strip = cache->strip;
  cache->strip.cells = 0;
  objpool__spin_unlock(cache);
  objpool__strip_give(&state->blocks, &state->memory, &strip);
}

/* The same as objpool__collect, for the slot of a bounded pool: what lies in it goes to the word. */
static void objpool__collect_bits(objpool__state *state, objpool__cache *cache) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked) && cache->openness == OBJPOOL__CLOSING && state->word->lone);
  objpool__lock(&state->commons.lock);
  /* acquire: pairs with the owner's release of its bits, so that their objects are seen */
  cache->moved = __atomic_load_n(&cache->bits, __ATOMIC_ACQUIRE);
  /* release: pairs with objpool__lone_aside. The owner may store them once more, but asks then */
  __atomic_store_n(&cache->bits, 0, __ATOMIC_RELEASE);
  /* release: publishes them; seq_cst: before the slot is closed to those who look for idle objects */
  __atomic_fetch_or(&state->word->idle, cache->moved, __ATOMIC_SEQ_CST);
  cache->openness = OBJPOOL__CLOSED;
  __atomic_fetch_sub(&state->gate.open_slots, 1, __ATOMIC_SEQ_CST); /* as in objpool__collect */
  OBJPOOL__STORE(state->word->lone, false);                         /* relaxed: see objpool__lone_ends */
  objpool__word_learn(state);
  objpool__change_ends(state->word);
  objpool__unlock(&state->commons.lock);
}

/* The owner's or the revoker's half of closing: moves what lies in the slot to the shared part. Under its lock, after
   its owner can no longer take from it unseen. */
static void objpool__collect(objpool__state *state, objpool__cache *cache) {
  if (state->word) {
    objpool__collect_bits(state, cache);
    return;
  }
  /* acquire: pairs with the owner's release of top, so that the objects below it are seen */
  uintptr_t top = __atomic_load_n(&cache->slot.top, __ATOMIC_ACQUIRE);
  uintptr_t bottom = cache->bottom;
  size_t objects = top > bottom ? (top - bottom) / sizeof(void *) : 0, moved = objects;
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked) && cache->openness == OBJPOOL__CLOSING);
  OBJPOOL_ASSERT(objects <= state->depot.rounds && OBJPOOL__LOAD(state->gate.open_slots) > 0);
  objpool__lock(&state->commons.lock);
  if (cache->previous_full) {
    objpool__depot_push(&state->depot, &state->depot.full, cache->previous, 0, false);
    cache->previous = NULL;
    moved += state->depot.rounds;
  }
  objpool__commons_push(&state->commons, &state->depot, (void **)bottom, objects);
  objpool__room_add(&state->limits, (int64_t)cache->granted - (int64_t)moved);
  cache->granted = 0;
  objpool__unlock(&state->commons.lock);
  cache->previous_full = false;
  objpool__settle_peaks(state, cache);
  cache->peak_pending = false;
  if (top > bottom) OBJPOOL__STORE(cache->bottom, top); /* relaxed, for objpool__cached_taken */
  cache->openness = OBJPOOL__CLOSED;
  __atomic_fetch_sub(&state->gate.open_slots, 1, __ATOMIC_SEQ_CST); /* after its objects can be found in the commons */
}

static void objpool__revoke(objpool__cache *cache) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->locked) && cache->openness == OBJPOOL__OPEN);
  OBJPOOL__STORE(cache->slot.base, OBJPOOL__REVOKED); /* relaxed: the membarrier orders it for the owner */
  OBJPOOL__STORE(cache->slot.limit, 0);               /* as above */
  cache->openness = OBJPOOL__CLOSING;
}

/* After slots were closed because objects or room ran short they stay closed for a while, or each shortage would cost a barrier:
   for as many operations as cost as much more than those of open slots as the barrier did. So both together cost at most twice
   what the better of always and never would, but for what the barrier costs those whom it interrupts. Two threads that take
   turns at all of 128 objects: 49 to 70 ns a pair, 43 without any calm, 98 where they stay closed for 256 operations, and twice
   as long at each shortage that comes soon. */
static void objpool__calm(objpool__gate *gate, uint64_t barrier_ns) {
  uint64_t span = 1 + barrier_ns / OBJPOOL__CLOSED_NS;
  OBJPOOL__STORE(gate->calm_span, span < OBJPOOL__LONGEST_CALM ? (uint32_t)span : (uint32_t)OBJPOOL__LONGEST_CALM);
}

static void objpool__keep_closed(objpool__gate *gate) {
  OBJPOOL__STORE(gate->calm_in, OBJPOOL__LOAD(gate->calm_span)); /* hints, both */
}

/* Closes every slot. The caller raised `hold` before, so that none opens again meanwhile: with no slot open after this,
   every idle object is in the commons or the depot. */
static void objpool__revoke_all(objpool__state *state) {
  objpool__gate *gate = &state->gate;
  if (!__atomic_load_n(&gate->open_slots, __ATOMIC_SEQ_CST)) return; /* pairs with objpool__may_open */
  objpool__lock(&gate->revoke_lock);
  objpool__cache *all = objpool__all_slots(&state->slots);
  size_t closing = 0;
  for (objpool__cache *cache = all; cache; cache = cache->next) {
    objpool__spin_lock(cache);
    if (cache->openness == OBJPOOL__OPEN) objpool__revoke(cache);
    closing += cache->openness == OBJPOOL__CLOSING;
    objpool__spin_unlock(cache);
  }
  if (closing) {
    uint64_t began = objpool__now_ns();
    /* where the system refuses, the other owners close their slots themselves when they next come by */
    bool all_stopped = objpool__barrier() || gate->destroying;
    objpool__calm(gate, objpool__elapsed(began, objpool__now_ns()));
    for (objpool__cache *cache = all; cache; cache = cache->next) {
      objpool__spin_lock(cache);
      if (cache->openness == OBJPOOL__CLOSING && (all_stopped || cache == objpool__mine(&state->slots)))
        objpool__collect(state, cache);
      objpool__slot_unlock(state, cache);
    }
    objpool__add(state, OBJPOOL__REVOCATIONS, 1);
  }
  objpool__unlock(&gate->revoke_lock);
}

/* Brings every idle object where the engine's pop finds it, and keeps it so. No hook runs between this and objpool__unhold,
   nor a loop's wake: a child that one of these forks inherits no hold. */
static void objpool__hold(objpool__state *state) {
  (void)objpool__holds_all(); /* in a fork's child that has not begun yet: first what the child does not inherit */
  __atomic_fetch_add(&state->gate.hold, 1, __ATOMIC_SEQ_CST); /* pairs with objpool__may_open */
  objpool__revoke_all(state);
}

static void objpool__unhold(objpool__gate *gate) {
  OBJPOOL_ASSERT(OBJPOOL__LOAD(gate->hold) > 0);
  __atomic_fetch_sub(&gate->hold, 1, __ATOMIC_SEQ_CST); /* pairs with objpool__may_open */
}

/* Whether the calling thread may open its slot; it is then counted as open, with room for what two magazines hold. */
static bool objpool__may_open(objpool__state *state) {
  objpool__gate *gate = &state->gate;
  if (!OBJPOOL__LOAD(objpool__process.membarrier) || gate->destroying) return false;
  uint32_t calm_in = OBJPOOL__LOAD(gate->calm_in);
  if (calm_in) {
    OBJPOOL__STORE(gate->calm_in, calm_in - 1); /* a hint: lost updates do no harm */
    return false;
  }
  if (OBJPOOL__LOAD(gate->hold)) return false; /* saves the two below */
  __atomic_fetch_add(&gate->open_slots, 1, __ATOMIC_SEQ_CST);
  /* room last: a holder that comes now sees the slot open, and waits for its lock before it counts room; surplus was set
     by one who held until then */
  if (!__atomic_load_n(&gate->hold, __ATOMIC_SEQ_CST) && !OBJPOOL__LOAD(state->limits.surplus) &&
      objpool__room_take(&state->limits, 2 * state->depot.rounds)) {
    objpool__dry_ends(&state->limits); /* before it holds anything; who closes slots waits for this one's lock */
    return true;
  }
  __atomic_fetch_sub(&gate->open_slots, 1, __ATOMIC_SEQ_CST);
  return false;
}

/* Something came back a moment too late for a resize to see. release: whoever takes it over, in objpool__catch_up, finds it. */
static void objpool__note_late(objpool__gate *gate) { __atomic_store_n(&gate->late, true, __ATOMIC_RELEASE); }

/* Takes every lock of a pool but growth_lock: see the room of forks. A slot that is new since the list was read is locked,
   too. */
static void objpool__lock_all(objpool__state *state) {
  if (state->alone) return;
  objpool__mutex_lock(&state->gate.revoke_lock.plain);
  for (objpool__cache *locked = NULL;;) {
    objpool__cache *all = objpool__all_slots(&state->slots);
    for (objpool__cache *cache = all; cache != locked; cache = cache->next) objpool__spin_lock(cache);
    objpool__mutex_lock(&state->commons.lock.plain);
    objpool__mutex_lock(&state->memory.lock.plain);
    locked = all;
    if (state->slots.first == all) return;
    objpool__mutex_unlock(&state->memory.lock.plain);
    objpool__mutex_unlock(&state->commons.lock.plain);
  }
}

static void objpool__unlock_all(objpool__state *state) {
  if (state->alone) return;
  objpool__cache *all = OBJPOOL__LOAD(state->slots.first); /* before a thread that waits for the memory lock adds one */
  objpool__mutex_unlock(&state->memory.lock.plain);
  objpool__mutex_unlock(&state->commons.lock.plain);
  for (objpool__cache *cache = all; cache; cache = cache->next) objpool__spin_unlock(cache);
  objpool__mutex_unlock(&state->gate.revoke_lock.plain);
}

/* ---- room: slot >>slot
   What a thread's slow paths do with its own slot: claims settled, magazines changed, slots opened. Under the slot's lock. */

/* After an owner closed its slot in the place of a revoker: what came out of it may be waited for or, where the system refuses
   the barrier, be more than a resize has left room for meanwhile. */
static void objpool__closed_late(objpool__state *state) {
  objpool__serve(state);
  if (!OBJPOOL__LOAD(objpool__process.membarrier)) objpool__note_late(&state->gate);
}

/* Makes `magazine` the one the fast paths work in, with `objects` in it. By its owner. */
static void objpool__load_magazine(const objpool__depot *depot, objpool__cache *cache, objpool__magazine *magazine,
                                   size_t objects) {
  uintptr_t bottom = (uintptr_t)magazine->objects;
  OBJPOOL_ASSERT(magazine && cache->openness == OBJPOOL__OPEN && objects <= depot->rounds);
  cache->current = magazine;
  cache->bottom = bottom;
  __atomic_store_n(&cache->slot.top, bottom + objects * sizeof(void *), __ATOMIC_RELEASE); /* as in objpool__give */
  OBJPOOL__STORE(cache->slot.base, bottom); /* nobody but the owner reads it without the lock */
  /* with statistics the first release asks, and is watched */
  OBJPOOL__STORE(cache->slot.limit, OBJPOOL__COUNTED ? bottom : objpool__end_of(depot, cache));
  cache->peak_pending = cache->idle_pending = false;
}

/* Whether the slot is open; a closed one is opened, empty, if it may be. By its owner. */
OBJPOOL__INLINE bool objpool__opened(objpool__state *state, objpool__cache *cache) {
  if (cache->openness == OBJPOOL__OPEN) return true;
  if (!objpool__may_open(state)) return false;
  if (!cache->current) cache->current = objpool__magazine_take(&state->depot);
  OBJPOOL_ASSERT(cache->openness == OBJPOOL__CLOSED && !cache->previous_full);
  cache->openness = OBJPOOL__OPEN;
  cache->granted = OBJPOOL__LOAD(state->limits.bounded) ? 2 * state->depot.rounds : 0;
  objpool__load_magazine(&state->depot, cache, cache->current, 0);
  return true;
}

/* The owner comes by a slot that is closing, and does the revoker's half itself. True: it did. */
OBJPOOL__INLINE bool objpool__close_own(objpool__state *state, objpool__cache *cache) {
  if (cache->openness != OBJPOOL__CLOSING) return false;
  objpool__collect(state, cache);
  return true;
}

/* Settles what the owner's last fast acquire left behind: an object it has claimed, or NULL. *closed: the slot, meanwhile. */
OBJPOOL__INLINE void *objpool__settle_claim(objpool__state *state, objpool__cache *cache, bool *closed) {
  uintptr_t top = OBJPOOL__LOAD(cache->slot.top); /* the owner's own */
  void *object = NULL;
  if (top < cache->bottom)
    OBJPOOL__STORE(cache->slot.top, cache->bottom); /* there was nothing to claim, or the revoker was first */
  else
    object = *(void **)top;
  *closed = objpool__close_own(state, cache);
  if (cache->openness == OBJPOOL__CLOSED) {
    OBJPOOL__STORE(cache->slot.top, cache->bottom);
  } else if (object) { /* a peak begins or ends: it is taken anew, and watched */
    OBJPOOL__STORE(cache->slot.top, top + sizeof(void *));
    object = NULL;
  }
  return object;
}

/* A full magazine for an open slot whose current one is empty: its own other one, or one of the depot. */
OBJPOOL__INLINE bool objpool__refill(objpool__state *state, objpool__cache *cache) {
  objpool__magazine *full = NULL;
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->slot.top) == cache->bottom);
  objpool__settle_peaks(state, cache);
  if (OBJPOOL__COUNTED) objpool__peak_begins(cache); /* the next release is watched */
  if (cache->previous_full) {
    full = cache->previous;
    cache->previous = cache->current;
    cache->previous_full = false;
  } else if ((full = objpool__depot_pop(&state->depot, &state->depot.full, false)) != NULL) {
    objpool__room_add(&state->limits, (int64_t)state->depot.rounds);
    objpool__magazine_give(&state->depot, cache->current);
    objpool__add(state, OBJPOOL__REFILLS, 1);
  }
  if (!full) return false;
  objpool__load_magazine(&state->depot, cache, full, state->depot.rounds);
  objpool__watch(state, cache);
  return true;
}

/* The newest object of an open slot that has one. Under its lock no claim is under way, and revokers come after. */
OBJPOOL__INLINE void *objpool__cache_pop(objpool__state *state, objpool__cache *cache) {
  if (cache->idle_pending) {
    objpool__settle_peaks(state, cache);
    objpool__watch(state, cache);
  }
  uintptr_t top = OBJPOOL__LOAD(cache->slot.top) - sizeof(void *);
  OBJPOOL_ASSERT(top >= cache->bottom && cache->openness == OBJPOOL__OPEN);
  OBJPOOL__STORE(cache->slot.top, top);
  if (top < OBJPOOL__LOAD(cache->slot.base)) {
    objpool__peak_begins(cache);
    cache->peak_pending = OBJPOOL__COUNTED;
    cache->idle_pending = false;
  }
  return *(void **)top;
}

/* An idle object out of the slot or a full magazine of the depot, for a quest that may have claimed one: a fast acquire just
   failed on this slot. If there is none, and one may be built, quest->cell gets a cell of the slot's strip, if it has any. */
static void *objpool__cache_take(objpool__state *state, objpool__cache *cache, objpool__quest *quest) {
  void *object = NULL;
  bool clear = false, closed;
  objpool__spin_lock(cache);
  if (quest->claimed)
    object = objpool__settle_claim(state, cache, &closed);
  else
    closed = objpool__close_own(state, cache);
  if (!object && objpool__opened(state, cache)) {
    if (OBJPOOL__LOAD(cache->slot.top) > cache->bottom || objpool__refill(state, cache))
      object = objpool__cache_pop(state, cache);
    else if (cache->strip.cells && quest->how != OBJPOOL__TRY)
      quest->cell = objpool__strip_take(&state->blocks, &cache->strip, &clear);
  }
  objpool__slot_unlock(state, cache);
  if (OBJPOOL__UNLIKELY(closed)) objpool__closed_late(state);
  if (object) return object;
  if (quest->cell) objpool__cell_ready(&state->blocks, quest->cell, clear);
  return NULL;
}

/* An empty magazine for an open slot whose current one is full: its own other one, or one of the depot's for it. */
OBJPOOL__INLINE bool objpool__flush(objpool__state *state, objpool__cache *cache) {
  objpool__magazine *other = cache->previous;
  OBJPOOL_ASSERT(OBJPOOL__LOAD(cache->slot.top) == objpool__end_of(&state->depot, cache));
  if (cache->previous_full) {
    if (!objpool__room_take(&state->limits, state->depot.rounds)) return false;
    objpool__depot_push(&state->depot, &state->depot.full, cache->previous, 0, false);
    objpool__add(state, OBJPOOL__FLUSHES, 1);
    other = NULL;
  }
  if (!other) other = objpool__magazine_take(&state->depot);
  cache->previous = cache->current;
  cache->previous_full = true;
  objpool__load_magazine(&state->depot, cache, other, 0);
  return true;
}

/* The fast path stored an object, counted it, and found base drawn up. True: it stays where it is, or the revoker moved it with
   the rest; false: it is the caller's again. */
static bool objpool__settle_given(objpool__state *state, objpool__cache *cache) {
  objpool__spin_lock(cache);
  if (cache->openness == OBJPOOL__OPEN) { /* not revoked: a reset of the statistics drew base up */
    objpool__spin_unlock(cache);
    return true;
  }
  bool closed = objpool__close_own(state, cache);
  bool moved = closed || cache->bottom == OBJPOOL__LOAD(cache->slot.top);
  OBJPOOL__STORE(cache->slot.top, cache->bottom);
  objpool__slot_unlock(state, cache);
  if (closed) objpool__closed_late(state);
  return moved;
}

/* Counts a release, and puts the object into the slot if that is or can be opened. True: done. */
static bool objpool__cache_give(objpool__state *state, objpool__cache *cache, void *object) {
  bool done = false;
  objpool__spin_lock(cache);
  objpool__settle_peaks(state, cache); /* before it is counted: peaks may end here */
  cache->peak_pending = false;
  objpool__add(state, OBJPOOL__RELEASES, 1);
  bool closed = objpool__close_own(state, cache);
  if (closed) OBJPOOL__STORE(cache->slot.top, cache->bottom);
  if (objpool__opened(state, cache)) {
    done = OBJPOOL__LOAD(cache->slot.top) < objpool__end_of(&state->depot, cache) || objpool__flush(state, cache);
    if (done) {
      uintptr_t top = OBJPOOL__LOAD(cache->slot.top);
      *(void **)top = object;
      __atomic_store_n(&cache->slot.top, top + sizeof(void *), __ATOMIC_RELEASE); /* as in objpool__give */
      objpool__watch(state, cache);
    } else { /* no room for a magazine: from now on object by object */
      objpool__revoke(cache);
      objpool__collect(state, cache);
      OBJPOOL__STORE(cache->slot.top, cache->bottom);
      objpool__keep_closed(&state->gate);
    }
  }
  objpool__slot_unlock(state, cache);
  if (closed) objpool__closed_late(state);
  return done;
}

/* Leaves a strip to the slot, if that is open and has none; else gives it back. */
static void objpool__strip_keep(objpool__state *state, objpool__cache *cache, objpool__strip *strip) {
  objpool__spin_lock(cache);
  if (cache->openness == OBJPOOL__OPEN && !cache->strip.cells) {
    cache->strip = *strip;
    strip->cells = 0;
  }
  objpool__spin_unlock(cache);
  objpool__strip_give(&state->blocks, &state->memory, strip);
}

/* A look at a slot from outside, or by its owner who did not come by the fast paths: under its lock. */
static void objpool__watch_own(objpool__state *state, objpool__cache *cache) {
  objpool__spin_lock(cache);
  objpool__watch(state, cache);
  objpool__spin_unlock(cache);
}

/* After more idle objects came than the thread's own slot has seen: its limit stands where idle passed the peak before. */
static void objpool__watch_mine(objpool__state *state) {
  objpool__cache *cache = state->slots.open_at_all ? objpool__mine(&state->slots) : NULL;
  if (OBJPOOL__COUNTED && cache) objpool__watch_own(state, cache);
}

/* How many objects are idle, wherever they are. */
static size_t objpool__count_idle(objpool__state *state) {
  size_t idle = 0;
  uint64_t bits = 0;
  for (objpool__cache *cache = objpool__all_slots(&state->slots); cache; cache = cache->next) {
    objpool__spin_lock(cache);
    uintptr_t top = OBJPOOL__LOAD(cache->slot.top); /* its owner may be moving it: close is enough */
    if (cache->openness != OBJPOOL__CLOSED && state->word)
      bits |= OBJPOOL__LOAD(cache->bits);
    else if (cache->openness != OBJPOOL__CLOSED)
      idle += (top > cache->bottom ? (top - cache->bottom) / sizeof(void *) : 0) +
              (cache->previous_full ? state->depot.rounds : 0);
    objpool__spin_unlock(cache);
  }
  objpool__lock(&state->commons.lock);                        /* as objpool__count_commons */
  if (state->word) bits &= ~OBJPOOL__LOAD(state->word->idle); /* those that were moved meanwhile are there */
  idle += (size_t)__builtin_popcountll(bits) + state->engine->idle(state);
  objpool__unlock(&state->commons.lock);
  return idle;
}

/* ---- room: threads >>threads
   A thread index is a row in every slot table: given out under the process lock, given back by a thread-exit destructor.
   Slots belong to the index; what a thread leaves there is moved to the commons when it ends. */

/* A slot's objects go to the commons: its thread is no more, or ends here. Nobody is served: who waits looks for itself once all
   slots are closed. Only where the system did not let it close them, it is served here; event loops are woken when the process
   lock is free. */
static void objpool__leave(objpool__state *state, unsigned index) {
  if (state->slots.table[index] == &objpool__no_slot) return;
  objpool__cache *cache = (objpool__cache *)(void *)state->slots.table[index];
  objpool__spin_lock(cache);
  if (cache->openness == OBJPOOL__OPEN) objpool__revoke(cache);
  bool closed = objpool__close_own(state, cache);
  OBJPOOL__STORE(cache->slot.top, cache->bottom);
  objpool__slot_unlock(state, cache);
  objpool__word_again(state);
  if (closed && !OBJPOOL__LOAD(objpool__process.membarrier)) objpool__closed_late(state);
}

/* An index whose thread is no more, or ends here. Under the process lock. */
static void objpool__index_give(unsigned index) {
  OBJPOOL__STORE(objpool__process.leaver, objpool__self()); /* relaxed: see objpool__loop_wake */
  for (objpool__state *state = objpool__process.states; state; state = state->next) objpool__leave(state, index);
  OBJPOOL__STORE(objpool__process.leaver, 0);
  index -= OBJPOOL__FIRST_INDEX;
  OBJPOOL_ASSERT(objpool__process.given > 0 && (objpool__process.taken[index / 64] >> index % 64 & 1));
  objpool__process.taken[index / 64] &= ~((uint64_t)1 << index % 64);
  OBJPOOL__STORE(objpool__process.given,
                 objpool__process.given - 1); /* a hint for those who read it without the lock */
}

static void objpool__index_take(unsigned index) {
  unsigned bit = index - OBJPOOL__FIRST_INDEX;
  OBJPOOL_ASSERT(!(objpool__process.taken[bit / 64] >> bit % 64 & 1));
  objpool__process.taken[bit / 64] |= (uint64_t)1 << bit % 64;
  objpool__process.owners[bit] = objpool__thread_number();
  OBJPOOL__STORE(objpool__process.given, objpool__process.given + 1); /* as above */
}

/* At thread exit. The thread may release and acquire still, in other destructors: as a guest, without an index. */
static void objpool__thread_exit(void *value) {
  (void)value;
  unsigned index = objpool__thread_index();
  if (index >= OBJPOOL__FIRST_INDEX) {
    objpool__lock(&objpool__process.lock);
    objpool__index_give(index);
    objpool__unlock(&objpool__process.lock);
  }
  objpool__set_thread_index(OBJPOOL__LEAVING);
  objpool__wake_owed();
}

/* When the library that holds this copy is unloaded, no thread may come back to it. */
static __attribute__((__destructor__)) void objpool__unload(void) {
  objpool__lock(&objpool__process.lock);
  if (objpool__process.has_key) objpool__key_unmake(objpool__process.key);
  objpool__process.has_key = false;
  objpool__unlock(&objpool__process.lock);
}

/* A thread that used a pool for the first time in the last of its destructors was not asked to give its index back. True:
   some such were found. Under the process lock. */
static bool objpool__indices_reclaim(void) {
  bool found = false;
  int saved = errno;
  for (unsigned i = 0; i < OBJPOOL__INDICES; i++)
    if (objpool__process.taken[i / 64] >> i % 64 & 1 && objpool__thread_ended(objpool__process.owners[i])) {
      objpool__index_give(i + OBJPOOL__FIRST_INDEX);
      found = true;
    }
  objpool__set_error(saved);
  return found;
}

/* Gives the thread an index if there is one; else it is a guest. */
static void objpool__register_thread(void) {
  unsigned given = OBJPOOL__GUEST;
  objpool__lock(&objpool__process.lock);
  if (objpool__process.has_key && (objpool__process.given < OBJPOOL__INDICES || objpool__indices_reclaim()) &&
      objpool__key_set(objpool__process.key, &objpool__process))
    for (unsigned i = 0; i < OBJPOOL__INDICES && given == OBJPOOL__GUEST; i++)
      if (!(objpool__process.taken[i / 64] >> i % 64 & 1)) {
        given = i + OBJPOOL__FIRST_INDEX;
        objpool__index_take(given);
      }
  objpool__set_thread_index(given);
  objpool__unlock(&objpool__process.lock);
  objpool__wake_owed();
}

/* Keeps a slot in reserve, so that a thread that only releases gets one without an allocation. Under growth_lock and the
   memory lock. */
static bool objpool__prepare_spare(objpool__state *state) {
  objpool__memory *memory = &state->memory;
  if (state->slots.spare) return true;
  if (!state->engine->make_places(state, state->blocks.cells)) return false;
  objpool__cache *spare = (objpool__cache *)objpool__allocate_for(memory, state->slots.bytes, OBJPOOL_CACHE_LINE, NULL);
  if (!spare) return false;
  if (state->slots.spare) { /* a fork's handler was first */
    objpool__deallocate_for(memory, spare, state->slots.bytes, OBJPOOL_CACHE_LINE);
    return true;
  }
  spare->slot.base = OBJPOOL__REVOKED;
  spare->looked -= (unsigned)state->depot.rounds;     /* its first visit looks */
  spare->slot.top = spare->bottom = (uintptr_t)spare; /* any address: a claim lowers it, and must not wrap */
  OBJPOOL__STORE(state->slots.spare, spare);          /* atomic for those who look without the lock */
  return true;
}

/* A guest looks again whether there is an index for it, but not in pools without caches, whose calls take no lock: there a
   slot is for its counts alone. */
static bool objpool__may_register(bool has_caches) {
  unsigned index = objpool__thread_index();
  return index == OBJPOOL__NO_INDEX ||
         (index == OBJPOOL__GUEST && has_caches && OBJPOOL__LOAD(objpool__process.given) < OBJPOOL__INDICES);
}

/* The calling thread's slot, made; NULL: it has none. */
static __attribute__((__noinline__)) objpool__cache *objpool__cache_make(objpool__state *state, bool may_allocate) {
  objpool__slots *slots = &state->slots;
  if (state->alone) return NULL;
  if (objpool__may_register(slots->open_at_all)) objpool__register_thread();
  if (objpool__thread_index() < OBJPOOL__FIRST_INDEX) return NULL;
  OBJPOOL_ASSERT(objpool__thread_index() < OBJPOOL__ROWS);
  int saved = errno;
  bool grows = may_allocate && objpool__growth_begins(&state->memory);
  objpool__lock(&state->memory.lock);
  if (may_allocate) objpool__prepare_spare(state);
  objpool__cache *cache = objpool__mine(&state->slots); /* a fork's handler may have made it */
  if (!cache && (cache = slots->spare) != NULL) {
    OBJPOOL__STORE(slots->spare, NULL);
    if (objpool__holds_all()) objpool__spin_lock(cache); /* a fork's handler: as all others, until the fork is over */
    cache->next = slots->first;
    OBJPOOL__STORE(slots->count, slots->count + 1); /* atomic for those who look without the lock */
    /* release: pairs with the readers of the list */
    __atomic_store_n(&slots->first, cache, __ATOMIC_RELEASE);
    /* only this thread, and those that get its index after it, read this row */
    slots->table[objpool__thread_index()] = &cache->slot;
    if (may_allocate) objpool__prepare_spare(state);
  }
  objpool__unlock(&state->memory.lock);
  objpool__growth_ends(&state->memory, grows);
  objpool__set_error(saved);
  return cache;
}

/* The calling thread's slot, made when needed; NULL: it has none. Whoever may allocate keeps one in reserve for those who
   may not. */
OBJPOOL__INLINE objpool__cache *objpool__cache_of(objpool__state *state, bool may_allocate) {
  objpool__cache *cache = objpool__mine(&state->slots);
  if (OBJPOOL__LIKELY(cache && (!may_allocate || OBJPOOL__LOAD(state->slots.spare) || !state->slots.open_at_all)))
    return cache;
  return objpool__cache_make(state, may_allocate);
}

static size_t objpool__slot_bytes(const objpool_type *type) {
  return sizeof(objpool__cache) + (type->tracked ? sizeof(objpool__times) : 0);
}

static void objpool__slots_free(objpool__slots *slots, objpool_allocator allocator) {
  if (slots->spare) allocator.deallocate(slots->spare, slots->bytes, OBJPOOL_CACHE_LINE, allocator.context);
  for (objpool__cache *cache = slots->first, *next; cache; cache = next) {
    next = cache->next;
    allocator.deallocate(cache, slots->bytes, OBJPOOL_CACHE_LINE, allocator.context);
  }
}

/* ---- room: tracking >>tracking
   Who holds an object of a tracked pool, since when, and from where: words before it say so.
   1. They are written only by who has the object alone: when it is handed out, `turn` last, which is then odd; when it is given
      back `turn` alone, which is then even. Where a release by handle may have come first, the change of `turn` decides.
   2. A reader looks at `turn` first and last, and takes what it read in between only if it was the same odd number. Each word is
      stored by release and read by acquire: whoever reads one of a later use also sees, when it looks again, the `turn` that
      the use before it ended with, or a later one. So it never mixes two uses.
   3. `turn` does not begin anew while the cell's block is there, which stays while somebody walks over it. So the next object in
      that cell is not taken for the one before.
   4. A use ends before the object is marked as idle, or is anyone else's: nobody can begin the next one before that. */

static objpool__use *objpool__use_of(const objpool_type *type, const void *object) {
  return (objpool__use *)(uintptr_t)((uintptr_t)object - objpool__words_begin(type, OBJPOOL__TRACKED_WORDS));
}

/* The system's number of the calling thread. It is asked for once per thread, 300 ns, and kept with the thread's index. */
static uint64_t objpool__thread_here(void) {
  if (OBJPOOL__UNLIKELY(objpool__thread_index() == OBJPOOL__NO_INDEX)) objpool__register_thread();
  unsigned index = objpool__thread_index();
  if (!OBJPOOL__THREADED) { /* in a child that of its parent */
    if (!objpool__process.owners[0]) objpool__process.owners[0] = objpool__thread_number();
    index = OBJPOOL__FIRST_INDEX;
  }
  return (uint64_t)(OBJPOOL__LIKELY(index >= OBJPOOL__FIRST_INDEX)
                        ? objpool__process.owners[index - OBJPOOL__FIRST_INDEX] /* its own: no other thread writes it */
                        : objpool__thread_number());
}

OBJPOOL_API const void *objpool__here(void) {
  __asm__ volatile(""); /* or compilers would call it once for two acquires */
  return OBJPOOL__CALLER;
}

/* Nobody has had the object that is there next. */
static void objpool__use_none(const objpool_type *type, const void *object) {
  if (!type->tracked) return;
  objpool__use *use = objpool__use_of(type, object);
  __atomic_store_n(&use->first, OBJPOOL__LOAD(use->turn), __ATOMIC_RELEASE); /* see 2 */
}

OBJPOOL_API void objpool__hold_begins(objpool *pool, void *object, const void *site) {
  const objpool__state *state = OBJPOOL__LOAD(pool->state); /* in use by the caller: it is there */
  objpool__use *use = objpool__use_of(&state->as.type, object);
  uint64_t turn = OBJPOOL__LOAD(use->turn);                                  /* nobody else writes it, see 1 */
  __atomic_store_n(&use->site, (uint64_t)(uintptr_t)site, __ATOMIC_RELEASE); /* see 2, all of these */
  __atomic_store_n(&use->thread, objpool__thread_here(), __ATOMIC_RELEASE);
  __atomic_store_n(&use->began, objpool__ticks(), __ATOMIC_RELEASE);
  __atomic_store_n(&use->turn, (turn + 1) | 1, __ATOMIC_RELEASE);
}

/* Of an object in use; a second time it does nothing. */
OBJPOOL__INLINE void objpool__use_over(objpool__state *state, const void *object) {
  objpool__use *use = objpool__use_of(&state->as.type, object);
  uint64_t turn = OBJPOOL__LOAD(use->turn), began = OBJPOOL__LOAD(use->began), now = objpool__ticks();
  if (OBJPOOL__UNLIKELY(!(turn & 1))) return;
  if (state->as.type.handles &&
      !state->alone) { /* see 1; relaxed: what follows it is ordered by how the object moves on */
    if (!__atomic_compare_exchange_n(&use->turn, &turn, turn + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  } else {
    OBJPOOL__STORE(use->turn, turn + 1);
  }
  if (!OBJPOOL__COUNTED) return;
  objpool__cache *cache = objpool__mine(&state->slots);
  objpool__count_time(cache ? objpool__times_of(cache) : objpool__times_for(state, OBJPOOL_TIME_USE),
                      cache || state->alone, objpool__ticks_ns(objpool__elapsed(began, now)));
}

OBJPOOL_API void objpool__hold_ends(objpool *pool, const void *object) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state || state->home != &objpool__process) return; /* a mistake, as below: the release says which */
  /* with handles its use, as those say it, may have ended just now */
  if (OBJPOOL__CHECKED && objpool__tag_more(state, object, OBJPOOL__LOAD(*((const uintptr_t *)object - 1)))) return;
  objpool__use_over(state, object);
}

/* What a use is that goes on; 0: there is none, or it ended meanwhile; else its `turn`. *began: in ticks. */
static uint64_t objpool__use_read(const objpool_type *type, const void *object, objpool_hold *hold, uint64_t *began) {
  const objpool__use *use = objpool__use_of(type, object);
  uint64_t turn = __atomic_load_n(&use->turn, __ATOMIC_ACQUIRE); /* see 2, all of these */
  *began = __atomic_load_n(&use->began, __ATOMIC_ACQUIRE);
  if (!(turn & 1)) return 0;
  hold->object = object;
  hold->uses = (turn - __atomic_load_n(&use->first, __ATOMIC_ACQUIRE) + 1) / 2;
  hold->site = (const void *)(uintptr_t)__atomic_load_n(&use->site, __ATOMIC_ACQUIRE);
  hold->thread = __atomic_load_n(&use->thread, __ATOMIC_ACQUIRE);
  return OBJPOOL__LOAD(use->turn) == turn ? turn : 0;
}

/* ---- room: local engine >>local
   One thread at a time: an array of idle objects, which the inline paths work in through pool->own. base and limit stand where
   in_use or idle would pass their peaks. */

static size_t objpool__array_idle(const objpool__state *state) {
  OBJPOOL_ASSERT(state->pool->own.top >= (uintptr_t)state->array.memory);
  return (state->pool->own.top - (uintptr_t)state->array.memory) / sizeof(void *);
}

static void objpool__local_settle(objpool__state *state) {
  objpool__slot *own = &state->pool->own;
  objpool__counts *counts = &state->counts;
  const objpool__limits *limits = &state->limits;
  uintptr_t start = (uintptr_t)state->array.memory;
  size_t most = state->array.capacity, least = 0;
  if (limits->max_idle && limits->max_idle < most) most = limits->max_idle;
  if (OBJPOOL__COUNTED) {
    size_t idle = objpool__array_idle(state);
    size_t in_use = (size_t)(own->acquires - own->releases - counts->shared[OBJPOOL__EXTRACTED]);
    if (counts->peak_in_use < in_use) OBJPOOL__STORE(counts->peak_in_use, in_use); /* others read, here and below */
    if (counts->peak_idle < idle) OBJPOOL__STORE(counts->peak_idle, idle);
    if (counts->peak_idle < most) most = counts->peak_idle;
    size_t below = counts->peak_in_use - in_use;
    if (idle > below) least = idle - below;
  }
  OBJPOOL__STORE(own->base, start + least * sizeof(void *));
  /* more alive than a resize allows, idle objects set aside, which count too, or somebody waits: releases must ask */
  bool ask = state->commons.aside_count || limits->closed ||
             (limits->max_objects && limits->alive > limits->max_objects) || state->queue.first;
  OBJPOOL__STORE(own->limit, ask ? 0 : start + most * sizeof(void *));
}

static void *objpool__local_pop(objpool__state *state) {
  objpool__slot *own = &state->pool->own;
  if (!objpool__array_idle(state)) return objpool__aside_pop(state);
  uintptr_t top = own->top - sizeof(void *);
  OBJPOOL__STORE(own->top, top);
  return *(void **)top;
}

static objpool__found objpool__local_find(objpool__state *state, objpool__quest *quest) {
  quest->object = objpool__local_pop(state);
  if (quest->object) return OBJPOOL__OBJECT;
  return quest->how != OBJPOOL__TRY && !quest->permit && objpool__reserve(state) ? OBJPOOL__PERMIT : OBJPOOL__NOTHING;
}

/* How many are idle, for its own thread. */
static size_t objpool__local_idle(objpool__state *state) {
  OBJPOOL_ASSERT(state->alone);
  return objpool__array_idle(state) + state->commons.aside_count;
}

static bool objpool__local_push(objpool__state *state, void *object) {
  objpool__slot *own = &state->pool->own;
  if (state->limits.max_idle && objpool__local_idle(state) >= state->limits.max_idle) return false;
  OBJPOOL_ASSERT(objpool__array_idle(state) < state->array.capacity);
  *(void **)own->top = object;
  OBJPOOL__STORE(own->top, own->top + sizeof(void *));
  return true;
}

static size_t objpool__local_push_some(objpool__state *state, void *const *objects, size_t count) {
  objpool__slot *own = &state->pool->own;
  size_t idle = objpool__local_idle(state), most = state->limits.max_idle;
  if (most && count > most - (idle < most ? idle : most)) count = most - (idle < most ? idle : most);
  OBJPOOL_ASSERT(objpool__array_idle(state) + count <= state->array.capacity);
  memcpy((void *)own->top, objects, count * sizeof *objects);
  OBJPOOL__STORE(own->top, own->top + count * sizeof *objects);
  return count;
}

static bool objpool__local_put(objpool__state *state, void *object) {
  bool kept = !objpool__has_surplus(&state->limits) && objpool__local_push(state, object);
  if (kept) objpool__serve(state);
  objpool__local_settle(state);
  return kept;
}

static void objpool__local_taken(objpool__state *state, bool from_own_slot) {
  (void)from_own_slot;
  objpool__add(state, OBJPOOL__ACQUIRES, 1);
  objpool__local_settle(state);
}

static bool objpool__local_give(objpool__state *state, void *object, objpool__given given) {
  (void)given;
  objpool__add(state, OBJPOOL__RELEASES, 1);
  return objpool__local_put(state, object);
}

/* For whoever asks, perhaps on another thread: not at the owner's array, which objpool__widen may be moving. Without
   statistics there is nothing else: relaxed, and no more than are alive. */
static size_t objpool__local_look(objpool__state *state, size_t *idle) {
  const objpool__slot *own = &state->pool->own;
  size_t alive = OBJPOOL__LOAD(state->limits.alive), in_use;
  if (OBJPOOL__COUNTED) {
    uint64_t out = OBJPOOL__LOAD(own->acquires);
    uint64_t in = OBJPOOL__LOAD(own->releases) + OBJPOOL__LOAD(state->counts.shared[OBJPOOL__EXTRACTED]);
    in_use = out > in ? (size_t)(out - in) : 0;
    *idle = alive > in_use ? alive - in_use : 0;
  } else {
    uintptr_t start = (uintptr_t)OBJPOOL__LOAD(state->array.memory);
    *idle = (OBJPOOL__LOAD(own->top) - start) / sizeof(void *) + OBJPOOL__LOAD(state->commons.aside_count);
    if (*idle > alive) *idle = alive;
    in_use = alive - *idle;
    objpool__raise(&state->counts.peak_in_use, in_use);
    objpool__raise(&state->counts.peak_idle, *idle);
  }
  return in_use;
}

static void *objpool__plain_cell(objpool__state *state, size_t *grown) {
  return objpool__cell_take(state, grown, NULL);
}

static bool objpool__local_has_places(const objpool__state *state, size_t cells) {
  return state->array.capacity >= cells;
}

/* The array always has room for all objects. It grows geometrically, whatever the blocks do. */
static bool objpool__widen(objpool__state *state, size_t cells) {
  objpool__array *array = &state->array;
  objpool__slot *own = &state->pool->own;
  size_t wanted = array->capacity + array->capacity / 2, capacity;
  if (wanted < cells) wanted = cells;
  /* no overflow: there is memory for all cells, and each is larger than a pointer */
  char *wider = (char *)objpool__allocate_wider(&state->memory, wanted, cells, &capacity);
  if (!wider) return false;
  if (array->capacity >= cells) { /* a fork's handler was first */
    objpool__deallocate_for(&state->memory, wider, capacity * sizeof(void *), OBJPOOL__NATURAL);
    return true;
  }
  char *before = (char *)array->memory;
  size_t used = before ? own->top - (uintptr_t)before : 0;
  if (used) memcpy(wider, before, used);
  OBJPOOL__STORE(own->top, (uintptr_t)wider + used);
  OBJPOOL__STORE(own->base, (uintptr_t)wider + used); /* until it is settled, the inline paths must ask */
  OBJPOOL__STORE(own->limit, 0);
  objpool__deallocate_for(&state->memory, before, array->capacity * sizeof(void *), OBJPOOL__NATURAL);
  OBJPOOL__STORE(array->memory, (void *)wider); /* relaxed, for objpool__local_look */
  array->capacity = capacity;
  return true;
}

/* As objpool__cached_fresh, in a local pool: 242 instructions per first object in place of 385. */
static void *objpool__local_fresh(objpool__state *state) {
  objpool__limits *limits = &state->limits;
  size_t grown = 0;
  if (OBJPOOL__LOAD(state->gate.ended) || objpool__local_idle(state) || state->blocks.used == state->blocks.cells)
    return NULL;
  void *object = objpool__plain_cell(state, &grown);
  if (!object) return NULL; /* a fork's handler was first, and there is no memory for more */
  OBJPOOL__STORE(limits->alive, limits->alive + 1);
  objpool__tag_in_use(state, object);
  objpool__add(state, OBJPOOL__CREATED, 1);
  objpool__add(state, OBJPOOL__MISSES, 1);
  objpool__local_taken(state, false);
  return object;
}

static const objpool__engine objpool__local_engine = {0,
                                                      objpool__local_find,
                                                      objpool__local_pop,
                                                      objpool__local_idle,
                                                      NULL,
                                                      objpool__local_put,
                                                      objpool__local_give,
                                                      objpool__local_push,
                                                      objpool__local_push_some,
                                                      objpool__local_taken,
                                                      objpool__add_objects,
                                                      objpool__local_settle,
                                                      objpool__local_look,
                                                      objpool__plain_cell,
                                                      objpool__local_has_places,
                                                      objpool__widen,
                                                      0,
                                                      NULL,
                                                      NULL,
                                                      NULL};

/* ---- room: engine without caches >>uncached
   Lock-free: a stack of idle objects, the depot's, with one object to a magazine; slots only count. A pair takes three locked
   instructions: the pop, the decision who gives the object back, the push.
   1. Each object has a node from its first push on (Treiber 1986), whose address lies behind it, and which always names this
      object: so a pop and a push are one compare-and-swap each, and who holds an object has its node alone. Objects that were
      never idle have none: a first object takes 547 instructions in place of 586 (gcc -O2, callgrind), and no node's memory.
   2. A node is popped and pushed as often as its object; the tag of the head (see the room depot) tells each time from the
      next. Nodes are never freed, and may serve another object after this one was destroyed.
   3. Nothing is found only if the stack was empty, with the same tag, around the look at the cap.
   4. There are never more objects in use than are alive and not on the stack. Only where that would be a new peak are the
      counts of all threads added up. */

/* For shared pools with and without caches: what anyone who asks is told. */
static size_t objpool__threaded_look(objpool__state *state, size_t *idle) {
  *idle = objpool__count_idle(state);
  size_t alive = OBJPOOL__LOAD(state->limits.alive), in_use = alive > *idle ? alive - *idle : 0;
  if (*idle > alive) *idle = alive; /* what moved meanwhile was counted twice */
  if (OBJPOOL__COUNTED &&
      !state->counts.inherited) /* else counts that threads of the parent were about to make are missing */
    in_use = objpool__usage_now(state).in_use;
  objpool__raise(&state->counts.peak_in_use, in_use);
  objpool__raise(&state->counts.peak_idle, *idle);
  return in_use;
}

static bool objpool__threaded_has_places(const objpool__state *state, size_t cells) {
  const objpool__depot *depot = &state->depot;
  return (depot->fills || cells < depot->rounds) &&
         depot->count >= objpool__magazines_for(depot, cells, state->slots.count + 1);
}

static bool objpool__threaded_make_places(objpool__state *state, size_t cells) {
  state->depot.fills |= cells >= state->depot.rounds;
  size_t wanted = objpool__magazines_for(&state->depot, cells, state->slots.count + 1);
  return objpool__provide(&state->depot, &state->memory, wanted);
}

static void objpool__settle_nothing(objpool__state *state) { (void)state; }

static size_t objpool__push_each(objpool__state *state, void *const *objects, size_t count) {
  size_t kept = 0;
  while (kept < count && state->engine->push(state, objects[kept])) kept++;
  return kept;
}

/* Behind the object, or with its neighbours' before all of their tags. */
OBJPOOL__INLINE objpool__magazine **objpool__node_of(const objpool__blocks *blocks, void *object) {
  uint32_t apart = blocks->apart;
  if (OBJPOOL__LIKELY(!apart)) return (objpool__magazine **)(void *)((char *)object + blocks->object_bytes);
  return (objpool__magazine **)(void *)(objpool__tag(object, apart) -
                                        objpool__segment_bytes(apart) / objpool__apart_bytes(apart));
}

/* No NULL: whoever writes zeros beyond an object is to fall over them, and not to get a node at each push until there are no more. */
#define OBJPOOL__UNBOUND ((objpool__magazine *)1)

static void *objpool__uncached_cell(objpool__state *state, size_t *grown) {
  void *cell = objpool__plain_cell(state, grown);
  if (cell) *objpool__node_of(&state->blocks, cell) = OBJPOOL__UNBOUND;
  return cell;
}

static __attribute__((__noinline__)) objpool__magazine *objpool__node_bind(objpool__state *state, void *object) {
  objpool__magazine *node = objpool__magazine_take(&state->depot); /* there is one for every cell */
  node->objects[0] = object;
  return *objpool__node_of(&state->blocks, object) = node;
}

/* Of an object that is about to be pushed. */
OBJPOOL__INLINE objpool__magazine *objpool__node_for(objpool__state *state, void *object) {
  objpool__magazine *node = *objpool__node_of(&state->blocks, object);
  return OBJPOOL__LIKELY(node != OBJPOOL__UNBOUND) ? node : objpool__node_bind(state, object);
}

static void objpool__uncached_unbind(objpool__state *state, void *cell) {
  objpool__magazine *node = *objpool__node_of(&state->blocks, cell);
  if (node != OBJPOOL__UNBOUND) objpool__magazine_give(&state->depot, node);
}

static void *objpool__stack_pop(objpool__depot *depot) {
  objpool__magazine *node = objpool__depot_pop(depot, &depot->full, true);
  return node ? node->objects[0] : NULL;
}

/* One more is in use, with so many on the stack: is that a new peak? relaxed: counts. */
OBJPOOL__INLINE void objpool__uncached_peak(objpool__state *state, uint64_t depth) {
  size_t *peak = &state->counts.peak_in_use;
  if (OBJPOOL__COUNTED && OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->limits.alive) > OBJPOOL__LOAD(*peak) + depth))
    objpool__raise(peak, objpool__usage_now(state).in_use);
}

/* The commonest acquire in one go, as objpool__uncached_quick_give is the commonest release: 249 instructions a pair in place of
   588 (gcc -O2, callgrind). */
static void *objpool__uncached_quick(objpool__state *state) {
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  if (slot == &objpool__no_slot || OBJPOOL__LOAD(state->gate.ended) || OBJPOOL__LOAD(state->queue.due)) return NULL;
  objpool__magazine *node = objpool__depot_pop(&state->depot, &state->depot.full, true);
  if (!node) return NULL;
  void *object = node->objects[0];
  OBJPOOL_ASSERT(objpool__is_idle(state, object) && *objpool__node_of(&state->blocks, object) == node);
  OBJPOOL__STORE(*objpool__tag(object, state->blocks.apart),
                 objpool__tag_of(state->key, object)); /* as objpool__tag_in_use */
  OBJPOOL__SHOW(object, state->as.type.size);
  objpool__count(&slot->acquires);
  objpool__uncached_peak(state, OBJPOOL__LOAD(node->depth) - 1); /* its own still: it is written by a push */
  return object;
}

static void *objpool__uncached_pop(objpool__state *state) {
  void *object = objpool__stack_pop(&state->depot);
  return object ? object : objpool__aside_pop(state);
}

static size_t objpool__uncached_idle(objpool__state *state) {
  return (size_t)objpool__depot_depth(&state->depot, &state->depot.full) + OBJPOOL__LOAD(state->commons.aside_count);
}

/* See 3: that moment is the look at `alive`. */
OBJPOOL__INLINE bool objpool__uncached_refuses(const objpool__state *state, bool may_build) {
  const objpool__commons *commons = &state->commons;
  size_t resizes = __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST); /* all of these in one order */
  uint64_t head = __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST);
  return !objpool__number(head) && !__atomic_load_n(&commons->gathering, __ATOMIC_SEQ_CST) &&
         !__atomic_load_n(&commons->aside_count, __ATOMIC_SEQ_CST) &&
         (!may_build || objpool__is_full(&state->limits)) &&
         head == __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST) &&
         resizes == __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST);
}

static bool objpool__uncached_refuses_all(const objpool__state *state) {
  return objpool__uncached_refuses(state, true);
}

static objpool__found objpool__uncached_find(objpool__state *state, objpool__quest *quest) {
  objpool__commons *commons = &state->commons;
  bool may_build = quest->how != OBJPOOL__TRY && !quest->permit;
  for (;;) {
    objpool__unserved unserved = objpool__serve_due(state);
    if (unserved) return objpool__find_place(state, quest, unserved);
    quest->object = objpool__stack_pop(&state->depot);
    if (quest->object) return OBJPOOL__OBJECT;
    /* what is idle may be in a trimmer's hands, or set aside; relaxed, both: objpool__uncached_refuses looks again */
    if (OBJPOOL__LOAD(commons->gathering) || OBJPOOL__LOAD(commons->aside_count)) {
      objpool__lock(&commons->lock);
      quest->object = objpool__aside_pop(state);
      objpool__unlock(&commons->lock);
      if (quest->object) return OBJPOOL__OBJECT;
      continue;
    }
    if (may_build && objpool__reserve(state)) return OBJPOOL__PERMIT;
    if (objpool__uncached_refuses(state, may_build)) return OBJPOOL__NOTHING;
  }
}

/* Onto the stack, unless max_idle lie there. */
static bool objpool__uncached_push(objpool__state *state, void *object) {
  objpool__depot *depot = &state->depot;
  objpool__magazine *node = objpool__node_for(state, object);
  OBJPOOL_ASSERT(node->objects[0] == object);
  for (;;) { /* what maintenance set aside is idle too */
    size_t most = OBJPOOL__LOAD(state->limits.max_idle);
    size_t aside = __atomic_load_n(&state->commons.aside_count, __ATOMIC_SEQ_CST);
    uint64_t depth =
        most && aside >= most ? 0 : objpool__depot_push(depot, &depot->full, node, most ? most - aside : 0, true);
    if (depth) {
      if (OBJPOOL__COUNTED) objpool__raise(&state->counts.peak_idle, (size_t)depth + aside);
      return true;
    }
    if (aside == __atomic_load_n(&state->commons.aside_count, __ATOMIC_SEQ_CST))
      return false; /* seq_cst: around the look at the stack */
  }
}

/* For engines whose releases take no lock: `push` leaves an object where it is found, or says that there is no room. */
OBJPOOL__INLINE bool objpool__unlocked_put(objpool__state *state, void *object,
                                           bool (*push)(objpool__state *state, void *object)) {
  objpool__limits *limits = &state->limits;
  size_t resizes = __atomic_load_n(&limits->resizes, __ATOMIC_SEQ_CST); /* acquire: the limits, seen below */
  if (OBJPOOL__LOAD(limits->surplus)) {
    objpool__lock(&state->commons.lock);
    bool surplus = objpool__has_surplus(limits);
    if (state->word && !surplus) objpool__word_learn(state);
    objpool__unlock(&state->commons.lock);
    if (surplus) return false;
  }
  if (OBJPOOL__LOAD(state->queue.due)) { /* saves the way over the stack */
    objpool__sleeper sleeper = 0;
    objpool__lock(&state->commons.lock);
    bool handed = state->queue.due;
    if (handed) sleeper = objpool__hand_over(state, object);
    objpool__unlock(&state->commons.lock);
    objpool__wake_up(sleeper);
    if (handed) {
      objpool__serve(state); /* the next may be called */
      return true;
    }
  }
  if (!push(state, object)) return false;
  /* seq_cst: resize is counted before it looks at the stack, so that one of the two sees the other */
  if (OBJPOOL__UNLIKELY(__atomic_load_n(&limits->resizes, __ATOMIC_SEQ_CST) != resizes))
    objpool__note_late(&state->gate);
  objpool__serve(state);
  return true;
}

static bool objpool__uncached_put(objpool__state *state, void *object) {
  return objpool__unlocked_put(state, object, objpool__uncached_push);
}

static void objpool__uncached_taken(objpool__state *state, bool from_own_slot) {
  (void)from_own_slot;
  objpool__add(state, OBJPOOL__ACQUIRES, 1);
  objpool__uncached_peak(state, objpool__depot_depth(&state->depot, &state->depot.full));
}

/* What may be left to do after a release in one go. `resizes`: how many there were before it. */
OBJPOOL__INLINE void objpool__quick_give_ends(objpool__state *state, size_t resizes) {
  /* seq_cst, both: as in objpool__unlocked_put, and the room waiting */
  bool late = __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST) != resizes;
  if (OBJPOOL__UNLIKELY(late || __atomic_load_n(&state->queue.call, __ATOMIC_SEQ_CST))) {
    int saved = errno;
    unsigned leaving = objpool__leave_begins(state);
    if (late) objpool__note_late(&state->gate);
    objpool__serve(state);
    objpool__leave_ends(state, leaving);
    objpool__set_error(saved);
  }
}

/* The commonest release in one go: as objpool__uncached_put, where nobody has waited too long and nothing has a limit. */
static bool objpool__uncached_quick_give(objpool__state *state, void *object) {
  objpool__depot *depot = &state->depot;
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  const objpool__limits *limits = &state->limits;
  size_t resizes = __atomic_load_n(&limits->resizes, __ATOMIC_SEQ_CST); /* acquire: the limits, seen below */
  if (slot == &objpool__no_slot || OBJPOOL__LOAD(limits->surplus) || OBJPOOL__LOAD(limits->max_idle) ||
      OBJPOOL__LOAD(state->queue.due))
    return false;
  objpool__count(&slot->releases);
  uint64_t depth = objpool__depot_push(depot, &depot->full, objpool__node_for(state, object), 0, true);
  if (OBJPOOL__COUNTED)
    objpool__raise(&state->counts.peak_idle, (size_t)depth + OBJPOOL__LOAD(state->commons.aside_count));
  objpool__quick_give_ends(state, resizes);
  return true;
}

static bool objpool__uncached_give(objpool__state *state, void *object, objpool__given given) {
  (void)given;
  (void)objpool__cache_of(state, false);
  objpool__add(state, OBJPOOL__RELEASES, 1);
  return objpool__uncached_put(state, object);
}

/* The inline check finds no object of such a pool: each release is decided by one atomic instruction. */
static const objpool__engine objpool__uncached_engine = {OBJPOOL__OTHER_KEY,
                                                         objpool__uncached_find,
                                                         objpool__uncached_pop,
                                                         objpool__uncached_idle,
                                                         objpool__uncached_refuses_all,
                                                         objpool__uncached_put,
                                                         objpool__uncached_give,
                                                         objpool__uncached_push,
                                                         objpool__push_each,
                                                         objpool__uncached_taken,
                                                         objpool__add_objects,
                                                         objpool__settle_nothing,
                                                         objpool__threaded_look,
                                                         objpool__uncached_cell,
                                                         objpool__threaded_has_places,
                                                         objpool__threaded_make_places,
                                                         sizeof(void *),
                                                         objpool__uncached_unbind,
                                                         objpool__uncached_quick,
                                                         objpool__uncached_quick_give};

/* ---- room: lone threads >>lone
   While one thread alone uses a bounded pool, what it gives back lies in its slot: a bit for each place, as in the word, which
   it changes by plain stores. Two locked instructions a pair are what that saves.
   1. One slot is open at a time, and only to the plain paths of its owner. Whoever else comes closes it first, by revocation as
      in pools with caches, which moves its bits to the word. So what stands in the room below is true whenever no slot is open.
   2. The owner stores its bits, and only then looks whether its slot is still open. So after the revoker's barrier either it
      sees that it is not, or the revoker sees its store: see 2 of the room revocation. In the first case `moved` tells what
      became of the one bit: an object that the owner took is its own unless the bit was moved, one that it gave back is idle if
      it was. Else it is in nobody's hands but the owner's, who gives it back once more.
   3. `moved` is right for as long as its owner may ask: only the owner opens its slot again, after that.
   4. From before a bit can lie in a slot until all are in the word, `changes` says that something is under way: nobody is
      refused meanwhile, but the owner, if its slot is empty. That it is the owner's slot which is under way it knows by a look at
      the slot after the one at `changes`: before another opened, this one was closed, and that is seen then.
   5. Limits, hooks, waiters and ends change or come with slots held closed, and then, under the commons lock under which a slot
      opens, leave it closed: the owner need not look for them. A plain path that began before finds its slot closed.
   6. Of two threads that give back one object at once, by mistake, the owner may be one. The other finds the slot open, and
      closes it, or found it closed before: so both bits come to the word, and whose comes second finds it set. (Not if it was
      held up between a look at plain_release and its bit while the slot opened and the object was released there.)
   7. To share a pool this way costs a barrier each time. So that it does so a few times only, each slot that somebody else
      closes, and each that could not be opened, takes one of `openings`; there are new ones when a thread ends, and after a
      trim. Without them the paths are those of the room below, which have nothing to ask here. */

enum { OBJPOOL__OPENINGS = 16 };

enum { OBJPOOL__LONE = -2 }; /* in base, while the slot is open: to all inline paths that is revoked */

/* Whether the slot is open. relaxed would do: its owner asks; see also 4. */
OBJPOOL__INLINE bool objpool__is_lone(const objpool__cache *cache) {
  return objpool__reads(&cache->slot.base, OBJPOOL__LONE);
}

/* The owner changes what lies in its slot. False: it was closed, before that or after. */
OBJPOOL__INLINE bool objpool__lone_keeps(objpool__cache *cache, uint64_t bits) {
  __atomic_store_n(&cache->bits, bits, __ATOMIC_RELEASE); /* pairs with objpool__collect_bits */
  __asm__ volatile("" ::: "memory");                      /* as in objpool__take_from */
  return OBJPOOL__LIKELY(objpool__is_lone(cache));
}

/* What is idle for the calling thread: in the word, and in its own slot. A hint. */
static uint64_t objpool__lone_sees(const objpool__state *state) {
  const objpool__cache *mine = objpool__mine(&state->slots);
  return OBJPOOL__LOAD(state->word->idle) | (mine && objpool__is_lone(mine) ? OBJPOOL__LOAD(mine->bits) : 0);
}

/* Opens the calling thread's slot, if it may be, with all that is idle. */
static __attribute__((__noinline__)) void objpool__lone_begins(objpool__state *state) {
  objpool__word *word = state->word;
  objpool__cache *cache = objpool__mine(&state->slots);
  if (!cache) return;
  objpool__spin_lock(cache);
  bool counted = cache->openness == OBJPOOL__CLOSED && objpool__may_open(state);
  objpool__lock(&state->commons.lock);
  if (counted && word->opens) {
    OBJPOOL_ASSERT(!word->lone);
    objpool__change_begins(word);
    OBJPOOL__STORE(word->lone, true); /* relaxed: see objpool__lone_ends */
    /* acquire: pairs with the releases of these objects */
    OBJPOOL__STORE(cache->bits, __atomic_exchange_n(&word->idle, 0, __ATOMIC_SEQ_CST));
    cache->openness = OBJPOOL__OPEN;
    OBJPOOL__STORE(cache->slot.base, (uintptr_t)OBJPOOL__LONE); /* nobody but the owner reads it without the lock */
  } else {
    if (counted) __atomic_fetch_sub(&state->gate.open_slots, 1, __ATOMIC_SEQ_CST); /* as in objpool__may_open */
    if (word->openings) word->openings--;
  }
  objpool__word_learn(state);
  objpool__unlock(&state->commons.lock);
  objpool__spin_unlock(cache);
}

/* The word is everybody's again, unless another slot opens. relaxed: who misses one that just opened finds `changes` changed
   before it fails, and what it does to the word harms no slot. */
static __attribute__((__noinline__)) void objpool__lone_ends_now(objpool__state *state) {
  objpool__cache *mine = objpool__mine(&state->slots);
  if (mine) {
    objpool__spin_lock(mine);
    if (mine->openness == OBJPOOL__OPEN) objpool__revoke(mine);
    bool closed = objpool__close_own(state, mine);
    objpool__spin_unlock(mine);
    if (closed) objpool__closed_late(state);
  }
  if (!OBJPOOL__LOAD(state->word->lone)) return;
  objpool__hold(state);
  objpool__lock(&state->commons.lock);
  if (state->word->openings) state->word->openings--;
  objpool__word_learn(state);
  objpool__unlock(&state->commons.lock);
  objpool__unhold(&state->gate);
}

OBJPOOL__INLINE void objpool__lone_ends(objpool__state *state) {
  if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->word->lone))) objpool__lone_ends_now(state);
}

/* The owner moved this bit, and found its slot revoked: whether it lies in the word by now. */
static __attribute__((__noinline__)) bool objpool__was_moved(objpool__state *state, objpool__cache *cache,
                                                             uint64_t bit) {
  objpool__spin_lock(cache);
  bool closed = objpool__close_own(state, cache), moved = (cache->moved & bit) != 0;
  OBJPOOL__STORE(cache->bits, 0); /* it is closed: nothing lies there */
  objpool__spin_unlock(cache);
  if (closed) objpool__closed_late(state);
  return moved;
}

/* An object out of the calling thread's slot, if that is open and has one. Another's is closed. */
static __attribute__((__noinline__)) void *objpool__lone_find(objpool__state *state) {
  objpool__cache *mine = objpool__mine(&state->slots);
  if (mine && objpool__is_lone(mine)) {
    uint64_t bits = OBJPOOL__LOAD(mine->bits), bit = bits & (~bits + 1); /* the owner's own */
    if (!bits) return NULL;
    if (objpool__lone_keeps(mine, bits ^ bit) || !objpool__was_moved(state, mine, bit))
      return OBJPOOL__LOAD(state->word->objects[__builtin_ctzll(bit)]);
  }
  objpool__lone_ends_now(state);
  return NULL;
}

/* Whether a slot is open that hides nothing from the calling thread: its own, empty; or, where the system refuses barriers,
   another's, whose owner sleeps: see 5 of the room revocation. */
OBJPOOL__INLINE bool objpool__lone_aside(const objpool__word *word, const objpool__cache *mine) {
  /* acquire: pairs with objpool__collect_bits, of which the slot is seen closed then */
  if (mine && __atomic_load_n(&mine->bits, __ATOMIC_ACQUIRE)) return false;
  return (mine && objpool__is_lone(mine)) ||
         (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(word->lone)) && !OBJPOOL__LOAD(objpool__process.membarrier));
}

/* keeps: no cache_size limits what a thread holds. */
static void objpool__word_begin(objpool__state *state, void *memory, bool keeps) {
  state->word = (objpool__word *)memory;
  state->word->keeps = keeps;
  state->word->openings = keeps ? OBJPOOL__OPENINGS : 0;
  objpool__word_learn(state);
}

/* ---- room: bounded engine >>bounded
   Pools of up to 64 objects without thread caches: each object has a place, and a word has a bit for each place whose object is
   idle. Objects beyond that, after a resize, have no place and lie on the stack of the engine above.
   1. Who clears a bit has the object, who sets it has given it back: each decided by one atomic instruction. Of two threads
      that give one object back at the same moment one finds the bit set.
   2. An acquire fails only if there was a moment at which the word was 0, nothing was idle elsewhere, and (if it may build)
      max_objects were alive. That moment is its look at the word: before it, as many were alive and nothing was aside, and from
      then until after it neither the stack's head nor `changes` moved. Reservations that others make meanwhile do no harm:
      alive only rises by them.
   3. An object's place is taken after its reservation is made, and left before that ends: so up to 64 objects find one.
   4. A new peak of in_use begins when fewer objects are idle than `floor`, alive less the peak; the masks save counting bits.
      A hint that is stale is one that counts; floor is stored again if alive has moved since it was read.
   5. A plain release is decided by the bit alone. So is another one beside it, by a thread that has no slot, or finds one open:
      its tag was claimed, but the plain one may have looked at it before. Where max_idle is a limit none is plain. */

static unsigned objpool__bits(uint64_t word) { return (unsigned)__builtin_popcountll(word); }

/* Gives a new object a place, if there is one. */
static void objpool__bit_take(objpool__word *word, void *object) {
  uint64_t taken = OBJPOOL__LOAD(word->taken);
  while (~taken) { /* acquire: pairs with objpool__bit_leave */
    unsigned place = (unsigned)__builtin_ctzll(~taken);
    if (!__atomic_compare_exchange_n(&word->taken, &taken, taken | (uint64_t)1 << place, true, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
      continue;
    OBJPOOL__STORE(word->objects[place], object); /* relaxed: published with the object, by the release of its bit */
    return;
  }
}

static void objpool__bit_leave(objpool__word *word, void *object) {
  unsigned place = 0; /* not by its tag, which hooks may have overrun */
  while (place < OBJPOOL__WORD_BITS && OBJPOOL__LOAD(word->objects[place]) != object) place++;
  if (place == OBJPOOL__NO_BIT) return;
  OBJPOOL_ASSERT(!(OBJPOOL__LOAD(word->idle) >> place & 1));
  OBJPOOL__STORE(word->objects[place], OBJPOOL__NULL);
  /* release: pairs with objpool__bit_take */
  __atomic_fetch_and(&word->taken, ~((uint64_t)1 << place), __ATOMIC_RELEASE);
}

static void *objpool__bounded_cell(objpool__state *state, size_t *grown) {
  void *cell = objpool__plain_cell(state, grown);
  if (cell) objpool__bit_take(state->word, cell);
  return cell;
}

/* The lowest place whose object is idle, or OBJPOOL__NO_BIT; the object is the caller's. *left: which others are idle. */
OBJPOOL__INLINE unsigned objpool__word_pop(objpool__word *word, uint64_t *left) {
  uint64_t idle;
  /* seq_cst: its 0 is the moment of a failing acquire, see 2 */
  while ((idle = __atomic_load_n(&word->idle, __ATOMIC_SEQ_CST)) != 0) {
    unsigned place = (unsigned)__builtin_ctzll(idle);
    uint64_t bit = (uint64_t)1 << place;
    if (!(__atomic_fetch_and(&word->idle, ~bit, __ATOMIC_SEQ_CST) & bit))
      continue; /* acquire: pairs with the release */
    *left = idle & (idle - 1);
    return place;
  }
  return OBJPOOL__NO_BIT;
}

/* One of those beyond 64, whose nodes are theirs only while they are idle. */
static void *objpool__beyond_pop(objpool__depot *depot) {
  objpool__magazine *node = objpool__depot_pop(depot, &depot->full, false);
  if (!node) return NULL;
  void *object = node->objects[0];
  objpool__magazine_give(depot, node);
  return object;
}

static void *objpool__bounded_pop(objpool__state *state) {
  uint64_t left;
  unsigned place = objpool__word_pop(state->word, &left);
  void *object =
      place < OBJPOOL__WORD_BITS ? OBJPOOL__LOAD(state->word->objects[place]) : objpool__beyond_pop(&state->depot);
  return object ? object : objpool__aside_pop(state);
}

static size_t objpool__bounded_idle(objpool__state *state) {
  return objpool__bits(__atomic_load_n(&state->word->idle, __ATOMIC_SEQ_CST)) + objpool__uncached_idle(state);
}

/* What is idle outside of the word, where it takes the lock to see it. */
static void *objpool__bounded_pop_hidden(objpool__state *state) {
  objpool__lock(&state->commons.lock); /* which keeps out whoever gathers */
  void *object = objpool__bounded_pop(state);
  objpool__unlock(&state->commons.lock);
  return object;
}

/* See 2: that moment is the look at the word. */
OBJPOOL__INLINE bool objpool__bounded_refuses(const objpool__state *state, const objpool__cache *mine, bool may_build) {
  const objpool__word *word = state->word;
  uint64_t changes = __atomic_load_n(&word->changes, __ATOMIC_SEQ_CST); /* all of these in one order */
  uint64_t head = __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST);
  bool aside = objpool__lone_aside(word, mine); /* after `changes`: see 4 of the room above */
  return changes % OBJPOOL__CHANGE == aside && !objpool__number(head) &&
         !__atomic_load_n(&state->commons.aside_count, __ATOMIC_SEQ_CST) &&
         (!may_build || objpool__is_full(&state->limits)) && !__atomic_load_n(&word->idle, __ATOMIC_SEQ_CST) &&
         head == __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST) &&
         changes == __atomic_load_n(&word->changes, __ATOMIC_SEQ_CST);
}

static bool objpool__bounded_refuses_all(const objpool__state *state) {
  return objpool__bounded_refuses(state, objpool__mine(&state->slots), true);
}

static objpool__found objpool__bounded_find(objpool__state *state, objpool__quest *quest) {
  bool may_build = quest->how != OBJPOOL__TRY && !quest->permit;
  uint64_t left;
  for (unsigned turns = 0;;) {
    if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->word->lone))) quest->object = objpool__lone_find(state);
    if (quest->object) return OBJPOOL__OBJECT;
    objpool__unserved unserved = objpool__serve_due(state);
    if (unserved) return objpool__find_place(state, quest, unserved);
    unsigned place = objpool__word_pop(state->word, &left);
    quest->object =
        place < OBJPOOL__WORD_BITS ? OBJPOOL__LOAD(state->word->objects[place]) : objpool__beyond_pop(&state->depot);
    if (quest->object) {
      if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->word->opens))) objpool__lone_begins(state); /* a hint */
      return OBJPOOL__OBJECT;
    }
    /* relaxed, both: objpool__bounded_refuses looks again */
    bool changing = OBJPOOL__LOAD(state->word->changes) % OBJPOOL__CHANGE !=
                    objpool__lone_aside(state->word, objpool__mine(&state->slots));
    if (changing || OBJPOOL__LOAD(state->commons.aside_count)) {
      quest->object = objpool__bounded_pop_hidden(state);
      if (quest->object) return OBJPOOL__OBJECT;
      if (changing) objpool__pause(&turns); /* an end of a reservation, a few instructions long */
    }
    if (may_build && objpool__reserve(state)) return OBJPOOL__PERMIT;
    if (objpool__bounded_refuses(state, objpool__mine(&state->slots), may_build)) return OBJPOOL__NOTHING;
  }
}

/* Looks whether a new peak of idle begins, with these bits in the caller's slot. They were idle at once, in its slot, which counts
   whatever became of them. With what is idle elsewhere they are a peak if nothing moved there around the look at the word, and
   the slot was still open after it: whoever took one of them out of the word had revoked the slot before, which is seen then. */
static __attribute__((__noinline__)) void objpool__bounded_idle_peak(objpool__state *state, uint64_t bits) {
  objpool__word *word = state->word;
  const objpool__cache *mine = bits ? objpool__mine(&state->slots) : NULL;
  uint64_t changes = __atomic_load_n(&word->changes, __ATOMIC_SEQ_CST); /* in one order, all of these */
  uint64_t head = __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST);
  uint64_t idle = __atomic_load_n(&word->idle, __ATOMIC_SEQ_CST) | bits, slots = bits ? 1 : 0;
  size_t others = objpool__uncached_idle(state);
  bool still = (!mine || objpool__is_lone(mine)) && changes % OBJPOOL__CHANGE == slots &&
               changes == __atomic_load_n(&word->changes, __ATOMIC_SEQ_CST) &&
               head == __atomic_load_n(&state->depot.full, __ATOMIC_SEQ_CST);
  objpool__raise(&state->counts.peak_idle, still ? objpool__bits(idle) + others : objpool__bits(bits));
  if (still) OBJPOOL__STORE(word->most, others ? 0 : idle); /* a hint */
}

/* Where the next peak of in_use would begin. */
static void objpool__bounded_settle(objpool__state *state) {
  objpool__word *word = state->word;
  size_t alive = OBJPOOL__LOAD(state->limits.alive), before; /* counts, in no order */
  if (!OBJPOOL__COUNTED) return;
  do {
    size_t peak = OBJPOOL__LOAD(state->counts.peak_in_use);
    __atomic_store_n(&word->floor, alive > peak ? alive - peak : 0,
                     __ATOMIC_SEQ_CST); /* before the next look at alive */
    before = alive;
    alive = __atomic_load_n(&state->limits.alive, __ATOMIC_SEQ_CST);
  } while (alive != before);
  OBJPOOL__STORE(word->fewest, UINT64_MAX);
  OBJPOOL__STORE(word->most, 0);
}

/* Looks whether a new peak of in_use begins, with these bits left. After the acquire was counted. */
static __attribute__((__noinline__)) void objpool__bounded_peak(objpool__state *state, uint64_t idle) {
  objpool__word *word = state->word;
  size_t left = objpool__bits(idle);
  if (left < OBJPOOL__LOAD(word->floor)) {
    objpool__raise(&state->counts.peak_in_use, objpool__usage_now(state).in_use);
    objpool__bounded_settle(state);
  }
  if (left < OBJPOOL__LOAD(word->floor)) return; /* others' work, that is not counted yet */
  OBJPOOL__STORE(word->fewest, idle);
}

/* The object becomes idle, in its place or on the stack. Where max_idle may be reached, under the commons lock: then there
   are at most fewer idle meanwhile, and so many there were when the last of the three was looked at. */
static bool objpool__bounded_push(objpool__state *state, void *object) {
  objpool__word *word = state->word;
  if (OBJPOOL__LOAD(state->limits.bounded) && objpool__bounded_idle(state) >= OBJPOOL__LOAD(state->limits.max_idle))
    return false;
  unsigned place = objpool__bit_of(state, object);
  if (place != OBJPOOL__NO_BIT) {
    /* release: publishes the object; seq_cst: before the look for waiters */
    uint64_t bit = (uint64_t)1 << place, idle = __atomic_fetch_or(&word->idle, bit, __ATOMIC_SEQ_CST);
    if (OBJPOOL__CHECKED && OBJPOOL__UNLIKELY(idle & bit)) { /* see 5; no lock is held, where max_idle is no limit */
      objpool__add(state, OBJPOOL__RELEASES, (uint64_t)-1);
      objpool__panic(state, object, "released twice: it is idle already");
      return true;
    }
    if (OBJPOOL__COUNTED && (idle | bit) & ~OBJPOOL__LOAD(word->most)) objpool__bounded_idle_peak(state, 0);
    return true;
  }
  objpool__magazine *node = objpool__magazine_take(&state->depot); /* there is one for every object beyond 64 */
  node->objects[0] = object;
  objpool__depot_push(&state->depot, &state->depot.full, node, 0, false);
  if (OBJPOOL__COUNTED) objpool__bounded_idle_peak(state, 0);
  return true;
}

static bool objpool__bounded_push_alone(objpool__state *state, void *object) {
  bool limited = OBJPOOL__LOAD(state->limits.bounded); /* a resize meanwhile sees to it: objpool__unlocked_put */
  if (limited) objpool__lock(&state->commons.lock);
  bool pushed = objpool__bounded_push(state, object);
  if (limited) objpool__unlock(&state->commons.lock);
  return pushed;
}

static bool objpool__bounded_put(objpool__state *state, void *object) {
  objpool__lone_ends(state);
  return objpool__unlocked_put(state, object, objpool__bounded_push_alone);
}

static bool objpool__bounded_give(objpool__state *state, void *object, objpool__given given) {
  (void)given;
  objpool__cache *cache = objpool__cache_of(state, false);
  objpool__add(state, OBJPOOL__RELEASES, 1);
  unsigned place = cache && objpool__is_lone(cache) ? objpool__bit_of(state, object) : (unsigned)OBJPOOL__NO_BIT;
  if (place != OBJPOOL__NO_BIT) {
    uint64_t bits = OBJPOOL__LOAD(cache->bits), bit = (uint64_t)1 << place; /* the owner's own */
    if (objpool__lone_keeps(cache, bits | bit) || objpool__was_moved(state, cache, bit)) {
      if (OBJPOOL__COUNTED) objpool__bounded_idle_peak(state, bits | bit);
      return true;
    }
  }
  return objpool__bounded_put(state, object);
}

static void objpool__bounded_taken(objpool__state *state, bool from_own_slot) {
  (void)from_own_slot;
  objpool__add(state, OBJPOOL__ACQUIRES, 1);
  if (!OBJPOOL__COUNTED) return;
  objpool__bounded_settle(state); /* it may be a new one */
  objpool__bounded_peak(state, objpool__lone_sees(state));
}

/* Nodes for the objects that have no place. */
static size_t objpool__bounded_nodes(const objpool__depot *depot, size_t cells) {
  return cells > OBJPOOL__WORD_BITS ? objpool__magazines_for(depot, cells - OBJPOOL__WORD_BITS, 0) : 0;
}

static bool objpool__bounded_has_places(const objpool__state *state, size_t cells) {
  return state->depot.count >= objpool__bounded_nodes(&state->depot, cells);
}

static bool objpool__bounded_make_places(objpool__state *state, size_t cells) {
  return objpool__provide(&state->depot, &state->memory, objpool__bounded_nodes(&state->depot, cells));
}

/* The state of a pool that is in use, by a definition that is known; else NULL. */
OBJPOOL__INLINE objpool__state *objpool__known(objpool *pool, objpool__describe *describe) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  bool known = state && state->home == &objpool__process && (describe == state->describe || !describe);
  return OBJPOOL__LIKELY(known) ? state : OBJPOOL__NULL;
}

/* What an acquire does to an object with a place. relaxed: see objpool__flip. */
OBJPOOL__INLINE void objpool__bounded_out(const objpool__state *state, objpool__slot *slot, void *object,
                                          unsigned place, uint32_t apart) {
  objpool__count(&slot->acquires);
  OBJPOOL_ASSERT(objpool__is_idle(state, object));
  if (OBJPOOL__CHECKED)
    OBJPOOL__STORE(*objpool__tag(object, apart), objpool__tag_of(state->key, object) ^ (uintptr_t)2 * place);
  OBJPOOL__SHOW(object, state->as.type.size);
}

/* What a release does to one that was looked at. Of two threads that release it at once each writes the same tag. */
OBJPOOL__INLINE void objpool__bounded_back(const objpool_type *type, objpool__slot *slot, void *object, uintptr_t *tag,
                                           uintptr_t was) {
  OBJPOOL__STORE(*tag, was ^ 1);
  OBJPOOL__HIDE(object, type->size);
  objpool__count(&slot->releases); /* before it is idle: nobody counts an acquire of it first */
}

/* For pools with hooks, a look or events: see objpool__acquire_looking. */
static void *objpool__bounded_quick(objpool__state *state) {
  objpool__word *word = state->word;
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  uint64_t left = 0;
  if (slot == &objpool__no_slot || !OBJPOOL__LOAD(word->quick_acquire)) return NULL;
  unsigned place = objpool__word_pop(word, &left);
  if (place == OBJPOOL__NO_BIT) return NULL;
  void *object = OBJPOOL__LOAD(word->objects[place]);
  objpool__bounded_out(state, slot, object, place, state->blocks.apart);
  if (OBJPOOL__COUNTED && OBJPOOL__UNLIKELY(OBJPOOL__LOAD(word->fewest) & ~left)) objpool__bounded_peak(state, left);
  return object;
}

/* The object's tag was claimed: so its bit is not set. */
static bool objpool__bounded_quick_give(objpool__state *state, void *object) {
  objpool__word *word = state->word;
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  size_t resizes = __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST); /* acquire: the limits, seen below */
  unsigned place = objpool__bit_of(state, object);
  if (slot == &objpool__no_slot || !OBJPOOL__LOAD(word->quick_release) || place == OBJPOOL__NO_BIT) return false;
  objpool__count(&slot->releases);
  /* release: publishes the object; seq_cst: before the look for waiters */
  uint64_t bit = (uint64_t)1 << place, idle = __atomic_fetch_or(&word->idle, bit, __ATOMIC_SEQ_CST);
  OBJPOOL_ASSERT(!(idle & bit));
  if (OBJPOOL__COUNTED && (idle | bit) & ~OBJPOOL__LOAD(word->most)) objpool__bounded_idle_peak(state, 0);
  objpool__quick_give_ends(state, resizes);
  return true;
}

/* The inline check finds no object of such a pool: each release is decided by one atomic instruction, or by a look at a slot. */
static const objpool__engine objpool__bounded_engine = {OBJPOOL__OTHER_KEY,
                                                        objpool__bounded_find,
                                                        objpool__bounded_pop,
                                                        objpool__bounded_idle,
                                                        objpool__bounded_refuses_all,
                                                        objpool__bounded_put,
                                                        objpool__bounded_give,
                                                        objpool__bounded_push,
                                                        objpool__push_each,
                                                        objpool__bounded_taken,
                                                        objpool__add_objects,
                                                        objpool__bounded_settle,
                                                        objpool__threaded_look,
                                                        objpool__bounded_cell,
                                                        objpool__bounded_has_places,
                                                        objpool__bounded_make_places,
                                                        0,
                                                        NULL,
                                                        objpool__bounded_quick,
                                                        objpool__bounded_quick_give};

/* ---- room: engine with caches >>cached
   The thread's own slot first; then the commons and the depot, under the commons lock; and if there is nothing, once more with
   every slot closed. A pool below its cap, or without one, builds rather than look that far. */

static void *objpool__cached_pop(objpool__state *state) {
  void *object = objpool__commons_pop(&state->commons, &state->depot);
  if (!object) return objpool__aside_pop(state);
  objpool__room_add(&state->limits, 1);
  return object;
}

static size_t objpool__cached_idle(objpool__state *state) {
  size_t magazines = (size_t)objpool__depot_depth(&state->depot, &state->depot.full);
  return state->commons.count + magazines * state->depot.rounds + OBJPOOL__LOAD(state->commons.aside_count);
}

/* What is idle in the shared part, or the permit to build: for those who are due, in their order, and then for the caller.
   held: with all slots held closed for each look; if none is open, and nothing was found, it is dry. */
static objpool__found objpool__commons_find(objpool__state *state, objpool__quest *quest, bool held) {
  objpool__found found;
  bool handed;
  do {
    objpool__sleeper sleeper = 0;
    found = OBJPOOL__NOTHING;
    if (held) objpool__hold(state);
    objpool__lock(&state->commons.lock);
    bool due = state->queue.due, places = due && !state->queue.builders; /* the first gets objects, and places */
    void *object = objpool__cached_pop(state);
    if (object)
      found = OBJPOOL__OBJECT;
    else if ((places || (quest->how != OBJPOOL__TRY && !quest->permit)) && objpool__reserve(state))
      found = OBJPOOL__PERMIT;
    handed = object ? due : places && found != OBJPOOL__NOTHING;
    if (handed)
      sleeper = objpool__hand_over(state, object);
    else
      quest->object = object;
    /* seq_cst: pairs with objpool__may_open, as objpool__revoke_all, after which one may still be closing */
    if (held && found == OBJPOOL__NOTHING && !__atomic_load_n(&state->gate.open_slots, __ATOMIC_SEQ_CST))
      objpool__dry_begins(&state->limits);
    objpool__unlock(&state->commons.lock);
    if (held) {
      objpool__keep_closed(&state->gate);
      objpool__unhold(&state->gate);
    }
    objpool__wake_up(sleeper);
  } while (handed);
  return found;
}

/* Whether nothing idle is within reach without a lock. relaxed looks: what comes meanwhile came after this acquire. */
static bool objpool__commons_look_empty(const objpool__state *state) {
  return !OBJPOOL__LOAD(state->commons.count) && !objpool__number(OBJPOOL__LOAD(state->depot.full));
}

static objpool__found objpool__cached_find(objpool__state *state, objpool__quest *quest) {
  objpool__cache *cache = objpool__mine(&state->slots);
  if (cache) quest->object = objpool__cache_take(state, cache, quest);
  quest->claimed = false;
  quest->from_own_slot = quest->object != NULL;
  if (quest->object) return OBJPOOL__OBJECT;
  bool may_build = quest->how != OBJPOOL__TRY && !quest->permit;
  /* an uncapped pool may miss what just came, all others go on to the look with the lock */
  if (may_build && !OBJPOOL__LOAD(state->limits.max_objects) && objpool__commons_look_empty(state) &&
      objpool__reserve(state))
    return OBJPOOL__PERMIT;
  if (objpool__is_dry(&state->limits, may_build)) {
    objpool__keep_closed(&state->gate); /* as where that is found out */
    return OBJPOOL__NOTHING;
  }
  objpool__found found = objpool__commons_find(state, quest, false);
  return found == OBJPOOL__NOTHING ? objpool__commons_find(state, quest, true) : found;
}

/* The fast path lowered the top of a slot that was closed then, and may have claimed an object before that: one who did has to
   settle it. */
OBJPOOL__INLINE bool objpool__cached_refuses(const objpool__limits *limits, objpool__cache *mine, bool may_build) {
  if (!objpool__is_dry(limits, may_build)) return false;
  uintptr_t bottom = OBJPOOL__LOAD(mine->bottom); /* as whoever closed the slot left it, before it was dry */
  if (OBJPOOL__LOAD(mine->slot.top) >= bottom) return false;
  OBJPOOL__STORE(mine->slot.top, bottom); /* there was nothing to claim */
  return true;
}

static bool objpool__cached_refuses_all(const objpool__state *state) { return objpool__is_dry(&state->limits, true); }

typedef enum objpool__fits { OBJPOOL__FITS, OBJPOOL__NO_ROOM, OBJPOOL__TOO_MANY } objpool__fits;

static bool objpool__cached_push(objpool__state *state, void *object) {
  if (!objpool__room_take(&state->limits, 1)) return false;
  objpool__dry_ends(&state->limits); /* before it can be found */
  objpool__commons_push(&state->commons, &state->depot, &object, 1);
  return true;
}

static size_t objpool__cached_push_some(objpool__state *state, void *const *objects, size_t count) {
  if (!objpool__room_take(&state->limits, count)) return objpool__push_each(state, objects, count);
  objpool__dry_ends(&state->limits); /* as above */
  objpool__commons_push(&state->commons, &state->depot, objects, count);
  return count;
}

/* hold: with all slots held closed. */
static objpool__fits objpool__commons_put(objpool__state *state, void *object, bool hold) {
  objpool__fits fits = OBJPOOL__FITS;
  objpool__sleeper sleeper = 0;
  if (hold) objpool__hold(state);
  objpool__lock(&state->commons.lock);
  if (objpool__has_surplus(&state->limits))
    fits = OBJPOOL__TOO_MANY;
  else if (state->queue.due)
    sleeper = objpool__hand_over(state, object);
  else if (!objpool__cached_push(state, object))
    fits = OBJPOOL__NO_ROOM;
  else if (OBJPOOL__COUNTED)
    objpool__raise(&state->counts.peak_idle, objpool__cached_idle(state));
  objpool__unlock(&state->commons.lock);
  if (hold) objpool__unhold(&state->gate);
  objpool__wake_up(sleeper);
  return fits;
}

static bool objpool__cached_put(objpool__state *state, void *object) {
  objpool__fits fits = objpool__commons_put(state, object, false);
  if (fits == OBJPOOL__NO_ROOM) { /* room that lies unused in other threads' caches comes back */
    fits = objpool__commons_put(state, object, true);
    if (fits != OBJPOOL__FITS) objpool__keep_closed(&state->gate);
  }
  if (fits == OBJPOOL__FITS) objpool__serve(state); /* after the push */
  return fits == OBJPOOL__FITS;
}

static void objpool__cached_taken(objpool__state *state, bool from_own_slot) {
  objpool__add(state, OBJPOOL__ACQUIRES, 1);
  if (!OBJPOOL__COUNTED || from_own_slot) return; /* a slot's base already watches over its own objects */
  objpool__cache *cache = objpool__mine(&state->slots);
  /* nothing to watch over; relaxed, here and below: without the slot's lock, which a revoker may hold */
  bool empty =
      cache && OBJPOOL__LOAD(state->slots.count) == 1 && OBJPOOL__LOAD(cache->slot.top) == OBJPOOL__LOAD(cache->bottom);
  if (cache && !empty) {
    objpool__watch_own(state, cache);
    return;
  }
  objpool__usage usage = objpool__usage_now(state);
  objpool__raise(&state->counts.peak_in_use, usage.in_use);
  if (empty) OBJPOOL__STORE(cache->others, objpool__others(usage, cache));
}

static void objpool__cached_returned(objpool__state *state, objpool__counter how, size_t objects) {
  if (OBJPOOL__COUNTED) /* a peak that a slot has not noted may end here */
    objpool__raise(&state->counts.peak_in_use, objpool__usage_now(state).in_use);
  objpool__add(state, how, objects);
}

static bool objpool__cached_give(objpool__state *state, void *object, objpool__given given) {
  objpool__cache *cache = objpool__cache_of(state, false);
  if (!cache)
    objpool__cached_returned(state, OBJPOOL__RELEASES, 1);
  else if (given == OBJPOOL__STORED_REVOKED ? objpool__settle_given(state, cache)
                                            : objpool__cache_give(state, cache, object))
    return true;
  return objpool__cached_put(state, object);
}

/* With a cap every cell may be needed by another thread: then none are set aside. */
static void *objpool__cached_cell(objpool__state *state, size_t *grown) {
  objpool__strip strip = {NULL, 0, NULL};
  objpool__cache *cache = objpool__mine(&state->slots);
  if (!cache || OBJPOOL__LOAD(state->limits.max_objects)) return objpool__plain_cell(state, grown);
  void *cell = objpool__cell_take(state, grown, &strip);
  if (strip.cells) objpool__strip_keep(state, cache, &strip);
  return cell;
}

/* Where nothing idle is within reach, the commonest miss in one go: the slot, whose top a fast acquire has lowered, holds a
   fresh cell. 295 instructions per first object in place of 465 (gcc -O2, callgrind). NULL: nothing was done. */
static __attribute__((__noinline__)) void *objpool__cached_fresh(objpool__state *state, objpool__cache *cache) {
  char *object = NULL;
  bool clear = false;
  objpool__spin_lock(cache);
  if (cache->openness == OBJPOOL__OPEN && OBJPOOL__LOAD(cache->slot.top) < cache->bottom && !cache->previous_full &&
      !cache->peak_pending && !cache->idle_pending && cache->strip.cells && objpool__reserve_shared(&state->limits)) {
    OBJPOOL__STORE(cache->slot.top, cache->bottom); /* there was nothing to claim */
    object = objpool__strip_take(&state->blocks, &cache->strip, &clear);
  }
  objpool__spin_unlock(cache);
  if (!object) return NULL;
  objpool__cell_ready(&state->blocks, object, clear);
  objpool__tag_in_use(state, object);
  objpool__add(state, OBJPOOL__CREATED, 1);
  objpool__add(state, OBJPOOL__MISSES, 1);
  objpool__cached_taken(state, false);
  return object;
}

static const objpool__engine objpool__cached_engine = {0,
                                                       objpool__cached_find,
                                                       objpool__cached_pop,
                                                       objpool__cached_idle,
                                                       objpool__cached_refuses_all,
                                                       objpool__cached_put,
                                                       objpool__cached_give,
                                                       objpool__cached_push,
                                                       objpool__cached_push_some,
                                                       objpool__cached_taken,
                                                       objpool__cached_returned,
                                                       objpool__settle_nothing,
                                                       objpool__threaded_look,
                                                       objpool__cached_cell,
                                                       objpool__threaded_has_places,
                                                       objpool__threaded_make_places,
                                                       0,
                                                       NULL,
                                                       NULL,
                                                       NULL};

/* ---- room: timing >>timing
   How old objects are, and for how long they have been idle (opt.timed).
   1. Stamps are plain words: whoever reads or writes them has the object alone, and hands them on with it.
   2. What a refresh outdates is told by a number, not by a time, which stands still for a tick: an object has the epoch in which
      its building began. relaxed: a call that is to see a refresh comes after it.
   3. due_ns saves looking through what is idle: nothing of that is to go before it. Whoever leaves an object idle lowers it
      first; whoever looks through all raises it before, to what holds for any object that comes back from then on, and then
      lowers it to what stays. An object that is on its way meanwhile, its stamp written and itself not there yet, is found one
      idle timeout later, or a fortieth of a lifetime: that long it stays idle, but no acquire hands out what is outdated.
   4. Lives end up to a fortieth earlier than said, spread by multiples of the golden ratio, so that objects that were built
      together are not built anew together (as HikariCP does, at random). */

enum { OBJPOOL__PRECISE_BELOW_NS = 100000000, OBJPOOL__SPREAD = 40 };

OBJPOOL__INLINE objpool__stamps *objpool__stamps_of(const objpool_type *type, const void *object) {
  size_t before = objpool__words_begin(type, OBJPOOL__TIMED_WORDS);
  return (objpool__stamps *)((uintptr_t)object - before);
}

/* What is needed of it, once. */
static void objpool__lifetimes_begin(objpool__state *state) {
  const objpool__settings *config = &state->config;
  const uint64_t limits[3] = {config->idle_timeout_ns, config->max_lifetime_ns, config->validate_after_ns};
  for (int i = 0; i < 3; i++) state->lifetimes.precise |= limits[i] > 0 && limits[i] < OBJPOOL__PRECISE_BELOW_NS;
  state->lifetimes.due_ns = UINT64_MAX;
}

static uint64_t objpool__pool_now_ns(const objpool__lifetimes *lifetimes) {
  return lifetimes->precise ? objpool__now_ns() : objpool__coarse_now_ns();
}

static uint64_t objpool__later(uint64_t ns, uint64_t by_ns) {
  return ns < UINT64_MAX - by_ns ? ns + by_ns : UINT64_MAX;
}

/* That long after then; without a limit never. */
static uint64_t objpool__limit_after(uint64_t then_ns, uint64_t limit_ns) {
  return limit_ns ? objpool__later(then_ns, limit_ns) : UINT64_MAX;
}

/* relaxed, here and below: see 2 */
static uintptr_t objpool__epoch(const objpool__lifetimes *lifetimes) { return OBJPOOL__LOAD(lifetimes->epoch); }

/* One more; how many there were before. */
static uintptr_t objpool__step(uintptr_t *number, bool alone) {
  if (!alone) return __atomic_fetch_add(number, 1, __ATOMIC_RELAXED); /* a number: it orders nothing */
  OBJPOOL__STORE(*number, *number + 1);
  return *number - 1;
}

/* Something idle is to go then. relaxed: see 3 */
static void objpool__due_by(objpool__state *state, uint64_t ns) {
  objpool__uint64 *due = &state->lifetimes.due_ns;
  uint64_t known = OBJPOOL__LOAD(*due);
  if (OBJPOOL__LIKELY(known <= ns)) return;
  if (state->alone)
    OBJPOOL__STORE(*due, ns);
  else
    while (ns < known && !__atomic_compare_exchange_n(due, &known, ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

/* When an idle object is to go. */
static uint64_t objpool__due_of(const objpool__settings *config, const objpool__stamps *stamps) {
  uint64_t timeout_ns = objpool__limit_after(stamps->idle_since_ns, config->idle_timeout_ns);
  return timeout_ns < stamps->ends_ns ? timeout_ns : stamps->ends_ns;
}

/* When one may be to go that comes back from now on, or is about to. */
static uint64_t objpool__due_at_first(const objpool__settings *config, uint64_t now_ns) {
  uint64_t lifetime_ns = config->max_lifetime_ns;
  uint64_t timeout_ns = objpool__limit_after(now_ns, config->idle_timeout_ns);
  uint64_t look_ns = lifetime_ns ? objpool__later(now_ns, lifetime_ns / OBJPOOL__SPREAD) : UINT64_MAX;
  return timeout_ns < look_ns ? timeout_ns : look_ns;
}

/* A new object. `epoch`: from before its building. */
static void objpool__stamp(objpool__state *state, void *object, uintptr_t epoch) {
  objpool__stamps *stamps = objpool__stamps_of(&state->as.type, object);
  uint64_t lifetime_ns = state->config.max_lifetime_ns, most_ns = lifetime_ns / OBJPOOL__SPREAD,
           now_ns = objpool__pool_now_ns(&state->lifetimes);
  uint32_t share = (uint32_t)objpool__step(&state->lifetimes.builds, state->alone) * 0x9e3779b9u; /* of 2^32 */
  uint64_t spread_ns = (uint64_t)((double)most_ns * ((double)share / 4294967296.0));
  stamps->epoch = epoch;
  stamps->idle_since_ns = now_ns;
  stamps->ends_ns = objpool__limit_after(now_ns, lifetime_ns - spread_ns);
  objpool__due_by(state, objpool__due_of(&state->config, stamps)); /* it may become idle without a release */
}

/* What may be done with an idle object, which the caller has alone. */
OBJPOOL__INLINE objpool__age objpool__age_in(const objpool__state *state, const void *object) {
  const objpool__stamps *stamps = objpool__stamps_of(&state->as.type, object);
  uint64_t after_ns = state->config.validate_after_ns;
  if (OBJPOOL__UNLIKELY(stamps->epoch != objpool__epoch(&state->lifetimes))) return OBJPOOL__OUTDATED;
  if (!after_ns && !state->config.max_lifetime_ns) return OBJPOOL__RESTED;
  uint64_t now_ns = objpool__pool_now_ns(&state->lifetimes);
  if (OBJPOOL__UNLIKELY(now_ns > stamps->ends_ns)) return OBJPOOL__OUTDATED;
  return now_ns >= objpool__later(stamps->idle_since_ns, after_ns) ? OBJPOOL__RESTED : OBJPOOL__RECENT;
}

OBJPOOL_API objpool__age objpool__age_of(const objpool *pool, const void *object) {
  return objpool__age_in(pool->state, object);
}

/* An object comes back, and may be idle from now on; false: it is outdated. */
OBJPOOL_API bool objpool__may_rest(const objpool *pool, void *object) {
  objpool__state *state = pool->state;
  const objpool__settings *config = &state->config;
  objpool__stamps *stamps = objpool__stamps_of(&state->as.type, object);
  if (OBJPOOL__UNLIKELY(stamps->epoch != objpool__epoch(&state->lifetimes))) return false;
  if (!config->idle_timeout_ns && !config->max_lifetime_ns && !config->validate_after_ns) return true;
  uint64_t now_ns = objpool__pool_now_ns(&state->lifetimes);
  if (OBJPOOL__UNLIKELY(now_ns > stamps->ends_ns)) return false;
  stamps->idle_since_ns = now_ns;
  objpool__due_by(state, objpool__due_of(&state->config, stamps));
  return true;
}

static uint64_t objpool__idle_since(const objpool_type *type, void *object) {
  return objpool__stamps_of(type, object)->idle_since_ns;
}

/* Two linked lists, each longest idle first, as one; of the same time those of `a` first. */
static void *objpool__merge(const objpool_type *type, void *a, void *b) {
  void *merged = NULL, *last = NULL;
  while (a || b) {
    void **from = !b || (a && objpool__idle_since(type, a) <= objpool__idle_since(type, b)) ? &a : &b;
    void *object = *from;
    *from = *objpool__link(object, 0);
    if (last)
      OBJPOOL__STORE(*objpool__link(last, 0), object);
    else
      merged = object;
    last = object; /* in the end, of one of the two lists that one which ends it */
  }
  return merged;
}

/* Sorts linked idle objects, longest idle first: a natural merge sort, which passes once over what is in order already. */
static void *objpool__sort_by_age(const objpool_type *type, void *all) {
  enum { OBJPOOL__RUNS = 8 * sizeof(size_t) };
  void *runs[OBJPOOL__RUNS] = {NULL}, *sorted = NULL; /* runs[i]: of 2^i runs, if it is there */
  while (all) {
    void *run = all, *last = all;
    for (all = *objpool__link(last, 0); all && objpool__idle_since(type, last) <= objpool__idle_since(type, all);
         all = *objpool__link(last, 0))
      last = all;
    OBJPOOL__STORE(*objpool__link(last, 0), NULL);
    size_t i = 0;
    for (; runs[i]; runs[i++] = NULL) run = objpool__merge(type, runs[i], run);
    runs[i] = run;
  }
  for (size_t i = 0; i < OBJPOOL__RUNS; i++)
    if (runs[i]) sorted = objpool__merge(type, runs[i], sorted);
  return sorted;
}

/* ---- room: objects >>objects
   Building and taking down; hooks run here, outside every lock. */

/* Gives back a cell with nothing built in it; used_up: its generation is. */
static void objpool__cell_leave(objpool__state *state, void *cell, bool used_up) {
  if (state->as.type.wipe) objpool__wipe(cell, state->blocks.object_bytes);
  if (state->word) objpool__bit_leave(state->word, cell);
  if (state->engine->unbind) state->engine->unbind(state, cell); /* first: there is a node for every cell */
  if (used_up)
    objpool__cell_retire(state, cell);
  else
    objpool__cell_give(&state->blocks, &state->memory, cell);
}

/* Lets the cell of an object go that nobody can reach. */
static void objpool__let_go(objpool__state *state, void *object) {
  objpool__use_none(&state->as.type, object);
  objpool__mark_use(&state->as.type, object, false);
  objpool__cell_leave(state, object, objpool__is_used_up(&state->as.type, object));
}

/* The hook, and how long it took. */
static bool objpool__run_create(objpool__state *state, void *object) {
  uint64_t began_ns = OBJPOOL__COUNTED ? objpool__now_ns() : 0;
  bool built = state->as.type.create(object, state->config.context);
  if (OBJPOOL__COUNTED) objpool__took(state, OBJPOOL_TIME_CREATE, objpool__elapsed(began_ns, objpool__now_ns()));
  return built;
}

/* A new object in use, for a reservation the caller holds; NULL with ENOMEM or ECANCELED, the reservation given back.
   `cell`: where, or NULL. `construction`: by what, or NULL: by create. */
static void *objpool__build(objpool__state *state, void *cell, const objpool__construction *construction) {
  size_t grown = 0;
  int error = ENOMEM;
  uintptr_t epoch = objpool__epoch(&state->lifetimes);
  void *object = cell ? cell : state->engine->cell(state, &grown);
  if (grown) objpool__report_event(state, OBJPOOL_EVENT_GROW, NULL, grown);
  bool built = !object || (construction            ? construction->run(object, construction->arguments)
                           : state->as.type.create ? objpool__run_create(state, object)
                                                   : true);
  if (!built) {
    objpool__use_none(&state->as.type, object);
    objpool__cell_leave(state, object, false); /* it was not in use yet */
    object = NULL;
    error = ECANCELED;
  }
  if (!object) {
    objpool__set_error(error);
    return NULL;
  }
  if (state->as.type.timed) objpool__stamp(state, object, epoch);
  objpool__tag_in_use(state, object);
  objpool__add(state, OBJPOOL__CREATED, 1);
  objpool__report_event(state, OBJPOOL_EVENT_CREATE, object, 1);
  return object;
}

/* Takes an object down that nobody can reach, but for its reservation. Counted as destroyed and as `why`
   (OBJPOOL__DESTROYED: nothing else). */
static void objpool__dismantle(objpool__state *state, void *object, objpool__counter why) {
  objpool__report_event(state, OBJPOOL_EVENT_DESTROY, object, 1);
  OBJPOOL__SHOW(object, state->as.type.size);
  if (state->as.type.destroy) state->as.type.destroy(object, state->config.context);
  objpool__add(state, OBJPOOL__DESTROYED, 1);
  if (why != OBJPOOL__DESTROYED) objpool__add(state, why, 1);
  objpool__let_go(state, object);
}

static void objpool__take_down(objpool__state *state, void *object, objpool__counter why) {
  objpool__dismantle(state, object, why);
  objpool__unreserve(state);
}

/* What happens to an object that comes back: reset, and validate on release; false: it is to be destroyed. */
OBJPOOL__INLINE bool objpool__restore(objpool__state *state, void *object) {
  const objpool__description *as = &state->as;
  if (as->restore) return as->restore(object, state->config.context);
  if (state->describe) return true; /* else its hooks are those of objpool_init */
  if (as->type.reset) as->type.reset(object, state->config.context);
  return !as->type.validate || !(as->type.validate_on & OBJPOOL_ON_RELEASE) ||
         as->type.validate(object, state->config.context);
}

/* ---- room: trimming >>trimming
   Idle objects are gathered under the commons lock, sorted, and some of them taken down; those that stay are out of sight only
   under that lock, where whoever finds nothing looks again. Engines whose finders take no lock look at `gathering` besides. */

static void objpool__gather_begin(objpool__state *state) {
  objpool__commons *commons = &state->commons;
  objpool__lock(&commons->lock);
  objpool__change_begins(state->word);
  __atomic_store_n(&commons->gathering, true,
                   __ATOMIC_SEQ_CST); /* before the first pop: see objpool__uncached_refuses */
}

/* Whoever gathered serves once no slot is held closed: a second look for waiters, whose own is under this lock, too, see
   objpool__queue_find. */
static void objpool__gather_end(objpool__state *state) {
  OBJPOOL_ASSERT(state->commons.gathering);
  __atomic_store_n(&state->commons.gathering, false, __ATOMIC_SEQ_CST); /* after the last push: as above */
  objpool__change_ends(state->word);
  objpool__unlock(&state->commons.lock);
}

/* All idle objects that pop finds, linked; *count: how many. */
static void *objpool__gather_all(objpool__state *state, size_t *count) {
  void *all = NULL;
  for (void *object; (object = state->engine->pop(state)) != NULL; ++*count) {
    OBJPOOL__STORE(*objpool__link(object, state->blocks.apart), all);
    all = object;
  }
  return all;
}

/* Makes a gathered object idle again; false: the pool filled up meanwhile. */
static bool objpool__push_back(objpool__state *state, void *object) {
  objpool__tag_idle(state, object);
  return state->engine->push(state, object);
}

enum { OBJPOOL__SHARES = 64 };

/* Idle objects by how much of their block is in use: the emptiest go first, so that blocks come free. */
static unsigned objpool__share(const objpool__block *block) {
  OBJPOOL_ASSERT(block->used >= block->idle + block->retired);
  size_t in_use = block->used - block->idle - block->retired;
  return in_use ? 1 + (unsigned)((double)in_use / (double)block->cells * (OBJPOOL__SHARES - 2)) : 0;
}

/* Sorts linked objects by that. */
static void objpool__sort_by_share(objpool__blocks *blocks, objpool__memory *memory, void *all,
                                   void *shares[OBJPOOL__SHARES]) {
  uint32_t apart = blocks->apart;
  objpool__lock(&memory->lock);
  for (size_t i = 0; i < blocks->count; i++) blocks->sorted[i]->idle = 0;
  for (void *object = all; object; object = *objpool__link(object, apart)) objpool__block_of(blocks, object)->idle++;
  for (void *object = all, *next; object; object = next) {
    unsigned share = objpool__share(objpool__block_of(blocks, object));
    next = *objpool__link(object, apart);
    OBJPOOL__STORE(*objpool__link(object, apart), shares[share]);
    shares[share] = object;
  }
  objpool__unlock(&memory->lock);
}

/* Takes idle objects out until at most `keep` are left, and returns them, linked. Slots are closed by the caller, who holds
   them so, and serves afterwards: see objpool__gather_end. */
static void *objpool__gather(objpool__state *state, size_t keep) {
  void *shares[OBJPOOL__SHARES], *doomed = NULL;
  size_t idle = 0;
  memset(shares, 0, sizeof shares);
  objpool__gather_begin(state);
  if (state->engine->idle(state) > keep) {
    void *all = objpool__gather_all(state, &idle);
    if (state->as.type.timed)
      shares[0] = objpool__sort_by_age(&state->as.type, all); /* longest idle first; the newest end on top */
    else
      objpool__sort_by_share(&state->blocks, &state->memory, all, shares);
  }
  size_t excess = idle > keep ? idle - keep : 0;
  for (unsigned share = 0; share < OBJPOOL__SHARES; share++) /* the fullest blocks' objects end on top, reused first */
    for (void *object = shares[share], *next; object; object = next) {
      next = *objpool__link(object, state->blocks.apart);
      if (excess > 0)
        excess--;
      else if (objpool__push_back(state, object))
        continue;
      OBJPOOL__STORE(*objpool__link(object, state->blocks.apart), doomed);
      doomed = object;
    }
  objpool__gather_end(state);
  state->engine->settle(state); /* hooks may use what was set aside, and is no longer */
  return doomed;
}

static void *objpool__gather_held(objpool__state *state, size_t keep) {
  objpool__hold(state);
  void *gathered = objpool__gather(state, keep);
  objpool__unhold(&state->gate);
  objpool__serve(state);
  return gathered;
}

/* The same for at most `most`, those that pop finds first, in a time that `most` bounds: so nothing is sorted, and slots are
   closed only if too few lie outside of them. */
static void *objpool__gather_some(objpool__state *state, size_t keep, size_t most) {
  objpool__watch_mine(state); /* a peak of idle may end here, and this thread's slot may stay open */
  size_t idle = objpool__count_idle(state), outside = objpool__count_commons(state), taken = 0;
  size_t excess = idle > keep ? idle - keep : 0, within = idle > outside ? idle - outside : 0;
  bool closes = outside < (excess < most ? excess : most);
  void *doomed = NULL;
  if (closes) {
    objpool__hold(state);
    within = 0;
  }
  objpool__lock(&state->commons.lock);
  for (void *object; taken < most && state->engine->idle(state) + within > keep; taken++) {
    if (!(object = state->engine->pop(state))) break;
    OBJPOOL__STORE(*objpool__link(object, state->blocks.apart), doomed);
    doomed = object;
  }
  objpool__unlock(&state->commons.lock);
  if (closes) objpool__unhold(&state->gate);
  state->engine->settle(state);
  return doomed;
}

/* Takes down what was gathered; returns how many. */
static size_t objpool__take_down_all(objpool__state *state, void *doomed, objpool__counter why) {
  size_t destroyed = 0;
  for (void *next; doomed; doomed = next, destroyed++) {
    next = *objpool__link(doomed, state->blocks.apart);
    objpool__take_down(state, doomed, why);
  }
  return destroyed;
}

/* What goes of a timed pool's idle objects. */
typedef struct objpool__expiry {
  size_t least, most; /* at most `most`, and of those that were idle for too long only so many that `least` stay idle */
  size_t late;        /* so many of these */
  void *expired;      /* linked, longest idle first */
  void *excess;       /* those for which a resize has left no room meanwhile */
} objpool__expiry;

static void objpool__append_link(void ***end, void *object) {
  OBJPOOL__STORE(*objpool__link(object, 0), NULL); /* of a timed pool: no tags apart */
  OBJPOOL__STORE(**end, object);
  *end = objpool__link(object, 0);
}

static bool objpool__is_over(const objpool__lifetimes *lifetimes, const objpool__stamps *stamps, uint64_t now_ns) {
  return now_ns > stamps->ends_ns || stamps->epoch != objpool__epoch(lifetimes);
}

/* Looks through all idle objects; slots as for objpool__gather. */
static void objpool__gather_expired(objpool__state *state, objpool__expiry *expiry) {
  void **end = &expiry->expired, **excess = &expiry->excess;
  size_t idle = 0;
  objpool__gather_begin(state);
  uint64_t now_ns = objpool__pool_now_ns(&state->lifetimes);
  OBJPOOL__STORE(state->lifetimes.due_ns, objpool__due_at_first(&state->config, now_ns));
  OBJPOOL__STORE(state->lifetimes.late, false); /* relaxed: read for a hint */
  void *all = objpool__sort_by_age(&state->as.type, objpool__gather_all(state, &idle));
  for (void *object = all; object; object = *objpool__link(object, 0))
    idle -= objpool__is_over(&state->lifetimes, objpool__stamps_of(&state->as.type, object), now_ns);
  for (void *object = all, *next; object; object = next) {
    const objpool__stamps *stamps = objpool__stamps_of(&state->as.type, object);
    bool over = objpool__is_over(&state->lifetimes, stamps, now_ns),
         late = !over && now_ns > objpool__due_of(&state->config, stamps);
    bool spared = late && idle <= expiry->least;
    next = *objpool__link(object, 0);
    if ((over || late) && !spared && expiry->most > 0) {
      expiry->most--;
      expiry->late += late;
      idle -= late;
      objpool__append_link(&end, object);
      continue;
    }
    if (spared) OBJPOOL__STORE(state->lifetimes.late, true);
    objpool__due_by(state, over ? now_ns : spared ? stamps->ends_ns : objpool__due_of(&state->config, stamps));
    if (!objpool__push_back(state, object)) objpool__append_link(&excess, object);
  }
  objpool__gather_end(state);
  state->engine->settle(state);
}

/* Takes down the idle objects of a timed pool whose time is over; returns how many. *late: those that were idle for too long. */
static size_t objpool__expire(objpool__state *state, size_t least, size_t most, size_t *late) {
  objpool__expiry expiry = {least, most, 0, NULL, NULL};
  objpool__hold(state);
  objpool__gather_expired(state, &expiry);
  objpool__unhold(&state->gate);
  objpool__serve(state); /* as for objpool__gather */
  (void)objpool__take_down_all(state, expiry.excess, OBJPOOL__DESTROYED);
  size_t expired = objpool__take_down_all(state, expiry.expired, OBJPOOL__EXPIRED);
  *late = expiry.late;
  if (!expired) return 0;
  objpool__blocks_shrink(state);
  objpool__report_event(state, OBJPOOL_EVENT_SHRINK, NULL, expired);
  return expired;
}

/* The idle objects that the limits of a resize leave no room for; slots as for objpool__gather. */
static void *objpool__gather_excess(objpool__state *state) {
  objpool__limits *limits = &state->limits;
  size_t most = OBJPOOL__LOAD(limits->max_idle), cap = OBJPOOL__LOAD(limits->max_objects);
  size_t idle = objpool__count_idle(state);
  size_t alive = __atomic_load_n(&limits->alive, __ATOMIC_SEQ_CST); /* after the limit: see objpool__reserve */
  size_t excess = cap && alive > cap ? alive - cap : 0, keep = idle > excess ? idle - excess : 0;
  if (most && keep > most) keep = most;
  if (OBJPOOL__LOAD(limits->closed)) keep = 0;
  return keep == idle ? NULL : objpool__gather(state, keep);
}

/* Takes down what a resize has left no room for; whoever waits comes first. */
static void objpool__shed(objpool__state *state, void *doomed) {
  objpool__serve(state);
  if (doomed && objpool__take_down_all(state, doomed, OBJPOOL__DESTROYED)) objpool__blocks_shrink(state);
}

/* Sheds what came back a moment too late for a resize to see. Called at the end of each call that leaves objects idle or
   comes out of its slot: it was this thread, or another one that does the same. */
OBJPOOL__INLINE void objpool__catch_up(objpool__state *state) {
  if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->gate.late)) &&
      __atomic_exchange_n(&state->gate.late, false, __ATOMIC_SEQ_CST)) /* acquire: pairs with objpool__note_late */
    objpool__shed(state, objpool__gather_excess(state));
}

/* The same, where errno was not saved. */
static __attribute__((__noinline__)) void objpool__catch_up_quietly(objpool__state *state) {
  int saved = errno;
  unsigned leaving = objpool__leave_begins(state);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* Leaves an object idle that was gathered, or is new; false: there is no room. */
static bool objpool__put(objpool__state *state, void *object) {
  OBJPOOL_ASSERT(objpool__is_idle(state, object));
  bool kept = state->engine->put(state, object);
  objpool__catch_up(state);
  return kept;
}

/* ---- room: reserve >>reserve
   How much memory a pool of so many objects needs, taken in one piece by init and handed out from there. What is said of it is
   what the rooms above ask for, added up. */

/* Adds a piece to what is needed; SIZE_MAX: more than there can be. Each piece may have to start at a multiple of its
   alignment, and begins at one of 16. */
static void objpool__need(size_t *bytes, size_t size, size_t alignment) {
  enum { OBJPOOL__GRAIN = 16 };
  size_t slack = alignment > OBJPOOL__GRAIN ? alignment - OBJPOOL__GRAIN : 0;
  if (!objpool__round_up(size, OBJPOOL__GRAIN, &size) || __builtin_add_overflow(size, slack, &size) ||
      __builtin_add_overflow(*bytes, size, bytes))
    *bytes = SIZE_MAX;
}

/* The magazines for so many cells, made as objpool__provide makes them: for two slots at once, and then for one more with each
   thread. */
static void objpool__need_magazines(size_t *bytes, size_t rounds, size_t cells, size_t threads) {
  objpool__depot depot;
  memset(&depot, 0, sizeof depot);
  objpool__depot_plan(&depot, rounds);
  depot.fills = true; /* see objpool__reserve_fill */
  size_t segment = (size_t)1 << depot.segment_bits, segments = 0, places = depot.directory_capacity;
  for (size_t caches = 2; caches <= threads + 1; caches++) {
    size_t wanted = objpool__magazines_for(&depot, cells, caches);
    if (wanted > OBJPOOL__NUMBER_MAX - segment) {
      *bytes = SIZE_MAX;
      return;
    }
    if (segments * segment >= wanted) continue;
    size_t most = OBJPOOL__NUMBER_MAX / segment - segments;
    size_t piece = objpool__segments_at_once(segments, (wanted - segments * segment + segment - 1) / segment);
    if (piece > most) piece = most;
    segments += piece;
    objpool__need(bytes, sizeof(objpool__kept) + piece * segment * depot.magazine_bytes, OBJPOOL__NATURAL);
    if (segments <= places) continue;
    places = 2 * places > segments ? 2 * places : segments;
    objpool__need(bytes, sizeof(objpool__kept) + places * sizeof(char *), OBJPOOL__NATURAL);
  }
}

/* The generations for so many cells, made as objpool__make_places has them made. */
static void objpool__need_places(size_t *bytes, const objpool__blocks *blocks, size_t cells) {
  size_t each = objpool__ranges_a_page(blocks->range_bits), ranges = cells >> blocks->range_bits;
  for (size_t pages = 0, more = 1; pages * each < ranges && *bytes != SIZE_MAX; more = pages) {
    pages += more;
    objpool__need(bytes, sizeof(objpool__kept) + objpool__places_bytes(blocks, more, pages * each), OBJPOOL__NATURAL);
  }
}

/* How many cells a reserve has: with handles one that is retired shall not be missed. */
static size_t objpool__reserve_cells(const objpool__blocks *blocks, bool handles, size_t objects) {
  return handles && objects < SIZE_MAX ? objpool__whole_ranges(blocks, objects + 1) : objects;
}

/* What one piece of memory holds: the state and, where there is a need, its table, the word of a bounded pool, and times. Gives
   how many bytes; *word and *times: from where on. */
static size_t objpool__state_plan(const objpool_type *type, bool alone, bool bounded, size_t *word, size_t *times) {
  size_t bytes =
      alone ? offsetof(objpool__state, leaving) : sizeof(objpool__state) + sizeof(objpool__slot *) * OBJPOOL__ROWS;
  *word = bytes;
  if (bounded) {
    objpool__round_up(bytes, OBJPOOL_CACHE_LINE, word);
    bytes = *word + sizeof(objpool__word);
  }
  objpool__round_up(bytes, __alignof__(objpool__times), times);
  bool takes = OBJPOOL__COUNTED && (type->create || type->tracked);
  return takes ? *times + OBJPOOL__TOOK_BYTES : bytes;
}

/* All that a pool asks for until so many objects are alive and so many threads have used it. rounds 0: a local pool. */
static size_t objpool__reserve_bytes(const objpool__blocks *blocks, const objpool_type *type, size_t rounds,
                                     size_t objects, size_t threads) {
  objects = objpool__reserve_cells(blocks, type->handles, objects);
  size_t bytes = 0, cells = 0, array = objects + 2; /* array: as objpool__reserve_fill makes it; 0: gcc 11 warns */
  size_t word, times;
  objpool__need(&bytes, sizeof(objpool__reserved), OBJPOOL__NATURAL);
  objpool__need(&bytes, objpool__state_plan(type, !rounds, rounds == 1 && objects <= OBJPOOL__WORD_BITS, &word, &times),
                OBJPOOL_CACHE_LINE);
  objpool__need(&bytes, sizeof(objpool__kept) + sizeof(objpool__demand), OBJPOOL__NATURAL);
  if (!objpool__block_bytes(blocks, objects, &cells) || cells > PTRDIFF_MAX) return SIZE_MAX;
  objpool__need(&bytes, cells, blocks->alignment);
  objpool__need(&bytes, OBJPOOL__FIRST_BLOCKS * sizeof(objpool__block *), OBJPOOL__NATURAL);
  if (type->handles) objpool__need_places(&bytes, blocks, objects);
  if (!rounds) {
    objpool__need(&bytes, array * sizeof(void *), OBJPOOL__NATURAL); /* no overflow: a cell is larger than a pointer */
    return bytes;
  }
  if (threads < 1) threads = 1;
  if (threads > OBJPOOL__INDICES) threads = OBJPOOL__INDICES; /* the others have no slot */
  for (size_t slots = 0; slots <= threads; slots++)           /* one in reserve */
    objpool__need(&bytes, objpool__slot_bytes(type), OBJPOOL_CACHE_LINE);
  objpool__need_magazines(&bytes, rounds, objects, threads);
  return bytes;
}

/* Takes the memory, and has *allocator hand it out. False with ENOMEM. */
static bool objpool__reserve_begin(objpool_allocator *allocator, size_t bytes, size_t alignment) {
  bool clear;
  if (alignment < OBJPOOL_CACHE_LINE) alignment = OBJPOOL_CACHE_LINE;
  objpool__reserved *reserved = (objpool__reserved *)objpool__allocate(*allocator, bytes, alignment, &clear);
  if (!reserved) return false;
  reserved->source = *allocator;
  reserved->bytes = bytes;
  reserved->alignment = alignment;
  reserved->used = sizeof *reserved;
  reserved->handed = 0;
  allocator->allocate = objpool__reserved_allocate;
  allocator->deallocate = objpool__reserved_deallocate;
  allocator->context = reserved;
  return true;
}

/* When all that was handed out is back. */
static void objpool__reserve_end(objpool_allocator allocator) {
  objpool__reserved *reserved = objpool__reserved_of(&allocator);
  if (!reserved) return;
  objpool_allocator source = reserved->source;
  source.deallocate(reserved, reserved->bytes, reserved->alignment, source.context);
}

/* What it holds beside what was handed out. */
static size_t objpool__reserve_left(objpool_allocator allocator) {
  const objpool__reserved *reserved = objpool__reserved_of(&allocator);
  return reserved ? reserved->bytes - OBJPOOL__LOAD(reserved->handed) : 0;
}

/* Makes the one block, the generations of its objects, and the calling thread's slot. False with ENOMEM. */
static bool objpool__reserve_fill(objpool__state *state, size_t objects) {
  objpool__blocks *blocks = &state->blocks;
  objects = objpool__reserve_cells(blocks, state->as.type.handles, objects);
  bool grows = objpool__growth_begins(&state->memory);
  objpool__lock(&state->memory.lock);
  /* the magazines of two slots: this thread's, and the one in reserve */
  bool made = state->engine->make_places(state, objects + 2 * (state->alone ? 1 : state->depot.rounds));
  objpool__block *block = made ? objpool__block_add(state, objects) : NULL;
  if (block) {
    block->reserved = true;
    blocks->filling = block;
    blocks->next_cells = objpool__cells_after(blocks, objects);
  }
  objpool__unlock(&state->memory.lock);
  objpool__growth_ends(&state->memory, grows);
  if (!block) return false;
  (void)objpool__cache_of(state, true);
  objpool__report_event(state, OBJPOOL_EVENT_GROW, NULL, objects);
  return true;
}

/* ---- room: binding >>binding
   The state of a pool: found, verified, or made with the pool's first use. */

static bool objpool__same_options(const objpool__description *a, const objpool__description *b) {
  return a->type.size == b->type.size && a->type.alignment == b->type.alignment &&
         a->type.validate_on == b->type.validate_on && a->type.local == b->type.local && a->type.wipe == b->type.wipe &&
         a->type.handles == b->type.handles && a->type.timed == b->type.timed && a->type.tracked == b->type.tracked &&
         !a->type.create == !b->type.create && a->resets == b->resets && !a->type.validate == !b->type.validate &&
         !a->type.destroy == !b->type.destroy && !a->on_event == !b->on_event;
}

/* Uninitialised memory seldom looks like this. (An allocator may align less than it was asked to.) */
static bool objpool__may_be(const objpool *pool, const objpool__state *state) {
  return (((uintptr_t)state | (uintptr_t)pool->table) & (sizeof(void *) - 1)) == 0;
}

/* Slow paths notice pools that two copies of the implementation share, or that two files define differently. */
static bool objpool__verify(const objpool__state *state, objpool__describe *describe) {
  if (state->home != &objpool__process) {
    objpool__panic(state, NULL, "is shared between two copies of the implementation");
    return false;
  }
  if (describe && state->describe) { /* another one: objpool__state_of has compared them */
    objpool__description other = OBJPOOL__ZERO;
    describe(&other);
    if (!objpool__same_options(&other, &state->as)) {
      objpool__panic(state, NULL, "is defined with different options in two files");
      return false;
    }
  }
  return true;
}

/* The same, and whether the state is this pool's. */
static bool objpool__check(const objpool *pool, const objpool__state *state, objpool__describe *describe) {
  if (!objpool__may_be(pool, state)) { /* nothing of it is read */
    objpool__panic_about("a pool", "the pool at", pool,
                         "is uninitialised memory: neither all-zero nor prepared by init");
    return false;
  }
  if (!objpool__verify(state, describe)) return false;
  if (state->pool != pool)
    objpool__panic_about(objpool__name_of(state), "the pool at", pool, "was copied or moved while in use");
  return state->pool == pool;
}

/* Appends "name (number)". */
static size_t objpool__append_number(char *text, size_t size, size_t length, const char *name, size_t number) {
  length = objpool__append(text, size, length, name);
  length = objpool__append(text, size, length, " (");
  length = objpool__append_digits(text, size, length, number, 10);
  return objpool__append(text, size, length, ")");
}

/* NULL, or which of these is above which. */
static const char *objpool__limits_error(size_t warmup, size_t min_idle, size_t max_idle, size_t max_objects) {
  static char texts[8][96];
  static unsigned used;
  if (min_idle == OBJPOOL_NONE) min_idle = 0;
  const struct {
    const char *least_name, *most_name;
    size_t least, most; /* most 0: no limit */
  } pairs[] = {{"warmup", "max_idle", warmup, max_idle},
               {"warmup", "max_objects", warmup, max_objects},
               {"min_idle", "max_idle", min_idle, max_idle},
               {"min_idle", "max_objects", min_idle, max_objects},
               {"max_idle", "max_objects", max_idle, max_objects}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (pairs[i].most && pairs[i].least > pairs[i].most) {
      char *text = texts[__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED) % 8]; /* relaxed: a count */
      size_t length = objpool__append_number(text, sizeof texts[0], 0, pairs[i].least_name, pairs[i].least);
      length = objpool__append(text, sizeof texts[0], length, " is above ");
      objpool__append_number(text, sizeof texts[0], length, pairs[i].most_name, pairs[i].most);
      return text;
    }
  return NULL;
}

OBJPOOL_API const char *objpool_config_error(const objpool_config *config) {
  if (!config) return NULL;
  const char *error = objpool__limits_error(config->warmup, config->min_idle, config->max_idle, config->max_objects);
  if (error) return error;
  if (!objpool__is_between(&config->growth_factor, 0, 0) &&
      !objpool__is_between(&config->growth_factor, 1, __DBL_MAX__))
    return "growth_factor is not finite, or below 1";
  if (!objpool__is_between(&config->shrink_threshold, 0, 1)) return "shrink_threshold is not within 0 and 1";
  if (!config->allocator.allocate && config->allocator.deallocate) return "allocator.allocate is missing";
  if (config->allocator.allocate && !config->allocator.deallocate) return "allocator.deallocate is missing";
  unsigned policy = 0; /* in C++ on_leak may be no value of its type: looked at as bytes */
  const size_t first = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof policy - sizeof config->on_leak : 0;
  memcpy((char *)&policy + first, &config->on_leak, sizeof config->on_leak);
  if (policy > OBJPOOL_LEAK_IGNORE) return "on_leak is no objpool_leak_policy";
  return NULL;
}

static bool objpool__valid(const objpool_config *config) { return !objpool_config_error(config); }

/* How many objects a magazine holds; 0: the pool has no thread caches. A thread has at most two magazines.
   A few objects have caches where nobody minds which one they get, or that one is built although another thread's cache holds
   one: two threads that share 4 or 16 so make 9 times a mutex's pairs, and 0.3 to 2 times where they share a word (bench/grid;
   0.3 on processors that do not share a cache). */
static size_t objpool__choose_rounds(const objpool_config *config, const objpool_type *type, size_t stride) {
  size_t idle = config->max_idle, objects = config->max_objects, rounds = 64, share;
  if (config->cache_size == OBJPOOL_NO_CACHE) return 0;
  if (config->cache_size) {
    rounds = config->cache_size / 2 < 4096 ? config->cache_size / 2 : 4096;
    share = idle / 2;
    return idle && rounds > share ? share : rounds;
  }
  while (rounds > 2 && rounds * stride > 65536) rounds /= 2; /* large objects: 128 KiB per thread, or 4 of them */
  share = idle && (!objects || idle < objects) ? idle / 16 : objects / 16;
  if (!idle && !objects) return rounds;
  if (share < 4 && (type->create || type->timed || idle || !objpool__may_have_membarrier())) return 0;
  if (!share && objects > 1) share = 1;
  return rounds < share ? rounds : share; /* eight threads' caches fill half of the limit */
}

/* Which engine a pool has, and here alone: local pools, and all without threads, their array; pools whose threads may hold
   something the one with caches; of the others those that fit it the word; the rest the stack. */
static const objpool__engine *objpool__choose_engine(bool alone, size_t rounds, bool fits) {
  return alone    ? &objpool__local_engine
         : rounds ? &objpool__cached_engine
         : fits   ? &objpool__bounded_engine
                  : &objpool__uncached_engine;
}

static void objpool__state_free(objpool__state *state) {
  objpool_allocator allocator = state->memory.allocator;
  objpool__mutex *locks[4] = {&state->commons.lock, &state->gate.revoke_lock, &state->memory.growth_lock,
                              &state->memory.lock};
  objpool__blocks_free(&state->blocks, allocator);
  if (state->array.memory)
    allocator.deallocate(state->array.memory, state->array.capacity * sizeof(void *), OBJPOOL__NATURAL,
                         allocator.context);
  objpool__memory_free(allocator, state->memory.kept);
  objpool__slots_free(&state->slots, allocator);
  for (unsigned i = 0; i < 4 && !state->alone; i++) objpool__mutex_unmake(&locks[i]->plain);
  if (state->name) allocator.deallocate(state->name, strlen(state->name) + 1, 1, allocator.context);
  allocator.deallocate(state, state->bytes, OBJPOOL_CACHE_LINE, allocator.context);
}

static bool objpool__make_locks(objpool__state *state) {
  objpool__mutex *locks[4] = {&state->commons.lock, &state->gate.revoke_lock, &state->memory.growth_lock,
                              &state->memory.lock};
  for (unsigned i = 0; i < 4; i++) {
    locks[i]->unneeded = state->alone;
    if (!state->alone && !objpool__mutex_make(&locks[i]->plain)) {
      while (i-- > 0) objpool__mutex_unmake(&locks[i]->plain);
      return false;
    }
  }
  return true;
}

static void objpool__fork_prepare(void); /* cycle: registered here, they use all that stands below */
static void objpool__fork_parent(void);  /* cycle: the same */

static void objpool__start_once(void) {
  objpool__errno_distance = (char *)((intptr_t)objpool__errno_of() - (intptr_t)objpool__thread_pointer());
  OBJPOOL__AT_FORK(objpool__fork_prepare, objpool__fork_parent, objpool__fork_child);
}

/* The handlers of a fork stand before anything can be locked when it comes: when the program or the library that holds
   this copy is loaded, or with a pool's first use, if that is earlier. */
static __attribute__((__constructor__)) void objpool__start(void) { objpool__once(objpool__start_once); }

/* What the process needs once. Under its lock. */
static void objpool__prepare_process(void) {
  if (objpool__process.prepared || !OBJPOOL__THREADED) return;
  objpool__process.prepared = true;
  int saved = errno;
  OBJPOOL__STORE(objpool__process.membarrier, objpool__membarrier(true));
  objpool__set_error(saved);
  objpool__process.has_key = objpool__key_make(&objpool__process.key, objpool__thread_exit);
  /* row 0 is right already, and may be being read */
  for (unsigned i = OBJPOOL__GUEST; i < OBJPOOL__ROWS; i++) objpool__empty_table[i] = &objpool__no_slot;
}

/* The configuration with its defaults, and what a cell takes; false with EINVAL or ENOMEM. */
static bool objpool__plan(const objpool_type *type, objpool_config *config, objpool__blocks *blocks) {
  enum { OBJPOOL__LARGEST_ALIGNMENT = 4096 };
  size_t alignment = type->alignment, least = sizeof(uint64_t);
  bool timed = config->idle_timeout_ns || config->max_lifetime_ns || config->validate_after_ns;
  if (!objpool__valid(config) || (timed && !type->timed) || !type->size || !alignment ||
      (alignment & (alignment - 1)) || alignment > OBJPOOL__LARGEST_ALIGNMENT) {
    errno = EINVAL;
    return false;
  }
  if (!objpool__round_up(type->size, least, &blocks->object_bytes) ||
      blocks->object_bytes > PTRDIFF_MAX - (size_t)2 * OBJPOOL__LARGEST_ALIGNMENT) {
    errno = ENOMEM;
    return false;
  }
  if (config->growth_factor == 0) config->growth_factor = 2.0;
  if (config->shrink_threshold == 0) config->shrink_threshold = 0.7;
  if (config->fair_after_ns == 0) config->fair_after_ns = 1000000;
  if (!config->allocator.allocate) {
    config->allocator.allocate = objpool__default_allocate;
    config->allocator.deallocate = objpool__default_deallocate;
  }
  blocks->growth_factor = config->growth_factor;
  blocks->range_bits = (uint8_t)(type->handles ? objpool__range_bits(type->size) : 0);
  blocks->named_within = type->handles && objpool__is_alone(type);
  blocks->by_ranges = type->handles && !blocks->named_within;
  objpool__lay_out(blocks, type, 0);
  return true;
}

/* Its own name, as the caller's may go. */
static bool objpool__copy_name(objpool__state *state, const char *name) {
  size_t length = strlen(name) + 1;
  state->name = (char *)objpool__allocate(state->memory.allocator, length, 1, NULL);
  if (!state->name) return false;
  state->memory.bytes += length;
  memcpy(state->name, name, length);
  return true;
}

/* What its options mean for the paths of an object, and what it is called by, if it is a class of a set. */
static void objpool__learn(objpool__state *state, bool bounded) {
  const objpool_type *type = &state->as.type;
  if (state->as.bytes && state->as.called) {
    objpool__name_class(state->called, sizeof state->called, state->as.called, type->size);
    state->as.called = state->called;
  }
  state->looks = type->timed || (type->validate && (type->validate_on & OBJPOOL_ON_ACQUIRE));
  state->restores = state->describe ? state->as.restore != NULL
                                    : type->reset || (type->validate && (type->validate_on & OBJPOOL_ON_RELEASE));
  state->plain_acquire = !(state->looks || state->as.on_event || type->handles);
  state->plain_tags = !bounded && !type->handles && !state->blocks.apart;
  state->plain_release = !(state->restores || state->as.on_event || type->wipe || type->handles);
  state->plain = state->plain_release && !state->looks;
}

/* What is kept of a configuration. */
static void objpool__settle_config(objpool__settings *kept, const objpool_config *config) {
  kept->context = config->context;
  kept->warmup = config->warmup;
  kept->min_idle = config->min_idle;
  kept->shrink_threshold = config->shrink_threshold;
  kept->on_leak = config->on_leak;
  kept->ignore_pressure = config->ignore_pressure;
  kept->fair_after_ns = config->fair_after_ns;
  kept->idle_timeout_ns = config->idle_timeout_ns;
  kept->max_lifetime_ns = config->max_lifetime_ns;
  kept->validate_after_ns = config->validate_after_ns;
  kept->retry_create_ns = config->retry_create_ns;
}

/* A new state, not yet seen by anyone; NULL with EINVAL or ENOMEM. */
static objpool__state *objpool__state_make(objpool *pool, const objpool__description *as, objpool__describe *describe,
                                           const objpool_config *chosen) {
  objpool_config config;
  objpool__blocks blocks;
  memset(&config, 0, sizeof config);
  memset(&blocks, 0, sizeof blocks);
  if (chosen) config = *chosen;
  if (as->bytes && config.growth_factor == 0) config.growth_factor = 1.25;
  if (!objpool__plan(&as->type, &config, &blocks)) return NULL;
  blocks.plain_bytes = as->bytes;
  bool alone = objpool__is_alone(&as->type);
  size_t rounds = alone ? 0 : objpool__choose_rounds(&config, &as->type, blocks.stride);
  /* a tag has no room for more than a bit's number: with handles there is no word; nor does it know which is the newest */
  bool bounded = !alone && !rounds && config.max_objects && config.max_objects <= OBJPOOL__WORD_BITS &&
                 !as->type.handles && !as->type.timed;
  const objpool__engine *engine = objpool__choose_engine(alone, rounds, bounded);
  if (engine->node_bytes) objpool__lay_out(&blocks, &as->type, engine->node_bytes);
  size_t word, times, bytes = objpool__state_plan(&as->type, alone, bounded, &word, &times);
  objpool__state *state = (objpool__state *)objpool__allocate(config.allocator, bytes, OBJPOOL_CACHE_LINE, NULL);
  if (!state) return NULL;
  state->pool = pool;
  state->as = *as;
  state->describe = describe;
  state->home = &objpool__process;
  state->engine = engine;
  state->alone = alone;
  state->bytes = bytes;
  objpool__settle_config(&state->config, &config);
  state->blocks = blocks;
  objpool__learn(state, bounded);
  state->memory.allocator = config.allocator;
  state->memory.touches = as->type.handles || objpool__reserved_of(&config.allocator);
  state->memory.bytes = bytes;
  state->limits.max_idle = config.max_idle;
  state->limits.max_objects = config.max_objects;
  state->limits.bounded = objpool__is_bounded(config.max_idle, config.max_objects);
  state->limits.room = (int64_t)config.max_idle;
  state->slots.bytes = objpool__slot_bytes(&as->type);
  state->slots.open_at_all = rounds || alone;
  state->slots.table = alone ? objpool__empty_table : (objpool__slot **)(void *)(state + 1);
  for (unsigned i = 0; i < OBJPOOL__ROWS && !alone; i++) state->slots.table[i] = &objpool__no_slot;
  if (bounded) objpool__word_begin(state, (char *)state + word, !config.cache_size);
  if (times < bytes) state->took = (objpool__times *)(void *)((char *)state + times);
  state->counts.since_ns = objpool__now_ns();
  objpool__lifetimes_begin(state);
  if (!alone) objpool__depot_plan(&state->depot, rounds ? rounds : 1);
  if (!objpool__make_locks(state)) {
    config.allocator.deallocate(state, bytes, OBJPOOL_CACHE_LINE, config.allocator.context);
    errno = ENOMEM;
    return NULL;
  }
  if (config.name && !objpool__copy_name(state, config.name)) {
    objpool__state_free(state);
    errno = ENOMEM;
    return NULL;
  }
  return state;
}

/* Tells the functions without the type whether its objects need no look but the inline ones, with no hook and no event on
   their way out and back, nothing to wipe and nothing to note. plain_key is then the key, mixed with the address of this copy,
   and in a local pool with ALONE_KEY: what is left of a release's mixing tells the two apart without another look at `kind`
   (two instructions of 39). What another copy makes of it is no object's tag. Unchecked, it says no more than that a pool is
   a plain shared one. */
#define OBJPOOL__ALONE_KEY ((uintptr_t)(intptr_t)INT32_MIN)
static void objpool__make_plain(objpool *pool, const objpool__state *state) {
  bool hooked = !state->plain || state->as.type.tracked || state->blocks.apart;
  pool->plain_key = hooked || (state->alone && !OBJPOOL__CHECKED)
                        ? 0
                        : pool->key ^ (uintptr_t)&objpool__process ^ (state->alone ? OBJPOOL__ALONE_KEY : 0);
  /* release: pairs with the acquire in objpool__acquire_any: all else of the pool is there */
  __atomic_store_n(&pool->kind,
                   hooked         ? 0
                   : state->alone ? OBJPOOL__PLAIN_ALONE
                                  : OBJPOOL__PLAIN_SHARED,
                   __ATOMIC_RELEASE);
}

/* Makes a state known: from here on the fast paths may use it. Under the process lock. */
static void objpool__publish(objpool__state *state) {
  objpool *pool = state->pool;
  OBJPOOL_ASSERT(objpool__is_held(&objpool__process.lock) && !pool->state);
  objpool__prepare_process();
  if (state->as.type.tracked) objpool__ticker_start();
  uint64_t mixed = (++objpool__process.keys + (uint64_t)(uintptr_t)state) * 0x9e3779b97f4a7c15u; /* Fibonacci hashing */
  state->fleet.serial = objpool__process.keys;
  state->key = (uintptr_t)(mixed ^ mixed >> 29) | 1; /* odd: a tag is neither aligned pointer nor its neighbour's */
  pool->key = state->key ^ state->engine->key_difference;
  pool->context = state->config.context;
  if (state->as.bytes) pool->capacity = state->as.type.size;
  state->next = objpool__process.states;
  state->link = &objpool__process.states;
  if (state->next) state->next->link = &state->next;
  objpool__process.states = state;
  if (objpool__holds_all()) objpool__lock_all(state); /* a fork's handler uses it for the first time */
  pool->table = state->slots.table;
  /* release: pairs with objpool__take; the table is filled */
  __atomic_store_n(&pool->table_offset, (uintptr_t)state->slots.table - (uintptr_t)objpool__empty_table,
                   __ATOMIC_RELEASE);
  __atomic_store_n(&pool->state, state, __ATOMIC_RELEASE); /* pairs with objpool__state_of */
  objpool__make_plain(pool, state);
}

/* The end of it: nobody uses the pool any more. */
static void objpool__unpublish(objpool__state *state) {
  objpool__lock(&objpool__process.lock);
  *state->link = state->next;
  if (state->next) state->next->link = state->link;
  objpool__unlock(&objpool__process.lock);
  if (objpool__holds_all()) objpool__unlock_all(state);
  memset((void *)state->pool, 0, sizeof *state->pool);
  objpool_allocator allocator = state->memory.allocator;
  objpool__state_free(state);
  objpool__reserve_end(allocator);
}

static objpool__state *objpool__state_bind(objpool *pool, objpool__describe *describe) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (state) {
    if (objpool__verify(state, describe)) return state;
    errno = EINVAL;
    return NULL;
  }
  if (!describe) {
    errno = EINVAL;
    return NULL;
  }
  objpool__description as = OBJPOOL__ZERO;
  describe(&as);
  objpool__start();
  objpool__lock(&objpool__process.lock);
  state = OBJPOOL__LOAD(pool->state); /* under the lock */
  if (!state) {
    state = objpool__state_make(pool, &as, describe, NULL);
    if (state) objpool__publish(state);
  }
  objpool__unlock(&objpool__process.lock);
  return state;
}

/* The pool's state, made when the pool is all zero; NULL with errno, for a pool that is not what it is taken for. */
OBJPOOL__INLINE objpool__state *objpool__state_of(objpool *pool, objpool__describe *describe) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (OBJPOOL__LIKELY(state && state->home == &objpool__process && (!describe || describe == state->describe)))
    return state;
  return objpool__state_bind(pool, describe);
}

/* The same, for calls on the whole pool: copies and uninitialised memory show there, not in what takes and gives objects. */
static objpool__state *objpool__state_checked(objpool *pool, objpool__describe *describe) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* as above */
  if (!state || objpool__check(pool, state, NULL)) return objpool__state_of(pool, describe);
  errno = EINVAL;
  return NULL;
}

OBJPOOL_API bool objpool__bind(objpool *pool, objpool__describe *describe) {
  return objpool__state_checked(pool, describe) != NULL;
}

/* Sees that the thread has a slot in a pool that is in use, if it can have one without an allocation. */
static void objpool__attach_if_free(objpool__state *state) { (void)objpool__cache_of(state, false); }

/* ---- room: misuse >>misuse
   Says what is wrong with an object that is not this pool's, or not in use; no lock is held when it does. */

/* What an address within one of the pool's blocks is. */
static const char *objpool__mistake_within(const objpool__state *state, const objpool__block *block,
                                           const char *object) {
  size_t offset = objpool__cell_offset(&state->blocks, block, object);
  if (offset == state->blocks.stride) return "is not an object of this pool";
  if (offset) return "points into the middle of an object";
  if (objpool__tag_says(state, object, objpool__word_of(&state->blocks, object)) == 1)
    return "released twice: it is idle already";
  return "is not in use: it was released, destroyed or extracted before, or overwritten in front";
}

/* Whether an address may be looked at as an object of that pool: with tags apart its word may lie in memory that is not the pool's. */
static bool objpool__may_hold(objpool__state *state, const void *object) {
  if (!state->blocks.apart) return true;
  objpool__lock(&state->memory.lock);
  bool holds = objpool__block_of(&state->blocks, object) != NULL;
  objpool__unlock(&state->memory.lock);
  return holds;
}

/* Whether it is in use in another pool. */
static bool objpool__is_of_another(const objpool__state *state, const void *object) {
  bool found = false;
  objpool__lock(&objpool__process.lock);
  for (objpool__state *other = objpool__process.states; other; other = other->next)
    found |= other != state && objpool__may_hold(other, object) &&
             objpool__tag_says(other, object, objpool__word_of(&other->blocks, object)) == 0;
  objpool__unlock(&objpool__process.lock);
  return found;
}

static void objpool__reject(objpool *pool, objpool__describe *describe, const void *object) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!object) {
    objpool__panic_early(pool, describe, NULL, "extract of NULL");
    return;
  }
  if (!state) {
    objpool__panic_early(pool, describe, object, "given back to a pool that handed nothing out");
    return;
  }
  if (!objpool__check(pool, state, NULL)) return;
  objpool__lock(&state->memory.lock);
  const objpool__block *block = objpool__block_of(&state->blocks, object);
  const char *mistake = block ? objpool__mistake_within(state, block, (const char *)object) : NULL;
  objpool__unlock(&state->memory.lock);
  if (!mistake)
    mistake = objpool__is_of_another(state, object) ? "belongs to another pool" : "is not an object of this pool";
  objpool__panic(state, object, mistake);
}

/* For the inline check, which finds no object of some engines' pools. */
OBJPOOL_API bool objpool__handle_checked(const objpool *pool, objpool__describe *describe, const void *object) {
  const objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (state && state->home == &objpool__process &&
      !objpool__tag_says(state, object, objpool__word_of(&state->blocks, object)))
    return true;
  objpool__reject((objpool *)(uintptr_t)pool, describe, object);
  return false;
}

/* After a panic that returned: the release did not happen. */
static void objpool__undo_release(objpool__describe *describe, void *object) {
  objpool__description as = OBJPOOL__ZERO;
  describe(&as); /* a call without the type has found the state just before, and does not come here */
  objpool__use_undone(&as.type, object);
  OBJPOOL__SHOW(object, as.type.size);
}

/* ---- room: acquiring >>acquiring
   What an acquire does when the fast path had nothing. */

static void objpool__quest_ends(objpool__quest *quest, int error, objpool__counter failure) {
  quest->ended = true;
  quest->error = error;
  quest->failure = failure;
}

/* It is counted nowhere. */
static void objpool__quest_closed(objpool__quest *quest) {
  objpool__quest_ends(quest, OBJPOOL_ECLOSED, OBJPOOL__COUNTERS);
}

/* The wait has ended of who may have come back to the queue: see objpool__unqueue. */
static void objpool__waited(objpool__state *state, objpool__patience *patience) {
  if (patience->began_ns && state->config.retry_create_ns) objpool__took(state, OBJPOOL_TIME_WAIT, patience->waited_ns);
  patience->began_ns = 0;
}

/* Stands in the queue from here on, and those who are served are served; false: the pool is closed. Its event is reported
   before it stands there: what a hook forks is not in the queue. */
static bool objpool__queue_join(objpool__state *state, objpool__quest *quest, objpool__turn *turn) {
  const objpool__patience *patience = quest->patience;
  bool again = patience->began_ns != 0;
  turn->served = turn->closed = false;
  turn->object = NULL;
  turn->async = patience->async != NULL;
  turn->refused = patience->retry_ns != 0;
  turn->waited_ns = patience->waited_ns;
  if (!again) objpool__add(state, OBJPOOL__WAITS, 1); /* from its beginning: a pool that is stuck shows it */
  objpool__lock(&state->commons.lock);
  bool closed = state->limits.closed;
  if (!closed) {
    turn->since_ns = objpool__now_ns(); /* under the lock: no later than that of who comes behind */
    turn->began_ns = again ? patience->began_ns : turn->since_ns;
    if (turn->async) {
      __atomic_fetch_add(&state->queue.untold, 1, __ATOMIC_RELAXED); /* whoever destroys the pool comes later */
      objpool__loop_joins(patience->async);
    }
    objpool__enqueue(state, turn);
  }
  objpool__unlock(&state->commons.lock);
  if (closed) {
    objpool__quest_closed(quest);
    return false;
  }
  objpool__revoke_all(state); /* after it was counted in: no slot opens from here on */
  objpool__keep_closed(&state->gate);
  objpool__serve(state); /* those before it may be asleep, and what lay in slots is for them */
  return true;
}

/* Waits in the queue for an object or a permit; nothing: time was up, or the waiter of an event loop stands there now. */
static objpool__found objpool__queue_find(objpool__state *state, objpool__quest *quest) {
  objpool__patience *patience = quest->patience;
  bool retries = patience->retry_ns && patience->retry_ns < quest->deadline;
  uint64_t deadline = retries ? patience->retry_ns : quest->deadline;
  if (!patience->began_ns) objpool__report_event(state, OBJPOOL_EVENT_WAIT, NULL, 1); /* it may fork: before it joins */
  if (patience->async) {
    patience->async->state = state;
    patience->async->deadline = deadline;
    patience->async->until = quest->deadline;
    patience->async->pause_ns = patience->pause_ns;
    if (objpool__queue_join(state, quest, &patience->async->turn)) {
      quest->error = EINPROGRESS;
      quest->failure = OBJPOOL__COUNTERS;
    }
    return OBJPOOL__NOTHING;
  }
  objpool__waiter waiter;
  unsigned forks = objpool__process.forks;
  objpool__signal_make(&waiter.signal);
  bool joined = objpool__queue_join(state, quest, &waiter.turn);
  /* the wake of one before it forked, and this is the child, whose queue is empty: once more */
  bool lost = joined && forks != objpool__process.forks && !waiter.turn.served;
  bool served = joined && !lost && objpool__stand_in_line(state, &waiter, deadline);
  objpool__signal_unmake(&waiter.signal);
  if (!joined) return OBJPOOL__NOTHING;
  quest->object = waiter.turn.object;
  patience->retry_ns = 0;
  patience->began_ns = waiter.turn.closed ? 0 : waiter.turn.began_ns; /* 0: that was counted */
  patience->waited_ns = waiter.turn.waited_ns;
  if (waiter.turn.closed) {
    objpool__leave_ends(state, quest->leaving);
    quest->leaving = forks + 1; /* close has counted it, before a fork as above, if there was one */
    objpool__quest_closed(quest);
    return OBJPOOL__NOTHING;
  }
  if (lost || (!served && retries)) return OBJPOOL__RETRY;
  return !served ? OBJPOOL__NOTHING : quest->object ? OBJPOOL__OBJECT : OBJPOOL__PERMIT;
}

/* The same for an acquire that may wait: at the end of a look in the queue. Create is not tried before its time: until then it
   looks for objects alone. */
static __attribute__((__noinline__)) objpool__found objpool__seek_patiently(objpool__state *state,
                                                                            objpool__quest *quest) {
  objpool__patience *patience = quest->patience;
  objpool__found found;
  do {
    if (patience->retry_ns) quest->how = OBJPOOL__TRY;
    found = state->engine->find(state, quest);
    quest->how = OBJPOOL__WAIT;
    if (found != OBJPOOL__NOTHING || quest->permit) break;
    /* the only thread, or a fork's handler: nobody else can give anything back */
    if ((state->alone && !patience->async) || objpool__holds_all()) {
      quest->error = EDEADLK;
      return found;
    }
    quest->error = patience->pause_ns ? ECANCELED : ETIMEDOUT; /* the last refusal's */
    quest->failure = patience->pause_ns ? OBJPOOL__FAILURES : OBJPOOL__TIMEOUTS;
    found = objpool__queue_find(state, quest);
  } while (found == OBJPOOL__RETRY);
  if (found == OBJPOOL__OBJECT) objpool__waited(state, patience);
  return found;
}

/* One look wherever an object or the permit for one may be. */
OBJPOOL__INLINE objpool__found objpool__seek(objpool__state *state, objpool__quest *quest) {
  return quest->patience ? objpool__seek_patiently(state, quest) : state->engine->find(state, quest);
}

/* An idle object that was found is in use, unless it is outdated, or proves invalid: then it is gone, and its reservation,
   where that may become a new object, is kept. */
OBJPOOL__INLINE bool objpool__admit(objpool__state *state, objpool__quest *quest) {
  void *object = quest->object;
  OBJPOOL_ASSERT(objpool__is_idle(state, object));
  objpool__tag_in_use(state, object);
  OBJPOOL__SHOW(object, state->as.type.size);
  if (!state->looks) return true;
  objpool__age age = state->as.type.timed ? objpool__age_in(state, object) : OBJPOOL__RESTED;
  bool validates = state->as.type.validate && (state->as.type.validate_on & OBJPOOL_ON_ACQUIRE);
  if (age == OBJPOOL__RECENT || (age == OBJPOOL__RESTED && !validates)) return true;
  quest->from_own_slot = false; /* the hooks may use the pool: base is then no longer where this acquire set it */
  if (age == OBJPOOL__RESTED && state->as.type.validate(object, state->config.context)) return true;
  if (!quest->leaving) quest->leaving = objpool__leave_begins(state);
  objpool__dismantle(state, object, age == OBJPOOL__RESTED ? OBJPOOL__INVALID : OBJPOOL__EXPIRED);
  quest->permit = quest->how != OBJPOOL__TRY;
  if (!quest->permit) objpool__unreserve(state);
  return false;
}

/* The end of an acquire that found no object. */
static void objpool__acquire_fails(objpool__state *state, const objpool__quest *quest) {
  if (quest->patience && quest->error != EINPROGRESS) objpool__waited(state, quest->patience);
  if (quest->permit) objpool__unreserve(state);
  state->engine->settle(state);
  if (quest->how != OBJPOOL__TRY && quest->failure != OBJPOOL__COUNTERS) {
    objpool__add(state, quest->failure, 1);
    if (quest->failure == OBJPOOL__EXHAUSTED) objpool__report_event(state, OBJPOOL_EVENT_EXHAUSTED, NULL, 1);
    if (quest->failure == OBJPOOL__TIMEOUTS) objpool__report_event(state, OBJPOOL_EVENT_TIMEOUT, NULL, 1);
  }
  objpool__catch_up(state);
  objpool__set_error(quest->error);
}

/* Create refused, or there was no memory. Where the pool says so, the acquire goes on as if at the cap, and tries again. */
static void objpool__quest_refused(objpool__state *state, objpool__quest *quest, int error) {
  objpool__patience *patience = error == ECANCELED && state->config.retry_create_ns ? quest->patience : NULL;
  bool waits = patience && (!state->alone || patience->async) && !objpool__holds_all();
  uint64_t now = waits ? objpool__now_ns() : 0;
  quest->cell = NULL;
  if (!quest->leaving) quest->leaving = objpool__leave_begins(state);
  objpool__unreserve(state);
  if (OBJPOOL__LOAD(state->limits.closed)) { /* relaxed: as for what create built */
    objpool__quest_closed(quest);
    return;
  }
  if (!waits || now >= quest->deadline) {
    objpool__quest_ends(quest, error, OBJPOOL__FAILURES);
    return;
  }
  uint64_t pause_ns = patience->pause_ns ? 2 * patience->pause_ns : state->config.retry_create_ns;
  patience->pause_ns = pause_ns < INT64_MAX ? pause_ns : INT64_MAX; /* no overflow, here and above */
  patience->retry_ns = now + patience->pause_ns;
}

/* What was found in use, or a new object by the permit for one. NULL: there is none, and quest tells why, or the one that was
   found proved invalid, which leaves quest->error as it is: again. */
OBJPOOL__INLINE void *objpool__acquire_found(objpool__state *state, objpool__quest *quest, objpool__found found) {
  if (found == OBJPOOL__PERMIT) {
    void *object = objpool__build(state, quest->cell, quest->construction);
    if (object && OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->limits.closed))) {
      if (!quest->leaving) quest->leaving = objpool__leave_begins(state);
      objpool__take_down(state, object, OBJPOOL__DESTROYED);
      objpool__quest_closed(quest);
      return NULL;
    }
    if (!object)
      objpool__quest_refused(state, quest, errno);
    else if (quest->patience)
      objpool__waited(state, quest->patience);
    if (object) objpool__add(state, OBJPOOL__MISSES, 1);
    return object;
  }
  if (quest->permit) { /* it has an object that holds a place of its own */
    quest->permit = false;
    objpool__unreserve(state);
  }
  if (objpool__admit(state, quest)) return quest->object;
  if (quest->deadline != UINT64_MAX && objpool__now_ns() >= quest->deadline)
    objpool__quest_ends(quest, ETIMEDOUT, OBJPOOL__TIMEOUTS);
  quest->object = quest->cell = NULL;
  return NULL;
}

/* An object from where the engine finds one, or a new one; NULL: as above. */
OBJPOOL__INLINE void *objpool__acquire_once(objpool__state *state, objpool__quest *quest) {
  objpool__found found = objpool__seek(state, quest);
  if (found == OBJPOOL__NOTHING && quest->permit) {
    found = OBJPOOL__PERMIT;
    quest->permit = false;
  }
  if (quest->cell && found != OBJPOOL__PERMIT) objpool__cell_give(&state->blocks, &state->memory, quest->cell);
  if (found == OBJPOOL__NOTHING) {
    quest->ended = true;
    return NULL;
  }
  return objpool__acquire_found(state, quest, found);
}

/* An acquire of a pool that is closed, or being destroyed: what it claimed before it saw that goes, too. */
static __attribute__((__noinline__)) void *objpool__acquire_ended(objpool__state *state, bool claimed) {
  if (state->gate.destroying) {
    errno = ECANCELED;
    return NULL;
  }
  objpool__quest quest = {OBJPOOL__TRY,      0,    claimed, false, false, 0, false, 0,
                          OBJPOOL__COUNTERS, NULL, NULL,    NULL,  NULL};
  objpool__cache *cache = objpool__mine(&state->slots);
  unsigned leaving = objpool__leave_begins(state);
  void *object = claimed && cache ? objpool__cache_take(state, cache, &quest) : NULL;
  if (object) objpool__take_down(state, object, OBJPOOL__DESTROYED);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
  errno = OBJPOOL_ECLOSED;
  return NULL;
}

/* Goes on until an object is valid, or there is none; `object`: there is one already. */
OBJPOOL__INLINE void *objpool__acquire_to_its_end(objpool__state *state, objpool__quest *quest, void *object) {
  while (!object && !quest->ended) object = objpool__acquire_once(state, quest);
  if (!object) {
    objpool__acquire_fails(state, quest);
    objpool__leave_ends(state, quest->leaving);
    return NULL;
  }
  OBJPOOL_ASSERT(!quest->permit);
  state->engine->taken(state, quest->from_own_slot);
  objpool__catch_up(state);
  objpool__report_event(state, OBJPOOL_EVENT_ACQUIRE, object, 1);
  if (OBJPOOL__UNLIKELY(quest->leaving)) objpool__leave_ends(state, quest->leaving); /* it tried more than once */
  return object;
}

/* An acquire that may wait, or builds in a way of its own: what stands in place of its timeout. */
static void objpool__quest_waits(objpool__quest *quest, objpool__patience *patience, int64_t timeout_ns) {
  if (quest->how == OBJPOOL__MAKE) {
    quest->construction = (const objpool__construction *)(uintptr_t)timeout_ns;
    quest->how = OBJPOOL__ACQUIRE;
    return;
  }
  memset(patience, 0, sizeof *patience);
  if (quest->how == OBJPOOL__ASYNC) {
    patience->async = (objpool__async *)(uintptr_t)timeout_ns;
    timeout_ns = (int64_t)patience->async->deadline; /* as objpool__acquire_async said it */
  }
  quest->how = timeout_ns == 0 ? OBJPOOL__ACQUIRE : OBJPOOL__WAIT;
  if (timeout_ns != 0) quest->patience = patience;
  if (timeout_ns > 0) quest->deadline = objpool__now_ns() + (uint64_t)timeout_ns;
}

/* All an acquire does when the fast path had nothing. `claimed`: it lowered the top of this thread's slot. */
static void *objpool__acquire_from(objpool__state *state, bool claimed, objpool__how how, int64_t timeout_ns) {
  objpool__patience patience;
  objpool__quest quest = {how,    UINT64_MAX,         claimed, false, false, 0,   false,
                          EAGAIN, OBJPOOL__EXHAUSTED, NULL,    NULL,  NULL,  NULL};
  if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->gate.ended))) return objpool__acquire_ended(state, claimed);
  if (how >= OBJPOOL__WAIT) objpool__quest_waits(&quest, &patience, timeout_ns);
  (void)objpool__cache_of(state, true);
  return objpool__acquire_to_its_end(state, &quest, NULL);
}

/* Whether a new object takes no more than a cell: without limits and hooks. */
OBJPOOL__INLINE bool objpool__asks_for_a_cell(const objpool__state *state, objpool__how how) {
  return how != OBJPOOL__TRY && how != OBJPOOL__MAKE && !OBJPOOL__LOAD(state->limits.max_objects) &&
         !state->as.type.create && !state->as.type.timed && !state->as.on_event;
}

/* The slot of this thread that the failed fast path worked on, if it has one: it then left a lowered top behind. */
OBJPOOL__INLINE objpool__cache *objpool__claimed_on(const objpool__slots *slots) {
  return slots->open_at_all ? objpool__mine(slots) : NULL;
}

/* The fast path had nothing. */
static __attribute__((__noinline__)) void *objpool__acquire_missed(objpool__state *state, objpool__how how,
                                                                   int64_t timeout_ns) {
  objpool__cache *cache = objpool__claimed_on(&state->slots);
  if (cache && objpool__commons_look_empty(state) && objpool__asks_for_a_cell(state, how)) {
    void *object = objpool__cached_fresh(state, cache);
    if (object) return object;
  }
  return objpool__acquire_from(state, cache != NULL, how, timeout_ns);
}

/* The pool's first use, a child's, or by another definition. */
static __attribute__((__noinline__)) void *objpool__acquire_first(objpool *pool, objpool__describe *describe,
                                                                  objpool__how how, int64_t timeout_ns) {
  objpool__state *state = objpool__state_of(pool, describe);
  if (state) return objpool__acquire_missed(state, how, timeout_ns);
  if (pool->state && pool->state->home == &objpool__process) {
    objpool__cache *cache = objpool__claimed_on(&pool->state->slots);
    if (cache) { /* after a panic that returned: the lowered top goes back */
      objpool__spin_lock(cache);
      OBJPOOL__STORE(cache->slot.top, cache->slot.top + sizeof(void *));
      objpool__spin_unlock(cache);
    }
  }
  if (how == OBJPOOL__TRY && errno == ENOMEM) errno = EAGAIN; /* a pool that cannot even begin has nothing idle */
  return NULL;
}

/* Counts a refusal. Who mostly gets an object and asks again at once would take the line of the cache from those who hold one and
   give it back: two threads that try for one object make twice a mutex's pairs so, a quarter of them without (bench/grid, as
   above). Not for who asks in vain again and again, nor where nobody else could give anything back. */
OBJPOOL__INLINE void objpool__count_refused(const objpool__slots *slots, objpool__cache *mine) {
  enum { OBJPOOL__MOSTLY = 64 };
  objpool__uint64 *refused = &mine->counts[OBJPOOL__EXHAUSTED];
  if (!OBJPOOL__COUNTED) return;
  objpool__count(refused);
  /* relaxed, all: hints */
  if (OBJPOOL__LOAD(slots->count) > 1 && OBJPOOL__LOAD(*refused) / OBJPOOL__MOSTLY < OBJPOOL__LOAD(mine->slot.acquires))
    objpool__breathe();
}

/* An acquire that may well find nothing: then that is all, without a lock. */
static __attribute__((__noinline__)) void *objpool__acquire_none(objpool__state *state, objpool__how how,
                                                                 int64_t timeout_ns) {
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  objpool__cache *mine = (objpool__cache *)(void *)slot;
  bool tries = how == OBJPOOL__TRY, waits = how == OBJPOOL__ASYNC || (how == OBJPOOL__WAIT && timeout_ns != 0);
  if (waits || slot == &objpool__no_slot || state->as.on_event || OBJPOOL__LOAD(state->gate.ended) ||
      !(state->word                ? objpool__bounded_refuses(state, mine, !tries)
        : state->slots.open_at_all ? objpool__cached_refuses(&state->limits, mine, !tries)
                                   : objpool__uncached_refuses(state, !tries)))
    return objpool__acquire_missed(state, how, timeout_ns);
  if (!tries) objpool__count_refused(&state->slots, mine);
  *objpool__errno() = EAGAIN;
  return NULL;
}

/* The owner of a slot took an object, and found then that its slot was closed. */
static __attribute__((__noinline__)) void *objpool__acquire_late(objpool__state *state, objpool__how how,
                                                                 int64_t timeout_ns, unsigned place) {
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  bool moved = objpool__was_moved(state, (objpool__cache *)(void *)slot, (uint64_t)1 << place);
  objpool__catch_up_quietly(state);
  if (moved) return objpool__acquire_missed(state, how, timeout_ns);
  void *object = OBJPOOL__LOAD(state->word->objects[place]);
  objpool__bounded_out(state, slot, object, place, state->blocks.apart);
  if (OBJPOOL__COUNTED) objpool__bounded_peak(state, OBJPOOL__LOAD(state->word->idle));
  return object;
}

/* Where there are hooks, a look or events: an object of the engine's, in use and counted, is looked at as by the inline paths. In
   timed pools 336 instructions a pair in place of 630, in bounded ones with validate 353 in place of 923 (gcc -O2, callgrind). */
static __attribute__((__noinline__)) void *objpool__acquire_looking(objpool__state *state, objpool__how how,
                                                                    int64_t timeout_ns) {
  void *object = state->engine->quick(state);
  return OBJPOOL__LIKELY(object) ? objpool__look_at(state->pool, &state->as, state->describe, object, how, timeout_ns)
                                 : objpool__acquire_none(state, how, timeout_ns);
}

/* A peak of in_use may begin with this object. */
static __attribute__((__noinline__)) void *objpool__acquire_at_peak(objpool__state *state, void *object,
                                                                    uint64_t left) {
  objpool__bounded_peak(state, left);
  return object;
}

/* A plain acquire of a bounded pool: out of the open slot of its owner, or out of the word. Then it is two locked instructions
   a pair with its release. All else is for others, as last calls: so neither needs a frame on the stack. */
OBJPOOL__INLINE void *objpool__acquire_bounded(objpool__state *state, objpool__how how, int64_t timeout_ns,
                                               uint32_t apart) {
  objpool__word *word = state->word;
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  objpool__cache *cache = (objpool__cache *)(void *)slot;
  uint64_t left = 0;
  unsigned place;
  /* unlikely: laid out so, the word's path has no jumps, which took a tenth of its time; the other has time */
  if (OBJPOOL__UNLIKELY(objpool__is_lone(cache))) {
    uint64_t bits = OBJPOOL__LOAD(cache->bits); /* the owner's own */
    if (OBJPOOL__UNLIKELY(!bits)) return objpool__acquire_none(state, how, timeout_ns);
    place = (unsigned)__builtin_ctzll(bits);
    left = bits & (bits - 1);
    if (OBJPOOL__UNLIKELY(!objpool__lone_keeps(cache, left)))
      return objpool__acquire_late(state, how, timeout_ns, place);
    if (OBJPOOL__COUNTED) left |= OBJPOOL__LOAD(word->idle);
  } else {
    bool plain = OBJPOOL__LOAD(word->plain_acquire) && slot != &objpool__no_slot;
    if (OBJPOOL__UNLIKELY(!plain)) return objpool__acquire_looking(state, how, timeout_ns);
    place = objpool__word_pop(word, &left);
    if (OBJPOOL__UNLIKELY(place == OBJPOOL__NO_BIT)) return objpool__acquire_none(state, how, timeout_ns);
  }
  void *object = OBJPOOL__LOAD(word->objects[place]);
  if (!object) __builtin_unreachable(); /* the caller need not ask again */
  objpool__bounded_out(state, slot, object, place, apart);
  if (OBJPOOL__COUNTED && OBJPOOL__UNLIKELY(OBJPOOL__LOAD(word->fewest) & ~left))
    return objpool__acquire_at_peak(state, object, left);
  return object;
}

/* With tags apart: a function of its own, so that the other is as short as it was. */
static __attribute__((__noinline__)) void *objpool__acquire_apart(objpool__state *state, objpool__how how,
                                                                  int64_t timeout_ns) {
  return objpool__acquire_bounded(state, how, timeout_ns, state->blocks.apart);
}

/* In a pool whose engine has such a way. */
static __attribute__((__noinline__)) void *objpool__acquire_quickly(objpool__state *state, objpool__how how,
                                                                    int64_t timeout_ns) {
  void *object = state->engine->quick(state); /* what is late a release has said, and sees to at its own end */
  if (OBJPOOL__LIKELY(object)) return object;
  /* a hint: else it is no use to look whether to refuse, 66 instructions per first object (gcc -O2, callgrind) */
  bool may_refuse = how == OBJPOOL__TRY || OBJPOOL__LOAD(state->limits.max_objects);
  return may_refuse ? objpool__acquire_none(state, how, timeout_ns)
                    : objpool__acquire_from(state, false, how, timeout_ns);
}

/* In a pool of one thread. Not inline: objpool__acquire_slow needs no frame on the stack, as others are fast. */
static __attribute__((__noinline__)) void *objpool__acquire_alone(objpool__state *state, objpool__how how,
                                                                  int64_t timeout_ns) {
  void *object = objpool__asks_for_a_cell(state, how) ? objpool__local_fresh(state) : NULL;
  return object ? object : objpool__acquire_from(state, false, how, timeout_ns);
}

OBJPOOL_API void *objpool__acquire_slow(objpool *pool, objpool__describe *describe, objpool__how how,
                                        int64_t timeout_ns) {
  objpool__state *state = objpool__known(pool, describe);
  if (OBJPOOL__UNLIKELY(!state)) return objpool__acquire_first(pool, describe, how, timeout_ns);
  if (state->word)
    return OBJPOOL__LIKELY(!state->blocks.apart) ? objpool__acquire_bounded(state, how, timeout_ns, 0)
                                                 : objpool__acquire_apart(state, how, timeout_ns);
  if (state->plain_acquire && state->engine->quick) return objpool__acquire_quickly(state, how, timeout_ns);
  if (state->alone) return objpool__acquire_alone(state, how, timeout_ns);
  bool empty = state->slots.open_at_all ? OBJPOOL__LOAD(state->limits.dry) & 1
                                        : !objpool__number(OBJPOOL__LOAD(state->depot.full)); /* hints */
  if (empty) return objpool__acquire_none(state, how, timeout_ns);
  return state->engine->quick && !state->as.type.handles ? objpool__acquire_looking(state, how, timeout_ns)
                                                         : objpool__acquire_missed(state, how, timeout_ns);
}

/* After the fast path took an object that is not good: it was counted, but is never handed out. */
static void *objpool__acquire_another(objpool *pool, objpool__describe *describe, void *invalid, objpool__counter why,
                                      objpool__how how, int64_t timeout_ns) {
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) { /* after a panic that returned: it goes back */
    state = pool->state;
    objpool__use_undone(&state->as.type, invalid);
    OBJPOOL__HIDE(invalid, state->as.type.size);
    objpool__give(pool, invalid, state->as.type.local, state->describe);
    errno = EINVAL;
    return NULL;
  }
  objpool__attach_if_free(state); /* the hook may have come back on a thread that was not here yet */
  objpool__add(state, OBJPOOL__ACQUIRES, (uint64_t)-1);
  unsigned leaving = objpool__leave_begins(state);
  objpool__take_down(state, invalid, why);
  void *object = objpool__acquire_from(state, false, how, timeout_ns);
  objpool__leave_ends(state, leaving);
  return object;
}

OBJPOOL_API void *objpool__acquire_again(objpool *pool, objpool__describe *describe, void *invalid, objpool__how how,
                                         int64_t timeout_ns) {
  return objpool__acquire_another(pool, describe, invalid, OBJPOOL__INVALID, how, timeout_ns);
}

OBJPOOL_API void *objpool__acquire_instead(objpool *pool, objpool__describe *describe, void *outdated, objpool__how how,
                                           int64_t timeout_ns) {
  return objpool__acquire_another(pool, describe, outdated, OBJPOOL__EXPIRED, how, timeout_ns);
}

/* ---- room: releasing >>releasing
   What a release does when the fast path could not do it alone. */

/* An object that comes back for which there is no room, or whose generation is used up. */
static void objpool__overflow(objpool__state *state, void *object) {
  bool expected = OBJPOOL__LOAD(state->limits.surplus) || objpool__is_used_up(&state->as.type, object);
  objpool__take_down(state, object, expected ? OBJPOOL__DESTROYED : OBJPOOL__OVERFLOWED);
  state->engine->settle(state);
}

/* The object is marked idle and hidden. */
OBJPOOL_API void objpool__give_slow(objpool *pool, objpool__describe *describe, void *object, objpool__given given) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) {
    objpool__undo_release(describe, object);
    return;
  }
  unsigned leaving = objpool__leave_begins(state);
  OBJPOOL_ASSERT(given == OBJPOOL__STORED_REVOKED ||
                 objpool__is_idle(state, object)); /* else it may be another's by now */
  if (!state->engine->give(state, object, given)) objpool__overflow(state, object);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* Destroys an object that came back and is not good any more. */
static void objpool__drop_as(objpool *pool, objpool__describe *describe, void *object, objpool__counter why) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) {
    objpool__undo_release(describe, object);
    return;
  }
  unsigned leaving = objpool__leave_begins(state);
  objpool__attach_if_free(state);
  state->engine->returned(state, OBJPOOL__RELEASES, 1);
  objpool__take_down(state, object, why);
  state->engine->settle(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* It came back broken. */
OBJPOOL_API void objpool__drop(objpool *pool, objpool__describe *describe, void *object) {
  objpool__drop_as(pool, describe, object, OBJPOOL__INVALID);
}

/* Its time is over. */
OBJPOOL_API void objpool__drop_outdated(objpool *pool, objpool__describe *describe, void *object) {
  objpool__drop_as(pool, describe, object, OBJPOOL__EXPIRED);
}

/* It is broken, as its user says. */
OBJPOOL_API void objpool__drop_discarded(objpool *pool, objpool__describe *describe, void *object) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (state)
    objpool__add(state, OBJPOOL__DISCARDED, 1);
  else
    objpool__undo_release(describe, object);
  objpool__set_error(saved);
  if (state) objpool__drop(pool, describe, object);
}

/* Lets an object's cell go after its value was moved out. */
OBJPOOL_API void objpool__forget(objpool *pool, objpool__describe *describe, void *object) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) {
    objpool__undo_release(describe, object);
    return;
  }
  unsigned leaving = objpool__leave_begins(state);
  objpool__attach_if_free(state);
  state->engine->returned(state, OBJPOOL__EXTRACTED, 1);
  objpool__report_event(state, OBJPOOL_EVENT_EXTRACT, object, 1);
  objpool__let_go(state, object);
  objpool__unreserve(state);
  state->engine->settle(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* Leaves no byte of an object that was given back: destroys it, and builds it anew where there is something to build. False:
   create refused. */
static bool objpool__renew(objpool__state *state, void *object) {
  const objpool_type *type = &state->as.type;
  uintptr_t epoch = objpool__epoch(&state->lifetimes);
  bool anew = type->destroy || type->create;
  if (anew) objpool__report_event(state, OBJPOOL_EVENT_DESTROY, object, 1);
  if (type->destroy) type->destroy(object, state->config.context);
  objpool__wipe(object, state->blocks.object_bytes);
  if (!anew) return true;
  objpool__add(state, OBJPOOL__DESTROYED, 1);
  if (type->create && !objpool__run_create(state, object)) return false;
  if (type->timed) objpool__stamp(state, object, epoch);
  objpool__use_none(&state->as.type, object);
  objpool__add(state, OBJPOOL__CREATED, 1);
  objpool__report_event(state, OBJPOOL_EVENT_CREATE, object, 1);
  return true;
}

/* A release that leaves no byte. The object is marked idle. */
OBJPOOL_API void objpool__release_wiping(objpool *pool, objpool__describe *describe, void *object) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) {
    objpool__undo_release(describe, object);
    return;
  }
  unsigned leaving = objpool__leave_begins(state);
  objpool__attach_if_free(state);
  bool valid = objpool__restore(state, object);
  objpool__report_event(state, OBJPOOL_EVENT_RELEASE, object, 1);
  if (!valid) {
    objpool__drop(pool, describe, object);
  } else if (state->as.type.timed && !objpool__may_rest(pool, object)) {
    objpool__drop_outdated(pool, describe, object);
  } else if (OBJPOOL__LOAD(state->limits.closed) ||
             objpool__is_used_up(&state->as.type, object)) { /* closed, or to be retired: it is not built anew */
    state->engine->returned(state, OBJPOOL__RELEASES, 1);
    objpool__overflow(state, object);
  } else if (objpool__renew(state, object)) {
    OBJPOOL__HIDE(object, state->as.type.size);
    objpool__give(pool, object, state->as.type.local, describe);
  } else {
    state->engine->returned(state, OBJPOOL__RELEASES, 1);
    objpool__let_go(state, object);
    objpool__unreserve(state);
    state->engine->settle(state);
  }
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* Marks an object of this pool that is in use as idle, decided by one atomic instruction (relaxed: it publishes nothing):
   of two threads that give it back at the same moment one wins. */
OBJPOOL__INLINE bool objpool__claim_tag(objpool__state *state, void *object) {
  if (OBJPOOL__LIKELY(state->plain_tags && !state->alone))
    return objpool__take_back_once(state->key, object, objpool__tag(object, 0));
  bool used_up = false; /* whoever goes on sees it by the generation */
  if (state->as.type.handles) return objpool__use_ends(state->key, object, state->alone, &used_up);
  uintptr_t *tag = objpool__tag(object, state->blocks.apart);
  if (OBJPOOL__CHECKED && state->word)
    return objpool__tag_says(state, object, OBJPOOL__LOAD(*tag)) == 0 && objpool__mark_once(tag);
  return state->alone ? objpool__take_back(state->pool->key, object, tag)
                      : objpool__take_back_once(state->key, object, tag);
}

/* The object is the caller's alone, to be destroyed or moved out; false: it was not in use here. */
OBJPOOL_API bool objpool__claim(objpool *pool, objpool__describe *describe, void *object) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  bool ours = object && state && state->home == &objpool__process;
  if (ours && state->as.type.tracked) objpool__hold_ends(pool, object);
  if (ours && objpool__claim_tag(state, object)) return true;
  objpool__reject(pool, describe, object);
  return false;
}

/* The hooks of a release of an object that is marked idle already; false: that was all, it is gone or given back. */
OBJPOOL__INLINE bool objpool__is_to_stay(objpool__state *state, objpool__describe *describe, void *object) {
  if (state->as.type.wipe) {
    objpool__release_wiping(state->pool, describe, object);
    return false;
  }
  bool valid = objpool__restore(state, object);
  objpool__report_event(state, OBJPOOL_EVENT_RELEASE, object, 1);
  if (OBJPOOL__UNLIKELY(!valid)) {
    objpool__drop(state->pool, describe, object);
    return false;
  }
  if (state->as.type.timed && !objpool__may_rest(state->pool, object)) {
    objpool__drop_outdated(state->pool, describe, object);
    return false;
  }
  if (OBJPOOL__UNLIKELY(objpool__is_used_up(&state->as.type, object))) {
    objpool__drop_as(state->pool, describe, object, OBJPOOL__DESTROYED);
    return false;
  }
  OBJPOOL__HIDE(object, state->as.type.size);
  return true;
}

static void objpool__release_claimed(objpool__state *state, objpool__describe *describe, void *object) {
  if (objpool__is_to_stay(state, describe, object)) objpool__give(state->pool, object, state->as.type.local, describe);
}

/* A release of an object whose generation is used up: it is destroyed, and its cell retired. The object is marked idle. */
OBJPOOL_API void objpool__release_retiring(objpool *pool, objpool__describe *describe, void *object) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, describe);
  if (state)
    objpool__release_claimed(state, describe, object);
  else
    objpool__undo_release(describe, object);
  objpool__set_error(saved);
}

/* A release that the inline check did not let pass: a mistake, or a pool whose engine has each decided by one atomic
   instruction. */
static __attribute__((__noinline__)) void objpool__release_claiming(objpool *pool, objpool__describe *describe,
                                                                    void *object) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state || state->home != &objpool__process || !state->engine->key_difference) {
    objpool__reject(pool, describe, object);
    return;
  }
  int saved = errno;
  state = objpool__state_of(pool, describe);
  unsigned leaving = state ? objpool__leave_begins(state) : 0;
  bool claimed = state && objpool__claim_tag(state, object);
  if (claimed) objpool__release_claimed(state, describe, object);
  if (state) objpool__leave_ends(state, leaving);
  if (state && !claimed) objpool__reject(pool, describe, object); /* last: a panic may jump away */
  objpool__set_error(saved);
}

/* The owner of a slot gave an object back, and found then that its slot was closed. */
static __attribute__((__noinline__)) void objpool__release_late(objpool__state *state, void *object, unsigned place) {
  int saved = errno;
  uint64_t bit = (uint64_t)1 << place;
  unsigned leaving = objpool__leave_begins(state);
  bool kept = objpool__was_moved(state, objpool__mine(&state->slots), bit) || state->engine->put(state, object);
  if (!kept) objpool__overflow(state, object);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* What may be left to do after a release into the word. `resizes`: how many there were before it. */
static __attribute__((__noinline__)) void objpool__release_ends(objpool__state *state, size_t resizes) {
  int saved = errno;
  unsigned leaving = objpool__leave_begins(state);
  if (OBJPOOL__COUNTED && OBJPOOL__LOAD(state->word->idle) & ~OBJPOOL__LOAD(state->word->most))
    objpool__bounded_idle_peak(state, 0);
  if (__atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST) != resizes) objpool__note_late(&state->gate);
  objpool__serve(state);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* It was idle already, which its bit told. */
static __attribute__((__noinline__)) void objpool__release_again(objpool__state *state, void *object) {
  objpool__add(state, OBJPOOL__RELEASES, (uint64_t)-1);
  objpool__reject(state->pool, state->describe, object);
}

/* A plain release in a pool whose engine has a way for it, as objpool__acquire_quickly. */
static __attribute__((__noinline__)) void objpool__release_quickly(objpool__state *state, objpool *pool, void *object) {
  if (OBJPOOL__UNLIKELY(!objpool__claim_tag(state, object))) {
    objpool__release_claiming(pool, state->describe, object);
    return;
  }
  OBJPOOL__HIDE(object, state->as.type.size);
  if (OBJPOOL__UNLIKELY(!state->engine->quick_give(state, object)))
    objpool__give_slow(pool, state->describe, object, OBJPOOL__NOT_STORED);
  else if (OBJPOOL__UNLIKELY(OBJPOOL__LOAD(state->gate.late)))
    objpool__catch_up_quietly(state);
}

/* The same for an object that is marked idle and hidden, and a drain waits for it: 10 ns a pair less than if it were counted. */
static void objpool__give_seen(objpool__state *state, objpool *pool, void *object) {
  objpool__cache *mine = objpool__mine(&state->slots);
  if (OBJPOOL__UNLIKELY(!mine)) {
    objpool__give_slow(pool, state->describe, object, OBJPOOL__NOT_STORED);
    return;
  }
  bool before = OBJPOOL__LOAD(mine->giving); /* the wake of an event loop may release something, too */
  unsigned leaving = 0;
  OBJPOOL__STORE(mine->giving, true); /* relaxed: it is seen by whoever takes the object then */
  bool given = state->engine->quick_give(state, object), late = given && OBJPOOL__LOAD(state->gate.late);
  if (OBJPOOL__UNLIKELY(late)) leaving = objpool__leave_begins(state);
  __atomic_store_n(&mine->giving, before, __ATOMIC_RELEASE); /* pairs with objpool__is_drained */
  if (OBJPOOL__UNLIKELY(late)) objpool__catch_up_quietly(state);
  if (OBJPOOL__UNLIKELY(!given)) objpool__give_slow(pool, state->describe, object, OBJPOOL__NOT_STORED);
  objpool__leave_ends(state, leaving);
}

/* With hooks, events or a time to note, as objpool__acquire_looking. */
static __attribute__((__noinline__)) void objpool__release_looking(objpool__state *state, objpool *pool, void *object) {
  int saved = errno;
  unsigned forks = objpool__process.forks;
  if (OBJPOOL__UNLIKELY(!objpool__claim_tag(state, object))) {
    objpool__release_claiming(pool, state->describe, object);
    return;
  }
  bool stays = objpool__is_to_stay(state, state->describe, object);
  if (stays && OBJPOOL__LIKELY(forks == objpool__process.forks))
    objpool__give_seen(state, pool, object);
  else if (stays) /* a hook forked, and this is the child */
    objpool__give_slow(pool, state->describe, object, OBJPOOL__NOT_STORED);
  objpool__set_error(saved);
}

/* A plain release in a bounded pool, as objpool__acquire_bounded. */
OBJPOOL__INLINE void objpool__release_bounded(objpool__state *state, objpool *pool, void *object, uint32_t apart) {
  objpool__word *word = state->word;
  objpool__slot *slot = objpool__counting_slot(&state->slots);
  objpool__cache *cache = (objpool__cache *)(void *)slot;
  uintptr_t *tag = objpool__tag(object, apart), was = OBJPOOL__LOAD(*tag),
            twice = was ^ objpool__tag_of(state->key, object);
  unsigned place = (unsigned)(twice / 2);
  if (OBJPOOL__UNLIKELY(twice & ~(uintptr_t)(2 * (OBJPOOL__WORD_BITS - 1)) ||
                        objpool__is_within(object, apart))) { /* not in use here, or without a place */
    objpool__release_claiming(pool, state->describe, object);
    return;
  }
  if (OBJPOOL__UNLIKELY(objpool__is_lone(cache))) { /* as above */
    objpool__bounded_back(&state->as.type, slot, object, tag, was);
    uint64_t bits = OBJPOOL__LOAD(cache->bits) | (uint64_t)1 << place; /* the owner's own */
    if (OBJPOOL__UNLIKELY(!objpool__lone_keeps(cache, bits)))
      objpool__release_late(state, object, place);
    else if (OBJPOOL__COUNTED && OBJPOOL__UNLIKELY((bits | OBJPOOL__LOAD(word->idle)) & ~OBJPOOL__LOAD(word->most)))
      objpool__bounded_idle_peak(state, bits);
    return;
  }
  size_t resizes = __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST); /* acquire: the limits, seen below */
  if (OBJPOOL__UNLIKELY(!OBJPOOL__LOAD(word->plain_release) || slot == &objpool__no_slot)) {
    objpool__release_looking(state, pool, object);
    return;
  }
  objpool__bounded_back(&state->as.type, slot, object, tag, was);
  uint64_t bit = (uint64_t)1 << place;
  /* release: publishes the object; seq_cst: before the look for waiters */
  if (OBJPOOL__UNLIKELY(__atomic_fetch_or(&word->idle, bit, __ATOMIC_SEQ_CST) & bit)) {
    objpool__release_again(state, object);
    return;
  }
  /* what others made idle meanwhile is true, too */
  bool peak = OBJPOOL__COUNTED && OBJPOOL__LOAD(word->idle) & ~OBJPOOL__LOAD(word->most);
  if (OBJPOOL__UNLIKELY(peak || __atomic_load_n(&state->limits.resizes, __ATOMIC_SEQ_CST) != resizes ||
                        __atomic_load_n(&state->queue.call, __ATOMIC_SEQ_CST) || OBJPOOL__LOAD(state->gate.late)))
    objpool__release_ends(state, resizes);
}

/* As objpool__acquire_apart. */
static __attribute__((__noinline__)) void objpool__release_apart(objpool__state *state, objpool *pool, void *object) {
  objpool__release_bounded(state, pool, object, state->blocks.apart);
}

OBJPOOL_API void objpool__release_checked(objpool *pool, objpool__describe *describe, void *object) {
  objpool__state *state = objpool__known(pool, describe);
  if (state && state->word && OBJPOOL__LIKELY(!state->blocks.apart))
    objpool__release_bounded(state, pool, object, 0);
  else if (state && state->word)
    objpool__release_apart(state, pool, object);
  else if (state && state->plain && state->engine->quick_give)
    objpool__release_quickly(state, pool, object);
  else if (state && state->engine->quick_give && !state->as.type.handles)
    objpool__release_looking(state, pool, object);
  else
    objpool__release_claiming(pool, describe, object);
}

/* ---- room: async >>async
   Waiters without a thread: how they come into a queue, out of it, and are told. The argument stands in the room of loops. */

OBJPOOL_API bool objpool_loop_init(objpool_loop *loop, void (*wake)(void *user), void *user) {
  loop->state = NULL;
  objpool__looping *state = (objpool__looping *)calloc(1, sizeof *state);
  if (!state || !objpool__mutex_make(&state->lock)) {
    free(state);
    errno = ENOMEM;
    return false;
  }
  (void)objpool__holds_all();            /* in a fork's child that has not begun yet: it is one more fork away */
  state->forks = objpool__process.forks; /* no lock: only a child changes it, which has one thread then */
  state->wake = wake;
  state->user = user;
  state->event = wake ? -1 : objpool__event_make();
  if (!wake && state->event < 0) {
    int error = errno;
    objpool__mutex_unmake(&state->lock);
    free(state);
    errno = error;
    return false;
  }
  loop->state = state;
  return true;
}

OBJPOOL_API void objpool_loop_destroy(objpool_loop *loop) {
  objpool__looping *state = loop->state;
  int saved = errno;
  if (!state) return;
  if (objpool__is_here(state)) {
    objpool__mutex_lock(&state->lock);
    const objpool__async *waiter = state->due ? state->due : state->in_line;
    char name[128] = "unnamed"; /* the pool of one that is due may go as soon as it is told */
    if (waiter && waiter->state) objpool__append(name, sizeof name, 0, objpool__name_of(waiter->state));
    objpool__mutex_unlock(&state->lock);
    if (waiter) {
      objpool__panic_about(name, "waiter", waiter, "waits for an object, and its event loop is destroyed");
      return;
    }
    objpool__wake_no_more(state);
    /* acquire: pairs with objpool__loop_wake */
    for (unsigned turns = 0; __atomic_load_n(&state->wakes, __ATOMIC_ACQUIRE);) objpool__pause(&turns);
    objpool__mutex_unmake(&state->lock);
  }
  if (state->event >= 0) objpool__event_unmake(state->event);
  free(state);
  loop->state = NULL;
  objpool__set_error(saved);
}

OBJPOOL_API int objpool_loop_fd(const objpool_loop *loop) { return loop->state ? loop->state->event : -1; }

OBJPOOL_API int64_t objpool_loop_next_ns(const objpool_loop *loop) {
  objpool__looping *state = loop->state;
  int64_t next_ns = -1;
  if (!objpool__is_here(state)) return -1;
  objpool__mutex_lock(&state->lock);
  uint64_t deadline = state->in_line ? state->in_line->deadline : UINT64_MAX;
  bool due = state->due != NULL;
  objpool__mutex_unlock(&state->lock);
  uint64_t now = deadline == UINT64_MAX ? 0 : objpool__now_ns();
  if (deadline != UINT64_MAX) next_ns = deadline > now ? (int64_t)(deadline - now) : 0;
  return due ? 0 : next_ns;
}

/* What an acquire ends with that stood in line; NULL: nothing, with *error, which is EINPROGRESS when it stands there once more,
   and is no longer the caller's. From here on the pool may be destroyed. */
static void *objpool__acquire_waited(objpool__state *state, objpool__async *waiter, int *error) {
  objpool__patience patience = {waiter, 0, 0, waiter->pause_ns, 0};
  objpool__quest quest = {OBJPOOL__WAIT, waiter->until,      false, false, false, 0,        false,
                          EAGAIN,        OBJPOOL__EXHAUSTED, NULL,  NULL,  NULL,  &patience};
  unsigned forks = objpool__process.forks;
  void *object = NULL;
  bool late = waiter->stage == OBJPOOL__LATE; /* else it was served before it became due: see 1 */
  if (late) {
    objpool__lock(&state->commons.lock);
    late = !waiter->turn.served;
    if (late) objpool__unqueue(state, &waiter->turn);
    objpool__unlock(&state->commons.lock);
  }
  bool retries = late && waiter->deadline < waiter->until;
  if (late) objpool__serve(state); /* the next may be called */
  quest.object = waiter->turn.object;
  patience.began_ns = waiter->turn.closed ? 0 : waiter->turn.began_ns; /* 0: that was counted */
  patience.waited_ns = waiter->turn.waited_ns;
  (void)objpool__cache_of(state, true);
  if (late && !retries && patience.pause_ns)
    objpool__quest_ends(&quest, ECANCELED, OBJPOOL__FAILURES);
  else if (late && !retries)
    objpool__quest_ends(&quest, ETIMEDOUT, OBJPOOL__TIMEOUTS);
  else if (waiter->turn.closed)
    objpool__quest_closed(&quest);
  else if (!retries)
    object = objpool__acquire_found(state, &quest, quest.object ? OBJPOOL__OBJECT : OBJPOOL__PERMIT);
  object = objpool__acquire_to_its_end(state, &quest, object);
  if (object) objpool__waited(state, &patience);
  if (object && state->as.type.tracked) objpool__hold_begins(state->pool, object, waiter->site);
  *error = object ? 0 : quest.error;
  if (forks == objpool__process.forks) /* else a hook forked, and this is the child, whose queue is empty */
    __atomic_fetch_sub(&state->queue.untold, 1, __ATOMIC_RELEASE); /* pairs with the look of a destroy */
  return object;
}

/* A waiter that a run has taken; false: it stands in line once more. */
static bool objpool__tell(objpool__async *waiter) {
  objpool__state *state = waiter->state;
  int error = OBJPOOL_ECLOSED;
  void *object = state ? objpool__acquire_waited(state, waiter, &error) : NULL;
  if (error == EINPROGRESS) return false;
  waiter->state = NULL;
  OBJPOOL__STORE(waiter->stage, OBJPOOL__NOWHERE); /* relaxed: so a cancel sees either, and does nothing */
  __atomic_store_n(&waiter->loop, OBJPOOL__NULL, __ATOMIC_RELEASE); /* pairs with objpool__cancel */
  waiter->tell(waiter, object, error);                              /* after which it may be gone */
  return true;
}

OBJPOOL_API size_t objpool_loop_run(objpool_loop *loop, size_t most) {
  objpool__looping *state = loop->state;
  size_t told = 0;
  bool more = true;
  if (!objpool__is_here(state)) return 0;
  objpool__mutex_lock(&state->lock);
  uintptr_t before = state->runner; /* a `ready` may run the loop */
  state->runner = objpool__self();
  state->announced = false;
  objpool__mutex_unlock(&state->lock);
  if (state->event >= 0) objpool__event_clear(state->event);
  while (told < most) {
    objpool__async *waiter = objpool__loop_take(state, before);
    more = waiter != NULL;
    if (!more) break;
    told += objpool__tell(waiter);
    if (!objpool__is_here(state)) return told; /* this is a child of what was told */
  }
  if (more) { /* what is left, and what came meanwhile, is announced once more */
    objpool__mutex_lock(&state->lock);
    state->runner = before;
    bool wakes = state->due && !before;
    if (wakes) {
      state->announced = true;
      __atomic_fetch_add(&state->wakes, 1, __ATOMIC_RELAXED); /* as in objpool__loop_due */
    }
    objpool__mutex_unlock(&state->lock);
    if (wakes) objpool__loop_wake(state);
  }
  return told;
}

OBJPOOL_API void *objpool__acquire_async(objpool *pool, objpool__describe *describe, objpool__async *waiter,
                                         objpool_loop *loop, int64_t timeout_ns,
                                         void (*tell)(objpool__async *waiter, void *object, int error),
                                         const void *site) {
  objpool__state *state = objpool__state_of(pool, describe);
  if (!state) return NULL;
  if (waiter->loop) {
    objpool__panic(state, waiter, "is a waiter that stands in line already, or was not zeroed");
    errno = EINVAL;
    return NULL;
  }
  if (!loop || !objpool__is_here(loop->state)) {
    errno = EINVAL;
    return NULL;
  }
  waiter->loop = loop->state;
  waiter->tell = tell;
  waiter->site = site;
  waiter->deadline = (uint64_t)timeout_ns;
  void *object = objpool__acquire_by(pool, &state->as, state->describe, OBJPOOL__ASYNC, (int64_t)(uintptr_t)waiter);
  if (object || errno != EINPROGRESS) waiter->loop = NULL;
  if (object && state->as.type.tracked) objpool__hold_begins(pool, object, site);
  return object;
}

/* What a waiter had been handed that does not want it any more is for the next. */
static void objpool__hand_on(objpool__state *state, void *object) {
  unsigned leaving = objpool__leave_begins(state);
  objpool__attach_if_free(state);
  if (!object)
    objpool__unreserve(state);
  else if (!state->engine->put(state, object))
    objpool__overflow(state, object);
  state->engine->settle(state);
  objpool__catch_up(state);
  objpool__leave_ends(state, leaving);
}

/* Out of the queue, or out of the loop's list; false: it is neither here nor there. *stage: where it was. Under the commons
   lock of that pool, which may be gone. */
static bool objpool__loop_forgets(objpool__looping *loop, objpool__state *state, objpool__async *waiter, int *stage) {
  objpool__mutex_lock(&loop->lock);
  *stage = OBJPOOL__LOAD(waiter->stage);
  bool waits = *stage == OBJPOOL__IN_LINE || *stage == OBJPOOL__DUE;
  bool gone = *stage == OBJPOOL__DUE && !waiter->state, right = !waits || gone || (state && waiter->state == state);
  if (waits && right) {
    if (*stage == OBJPOOL__IN_LINE)
      objpool__leave_line(loop, waiter);
    else
      objpool__leave_list(loop, waiter);
    OBJPOOL__STORE(waiter->stage, OBJPOOL__NOWHERE);
    OBJPOOL__STORE(waiter->loop, OBJPOOL__NULL); /* relaxed: as in objpool__tell */
  }
  objpool__mutex_unlock(&loop->lock);
  if (waits && right && *stage == OBJPOOL__IN_LINE) objpool__unqueue(state, &waiter->turn);
  return right;
}

OBJPOOL_API bool objpool__cancel(objpool *pool, objpool__async *waiter) {
  objpool__looping *loop = __atomic_load_n(&waiter->loop, __ATOMIC_ACQUIRE); /* pairs with objpool__tell */
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE);   /* pairs with objpool__publish */
  int saved = errno, stage;
  if (!objpool__is_here(loop)) return false;
  if (state) objpool__lock(&state->commons.lock);
  bool right = objpool__loop_forgets(loop, state, waiter, &stage);
  if (state) objpool__unlock(&state->commons.lock);
  if (!right) {
    objpool__panic_about(objpool__name_of(state), "waiter", waiter, "stands in another pool's line");
    return false;
  }
  if (stage == OBJPOOL__IN_LINE) {
    objpool__serve(state); /* the next may be called */
    state->engine->settle(state);
  }
  bool cancelled = stage == OBJPOOL__IN_LINE || stage == OBJPOOL__DUE;
  bool counted = cancelled && state && waiter->state == state; /* else its pool is gone */
  if (stage == OBJPOOL__DUE && counted) objpool__hand_on(state, waiter->turn.object);
  if (counted && state->config.retry_create_ns) /* as objpool__waited */
    objpool__took(state, OBJPOOL_TIME_WAIT, waiter->turn.waited_ns);
  if (counted) __atomic_fetch_sub(&state->queue.untold, 1, __ATOMIC_RELEASE); /* as when it is told */
  if (cancelled) waiter->state = NULL;
  objpool__set_error(saved);
  return cancelled;
}

static void objpool__tell_untyped(objpool__async *waiter, void *object, int error) {
  objpool_waiter *untyped = (objpool_waiter *)(void *)waiter;
  untyped->objpool__ready(untyped, object, error);
}

OBJPOOL_API void *objpool_acquire_async(objpool *pool, objpool_waiter *waiter, objpool_loop *loop, int64_t timeout_ns,
                                        void (*ready)(objpool_waiter *waiter, void *object, int error)) {
  if (!waiter->base.loop) waiter->objpool__ready = ready;
  return objpool__acquire_async(pool, NULL, &waiter->base, loop, timeout_ns, objpool__tell_untyped, OBJPOOL__CALLER);
}

OBJPOOL_API bool objpool_cancel(objpool *pool, objpool_waiter *waiter) { return objpool__cancel(pool, &waiter->base); }

/* ---- room: walking >>walking
   Loops over what is in use: block after block in the order in which they were made, or range after range. What another
   thread changes meanwhile is seen or not; blocks stay, since `walks` says that someone reads them. */

/* In the order of places: over ranges, or over the cells of all blocks. */
static objpool__walk objpool__walk_places(objpool__state *state) {
  objpool__walk walk;
  memset((void *)&walk, 0, sizeof walk);
  objpool__lock(&state->memory.lock);
  state->blocks.walks++;
  if (state->blocks.by_ranges)
    walk.count = state->placing.given;
  else
    walk.last = state->blocks.newest;
  objpool__unlock(&state->memory.lock);
  walk.pool = state->pool;
  walk.stretch.step = state->blocks.stride;
  return walk;
}

/* Over cells in any case: who holds an object stands in front of it. */
static objpool__walk objpool__walk_cells(objpool__state *state) {
  objpool__walk walk = objpool__walk_places(state);
  objpool__lock(&state->memory.lock);
  walk.last = state->blocks.newest;
  objpool__unlock(&state->memory.lock);
  return walk;
}

OBJPOOL_API objpool__walk objpool__walk_begin(objpool *pool) {
  objpool__walk walk;
  memset((void *)&walk, 0, sizeof walk);
  objpool__state *state = OBJPOOL__LOAD(pool->state) ? objpool__state_of(pool, NULL) : NULL; /* which looks again */
  if (!state) return walk; /* nothing was ever acquired */
  if (!OBJPOOL__CHECKED && !state->as.type.handles) {
    objpool__panic(state, NULL, "cannot be walked: with OBJPOOL_UNCHECKED only pools with handles know what is in use");
    return walk;
  }
  return objpool__walk_places(state);
}

/* To the next cells that lie side by side, of those that a block had used when the walk came to it; no block is gone while
   the walk lasts. */
static bool objpool__walk_blocks(objpool__state *state, objpool__walk *walk) {
  const objpool__blocks *blocks = &state->blocks;
  objpool__lock(&state->memory.lock);
  const objpool__block *block = (const objpool__block *)walk->block;
  bool within = block && walk->next < walk->count, more = within || block != walk->last;
  if (more && !within) {
    walk->block = block = block ? block->later : blocks->oldest;
    walk->next = 0;
    walk->count = objpool__block_begun(block);
  }
  if (more) {
    size_t cells = objpool__cells_beside(blocks, walk->next, walk->count - walk->next);
    walk->stretch.at = objpool__cell_at(blocks, block, walk->next);
    walk->stretch.end = walk->stretch.at + cells * blocks->stride;
    walk->next += cells;
  }
  objpool__unlock(&state->memory.lock);
  return more;
}

/* To the generations of the next ranges whose cells are in a row, and those, too. acquire: pairs with objpool__range_begins,
   of which the words before the cells are seen then. */
static bool objpool__walk_ranges(const objpool__blocks *blocks, objpool__walk *walk) {
  if (walk->next >= walk->count) return false;
  const objpool__range *range =
      __atomic_load_n(&walk->pool->places, __ATOMIC_ACQUIRE)->range; /* as in objpool__look_up */
  size_t first = walk->next, end, bits = blocks->range_bits;
  uintptr_t cells = OBJPOOL__NO_CELLS;
  for (; first < walk->count; first++)
    if ((cells = __atomic_load_n(&range[first].cells, __ATOMIC_ACQUIRE)) != OBJPOOL__NO_CELLS) break;
  if (first == walk->count) return false;
  for (end = first + 1; end < walk->count; end++)
    if (__atomic_load_n(&range[end].cells, __ATOMIC_ACQUIRE) != cells ||
        range[end].of.generations != range[first].of.generations)
      break;
  walk->stretch.cell = cells + (first << bits) * blocks->stride;
  walk->stretch.at = (char *)(range[first].of.generations + (first << bits) * sizeof(uint32_t));
  walk->stretch.end = walk->stretch.at + ((end - first) << bits) * sizeof(uint32_t);
  walk->next = end;
  return true;
}

/* To the next ranges whose cells are in a row, in a pool of one thread: where blocks are not in that order, which takes half an
   instruction less for each object (bench/instructions). */
static bool objpool__walk_rows(const objpool__blocks *blocks, objpool__walk *walk) {
  if (walk->next >= walk->count) return false; /* where nothing was built there is no table */
  const objpool__range *range = walk->pool->places->range;
  size_t first = walk->next, end, bits = blocks->range_bits;
  while (first < walk->count && range[first].cells & 1) first++; /* it has none */
  if (first == walk->count) return false;
  for (end = first + 1; end < walk->count && range[end].cells == range[first].cells;) end++;
  walk->stretch.at = (char *)(range[first].cells + (first << bits) * blocks->stride);
  walk->stretch.end = walk->stretch.at + ((end - first) << bits) * blocks->stride;
  walk->next = end;
  return true;
}

OBJPOOL_API bool objpool__walk_on(objpool__walk *walk) {
  if (!walk->pool) return false;
  objpool__state *state = walk->pool->state;
  return walk->last     ? objpool__walk_blocks(state, walk)
         : state->alone ? objpool__walk_rows(&state->blocks, walk)
                        : objpool__walk_ranges(&state->blocks, walk);
}

OBJPOOL_API void objpool__walk_end(objpool__walk *walk) {
  if (!walk->pool) return;
  objpool__state *state = walk->pool->state;
  objpool__lock(&state->memory.lock);
  OBJPOOL_ASSERT(state->blocks.walks > 0);
  state->blocks.walks--;
  objpool__unlock(&state->memory.lock);
}

/* The next objects in use; how many, at most `most`, 0: there are no more. */
OBJPOOL__INLINE size_t objpool__walk_some(objpool__walk *walk, bool handles, bool alone, uint32_t apart, void **objects,
                                          size_t most) {
  size_t count = 0;
  objpool__stretch stretch = walk->stretch;
  while (count < most && (objects[count] = objpool__walk_next(walk, &stretch, handles, alone, 0, apart)) != NULL)
    count++;
  walk->stretch = stretch;
  return count;
}

enum { OBJPOOL__AT_ONCE = 64 };

/* Objects of a pool without hooks, many at once under the lock: they become idle as those that a trim puts back. Those that
   there is no room for are returned, linked. */
OBJPOOL__INLINE void *objpool__release_plain(objpool__state *state, objpool__walk *walk, bool handles, bool alone,
                                             uint32_t apart, size_t *released) {
  void *excess = NULL, *objects[OBJPOOL__AT_ONCE];
  uintptr_t key = state->key;
  /* open slots hold some of the room, or the word for themselves */
  bool holds = OBJPOOL__LOAD(state->limits.bounded) || state->word;
  if (holds) objpool__hold(state);
  objpool__lock(&state->commons.lock);
  for (size_t count; (count = objpool__walk_some(walk, handles, alone, apart, objects, OBJPOOL__AT_ONCE)) > 0;
       *released += count) {
    size_t idle = 0;
    for (size_t i = 0; i < count; i++) {
      void *object = objects[i];
      if (!handles)
        OBJPOOL__STORE(*objpool__tag(object, apart), objpool__tag_of(key, object) - 1); /* as objpool__tag_idle */
      OBJPOOL__HIDE(object, state->as.type.size);
      objects[idle] = object;
      if (handles && objpool__end_own_use(objpool__generation_of(object, alone), alone)) {
        OBJPOOL__STORE(*objpool__link(object, apart), excess);
        excess = object;
      } else {
        idle++;
      }
    }
    for (size_t kept = state->engine->push_some(state, objects, idle); kept < idle; kept++) {
      OBJPOOL__STORE(*objpool__link(objects[kept], apart), excess);
      excess = objects[kept];
    }
  }
  objpool__unlock(&state->commons.lock);
  if (holds) objpool__unhold(&state->gate);
  return excess;
}

/* Whether a release does no more than leave the object idle. */
static bool objpool__releases_plainly(const objpool__state *state) {
  const objpool__description *as = &state->as;
  return !state->restores && !as->type.wipe && !as->type.timed && !as->type.tracked && !as->on_event &&
         !OBJPOOL__LOAD(state->limits.surplus);
}

static void *objpool__release_plainly(objpool__state *state, objpool__walk *walk, size_t *released) {
  uint32_t apart = state->blocks.apart;
  if (!state->as.type.handles)
    return apart ? objpool__release_plain(state, walk, false, false, apart, released)
                 : objpool__release_plain(state, walk, false, false, 0, released);
  return state->alone ? objpool__release_plain(state, walk, true, true, 0, released)
                      : objpool__release_plain(state, walk, true, false, 0, released);
}

static size_t objpool__release_walked(objpool__state *state, objpool__walk *walk) {
  size_t count = 0;
  uint32_t apart = state->blocks.apart;
  if (objpool__releases_plainly(state)) {
    void *excess = objpool__release_plainly(state, walk, &count);
    if (count) state->engine->returned(state, OBJPOOL__RELEASES, count);
    for (void *next; excess; excess = next) {
      next = *objpool__link(excess, apart);
      objpool__overflow(state, excess);
    }
    state->engine->settle(state);
    objpool__watch_mine(state);
    return count;
  }
  for (void *object = NULL; objpool__walk_some(walk, state->as.type.handles, state->alone, apart, &object, 1) > 0;
       count++) {
    if (state->as.type.tracked) objpool__use_over(state, object);
    if (objpool__claim_tag(state, object)) objpool__release_claimed(state, state->describe, object);
  }
  return count;
}

OBJPOOL_API size_t objpool__release_all(objpool *pool, objpool__describe *describe) {
  int saved = errno;
  if (!OBJPOOL__LOAD(pool->state)) return 0; /* relaxed: objpool__state_of reads it again */
  size_t count = 0;
  objpool__state *state = objpool__state_of(pool, describe);
  if (state && OBJPOOL__LOAD(state->queue.waiting)) {
    objpool__panic(state, NULL, "released as a whole while threads wait for its objects");
  } else if (state) {
    objpool__attach_if_free(state);
    objpool__walk walk = objpool__walk_begin(pool);
    if (walk.pool) count = objpool__release_walked(state, &walk);
    objpool__walk_end(&walk);
  }
  objpool__set_error(saved);
  return count;
}

/* ---- room: holders >>holders
   What is held in a tracked pool, longest first; and where what leaked was acquired. Nobody is kept from using the pool: what
   ends meanwhile is left out. */

/* One use; the order is that in which they began. */
typedef struct objpool__held {
  uint64_t began, turn;
  const void *object;
} objpool__held;

static bool objpool__held_before(const objpool__held *a, const objpool__held *b) {
  return a->began != b->began ? a->began < b->began : (uintptr_t)a->object < (uintptr_t)b->object;
}

/* The first so many that come after `after`: a heap, whose root is the last of them. */
typedef struct objpool__first_held {
  objpool__held *held, after;
  size_t count, capacity;
  bool more; /* there are others */
} objpool__first_held;

/* Puts one into the heap in place of its root, and what is below it in order. */
static void objpool__held_sift(objpool__held *held, size_t count, objpool__held one) {
  size_t at = 0, child;
  for (; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && objpool__held_before(&held[child], &held[child + 1])) child++;
    if (!objpool__held_before(&one, &held[child])) break;
    held[at] = held[child];
  }
  held[at] = one;
}

static void objpool__held_add(objpool__first_held *first, objpool__held one) {
  if (first->after.object && !objpool__held_before(&first->after, &one)) return;
  if (first->count == first->capacity) {
    first->more = true;
    if (objpool__held_before(&one, &first->held[0])) objpool__held_sift(first->held, first->count, one);
    return;
  }
  size_t at = first->count++;
  for (size_t parent; at > 0 && objpool__held_before(&first->held[parent = (at - 1) / 2], &one); at = parent)
    first->held[at] = first->held[parent];
  first->held[at] = one;
}

/* Looks through the whole pool, for what had been in use for so long at that time; they end in their order. */
static void objpool__held_find(objpool__state *state, objpool__walk walk, objpool__first_held *first, uint64_t now,
                               double longer) {
  first->count = 0;
  first->more = false;
  while (objpool__walk_blocks(state, &walk))
    for (char *at = walk.stretch.at; at != walk.stretch.end; at += walk.stretch.step) {
      objpool_hold hold;
      objpool__held one;
      one.turn = objpool__use_read(&state->as.type, at, &hold, &one.began);
      one.object = at;
      bool was_there = one.turn && (one.began <= now || !now); /* 0: the clock cannot be read */
      if (was_there && (double)objpool__elapsed(one.began, now) >= longer) objpool__held_add(first, one);
    }
  for (size_t left = first->count; left-- > 1;) {
    objpool__held last = first->held[left];
    first->held[left] = first->held[0];
    objpool__held_sift(first->held, left, last);
  }
}

/* As many at once as there is memory for: with less, the pool is looked through more often. No lock is held when visit runs. */
static size_t objpool__held_visit(objpool__state *state, uint64_t longer_ns,
                                  void (*visit)(const objpool_hold *hold, void *user), void *user) {
  enum { OBJPOOL__HELD_AT_ONCE = 64 };
  objpool__held some[OBJPOOL__HELD_AT_ONCE];
  objpool__first_held first = {some, {0, 0, NULL}, 0, OBJPOOL__HELD_AT_ONCE, false};
  uint64_t now = objpool__ticks();
  double tick_ns = objpool__tick_ns();
  size_t visited = 0, alive = OBJPOOL__LOAD(state->limits.alive); /* about so many: see above */
  objpool__held *many = alive > first.capacity ? (objpool__held *)calloc(alive, sizeof *many) : NULL;
  if (many) {
    first.held = many;
    first.capacity = alive;
  }
  objpool__walk walk = objpool__walk_cells(state);
  do {
    objpool__held_find(state, walk, &first, now, (double)longer_ns / tick_ns);
    for (size_t i = 0; i < first.count; i++) {
      objpool_hold hold;
      uint64_t began = 0;
      memset((void *)&hold, 0, sizeof hold); /* or gcc warns at -O3 */
      if (objpool__use_read(&state->as.type, first.held[i].object, &hold, &began) != first.held[i].turn) continue;
      hold.held_ns = (uint64_t)((double)objpool__elapsed(began, now) * tick_ns);
      if (visit) visit(&hold, user);
      visited++;
    }
    if (first.count) first.after = first.held[first.count - 1];
  } while (first.more);
  objpool__walk_end(&walk);
  free(many);
  return visited;
}

OBJPOOL_API size_t objpool_each_held(objpool *pool, uint64_t longer_ns,
                                     void (*visit)(const objpool_hold *hold, void *user), void *user) {
  int saved = errno;
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (state && !objpool__check(pool, state, NULL)) return 0;
  if (!state || !state->as.type.tracked) {
    errno = EINVAL;
    return 0;
  }
  size_t visited = objpool__held_visit(state, longer_ns, visit, user);
  objpool__set_error(saved);
  return visited;
}

/* The one that has been in use for longest; false: there is none. */
static bool objpool__held_longest(objpool__state *state, objpool_hold *hold) {
  objpool__held longest;
  objpool__first_held first = {&longest, {0, 0, NULL}, 0, 1, false};
  uint64_t now = objpool__ticks(), began;
  if (!state->as.type.tracked) return false;
  objpool__walk walk = objpool__walk_cells(state);
  objpool__held_find(state, walk, &first, now, 0);
  bool found = first.count && objpool__use_read(&state->as.type, longest.object, hold, &began) == longest.turn;
  if (found) hold->held_ns = (uint64_t)((double)objpool__elapsed(began, now) * objpool__tick_ns());
  objpool__walk_end(&walk);
  return found;
}

/* "server+0x1234", for addr2line; whole: with the module's folder. */
static size_t objpool__append_site(char *text, size_t size, size_t length, const void *site, bool whole) {
  const char *file = NULL;
  uintptr_t at = (uintptr_t)site;
  if (objpool__module_of(site, &file, &at)) {
    const char *name = strrchr(file, '/');
    length = objpool__append(text, size, length, name && !whole ? name + 1 : file);
    length = objpool__append(text, size, length, "+");
  }
  length = objpool__append(text, size, length, "0x");
  return objpool__append_digits(text, size, length, at, 16);
}

enum { OBJPOOL__SITES = 32 };

/* How many of those in use were acquired where: the first so many places, and all others together. */
typedef struct objpool__sites {
  const void *site[OBJPOOL__SITES];
  size_t objects[OBJPOOL__SITES], count, others;
} objpool__sites;

static void objpool__sites_count(objpool__state *state, objpool__sites *sites) {
  objpool__walk walk = objpool__walk_cells(state);
  memset(sites, 0, sizeof *sites);
  while (objpool__walk_blocks(state, &walk))
    for (char *at = walk.stretch.at; at != walk.stretch.end; at += walk.stretch.step) {
      objpool_hold hold;
      uint64_t began;
      size_t i = 0;
      if (!objpool__use_read(&state->as.type, at, &hold, &began)) continue;
      while (i < sites->count && sites->site[i] != hold.site) i++;
      if (i == OBJPOOL__SITES) {
        sites->others++;
        continue;
      }
      if (i == sites->count) sites->count++;
      sites->site[i] = hold.site;
      sites->objects[i]++;
    }
  objpool__walk_end(&walk);
}

/* A line for each place, that with most objects first. */
static void objpool__report_sites(objpool__state *state) {
  objpool__sites sites;
  char text[512];
  objpool__sites_count(state, &sites);
  for (size_t line = 0; line <= sites.count; line++) {
    size_t most = 0, objects = sites.others;
    for (size_t i = 1; i < sites.count; i++)
      if (sites.objects[i] > sites.objects[most]) most = i;
    if (line < sites.count) objects = sites.objects[most];
    if (!objects) break;
    size_t length = objpool__append(text, sizeof text, 0, "  ");
    length = objpool__append_digits(text, sizeof text, length, objects, 10);
    length = objpool__append(text, sizeof text, length, " acquired at ");
    if (line < sites.count)
      length = objpool__append_site(text, sizeof text - 2, length, sites.site[most], true);
    else
      length = objpool__append(text, sizeof text, length, "other places");
    objpool__append(text, sizeof text, length, "\n");
    objpool__print(text);
    sites.objects[most] = 0;
  }
}

/* ---- room: registry >>registry
   Every named pool, in the order of init. One lock, which its owner may take again: visitors and alert handlers read the
   registry too.
   1. It is held while they run, and so destroy waits for them. It is above all locks.
   2. A format of a thousand pools holds it for long, and a mutex alone would let whoever gave it back have it again before
      those who wait: an exporter in a loop would keep init and destroy out. So one queues for `next` before `lock`.
   3. A monitor maintains a pool without the lock, counted in its `visits`; destroy waits until they are over. */

/* Owner: the thread that holds it; under `lock`. */
static struct objpool__registry {
  objpool__mutex next; /* held while waiting for the lock: who has it is the next one in */
  objpool__mutex lock;
  uintptr_t owner; /* who holds the lock, 0: nobody; written by the holder only */
  unsigned depth;
  objpool__state *first;
} objpool__registry = {{OBJPOOL__UNLOCKED, false}, {OBJPOOL__UNLOCKED, false}, 0, 0, NULL};

/* Whether the calling thread holds the registry: it is in a visitor or an alert handler. relaxed: only the holder can find
   itself there. */
static bool objpool__registry_mine(void) {
  (void)objpool__holds_all(); /* in a fork's child that has not begun yet: the fork's hold of it ends */
  return OBJPOOL__LOAD(objpool__registry.owner) == objpool__self();
}

static void objpool__registry_enter(void) {
  if (!objpool__registry_mine()) {
    objpool__lock(&objpool__registry.next);
    objpool__lock(&objpool__registry.lock);
    objpool__unlock(&objpool__registry.next);
    OBJPOOL__STORE(objpool__registry.owner, objpool__self());
  }
  objpool__registry.depth++;
}

static void objpool__registry_leave(void) {
  OBJPOOL_ASSERT(objpool__registry.depth > 0);
  if (--objpool__registry.depth > 0) return;
  OBJPOOL__STORE(objpool__registry.owner, 0);
  objpool__unlock(&objpool__registry.lock);
}

/* In the child of a fork: who waited for the lock is not there. */
static void objpool__registry_alone(void) { objpool__mutex_renew(&objpool__registry.next); }

static objpool__state **objpool__registry_place(const char *name) {
  OBJPOOL_ASSERT(objpool__registry_mine());
  objpool__state **link = &objpool__registry.first;
  while (*link && strcmp((*link)->name, name) != 0) link = &(*link)->fleet.next;
  return link;
}

static bool objpool__registry_add(objpool__state *state) {
  objpool__registry_enter();
  objpool__state **link = objpool__registry_place(state->name);
  bool unique = !*link;
  if (unique) *link = state;
  objpool__registry_leave();
  return unique;
}

static void objpool__registry_remove(objpool__state *state) {
  if (!state->name) return;
  objpool__registry_enter();
  objpool__state **link = &objpool__registry.first;
  while (*link && *link != state) link = &(*link)->fleet.next;
  if (*link) *link = state->fleet.next;
  for (unsigned turns = 0; state->fleet.visits;) { /* a monitor maintains it */
    objpool__registry_leave();
    objpool__pause(&turns);
    objpool__registry_enter();
  }
  objpool__registry_leave();
}

OBJPOOL_API objpool *objpool_registry_find(const char *name) {
  if (!name) return NULL;
  objpool__registry_enter();
  objpool__state *state = *objpool__registry_place(name);
  objpool__registry_leave();
  return state ? state->pool : NULL;
}

OBJPOOL_API size_t objpool_registry_each(void (*visit)(objpool *pool, void *user), void *user) {
  size_t count = 0;
  objpool__registry_enter();
  for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next, count++)
    if (visit) visit(state->pool, user);
  objpool__registry_leave();
  return count;
}

OBJPOOL_API const char *objpool_name(const objpool *pool) {
  objpool__state *state =
      pool ? __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE) : NULL; /* pairs with objpool__publish */
  return objpool__name_of(!state || objpool__check(pool, state, NULL) ? state : NULL);
}

/* ---- room: forks >>forks
   The forking thread holds every lock from its first handler to its last, so that the child finds whole structures. What other
   threads held or were moving is in use in the child for good.
   1. Locks are taken from above: registry, process, and of each pool revoke, slots, commons, memory. growth_lock is not:
      its holder may be in an allocator that waits for the process lock, or forks, and changes nothing without the memory lock.
   2. Handlers of the program that run before or after ours may use pools: objpool__lock finds that its caller holds all.
      Pools that they make are taken as well, and so are slots that they make.
   3. In the child the first that needs a lock, a handler of the program or ours, puts things right: queues, holds and
      visits of threads that are not there, and the slots that they left. No hook, nor a loop's wake, runs with a hold, in the
      queue, or while objects are gathered: so nothing of that belongs to the thread that forked. But a waiter that has just
      joined the queue may wake one before it: in the child it joins anew. */

static void objpool__fork_prepare(void) {
  if (objpool__holds_all()) { /* a handler forks */
    objpool__process.nested++;
    return;
  }
  objpool__registry_enter();
  objpool__lock(&objpool__process.lock);
  for (objpool__state *state = objpool__process.states; state; state = state->next) objpool__lock_all(state);
  objpool__process.forker_id = objpool__process_id();
  OBJPOOL__STORE(objpool__process.forker, objpool__self()); /* relaxed: see objpool__holds_all */
}

static void objpool__fork_parent(void) {
  if (objpool__process.nested) {
    objpool__process.nested--;
    return;
  }
  if (!OBJPOOL__LOAD(objpool__process.forker)) return; /* a child of a handler's fork, which holds nothing: see 3 */
  OBJPOOL__STORE(objpool__process.forker, 0);
  for (objpool__state *state = objpool__process.states; state; state = state->next) objpool__unlock_all(state);
  objpool__unlock(&objpool__process.lock);
  objpool__registry_leave();
  objpool__wake_owed();
}

/* A pool that the child inherits: without the threads that waited, held slots closed, gathered or maintained. */
static void objpool__fork_inherit(objpool__state *state, unsigned mine) {
  objpool__gate *gate = &state->gate;
  objpool__growth_inherit(&state->memory);
  state->counts.inherited = true;
  memset(&state->queue, 0, sizeof state->queue); /* they waited on stacks that are gone */
  state->commons.gathering = false;
  state->fleet.maintaining = 0;
  gate->hold = gate->open_slots = 0;
  if (!state->alone) state->leaving = 0;
  for (objpool__cache *cache = state->slots.first; cache; cache = cache->next) {
    gate->open_slots += cache->openness != OBJPOOL__CLOSED; /* a thread that was just opening one is gone */
    cache->giving = false;
  }
  if (state->word) {
    state->word->changes &= ~(uint64_t)(OBJPOOL__CHANGE - 1); /* those under way stayed behind */
    state->word->changes += gate->open_slots;
    objpool__word_learn(state);
  }
  objpool__unlock_all(state);
  for (unsigned row = OBJPOOL__FIRST_INDEX; row < OBJPOOL__ROWS; row++)
    if (row != mine) objpool__leave(state, row);
}

static void objpool__fork_child(void) {
  if (!OBJPOOL__LOAD(objpool__process.forker)) return; /* a handler of the program came first */
  OBJPOOL__STORE(objpool__process.forker, 0);
  objpool__process.nested = 0;
  objpool__process.forks++;                             /* running monitors stayed behind */
  OBJPOOL__STORE(objpool__process.owed, OBJPOOL__NULL); /* and so did event loops */
  unsigned mine = objpool__thread_index();
  if (objpool__process.membarrier) OBJPOOL__STORE(objpool__process.membarrier, objpool__membarrier(true));
  memset(objpool__process.taken, 0, sizeof objpool__process.taken);
  OBJPOOL__STORE(objpool__process.given, 0);
  if (mine >= OBJPOOL__FIRST_INDEX) objpool__index_take(mine);
  for (objpool__state *state = objpool__process.states; state; state = state->next) {
    state->fleet.visits = 0;
    if (state->alone)
      memset(&state->queue, 0, sizeof state->queue); /* its event loops stayed behind; who releases still asks, once */
    else
      objpool__fork_inherit(state, mine);
  }
  objpool__unlock(&objpool__process.lock);
  objpool__registry_alone();
  objpool__registry_leave();
}

/* ---- room: life >>life
   What a program does to a whole pool: init, warm-up, trim, resize, destroy. */

/* One more idle object; false, with errno, if there is none to be had, or no room for it. */
static bool objpool__warm_one(objpool__state *state, size_t *created) {
  if (!objpool__reserve(state)) {
    errno = EAGAIN;
    return false;
  }
  void *object = objpool__build(state, NULL, NULL);
  bool kept = false, used_up = false;
  if (!object) objpool__unreserve(state);
  if (object) {
    ++*created;
    objpool__tag_idle(state, object);
    OBJPOOL__HIDE(object, state->as.type.size);
    /* others, or create, may have filled the pool meanwhile, or lowered its limit */
    used_up = objpool__is_used_up(&state->as.type, object);
    kept = !used_up && objpool__put(state, object);
    if (!kept) objpool__take_down(state, object, OBJPOOL__DESTROYED);
  }
  state->engine->settle(state);
  return used_up ? objpool__warm_one(state, created) : kept; /* in another cell: that one is retired */
}

/* Creates until `idle` objects are idle, or `at_once` were created; returns how many, errno telling why no more. */
static size_t objpool__warm(objpool__state *state, size_t idle, size_t at_once) {
  objpool__attach_if_free(state);
  size_t created = 0, most = OBJPOOL__LOAD(state->limits.max_idle);
  if (most && idle > most) idle = most;
  size_t has = objpool__count_idle(state), cap = OBJPOOL__LOAD(state->limits.max_objects);
  if ((cap && cap < idle ? cap : idle) >
      PTRDIFF_MAX / state->blocks.stride) { /* none rather than all that there is memory for */
    errno = ENOMEM;
    return 0;
  }
  size_t missing = has < idle ? idle - has : 0;
  if (missing > at_once) missing = at_once;
  unsigned leaving = objpool__leave_begins(state);
  for (; missing > 0 && !state->gate.destroying && !OBJPOOL__LOAD(state->limits.closed); missing--)
    if (!objpool__warm_one(state, &created)) break;
  if (missing > 0 && OBJPOOL__LOAD(state->limits.closed)) errno = OBJPOOL_ECLOSED;
  objpool__watch_mine(state);
  objpool__leave_ends(state, leaving);
  return created;
}

OBJPOOL_API size_t objpool_warmup(objpool *pool, size_t idle) {
  objpool__state *state = objpool__state_checked(pool, NULL);
  return state ? objpool__warm(state, idle, SIZE_MAX) : 0;
}

static size_t objpool__trim_as(objpool *pool, size_t keep, size_t most, objpool_event_kind kind) {
  int saved = errno;
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return 0;
  objpool__attach_if_free(state);
  void *doomed = most == SIZE_MAX ? objpool__gather_held(state, keep) : objpool__gather_some(state, keep, most);
  size_t destroyed = objpool__take_down_all(state, doomed, OBJPOOL__DESTROYED);
  objpool__blocks_shrink(state);
  objpool__word_again(state);
  objpool__report_event(state, kind, NULL, destroyed);
  objpool__set_error(saved);
  return destroyed;
}

OBJPOOL_API size_t objpool_trim(objpool *pool, size_t keep) {
  return objpool__trim_as(pool, keep, SIZE_MAX, OBJPOOL_EVENT_SHRINK);
}

OBJPOOL_API size_t objpool_trim_some(objpool *pool, size_t keep, size_t most) {
  return objpool__trim_as(pool, keep, most, OBJPOOL_EVENT_SHRINK);
}

OBJPOOL_API size_t objpool_clear(objpool *pool) { return objpool__trim_as(pool, 0, SIZE_MAX, OBJPOOL_EVENT_CLEAR); }

OBJPOOL_API size_t objpool_refresh(objpool *pool) {
  int saved = errno;
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return 0;
  if (!state->as.type.timed) {
    errno = EINVAL;
    return 0;
  }
  objpool__attach_if_free(state);
  (void)objpool__step(&state->lifetimes.epoch, state->alone);
  size_t late, gone = objpool__expire(state, SIZE_MAX, SIZE_MAX, &late);
  objpool__due_by(state, 0); /* what came back meanwhile, and did not see that */
  objpool__set_error(saved);
  return gone;
}

/* Forgets every idle object; its memory stays. It counts as if each was acquired and extracted, and tells of the extract alone:
   nobody has what an event of an acquire would name. */
OBJPOOL_API size_t objpool_abandon(objpool *pool) {
  int saved = errno;
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return 0;
  objpool__attach_if_free(state);
  size_t abandoned = 0;
  for (void *object = objpool__gather_held(state, 0), *next; object; object = next, abandoned++) {
    next = *objpool__link(object, state->blocks.apart);
    OBJPOOL__SHOW(object, state->as.type.size);
    objpool__add(state, OBJPOOL__ACQUIRES, 1);
    objpool__add(state, OBJPOOL__EXTRACTED, 1);
    objpool__report_event(state, OBJPOOL_EVENT_EXTRACT, object, 1);
    objpool__let_go(state, object);
    objpool__unreserve(state);
  }
  state->engine->settle(state);
  objpool__set_error(saved);
  return abandoned;
}

/* New limits, seen by whoever sees `resizes`. False: they are not valid, and nothing was changed. Slots held closed, under
   the commons lock. */
static bool objpool__set_limits(objpool__state *state, size_t max_idle, size_t max_objects) {
  objpool__limits *limits = &state->limits;
  OBJPOOL_ASSERT(objpool__is_held(&state->commons.lock));
  if (max_idle == OBJPOOL_UNCHANGED) max_idle = limits->max_idle;
  if (max_objects == OBJPOOL_UNCHANGED) max_objects = limits->max_objects;
  if (objpool__limits_error(0, state->config.min_idle, max_idle, max_objects)) return false;
  objpool__change_begins(state->word);
  objpool__dry_ends(limits); /* before the new limit, and until the lock is free it is not dry again */
  OBJPOOL__STORE(limits->max_idle, max_idle);
  __atomic_store_n(&limits->max_objects, max_objects, __ATOMIC_SEQ_CST); /* before the look at alive */
  OBJPOOL__STORE(limits->bounded, objpool__is_bounded(max_idle, max_objects));
  /* where the system refuses to let a slot be closed, it keeps what lies there, and none of the room */
  for (objpool__cache *cache = objpool__all_slots(&state->slots); cache; cache = cache->next) cache->granted = 0;
  /* unsigned: a limit beyond INT64_MAX is none, and its room is not looked at */
  __atomic_store_n(&limits->room, (int64_t)((uint64_t)max_idle - (uint64_t)state->engine->idle(state)),
                   __ATOMIC_RELEASE); /* as objpool__room_add */
  /* after the new limit: see objpool__reserve */
  if (max_objects && __atomic_load_n(&limits->alive, __ATOMIC_SEQ_CST) > max_objects)
    OBJPOOL__STORE(limits->surplus, true); /* as max_idle */
  if (state->word) objpool__word_learn(state);
  objpool__change_ends(state->word);
  __atomic_fetch_add(&limits->resizes, 1,
                     __ATOMIC_SEQ_CST); /* before the look at what is idle: see objpool__uncached_put */
  return true;
}

OBJPOOL_API bool objpool_resize(objpool *pool, size_t max_idle, size_t max_objects) {
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return false;
  int saved = errno;
  objpool__attach_if_free(state);
  objpool__hold(state);
  objpool__lock(&state->commons.lock);
  bool valid = objpool__set_limits(state, max_idle, max_objects);
  objpool__unlock(&state->commons.lock);
  void *doomed = valid ? objpool__gather_excess(state) : NULL;
  objpool__unhold(&state->gate);
  if (!valid) {
    errno = EINVAL;
    return false;
  }
  state->engine->settle(state); /* before hooks run: they may release */
  objpool__shed(state, doomed);
  objpool__report_event(state, OBJPOOL_EVENT_RESIZE, NULL, OBJPOOL__LOAD(state->limits.max_objects));
  objpool__set_error(saved);
  return true;
}

/* Takes memory for config->reserve objects, and has config->allocator hand it out. False with EINVAL or ENOMEM. */
static bool objpool__reserve_for(const objpool_type *type, objpool_config *config) {
  objpool_config planned = *config;
  objpool__blocks blocks;
  memset(&blocks, 0, sizeof blocks);
  if (!objpool__plan(type, &planned, &blocks)) return false;
  bool alone = objpool__is_alone(type);
  size_t rounds = objpool__choose_rounds(&planned, type, blocks.stride);
  const objpool__engine *engine = objpool__choose_engine(alone, alone ? 0 : rounds, false);
  if (engine->node_bytes) objpool__lay_out(&blocks, type, engine->node_bytes);
  size_t bytes = objpool__reserve_bytes(&blocks, type, alone ? 0 : rounds ? rounds : 1, config->reserve, 1);
  config->allocator = planned.allocator;
  if (config->name) objpool__need(&bytes, strlen(config->name) + 1, 1);
  return objpool__reserve_begin(&config->allocator, bytes, blocks.alignment);
}

/* Is a pool initialised that is in use? It panics then. The pool's own bytes may be anything, and are not read; of the states
   the newest are looked at, so that thousands of pools do not make each other slow. */
static bool objpool__is_in_use(const objpool *pool) {
  enum { OBJPOOL__NEWEST = 64 };
  objpool__start();
  objpool__lock(&objpool__process.lock);
  objpool__state *state = objpool__process.states;
  for (unsigned i = 1; state && state->pool != pool; i++) state = i < OBJPOOL__NEWEST ? state->next : NULL;
  objpool__unlock(&objpool__process.lock);
  if (state)
    objpool__panic_about(objpool__name_of(state), "the pool at", pool, "is initialised once more while it is in use");
  return state != NULL;
}

static bool objpool__init_as(objpool *pool, const objpool__description *as, objpool__describe *describe,
                             const objpool_config *config) {
  objpool_config chosen;
  size_t reserve = config ? config->reserve : 0;
  if (objpool__is_in_use(pool)) {
    errno = EINVAL;
    return false;
  }
  memset(pool, 0, sizeof *pool);
  if (reserve > 0) {
    chosen = *config;
    config = &chosen;
    if (!objpool__reserve_for(&as->type, &chosen)) return false;
  }
  objpool__state *state = objpool__state_make(pool, as, describe, config);
  if (!state) {
    if (reserve > 0) objpool__reserve_end(chosen.allocator);
    return false;
  }
  objpool__start();
  objpool__lock(&objpool__process.lock);
  objpool__publish(state);
  objpool__unlock(&objpool__process.lock);
  if ((reserve > 0 && !objpool__reserve_fill(state, reserve)) ||
      (config && config->warmup > 0 && objpool_warmup(pool, config->warmup) < config->warmup)) {
    int error = errno;
    state->config.on_leak = OBJPOOL_LEAK_IGNORE;
    objpool_destroy(pool);
    errno = error;
    return false;
  }
  if (state->name && !objpool__registry_add(state)) { /* last: visitors see only pools that are ready */
    objpool_destroy(pool);
    errno = EEXIST;
    return false;
  }
  return true;
}

OBJPOOL_API bool objpool__init(objpool *pool, objpool__describe *describe, const objpool_config *config) {
  objpool__description as = OBJPOOL__ZERO;
  describe(&as);
  return objpool__init_as(pool, &as, describe, config);
}

OBJPOOL_API bool objpool_init(objpool *pool, const objpool_type *type, const objpool_config *config) {
  objpool__description as = OBJPOOL__ZERO;
  if (type) as.type = *type; /* else objects have no size, which is refused */
  if (!as.type.validate_on) as.type.validate_on = (unsigned)OBJPOOL_ON_ACQUIRE | OBJPOOL_ON_RELEASE;
  return objpool__init_as(pool, &as, NULL, config);
}

OBJPOOL_API size_t objpool_memory_for(const objpool_type *type, size_t objects, size_t threads) {
  const size_t most_rounds = 64; /* with a cache_size of at most 128 */
  size_t most = 0;
  objpool_config config;
  objpool__blocks blocks;
  memset(&config, 0, sizeof config);
  memset(&blocks, 0, sizeof blocks);
  if (!objpool__plan(type, &config, &blocks)) return 0;
  if (objpool__is_alone(type)) {
    most = objpool__reserve_bytes(&blocks, type, 0, objects, 1);
  } else {
    /* what magazines take in all is largest where they are smallest, or largest */
    size_t with_largest = objpool__reserve_bytes(&blocks, type, most_rounds, objects, threads);
    objpool__lay_out(&blocks, type, objpool__choose_engine(false, 0, false)->node_bytes);
    most = objpool__reserve_bytes(&blocks, type, 1, objects, threads);
    if (most < with_largest) most = with_largest;
  }
  /* the piece that init takes has an alignment of its own */
  objpool__need(&most, 0, blocks.alignment > OBJPOOL_CACHE_LINE ? blocks.alignment : OBJPOOL_CACHE_LINE);
  return most;
}

OBJPOOL_API size_t objpool__memory_for(objpool__describe *describe, size_t objects, size_t threads) {
  objpool__description as = OBJPOOL__ZERO;
  describe(&as);
  return objpool_memory_for(&as.type, objects, threads);
}

/* Objects that are in use at the end, as the configuration says. */
static void objpool__report_leak(objpool__state *state, size_t leaked) {
  char text[256];
  if (!leaked || state->config.on_leak == OBJPOOL_LEAK_IGNORE) return;
  size_t length = objpool__append(text, sizeof text, 0, "objpool: pool '");
  length = objpool__append(text, sizeof text / 2, length, objpool__name_of(state));
  length = objpool__append(text, sizeof text, length, "': destroyed with ");
  length = objpool__append_digits(text, sizeof text, length, leaked, 10);
  length = objpool__append(text, sizeof text, length, leaked == 1 ? " object in use" : " objects in use");
  objpool__append(text, sizeof text, length, state->as.type.tracked ? ", see addr2line -ipfe:\n" : "\n");
  int before = objpool__cancel_off();
  objpool__print(text);
  if (state->as.type.tracked) objpool__report_sites(state);
  objpool__cancel_restore(before);
  if (state->config.on_leak == OBJPOOL_LEAK_ABORT) abort();
}

/* One idle object, wherever it is: slots are closed for good. */
static void *objpool__pop_idle(objpool__state *state) {
  objpool__lock(&state->commons.lock);
  void *object = state->engine->pop(state);
  objpool__unlock(&state->commons.lock);
  return object;
}

OBJPOOL_API void objpool_destroy(objpool *pool) {
  int saved = errno;
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state || !objpool__check(pool, state, NULL)) return;
  (void)objpool__holds_all(); /* in a fork's child that has not begun yet: nobody waits there */
  if (OBJPOOL__LOAD(state->queue.waiting)) {
    objpool__panic(state, NULL, "destroyed while threads or event loops wait for its objects");
    return;
  }
  /* acquire: pairs with objpool__acquire_waited */
  if (__atomic_load_n(&state->queue.untold, __ATOMIC_ACQUIRE)) {
    objpool__panic(state, NULL, "destroyed while waiters of event loops are still to be told what they got");
    return;
  }
  objpool__registry_remove(state);
  objpool__attach_if_free(state);
  state->gate.destroying = true; /* no slot opens from here on */
  OBJPOOL__STORE(state->gate.ended, true);
  if (state->word) objpool__word_learn(state);
  objpool__hold(state);
  objpool__unhold(&state->gate);
  for (void *object; (object = objpool__pop_idle(state)) != NULL;)
    objpool__take_down(state, object, OBJPOOL__DESTROYED);
  objpool__report_leak(state, state->limits.alive);
  if (state->limits.alive && state->as.type.wipe) objpool__blocks_wipe(&state->blocks);
  objpool__unpublish(state);
  objpool__set_error(saved);
}

/* Other hooks for a pool that stays as it is. */
OBJPOOL_API bool objpool__rebind(objpool *pool, objpool__describe *describe) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  objpool__description as = OBJPOOL__ZERO;
  if (!state) return objpool__bind(pool, describe);
  describe(&as);
  if (!objpool__check(pool, state, NULL) || as.type.size != state->as.type.size ||
      as.type.alignment != state->as.type.alignment || as.type.local != state->as.type.local ||
      as.type.wipe != state->as.type.wipe || as.type.handles != state->as.type.handles ||
      as.type.timed != state->as.type.timed || as.type.tracked != state->as.type.tracked) {
    errno = EINVAL;
    return false;
  }
  if (OBJPOOL__COUNTED && as.type.create && !state->took) /* without memory none is timed */
    state->took = (objpool__times *)objpool__keep_less(&state->memory, OBJPOOL__TOOK_BYTES);
  if (state->word) objpool__lone_ends(state);
  objpool__lock(&state->commons.lock); /* a thread that had used the pool may end meanwhile: see objpool__word_again */
  state->as = as;
  state->describe = describe;
  objpool__learn(state, state->word != NULL);
  objpool__make_plain(pool, state);
  if (state->word) objpool__word_learn(state);
  objpool__unlock(&state->commons.lock);
  return true;
}

OBJPOOL_API bool objpool__attach(objpool *pool, objpool__describe *describe) {
  objpool__state *state = objpool__state_checked(pool, describe);
  if (!state) return false;
  /* without a slot of its own, or an index for one, it works, and needs no memory */
  if (objpool__cache_of(state, true) || state->alone || objpool__thread_index() < OBJPOOL__FIRST_INDEX) return true;
  errno = ENOMEM;
  return false;
}

/* ---- room: closing >>closing
   A closed pool hands out nothing more. That is a resize to nothing that stays:
   1. `closed` and `surplus` are set under the commons lock with all slots held closed, as a resize sets its limits: no slot
      opens again, so every acquire and every release comes to a slow path. Acquires see `closed`, releases `surplus`.
   2. A release that had looked before leaves its object idle, and finds then that `resizes` has changed: it catches up.
   3. Who builds looks at `closed` after create has returned. It reserved before: either it sees that, or it had its object
      before the close, which then counts as in use.
   4. A waiter joins the queue under the commons lock, unless it sees `closed` there. From then on nobody in the queue is
      served; close takes them out one by one. None is left when it returns, and none can join.
   5. A waiter that was sent away, a release, a create that is under way, a close are counted in `leaving` before the last object
      can be gone, and until they touch the pool no more; releases also before a close. A drain looks at `alive` first, then at
      `leaving`, and at queue.untold: a loop may be telling one of its waiters that its time is up, or about a create that came
      too late. A release in one go that runs hooks, or notes a time, says in its own slot that it is `giving`, before its object
      can be found; so whoever sees that the object is gone sees that, too, or that it is over. What a drain cannot see is the
      last look of a release by a fast path, at whether its slot was revoked, say. */

/* Sends all who wait away; they are counted before they can wake. */
static void objpool__send_away(objpool__state *state) {
  bool more;
  do {
    objpool__sleeper sleeper = 0;
    objpool__lock(&state->commons.lock);
    more = state->queue.first != NULL;
    if (more) {
      OBJPOOL_ASSERT(state->limits.closed && (!state->alone || state->queue.first->async));
      if (!state->queue.first->async)                             /* those of event loops come near the pool no more */
        __atomic_fetch_add(&state->leaving, 1, __ATOMIC_SEQ_CST); /* see objpool__leave_begins */
      state->queue.first->closed = true;
      sleeper = objpool__hand_over(state, NULL);
    }
    objpool__unlock(&state->commons.lock);
    objpool__wake_up(sleeper);
  } while (more);
}

OBJPOOL_API void objpool_close(objpool *pool) {
  int saved = errno;
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return;
  unsigned leaving = objpool__leave_begins(state); /* another close, a drain and a destroy may come */
  objpool__attach_if_free(state);
  objpool__hold(state);
  objpool__lock(&state->commons.lock);
  OBJPOOL__STORE(state->limits.closed, true); /* read without the lock, relaxed: see 1 to 4 */
  OBJPOOL__STORE(state->limits.surplus, true);
  OBJPOOL__STORE(state->gate.ended, true);
  if (state->word) objpool__word_learn(state);
  objpool__queue_settle(state, 0);
  objpool__change_begins(state->word);
  objpool__change_ends(state->word);
  __atomic_fetch_add(&state->limits.resizes, 1, __ATOMIC_SEQ_CST); /* before the look at what is idle: see 2 */
  objpool__unlock(&state->commons.lock);
  void *doomed = objpool__gather_excess(state);
  objpool__unhold(&state->gate);
  state->engine->settle(state); /* before hooks run: they may release */
  objpool__send_away(state);
  objpool__shed(state, doomed);
  objpool__leave_ends(state, leaving);
  objpool__set_error(saved);
}

/* Whether somebody may still look at the pool whose object was left idle, and taken down since: with it `giving` is seen. */
static bool objpool__is_anybody_giving(const objpool__slots *slots) {
  const objpool__cache *cache = objpool__all_slots(slots);
  while (cache && !__atomic_load_n(&cache->giving, __ATOMIC_ACQUIRE)) cache = cache->next; /* with objpool__give_seen */
  return cache != NULL;
}

/* Whether nothing was in use at a moment during the call, and no destroy running. */
static bool objpool__is_drained(objpool__state *state) {
  if (OBJPOOL__LOAD(state->limits.closed)) /* in this order: see 5 */
    return !__atomic_load_n(&state->limits.alive, __ATOMIC_SEQ_CST) &&
           (state->alone || !__atomic_load_n(&state->leaving, __ATOMIC_SEQ_CST)) &&
           !__atomic_load_n(&state->queue.untold, __ATOMIC_ACQUIRE) && /* pairs with objpool__acquire_waited */
           !objpool__is_anybody_giving(&state->slots);
  objpool__hold(state);
  objpool__lock(&state->commons.lock);
  size_t idle = state->engine->idle(state); /* before alive: an object that comes back meanwhile counts as in use */
  bool drained = __atomic_load_n(&state->limits.alive, __ATOMIC_SEQ_CST) <= idle;
  objpool__unlock(&state->commons.lock);
  objpool__unhold(&state->gate);
  return drained;
}

OBJPOOL_API bool objpool_drain(objpool *pool, int64_t timeout_ns) {
  enum { OBJPOOL__FIRST_NAP_NS = 50000, OBJPOOL__LONGEST_NAP_NS = 4000000 };
  int saved = errno;
  objpool__state *state = objpool__state_checked(pool, NULL);
  if (!state) return false;
  uint64_t began = objpool__now_ns(), now = began, nap = OBJPOOL__FIRST_NAP_NS;
  objpool__signal nobody;
  objpool__signal_make(&nobody);
  bool drained;
  /* it looks again and again: so releases need not tell it. Nobody else may come by to catch up with what a thread left */
  for (;;) {
    objpool__catch_up(state);
    drained = objpool__is_drained(state);
    if (drained || state->alone || (timeout_ns >= 0 && now - began >= (uint64_t)timeout_ns)) break;
    uint64_t left = timeout_ns < 0 ? nap : (uint64_t)timeout_ns - (now - began);
    uint64_t until = now + (nap < left ? nap : left);
    (void)objpool__signal_wait(&nobody, until);
    if (nap < OBJPOOL__LONGEST_NAP_NS) nap *= 2;
    now = objpool__now_ns();
    if (now < until) now = until; /* the clock cannot be read */
  }
  objpool__signal_unmake(&nobody);
  objpool__set_error(drained ? saved : state->alone ? EDEADLK : ETIMEDOUT);
  return drained;
}

/* ---- room: untyped >>untyped
   The operations without the type: for managers and bindings. One word of the pool tells whether its objects need no look but
   the inline ones: then a call takes seven instructions more than by its type. */

/* Acquire from a plain pool's slot. */
OBJPOOL__INLINE void *objpool__acquire_plain(objpool *pool, objpool__slot *slot, bool local, uint32_t apart,
                                             objpool__how how, int64_t timeout_ns) {
  void *object = objpool__take_from(slot, local);
  if (OBJPOOL__UNLIKELY(!object)) return objpool__acquire_slow(pool, NULL, how, timeout_ns);
  objpool__flip(objpool__tag(object, apart));
  OBJPOOL__SHOW(object, pool->state->as.type.size);
  return object;
}

/* The state of a pool of this copy that is plain but for its tags, which lie apart; or NULL. */
OBJPOOL__INLINE const objpool__state *objpool__plain_apart(const objpool *pool) {
  const objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  return state && state->home == &objpool__process && state->plain && state->blocks.apart ? state : NULL;
}

static __attribute__((__noinline__)) void *objpool__acquire_hooked(objpool *pool, objpool__how how, int64_t timeout_ns,
                                                                   const void *site) {
  objpool__state *state = objpool__state_of(pool, NULL);
  void *object = state ? objpool__acquire_by(pool, &state->as, state->describe, how, timeout_ns) : NULL;
  if (object && state->as.type.tracked) objpool__hold_begins(pool, object, site);
  return object;
}

static __attribute__((__noinline__)) void *objpool__acquire_untyped(objpool *pool, objpool__how how, int64_t timeout_ns,
                                                                    const void *site) {
  const objpool__state *plain = objpool__plain_apart(pool);
  if (!plain) return objpool__acquire_hooked(pool, how, timeout_ns, site);
  if (plain->alone) return objpool__acquire_plain(pool, &pool->own, true, plain->blocks.apart, how, timeout_ns);
  objpool__slot *slot = *(objpool__slot **)((uintptr_t)pool->table + OBJPOOL__ROW);
  return objpool__acquire_plain(pool, slot, false, plain->blocks.apart, how, timeout_ns);
}

/* False: it is no plain pool, or not in use yet. */
OBJPOOL__INLINE bool objpool__acquire_any(objpool *pool, objpool__how how, int64_t timeout_ns, void **object) {
  OBJPOOL__BRANCH(pool->kind, OBJPOOL__PLAIN_SHARED, alone, other); /* pairs with objpool__make_plain */
  *object = objpool__acquire_plain(pool, *(objpool__slot **)((uintptr_t)pool->table + OBJPOOL__ROW), false, 0, how,
                                   timeout_ns);
  return true;
alone:
  *object = objpool__acquire_plain(pool, &pool->own, true, 0, how, timeout_ns);
  return true;
other:
  return false;
}

OBJPOOL_API void *objpool_acquire(objpool *pool) {
  void *object = NULL;
  if (OBJPOOL__LIKELY(objpool__acquire_any(pool, OBJPOOL__ACQUIRE, 0, &object))) return object;
  return objpool__acquire_untyped(pool, OBJPOOL__ACQUIRE, 0, OBJPOOL__CALLER);
}

OBJPOOL_API void *objpool_try_acquire(objpool *pool) {
  void *object = NULL;
  if (OBJPOOL__LIKELY(objpool__acquire_any(pool, OBJPOOL__TRY, 0, &object))) return object;
  return objpool__acquire_untyped(pool, OBJPOOL__TRY, 0, OBJPOOL__CALLER);
}

OBJPOOL_API void *objpool_acquire_for(objpool *pool, int64_t timeout_ns) {
  void *object = NULL;
  if (OBJPOOL__LIKELY(objpool__acquire_any(pool, OBJPOOL__WAIT, timeout_ns, &object))) return object;
  return objpool__acquire_untyped(pool, OBJPOOL__WAIT, timeout_ns, OBJPOOL__CALLER);
}

static __attribute__((__noinline__)) void objpool__release_hooked(objpool *pool, void *object) {
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, NULL);
  if (!state) {
    if (!OBJPOOL__LOAD(pool->state)) objpool__reject(pool, NULL, object);
  } else if (state->describe) {
    objpool__release_by(pool, object, &state->as, state->describe);
  } else { /* its hooks are those of objpool_init */
    if (state->as.type.tracked) objpool__hold_ends(pool, object);
    if (objpool__claim_tag(state, object))
      objpool__release_claimed(state, NULL, object);
    else
      objpool__reject(pool, NULL, object);
  }
  objpool__set_error(saved);
}

static __attribute__((__noinline__)) void objpool__release_untyped(objpool *pool, void *object) {
  const objpool__state *plain = objpool__plain_apart(pool);
  if (!plain || !objpool__take_back(pool->key, object, objpool__tag(object, plain->blocks.apart))) {
    objpool__release_hooked(pool, object);
    return;
  }
  OBJPOOL__HIDE(object, plain->as.type.size);
  if (plain->alone)
    objpool__give(pool, object, true, NULL);
  else
    objpool__give(pool, object, false, NULL);
}

/* Marks a plain pool's object in use as idle, if the pool is this copy's. Nothing was done where neither stands. */
OBJPOOL__INLINE objpool__plainness objpool__take_back_plain(objpool *pool, void *object) {
  uintptr_t key = objpool__tag_of(pool->plain_key ^ (uintptr_t)&objpool__process, object);
  if (!OBJPOOL__CHECKED)
    return OBJPOOL__LIKELY(pool->plain_key != 0) ? OBJPOOL__PLAIN_SHARED : (objpool__plainness)pool->kind;
  /* a pool with tags apart is none, and before its objects lie the bytes of others: a look at those does no harm, if nobody sees it */
  if (OBJPOOL__WATCHED && !pool->plain_key) return OBJPOOL__NOT_PLAIN;
  if (OBJPOOL__LIKELY(!objpool__mix(&key, objpool__tag(object, 0)))) {
    objpool__flip(objpool__tag(object, 0));
    return OBJPOOL__PLAIN_SHARED;
  }
  if (OBJPOOL__UNLIKELY(key != OBJPOOL__ALONE_KEY)) return OBJPOOL__NOT_PLAIN;
  objpool__flip(objpool__tag(object, 0));
  return OBJPOOL__PLAIN_ALONE;
}

OBJPOOL_API void objpool_release(objpool *pool, void *object) {
  if (!object) return;
  objpool__plainness plainness = objpool__take_back_plain(pool, object);
  if (OBJPOOL__LIKELY(plainness == OBJPOOL__PLAIN_SHARED)) {
    OBJPOOL__HIDE(object, pool->state->as.type.size);
    objpool__give(pool, object, false, NULL);
  } else if (OBJPOOL__LIKELY(plainness == OBJPOOL__PLAIN_ALONE)) {
    OBJPOOL__HIDE(object, pool->state->as.type.size);
    objpool__give(pool, object, true, NULL);
  } else {
    objpool__release_untyped(pool, object);
  }
}

OBJPOOL_API void objpool_discard(objpool *pool, void *object) {
  if (!object) return;
  int saved = errno;
  objpool__state *state = objpool__state_of(pool, NULL);
  if (state)
    objpool__discard_by(pool, object, &state->as, state->describe);
  else if (!OBJPOOL__LOAD(pool->state))
    objpool__reject(pool, NULL, object);
  objpool__set_error(saved);
}

OBJPOOL__INLINE size_t objpool__acquire_each(objpool *pool, objpool__describe *describe, void **objects, size_t count,
                                             const void *site) {
  objpool__state *state = count > 0 ? objpool__state_of(pool, describe) : NULL;
  size_t got = 0;
  if (!state) return 0;
  for (void *object = NULL; got < count; objects[got++] = object) {
    if (OBJPOOL__UNLIKELY(!objpool__acquire_any(pool, OBJPOOL__ACQUIRE, 0, &object)))
      object = objpool__acquire_untyped(pool, OBJPOOL__ACQUIRE, 0, site);
    if (OBJPOOL__UNLIKELY(!object)) break;
  }
  return got;
}

OBJPOOL_API size_t objpool__acquire_many(objpool *pool, objpool__describe *describe, void **objects, size_t count) {
  return objpool__acquire_each(pool, describe, objects, count, NULL);
}

OBJPOOL_API size_t objpool__acquire_many_at(objpool *pool, objpool__describe *describe, void **objects, size_t count,
                                            const void *site) {
  return objpool__acquire_each(pool, describe, objects, count, site);
}

OBJPOOL_API size_t objpool_acquire_many(objpool *pool, void **objects, size_t count) {
  return objpool__acquire_each(pool, NULL, objects, count, OBJPOOL__CALLER);
}

OBJPOOL_API void objpool_release_many(objpool *pool, void *const *objects, size_t count) {
  for (size_t i = 0; i < count; i++) objpool_release(pool, objects[i]);
}

OBJPOOL_API void *objpool_context(const objpool *pool) {
  if (__atomic_load_n(&pool->state, __ATOMIC_ACQUIRE))
    return pool->context; /* pairs with objpool__publish: the context */
  errno = EINVAL;
  return NULL;
}

/* What typed functions inline where they are optimised, by the same description: that of the caller's file. */

OBJPOOL_API void *objpool__acquire_typed(objpool *pool, objpool__describe *describe, objpool__how how,
                                         int64_t timeout_ns, void *return_address) {
  objpool__description as = OBJPOOL__ZERO;
  describe(&as);
  return objpool__acquire_as(pool, as, describe, how, timeout_ns, objpool__call_before(return_address));
}

OBJPOOL_API void objpool__release_typed(objpool *pool, objpool__describe *describe, void *object) {
  objpool__description as = OBJPOOL__ZERO;
  describe(&as);
  objpool__release_as(pool, object, as, describe);
}

/* ---- room: statistics >>statistics
   Snapshots, resets, and the list of what there is to tell. */

/* All fields of objpool_stats, by their names in the formats, and the count that each is, or none of them. */
typedef struct objpool__field {
  const char *key;
  size_t offset;
  objpool__counter counter;
} objpool__field;

#define OBJPOOL__FIELD(name, counter) \
  { #name, offsetof(objpool_stats, name), counter }
static const objpool__field objpool__fields[] = {
    OBJPOOL__FIELD(acquires, OBJPOOL__ACQUIRES),     OBJPOOL__FIELD(releases, OBJPOOL__RELEASES),
    OBJPOOL__FIELD(hits, OBJPOOL__COUNTERS),         OBJPOOL__FIELD(misses, OBJPOOL__MISSES),
    OBJPOOL__FIELD(created, OBJPOOL__CREATED),       OBJPOOL__FIELD(destroyed, OBJPOOL__DESTROYED),
    OBJPOOL__FIELD(extracted, OBJPOOL__EXTRACTED),   OBJPOOL__FIELD(overflowed, OBJPOOL__OVERFLOWED),
    OBJPOOL__FIELD(invalid, OBJPOOL__INVALID),       OBJPOOL__FIELD(create_failures, OBJPOOL__FAILURES),
    OBJPOOL__FIELD(exhausted, OBJPOOL__EXHAUSTED),   OBJPOOL__FIELD(timeouts, OBJPOOL__TIMEOUTS),
    OBJPOOL__FIELD(waits, OBJPOOL__WAITS),           OBJPOOL__FIELD(wait_ns, OBJPOOL__WAIT_NS),
    OBJPOOL__FIELD(waiting, OBJPOOL__COUNTERS),      OBJPOOL__FIELD(in_use, OBJPOOL__COUNTERS),
    OBJPOOL__FIELD(idle, OBJPOOL__COUNTERS),         OBJPOOL__FIELD(peak_in_use, OBJPOOL__COUNTERS),
    OBJPOOL__FIELD(peak_idle, OBJPOOL__COUNTERS),    OBJPOOL__FIELD(refills, OBJPOOL__REFILLS),
    OBJPOOL__FIELD(flushes, OBJPOOL__FLUSHES),       OBJPOOL__FIELD(revocations, OBJPOOL__REVOCATIONS),
    OBJPOOL__FIELD(retired, OBJPOOL__COUNTERS),      OBJPOOL__FIELD(object_size, OBJPOOL__COUNTERS),
    OBJPOOL__FIELD(memory_bytes, OBJPOOL__COUNTERS), OBJPOOL__FIELD(max_idle, OBJPOOL__COUNTERS),
    OBJPOOL__FIELD(max_objects, OBJPOOL__COUNTERS),  OBJPOOL__FIELD(since_ns, OBJPOOL__COUNTERS),
    OBJPOOL__FIELD(now_ns, OBJPOOL__COUNTERS),       OBJPOOL__FIELD(expired, OBJPOOL__EXPIRED)};
#undef OBJPOOL__FIELD
enum { OBJPOOL__FIELDS = sizeof objpool__fields / sizeof *objpool__fields };
OBJPOOL__STATIC_ASSERT(OBJPOOL__FIELDS == sizeof(objpool_stats) / sizeof(uint64_t), "a field has no name");

/* What all have waited so far, those who wait now included; it never falls, but that of a local pool may for a moment where
   another thread looks. */
static uint64_t objpool__wait_ns(objpool__state *state, uint64_t *waiting) {
  uint64_t began_ns;
  size_t again;
  objpool__lock(
      &state->commons.lock); /* of a local pool there is none: then acquire, each, so that they fit together */
  do {
    *waiting = __atomic_load_n(&state->queue.waiting, __ATOMIC_ACQUIRE);
    began_ns = __atomic_load_n(&state->queue.began_ns, __ATOMIC_ACQUIRE);
    again = OBJPOOL__LOAD(state->queue.waiting);
  } while (again != *waiting);
  uint64_t running = *waiting ? *waiting * objpool__now_ns() - began_ns : 0;
  if (running > INT64_MAX) running = 0; /* one more has just joined, or the clock cannot be read */
  uint64_t sum = objpool__sum(state, OBJPOOL__WAIT_NS) + running;
  objpool__unlock(&state->commons.lock);
  return sum;
}

/* In a child, what other threads of the parent held or were moving is in use for good: it counts as acquired, and built. */
static void objpool__count_inherited(objpool_stats *stats) {
  stats->acquires = stats->in_use + stats->releases + stats->extracted;
  if (stats->misses > stats->acquires) stats->misses = stats->acquires;
  stats->created = stats->in_use + stats->idle + stats->destroyed + stats->extracted;
}

/* What was counted since the last reset. */
static void objpool__counts_since(objpool__state *state, objpool_stats *stats) {
  uint64_t counts[OBJPOOL__COUNTERS];
  for (int i = 0; i < OBJPOOL__COUNTERS; i++) { /* misses before acquires, both rise: hits are never negative */
    /* first: pairs with objpool_reset_stats */
    uint64_t since = __atomic_load_n(&state->counts.baseline[i], __ATOMIC_ACQUIRE);
    uint64_t sum =
        i == OBJPOOL__WAIT_NS ? objpool__wait_ns(state, &stats->waiting) : objpool__sum(state, (objpool__counter)i);
    counts[i] = sum > since ? sum - since : 0; /* an acquire that proved invalid is taken back */
  }
  for (unsigned i = 0; i < OBJPOOL__FIELDS; i++)
    if (objpool__fields[i].counter != OBJPOOL__COUNTERS)
      memcpy((char *)stats + objpool__fields[i].offset, &counts[objpool__fields[i].counter], sizeof(uint64_t));
}

OBJPOOL_API objpool_stats objpool_snapshot(const objpool *pool) {
  objpool_stats stats;
  int saved = errno;
  memset(&stats, 0, sizeof stats);
  stats.now_ns = objpool__now_ns();
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state) {
    errno = EINVAL;
    return stats;
  }
  if (!objpool__check(pool, state, NULL)) return stats;
  const objpool__counts *counts = &state->counts;
  size_t idle;
  stats.in_use = state->engine->look(state, &idle);
  stats.idle = idle;
  objpool__counts_since(state, &stats);
  if (OBJPOOL__COUNTED && counts->inherited && !OBJPOOL__LOAD(counts->baseline_set)) objpool__count_inherited(&stats);
  stats.hits = stats.acquires > stats.misses ? stats.acquires - stats.misses : 0;
  stats.peak_in_use = OBJPOOL__LOAD(counts->peak_in_use);
  stats.peak_idle = OBJPOOL__LOAD(counts->peak_idle);
  if (stats.peak_idle < idle) stats.peak_idle = idle;
  stats.object_size = state->as.type.size;
  stats.memory_bytes = OBJPOOL__LOAD(state->memory.bytes) + objpool__reserve_left(state->memory.allocator);
  stats.retired = OBJPOOL__LOAD(state->placing.retired);
  stats.max_idle = OBJPOOL__LOAD(state->limits.max_idle);
  stats.max_objects = OBJPOOL__LOAD(state->limits.max_objects);
  stats.since_ns = OBJPOOL__LOAD(counts->since_ns);
  objpool__set_error(saved);
  return stats;
}

OBJPOOL_API objpool_stats objpool__stats_of(const objpool *pool, size_t object_size) {
  objpool_stats stats = objpool_snapshot(pool);
  stats.object_size = object_size;
  return stats;
}

OBJPOOL_API objpool_histogram objpool_times(const objpool *pool, objpool_time what) {
  objpool_histogram none;
  memset(&none, 0, sizeof none);
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (state && !objpool__check(pool, state, NULL)) return none;
  bool known = what == OBJPOOL_TIME_WAIT || what == OBJPOOL_TIME_CREATE ||
               (what == OBJPOOL_TIME_USE && state && state->as.type.tracked);
  if (!state || !known) {
    errno = EINVAL;
    return none;
  }
  return objpool__times_now(state, what);
}

/* Since when the first in line has been waiting; UINT64_MAX: nobody is. relaxed: whoever comes now has not waited long. */
static uint64_t objpool__first_waits_since(const objpool__queue *queue) {
  uint64_t first_ns = OBJPOOL__LOAD(queue->first_ns);
  return first_ns ? first_ns : UINT64_MAX;
}

OBJPOOL_API void objpool_reset_stats(objpool *pool) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state || !objpool__check(pool, state, NULL)) return;
  objpool__counts *counts = &state->counts;
  uint64_t waiting;
  for (int i = 0; i < OBJPOOL__COUNTERS; i++) /* release: pairs with objpool_snapshot, whose sum is then no smaller */
    __atomic_store_n(&counts->baseline[i],
                     i == OBJPOOL__WAIT_NS ? objpool__wait_ns(state, &waiting)
                                           : objpool__sum(state, (objpool__counter)i),
                     __ATOMIC_RELEASE);
  objpool__times_restart(state);
  OBJPOOL__STORE(counts->baseline_set, true);
  OBJPOOL__STORE(counts->since_ns, objpool__now_ns());
  OBJPOOL__STORE(counts->peak_in_use, 0);
  OBJPOOL__STORE(counts->peak_idle, 0);
  size_t idle;
  size_t in_use = state->engine->look(state, &idle);
  objpool__raise(&counts->peak_in_use, in_use);
  objpool__raise(&counts->peak_idle, idle);
  state->engine->settle(state);
  for (objpool__cache *cache = objpool__all_slots(&state->slots); cache; cache = cache->next) {
    objpool__spin_lock(cache);
    cache->looked = (unsigned)(OBJPOOL__LOAD(cache->slot.acquires) - state->depot.rounds); /* the next visit looks */
    /* the next acquire asks: it ends a peak of idle, and may begin one of in_use */
    if (cache->openness == OBJPOOL__OPEN && !state->word && !cache->peak_pending) {
      OBJPOOL__STORE(cache->slot.base, objpool__end_of(&state->depot, cache));
      cache->idle_pending = true;
    }
    objpool__spin_unlock(cache);
  }
}

OBJPOOL_API double objpool_hit_rate(const objpool_stats *stats) {
  return stats->acquires ? (double)stats->hits / (double)stats->acquires : 0;
}

OBJPOOL_API double objpool_miss_rate(const objpool_stats *stats) {
  return stats->acquires ? (double)stats->misses / (double)stats->acquires : 0;
}

OBJPOOL_API uint64_t objpool_bytes_saved(const objpool_stats *stats) { return stats->hits * stats->object_size; }

/* ------------------------------------------------------------------------------------------------------- >>fleet */

/* ---- room: sums >>sums
   Many pools as one: the whole registry, and the classes of a set. */

/* Adds one pool to the sum; a limit is 0 if any has none. `first`: there was none before. */
static void objpool__sum_add(objpool_stats *sum, const objpool_stats *one, bool first) {
  objpool_stats before = *sum;
  uint64_t *into = (uint64_t *)(void *)sum; /* all its fields are uint64_t */
  const uint64_t *from = (const uint64_t *)(const void *)one;
  for (size_t i = 0; i < sizeof *sum / sizeof *into; i++) into[i] += from[i];
  sum->since_ns = !first && before.since_ns < one->since_ns ? before.since_ns : one->since_ns;
  sum->now_ns = one->now_ns;
  if (!one->max_idle || (!first && !before.max_idle)) sum->max_idle = 0;
  if (!one->max_objects || (!first && !before.max_objects)) sum->max_objects = 0;
}

OBJPOOL_API objpool_stats objpool_registry_snapshot(void) {
  objpool_stats sum;
  memset(&sum, 0, sizeof sum);
  objpool__registry_enter();
  for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next) {
    objpool_stats one = objpool_snapshot(state->pool);
    objpool__sum_add(&sum, &one, state == objpool__registry.first);
  }
  objpool__registry_leave();
  return sum;
}

/* ---- room: large buffers >>large
   Sets of buffers by size: each class is a pool, and what is larger than all of them is allocated for itself, and listed under
   the memory lock of the set's first class: no call waits there for an allocation, and a fork finds the list whole. */

/* Heads such an allocation. */
typedef struct objpool__large {
  struct objpool__large *next, *previous;
  size_t size;
  uintptr_t tag; /* last, where a pool's object has its own */
} objpool__large;
OBJPOOL__STATIC_ASSERT(sizeof(objpool__large) % (2 * sizeof(void *)) == 0, "its bytes are aligned");

enum { OBJPOOL__LARGE_ALIGNMENT = 16, OBJPOOL__LARGE_HEAD = 2 * 16 };
OBJPOOL__STATIC_ASSERT(sizeof(objpool__large) <= OBJPOOL__LARGE_HEAD, "it stands before the bytes");

static objpool__large *objpool__large_of(void *bytes) { return (objpool__large *)bytes - 1; }

/* No pool's object has this tag: one of the first class differs from its own in no bit above its place. */
static uintptr_t objpool__large_tag(uintptr_t key, const void *bytes) {
  return objpool__tag_of(key, bytes) ^ ((uintptr_t)OBJPOOL__TAG_BITS + 2);
}

/* The allocator that was configured: a reserve is for the class's own buffers. */
static objpool_allocator objpool__large_source(const objpool__memory *memory) {
  const objpool__reserved *reserved = objpool__reserved_of(&memory->allocator);
  return reserved ? reserved->source : memory->allocator;
}

/* Memory that nobody clears; NULL with ENOMEM. */
static void *objpool__large_allocate(const objpool__memory *memory, size_t size) {
  objpool_allocator allocator = objpool__large_source(memory);
  char *bytes = NULL;
  if (size > PTRDIFF_MAX - OBJPOOL__LARGE_HEAD)
    ;
  else if (allocator.allocate == objpool__default_allocate)
    bytes = (char *)objpool__system_allocate(size + OBJPOOL__LARGE_HEAD, OBJPOOL__LARGE_ALIGNMENT, false);
  else
    bytes = (char *)allocator.allocate(size + OBJPOOL__LARGE_HEAD, OBJPOOL__LARGE_ALIGNMENT, allocator.context);
  if (!bytes) errno = ENOMEM;
  return bytes ? bytes + OBJPOOL__LARGE_HEAD : NULL;
}

static void objpool__large_free(const objpool__memory *memory, void *bytes, size_t size) {
  objpool_allocator allocator = objpool__large_source(memory);
  allocator.deallocate((char *)bytes - OBJPOOL__LARGE_HEAD, size + OBJPOOL__LARGE_HEAD, OBJPOOL__LARGE_ALIGNMENT,
                       allocator.context);
}

/* Puts one into the list. Under the lock. */
static void objpool__large_add(objpool__sizes *sizes, uintptr_t key, void *bytes, size_t size) {
  objpool__large *large = objpool__large_of(bytes);
  large->size = size;
  large->tag = objpool__large_tag(key, bytes);
  large->previous = NULL;
  large->next = sizes->large;
  if (large->next) large->next->previous = large;
  sizes->large = large;
  sizes->bytes += size + OBJPOOL__LARGE_HEAD;
  sizes->acquires++;
  if (++sizes->in_use > sizes->peak) sizes->peak = sizes->in_use;
}

/* Whether it is in the list, and of that size. Under the lock. */
static bool objpool__is_large(uintptr_t key, objpool_buffer buffer) {
  const objpool__large *large = objpool__large_of(buffer.bytes);
  return large->tag == objpool__large_tag(key, buffer.bytes) && large->size == buffer.capacity;
}

/* Takes one out of the list; false: it is not there, or of another size. Under the lock. */
static bool objpool__large_remove(objpool__sizes *sizes, uintptr_t key, objpool_buffer buffer) {
  objpool__large *large = objpool__large_of(buffer.bytes);
  if (!objpool__is_large(key, buffer)) return false;
  *(large->previous ? &large->previous->next : &sizes->large) = large->next;
  if (large->next) large->next->previous = large->previous;
  large->tag = 0;
  sizes->bytes -= large->size + OBJPOOL__LARGE_HEAD;
  sizes->releases++;
  sizes->in_use--;
  return true;
}

OBJPOOL_API void *objpool__large_acquire(objpool__sizes *sizes, objpool *first, objpool__describe *describe,
                                         size_t size) {
  objpool__state *state = objpool__state_of(first, describe);
  if (!state) return NULL;
  void *bytes = objpool__large_allocate(&state->memory, size);
  objpool__lock(&state->memory.lock);
  if (bytes)
    objpool__large_add(sizes, state->key, bytes, size);
  else
    sizes->failures++;
  objpool__unlock(&state->memory.lock);
  return bytes;
}

/* Whether a class's pool has handed out such an object. */
OBJPOOL_API bool objpool__buffer_held(const objpool *pool, void *bytes) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  return state && objpool__tag_says(state, bytes, objpool__word_of(&state->blocks, bytes)) == 0;
}

/* Whether a release of one would be right. */
OBJPOOL_API bool objpool__large_held(objpool *first, objpool_buffer buffer) {
  objpool__state *state = __atomic_load_n(&first->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state) return false;
  objpool__lock(&state->memory.lock);
  bool held = objpool__is_large(state->key, buffer);
  objpool__unlock(&state->memory.lock);
  return held;
}

/* A buffer that is not the set's, or has another capacity than it was given. Told in the name of the set: a class is called
   by it and its size. */
OBJPOOL_API void objpool__buffer_rejected(objpool *first, objpool__describe *describe, objpool_buffer buffer) {
  const objpool__state *state = __atomic_load_n(&first->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  objpool__description as = OBJPOOL__ZERO;
  char name[128];
  describe(&as);
  size_t length = objpool__append(name, sizeof name, 0, state ? objpool__name_of(state) : as.called);
  while (state && length > 0 && name[length] != '/') length--;
  if (state && length > 0) name[length] = '\0';
  objpool__panic_about(name, "buffer", buffer.bytes, "is no buffer of this set, or its capacity was changed");
}

OBJPOOL_API void objpool__large_release(objpool__sizes *sizes, objpool *first, objpool__describe *describe,
                                        objpool_buffer buffer) {
  int saved = errno;
  objpool__state *state = __atomic_load_n(&first->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  bool ours = false;
  if (state) {
    objpool__lock(&state->memory.lock);
    ours = objpool__large_remove(sizes, state->key, buffer);
    objpool__unlock(&state->memory.lock);
  }
  if (ours)
    objpool__large_free(&state->memory, buffer.bytes, buffer.capacity);
  else
    objpool__buffer_rejected(first, describe, buffer);
  objpool__set_error(saved);
}

/* ---- room: sets >>sets
   The classes of a set, together. */

OBJPOOL_API bool objpool__sizes_init(objpool__sizes *sizes, objpool *classes, const size_t *capacities, size_t count,
                                     objpool__describe *const *describes, const objpool_config *config) {
  objpool_config own;
  for (size_t used = 0; used < count; used++) { /* before anything is touched */
    if (!objpool__is_in_use(&classes[used])) continue;
    errno = EINVAL;
    return false;
  }
  memset((void *)&own, 0, sizeof own);
  memset(sizes, 0, sizeof *sizes);
  memset((void *)classes, 0, count * sizeof *classes);
  if (config) own = *config;
  size_t size = own.name ? strlen(own.name) + 4 * sizeof size : 0;
  char *name = own.name ? (char *)malloc(size) : NULL;
  bool made = name || !own.name;
  size_t i = 0;
  for (; made && i < count; i += made) {
    if (name) objpool__name_class(name, size, config->name, capacities[i]);
    own.name = name;
    made = objpool__init(&classes[i], describes[i * OBJPOOL__NEXT_DESCRIBE], &own);
  }
  int error = errno;
  free(name);
  if (!made) objpool__sizes_destroy(sizes, classes, i);
  objpool__set_error(error);
  return made;
}

OBJPOOL_API void objpool__sizes_destroy(objpool__sizes *sizes, objpool *classes, size_t count) {
  objpool__state *state = count ? classes[0].state : NULL;
  if (state) objpool__report_leak(state, sizes->in_use);
  for (objpool__large *large = sizes->large, *next; large; large = next) {
    next = large->next;
    objpool__large_free(&state->memory, large + 1, large->size);
  }
  memset(sizes, 0, sizeof *sizes);
  for (size_t i = 0; i < count; i++) objpool_destroy(&classes[i]);
}

static bool objpool__class_was_used(const objpool *pool) {
  return OBJPOOL__LOAD(pool->state) != NULL; /* relaxed: objpool_snapshot reads it again */
}

static size_t objpool__class_idle(const objpool *pool) {
  return objpool__class_was_used(pool) ? (size_t)objpool_snapshot(pool).idle : 0;
}

OBJPOOL_API size_t objpool__sizes_trim(objpool *classes, const size_t *capacities, size_t count, size_t keep_bytes) {
  size_t idle_bytes = 0, gone = 0;
  for (size_t i = 0; i < count; i++) idle_bytes += objpool__class_idle(&classes[i]) * capacities[i];
  for (size_t i = count; i-- > 0 && idle_bytes > keep_bytes;) {
    size_t idle = objpool__class_idle(&classes[i]), excess = idle_bytes - keep_bytes;
    size_t most = excess / capacities[i] + (excess % capacities[i] != 0);
    if (!idle) continue;
    size_t bytes = objpool_trim(&classes[i], idle > most ? idle - most : 0) * capacities[i];
    idle_bytes -= bytes < idle_bytes ? bytes : idle_bytes;
    gone += bytes;
  }
  return gone;
}

OBJPOOL_API objpool_stats objpool__sizes_stats(const objpool__sizes *sizes, const objpool *classes, size_t count) {
  objpool_stats sum;
  memset(&sum, 0, sizeof sum);
  sum.now_ns = objpool__now_ns(); /* if no class was used yet */
  bool first = true;
  for (size_t i = 0; i < count; i++) {
    if (!objpool__class_was_used(&classes[i])) continue;
    objpool_stats one = objpool_snapshot(&classes[i]);
    objpool__sum_add(&sum, &one, first);
    first = false;
  }
  objpool__state *state = __atomic_load_n(&classes[0].state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  if (!state) return sum; /* so there was none that is larger than all */
  objpool__lock(&state->memory.lock);
  if (OBJPOOL__COUNTED) {
    sum.acquires += sizes->acquires;
    sum.misses += sizes->acquires;
    sum.created += sizes->acquires;
    sum.releases += sizes->releases;
    sum.destroyed += sizes->releases;
    sum.create_failures += sizes->failures;
    sum.peak_in_use += sizes->peak;
  }
  sum.in_use += sizes->in_use;
  sum.memory_bytes += sizes->bytes;
  objpool__unlock(&state->memory.lock);
  return sum;
}

/* ---- room: output >>output
   A writer with the rules of snprintf, and the formats on it; no stdio, no locale. */

typedef struct objpool__writer {
  char *buffer;
  size_t size, length;
} objpool__writer;

static void objpool__write(objpool__writer *out, const char *text, size_t length) {
  if (out->size > 0 && out->length < out->size - 1) {
    size_t room = out->size - 1 - out->length;
    memcpy(out->buffer + out->length, text, length < room ? length : room);
  }
  out->length += length;
}

static void objpool__text(objpool__writer *out, const char *text) { objpool__write(out, text, strlen(text)); }

static void objpool__decimal(objpool__writer *out, uint64_t number, unsigned digits) {
  char text[20];
  unsigned used = 0;
  do text[sizeof text - ++used] = (char)('0' + number % 10);
  while ((number /= 10) > 0 || used < digits);
  objpool__write(out, text + sizeof text - used, used);
}

/* number / 10^decimals */
static void objpool__fixed(objpool__writer *out, uint64_t number, unsigned decimals) {
  uint64_t unit = 1;
  for (unsigned i = 0; i < decimals; i++) unit *= 10;
  objpool__decimal(out, number / unit, 1);
  objpool__text(out, ".");
  objpool__decimal(out, number % unit, decimals);
}

static void objpool__line(objpool__writer *out, const char *before, uint64_t number, const char *after) {
  objpool__text(out, before);
  objpool__decimal(out, number, 1);
  objpool__text(out, after);
}

/* Bytes of the well-formed UTF-8 character at `text`, 0 if it is none (Unicode 15, table 3-7). */
static unsigned objpool__utf8(const unsigned char *text) {
  unsigned char first = text[0];
  if (first < 0x80) return 1;
  unsigned more = first >= 0xc2 && first <= 0xdf   ? 1
                  : first >= 0xe0 && first <= 0xef ? 2
                  : first >= 0xf0 && first <= 0xf4 ? 3
                                                   : 0;
  for (unsigned i = 1; i <= more; i++) {
    unsigned char low = 0x80, high = 0xbf;
    if (i == 1) {
      if (first == 0xe0) low = 0xa0;
      if (first == 0xed) high = 0x9f;
      if (first == 0xf0) low = 0x90;
      if (first == 0xf4) high = 0x8f;
    }
    if (text[i] < low || text[i] > high) return 0; /* the terminating 0 too: never reads beyond it */
  }
  return more ? more + 1 : 0;
}

/* A name between quotes: both formats escape quote, backslash and newline alike, JSON the other control characters too. */
static void objpool__quote(objpool__writer *out, const char *name, objpool_format_kind kind) {
  const unsigned char *text = (const unsigned char *)name;
  while (*text) {
    unsigned bytes = objpool__utf8(text);
    if (!bytes)
      objpool__text(out, "\xef\xbf\xbd"), bytes = 1;
    else if (kind != OBJPOOL_TEXT && (*text == '"' || *text == '\\'))
      objpool__text(out, "\\"), objpool__write(out, (const char *)text, 1);
    else if (kind != OBJPOOL_TEXT && *text == '\n')
      objpool__text(out, "\\n");
    else if (kind == OBJPOOL_JSON && *text < 0x20) {
      char escape[7] = {'\\', 'u', '0', '0', (char)('0' + (*text >> 4)), "0123456789abcdef"[*text & 15], 0};
      objpool__text(out, escape);
    } else
      objpool__write(out, (const char *)text, bytes);
    text += bytes;
  }
}

typedef struct objpool__shown {
  const char *name; /* lives while the registry is held */
  objpool_stats stats;
  uint64_t invalid, discarded, cleared; /* what destroyed is made of, beside overflowed and expired */
  uint64_t idle_min, slack;
  objpool_histogram times[OBJPOOL__TIMES];
  bool takes[OBJPOOL__TIMES]; /* which times it takes */
  objpool_hold longest;       /* of a tracked pool: what has been in use for longest, if anything is */
} objpool__shown;

/* A snapshot under load is not one instant: never below 0. */
static uint64_t objpool__less(uint64_t all, uint64_t part) { return all > part ? all - part : 0; }

/* Bytes that are held but in nobody's hands: idle objects, free cells, what stands before each, caches, the pool's own state. */
static uint64_t objpool__slack_of(const objpool_stats *stats) {
  return objpool__less(stats->memory_bytes, stats->in_use * stats->object_size);
}

static void objpool__fill_row(objpool__shown *row, const char *name, const objpool *pool) {
  memset(row, 0, sizeof *row);
  row->name = name;
  row->stats = objpool_snapshot(pool);
  if (!row->stats.object_size) return;                                     /* not used yet, or another copy's */
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  uint64_t before = __atomic_load_n(&state->counts.baseline[OBJPOOL__DISCARDED], __ATOMIC_ACQUIRE); /* as a snapshot */
  row->discarded = objpool__less(objpool__sum(state, OBJPOOL__DISCARDED), before);
  row->invalid = objpool__less(row->stats.invalid, row->discarded);
  row->cleared = objpool__less(row->stats.destroyed, row->stats.invalid + row->stats.overflowed + row->stats.expired);
  row->idle_min = objpool__min_idle(&state->config);
  row->slack = objpool__slack_of(&row->stats);
  row->takes[OBJPOOL_TIME_WAIT] = true;
  row->takes[OBJPOOL_TIME_CREATE] = state->as.type.create != NULL;
  row->takes[OBJPOOL_TIME_USE] = state->as.type.tracked;
  if (!objpool__held_longest(state, &row->longest)) memset(&row->longest, 0, sizeof row->longest);
  for (int what = 0; what < OBJPOOL__TIMES; what++) row->times[what] = objpool__times_now(state, (objpool_time)what);
}

static uint64_t objpool__per_million(uint64_t part, uint64_t whole) {
  if (part >= whole) return whole ? 1000000 : 0;
  return (uint64_t)((double)part * 1e6 / (double)whole + 0.5);
}

static uint64_t objpool__value_at(const void *from, size_t offset) {
  uint64_t value;
  memcpy(&value, (const char *)from + offset, sizeof value);
  return value;
}

/* Where it was acquired, as an address in a module where the system tells. */
static void objpool__format_site(objpool__writer *out, const objpool_hold *hold, objpool_format_kind kind) {
  char text[128];
  objpool__append_site(text, sizeof text, 0, hold->site, false);
  objpool__quote(out, text, kind);
}

static void objpool__json_longest(objpool__writer *out, const objpool_hold *hold) {
  objpool__line(out, ",\"longest_held\":{\"held_ns\":", hold->held_ns, ",\"site\":\"");
  objpool__format_site(out, hold, OBJPOOL_JSON);
  objpool__line(out, "\",\"thread\":", hold->thread, ",\"uses\":");
  objpool__line(out, "", hold->uses, "}");
}

static void objpool__json_time(objpool__writer *out, const char *what, const objpool_histogram *times) {
  objpool__text(out, ",\"");
  objpool__text(out, what);
  objpool__text(out, "_times\":{\"count\":");
  objpool__decimal(out, times->count, 1);
  objpool__text(out, ",\"sum_ns\":");
  objpool__decimal(out, times->sum_ns, 1);
  for (int i = 0; i < OBJPOOL__BUCKETS; i++) {
    objpool__text(out, i ? "," : ",\"buckets\":[");
    objpool__decimal(out, times->buckets[i], 1);
  }
  objpool__text(out, "]}");
}

static void objpool__format_json(objpool__writer *out, const objpool__shown *row) {
  const objpool_stats *s = &row->stats;
  objpool__text(out, "{\"name\":\"");
  objpool__quote(out, row->name, OBJPOOL_JSON);
  objpool__text(out, "\"");
  for (size_t i = 0; i < OBJPOOL__FIELDS; i++) {
    objpool__text(out, ",\"");
    objpool__text(out, objpool__fields[i].key);
    objpool__text(out, "\":");
    objpool__decimal(out, objpool__value_at(s, objpool__fields[i].offset), 1);
  }
  objpool__text(out, ",\"hit_rate\":");
  objpool__fixed(out, objpool__per_million(s->hits, s->acquires), 6);
  objpool__text(out, ",\"miss_rate\":");
  objpool__fixed(out, objpool__per_million(s->misses, s->acquires), 6);
  objpool__line(out, ",\"slack_bytes\":", row->slack, "");
  objpool__line(out, ",\"idle_min\":", row->idle_min, "");
  objpool__line(out, ",\"discarded\":", row->discarded, "");
  objpool__line(out, ",\"cleared\":", row->cleared, "");
  static const char *const whats[] = {"wait", "create", "use"};
  for (int what = 0; what < OBJPOOL__TIMES; what++)
    if (row->takes[what]) objpool__json_time(out, whats[what], &row->times[what]);
  if (row->longest.object) objpool__json_longest(out, &row->longest);
  objpool__text(out, "}");
}

/* One sample line per value. */
typedef struct objpool__metric {
  const char *family, *type, *help, *label, *label_value;
  size_t offset; /* of the value in objpool__shown */
  bool limit;    /* one of 0 is none, and has no series */
} objpool__metric;

#define OBJPOOL__FIELD(field) (offsetof(objpool__shown, stats) + offsetof(objpool_stats, field))
static const objpool__metric objpool__metrics[] = {
    {"objpool_objects", "gauge", "Objects alive, by state.", "state", "idle", OBJPOOL__FIELD(idle), false},
    {"objpool_objects", "gauge", "", "state", "used", OBJPOOL__FIELD(in_use), false},
    {"objpool_objects_max", "gauge", "Objects allowed alive at once.", NULL, NULL, OBJPOOL__FIELD(max_objects), true},
    {"objpool_idle_max", "gauge", "Idle objects kept.", NULL, NULL, OBJPOOL__FIELD(max_idle), true},
    {"objpool_idle_min", "gauge", "Idle objects that maintenance keeps at least.", NULL, NULL,
     offsetof(objpool__shown, idle_min), true},
    {"objpool_objects_peak", "gauge", "Most objects in use at once since the last reset.", NULL, NULL,
     OBJPOOL__FIELD(peak_in_use), false},
    {"objpool_acquires_total", "counter", "Attempts to acquire, by result.", "result", "hit", OBJPOOL__FIELD(hits),
     false},
    {"objpool_acquires_total", "counter", "", "result", "miss", OBJPOOL__FIELD(misses), false},
    {"objpool_acquires_total", "counter", "", "result", "exhausted", OBJPOOL__FIELD(exhausted), false},
    {"objpool_acquires_total", "counter", "", "result", "timeout", OBJPOOL__FIELD(timeouts), false},
    {"objpool_acquires_total", "counter", "", "result", "failed", OBJPOOL__FIELD(create_failures), false},
    {"objpool_releases_total", "counter", "Objects given back.", NULL, NULL, OBJPOOL__FIELD(releases), false},
    {"objpool_created_objects_total", "counter", "Objects built.", NULL, NULL, OBJPOOL__FIELD(created), false},
    {"objpool_destroyed_objects_total", "counter", "Objects taken down, by reason.", "reason", "invalid",
     offsetof(objpool__shown, invalid), false},
    {"objpool_destroyed_objects_total", "counter", "", "reason", "discarded", offsetof(objpool__shown, discarded),
     false},
    {"objpool_destroyed_objects_total", "counter", "", "reason", "overflow", OBJPOOL__FIELD(overflowed), false},
    {"objpool_destroyed_objects_total", "counter", "", "reason", "expired", OBJPOOL__FIELD(expired), false},
    {"objpool_destroyed_objects_total", "counter", "", "reason", "cleared", offsetof(objpool__shown, cleared), false},
    {"objpool_extracted_objects_total", "counter", "Objects moved out for good.", NULL, NULL, OBJPOOL__FIELD(extracted),
     false},
    {"objpool_waiting", "gauge", "Acquires waiting now.", NULL, NULL, OBJPOOL__FIELD(waiting), false},
    {"objpool_memory_bytes", "gauge", "Bytes held from the allocator.", NULL, NULL, OBJPOOL__FIELD(memory_bytes),
     false},
    {"objpool_slack_bytes", "gauge", "Bytes held beside those of objects in use.", NULL, NULL,
     offsetof(objpool__shown, slack), false},
    {"objpool_cache_operations_total", "counter", "Traffic between thread caches and the shared part, by kind.", "kind",
     "refill", OBJPOOL__FIELD(refills), false},
    {"objpool_cache_operations_total", "counter", "", "kind", "flush", OBJPOOL__FIELD(flushes), false},
    {"objpool_cache_operations_total", "counter", "", "kind", "revocation", OBJPOOL__FIELD(revocations), false}};
#undef OBJPOOL__FIELD

/* The times of a pool, as histograms. */
static const struct objpool__timing {
  const char *family, *help;
  objpool_time what;
} objpool__timings[] = {
    {"objpool_wait_seconds", "How long acquires waited for an object.", OBJPOOL_TIME_WAIT},
    {"objpool_create_seconds", "How long the create hook took.", OBJPOOL_TIME_CREATE},
    {"objpool_use_seconds", "How long objects were in use.", OBJPOOL_TIME_USE},
};

static void objpool__format_head(objpool__writer *out, const char *family, const char *help, const char *type) {
  const char *const words[] = {"# HELP ", family, " ", help, "\n# TYPE ", family, " ", type, "\n"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) objpool__text(out, words[i]);
}

/* The name of a series up to the value of its label; label NULL: all of it. */
static void objpool__format_series(objpool__writer *out, const char *family, const char *suffix, const char *pool,
                                   const char *label) {
  objpool__text(out, family);
  objpool__text(out, suffix);
  objpool__text(out, "{pool=\"");
  objpool__quote(out, pool, OBJPOOL_PROMETHEUS);
  if (label) {
    objpool__text(out, "\",");
    objpool__text(out, label);
    objpool__text(out, "=\"");
  } else
    objpool__text(out, "\"} ");
}

/* Buckets of Prometheus are sums: each counts all that took at most so long. */
static void objpool__format_timing(objpool__writer *out, const struct objpool__timing *timing,
                                   const objpool__shown *row) {
  const objpool_histogram *times = &row->times[timing->what];
  uint64_t sum = 0, bound_us = 1;
  for (int i = 0; i < OBJPOOL__BUCKETS; i++, bound_us *= 4) {
    sum += times->buckets[i];
    objpool__format_series(out, timing->family, "_bucket", row->name, "le");
    if (i < OBJPOOL__BUCKETS - 1)
      objpool__fixed(out, bound_us, 6);
    else
      objpool__text(out, "+Inf");
    objpool__line(out, "\"} ", sum, "\n");
  }
  objpool__format_series(out, timing->family, "_sum", row->name, NULL);
  objpool__fixed(out, times->sum_ns, 9);
  objpool__text(out, "\n");
  objpool__format_series(out, timing->family, "_count", row->name, NULL);
  objpool__line(out, "", times->count, "\n");
}

static void objpool__format_timings(objpool__writer *out, const objpool__shown *rows, size_t count) {
  for (size_t i = 0; i < sizeof objpool__timings / sizeof *objpool__timings; i++) {
    const struct objpool__timing *timing = &objpool__timings[i];
    bool headed = false;
    for (size_t row = 0; row < count; row++) {
      if (!rows[row].takes[timing->what]) continue;
      if (!headed) objpool__format_head(out, timing->family, timing->help, "histogram");
      headed = true;
      objpool__format_timing(out, timing, &rows[row]);
    }
  }
}

/* A gauge of tracked pools: a histogram knows only of what has ended. */
static void objpool__format_longest(objpool__writer *out, const objpool__shown *rows, size_t count) {
  const char *family = "objpool_longest_use_seconds";
  bool headed = false;
  for (size_t row = 0; row < count; row++) {
    if (!rows[row].takes[OBJPOOL_TIME_USE]) continue;
    if (!headed) objpool__format_head(out, family, "How long what is in use has been so at most.", "gauge");
    headed = true;
    objpool__format_series(out, family, "", rows[row].name, NULL);
    objpool__fixed(out, rows[row].longest.held_ns, 9);
    objpool__text(out, "\n");
  }
}

static void objpool__format_prometheus(objpool__writer *out, const objpool__shown *rows, size_t count) {
  const size_t metrics = sizeof objpool__metrics / sizeof *objpool__metrics;
  for (size_t begin = 0, end; begin < metrics; begin = end) {
    const objpool__metric *family = &objpool__metrics[begin];
    bool headed = false;
    for (end = begin + 1; end < metrics && objpool__metrics[end].family == family->family; end++) {}
    for (size_t row = 0; row < count; row++) {
      for (const objpool__metric *metric = family; metric < &objpool__metrics[end]; metric++) {
        uint64_t value = objpool__value_at(&rows[row], metric->offset);
        if (metric->limit && !value) continue;
        if (!headed) objpool__format_head(out, family->family, family->help, family->type);
        headed = true;
        objpool__format_series(out, metric->family, "", rows[row].name, metric->label);
        if (metric->label) {
          objpool__text(out, metric->label_value);
          objpool__text(out, "\"} ");
        }
        objpool__line(out, "", value, "\n");
      }
    }
  }
  objpool__format_timings(out, rows, count);
  objpool__format_longest(out, rows, count);
}

static void objpool__format_text(objpool__writer *out, const objpool__shown *row) {
  const objpool_stats *s = &row->stats;
  objpool__quote(out, row->name, OBJPOOL_TEXT);
  objpool__text(out, ": ");
  objpool__decimal(out, s->in_use, 1);
  objpool__text(out, " in use, ");
  objpool__decimal(out, s->idle, 1);
  objpool__text(out, " idle, hit rate ");
  objpool__fixed(out, objpool__per_million(s->hits, s->acquires) / 1000, 1);
  objpool__text(out, " %, ");
  objpool__decimal(out, s->memory_bytes, 1);
  objpool__text(out, " bytes\n");
}

static int objpool__finish(objpool__writer *out) {
  if (out->size) out->buffer[out->length < out->size ? out->length : out->size - 1] = '\0';
  if (out->length > (size_t)__INT_MAX__) {
    errno = EOVERFLOW;
    return -1;
  }
  return (int)out->length;
}

/* The length of the text, which is written as far as it fits; negative with ENOMEM or EINVAL. */
OBJPOOL_API int objpool_format(const objpool *pool, objpool_format_kind kind, char *buffer, size_t size) {
  objpool__writer out = {buffer, buffer ? size : 0, 0};
  if (kind != OBJPOOL_TEXT && kind != OBJPOOL_JSON && kind != OBJPOOL_PROMETHEUS) {
    errno = EINVAL;
    return -1;
  }
  objpool__shown one;
  memset(&one, 0, sizeof one);
  objpool__shown *rows = &one;
  size_t count = 1;
  const char *name = pool ? objpool_name(pool) : NULL; /* without the lock: what is no pool is told here */
  objpool__registry_enter();                           /* names and pools stay while they are read */
  if (pool) {
    objpool__fill_row(&one, name, pool);
  } else {
    count = 0;
    for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next) count++;
    rows = (objpool__shown *)malloc((count + 1) * sizeof *rows);
    if (!rows) {
      objpool__registry_leave();
      errno = ENOMEM;
      return -1;
    }
    count = 0;
    for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next) {
      objpool__fill_row(&rows[count++], state->name, state->pool);
    }
  }
  if (kind == OBJPOOL_PROMETHEUS)
    objpool__format_prometheus(&out, rows, count);
  else {
    if (!pool && kind == OBJPOOL_JSON) objpool__text(&out, "{\"pools\":[");
    for (size_t i = 0; i < count; i++) {
      if (i && kind == OBJPOOL_JSON) objpool__text(&out, ",");
      if (kind == OBJPOOL_JSON)
        objpool__format_json(&out, &rows[i]);
      else
        objpool__format_text(&out, &rows[i]);
    }
    if (!pool && kind == OBJPOOL_JSON) objpool__text(&out, "]}");
  }
  objpool__registry_leave();
  if (rows != &one) free(rows);
  return objpool__finish(&out);
}

static void objpool__percent(objpool__writer *out, uint64_t part, uint64_t whole) {
  objpool__fixed(out, (objpool__per_million(part, whole) + 500) / 1000, 1);
  objpool__text(out, " %");
}

static void objpool__count_of(objpool__writer *out, uint64_t number, const char *one, const char *several) {
  objpool__line(out, "", number, number == 1 ? one : several);
}

/* With fewer tries than this the numbers are an accident. */
enum { OBJPOOL__ENOUGH_TRIES = 100 };

static bool objpool__all_are_held(const objpool_stats *s) {
  return s->waiting && s->max_objects && s->in_use >= s->max_objects;
}

static void objpool__recommend_holders(objpool__writer *out, const objpool_stats *s) {
  objpool__text(out, "see who holds the objects, or raise max_objects: ");
  if (s->in_use == 1)
    objpool__text(out, "the only one is in use, and ");
  else
    objpool__line(out, "all ", s->in_use, " are in use, and ");
  objpool__count_of(out, s->waiting, " acquire waits.", " acquires wait.");
}

/* What so few numbers say. */
static void objpool__recommend_early(objpool__writer *out, const objpool_stats *s, uint64_t tries) {
  if (objpool__all_are_held(s)) {
    objpool__recommend_holders(out, s);
  } else if (tries) {
    objpool__count_of(out, tries, " acquire is", " acquires are");
    objpool__text(out, " too few to go by.");
  } else if (s->waiting) { /* what create refused is tried again */
    objpool__text(out, "look at create, how long it takes and whether it refuses: ");
    objpool__count_of(out, s->waiting, " acquire waits for it.", " acquires wait for it.");
  } else
    objpool__text(out, "no objects were acquired yet; nothing to go by.");
}

static void objpool__recommend_warmup(objpool__writer *out, const objpool_stats *s, const char *before,
                                      const char *after) {
  objpool__text(out, before);
  objpool__count_of(out, s->peak_in_use, " object", " objects");
  objpool__text(out, after);
}

/* More than one acquire in a hundred was refused, or more than one in ten waited. */
static void objpool__recommend_cap(objpool__writer *out, const objpool_stats *s, const char *why) {
  if (!s->max_objects) { /* what create refused is tried again */
    objpool__text(out,
                  "look at create, how long it takes and whether it refuses: it is no cap that acquires wait for.");
  } else if (s->in_use == s->acquires && s->in_use >= s->max_objects) {
    objpool__text(out, "see who holds the objects: none was ever given back.");
  } else {
    objpool__line(out, "raise max_objects to about ", s->max_objects + s->max_objects / 2 + 1, why);
  }
}

/* Whether most new objects were built in place of what was trimmed or cleared: no more can be than are new beyond the peak. */
static bool objpool__is_trimmed_too_soon(const objpool_stats *s) {
  uint64_t others = s->overflowed + s->invalid + s->expired, half = s->misses / 2;
  return s->destroyed > others + half && s->misses > s->peak_in_use + half;
}

/* What the numbers say about the size: the first that applies. */
static void objpool__recommend(objpool__writer *out, const objpool_stats *s) {
  uint64_t tries = s->acquires + s->create_failures + s->exhausted + s->timeouts;
  uint64_t peak = s->peak_in_use, ample = peak + peak / 4 + 1, most_idle = ample;
  if (s->max_objects && most_idle > s->max_objects) most_idle = s->max_objects;
  uint64_t replaced = s->invalid + s->extracted + s->expired;
  bool many_missed = s->misses > s->acquires / 100;
  objpool__text(out, "Recommendation: ");
  if (tries < OBJPOOL__ENOUGH_TRIES)
    objpool__recommend_early(out, s, tries);
  else if (s->create_failures > tries / 100)
    objpool__text(out, "look at create and at memory: more than one acquire in a hundred could not build an object.");
  else if (s->exhausted + s->timeouts > tries / 100)
    objpool__recommend_cap(out, s, ": the cap refused more than one acquire in a hundred.");
  else if (s->waits > tries / 10)
    objpool__recommend_cap(out, s, ": more than one acquire in ten waited.");
  else if (objpool__all_are_held(s)) /* however few waited before */
    objpool__recommend_holders(out, s);
  else if (s->overflowed > s->acquires / 20)
    objpool__line(out, "raise max_idle to ", most_idle, ": objects are destroyed only to be created again.");
  else if (replaced > s->misses / 2 && many_missed)
    objpool__text(out, "keep the size: most new objects replace what was invalid, discarded, expired or extracted.");
  else if (many_missed && objpool__is_trimmed_too_soon(s))
    objpool__text(out, "trim less, or raise min_idle: most new objects replace what was trimmed or cleared.");
  else if (s->misses > s->acquires / 10 && peak)
    objpool__recommend_warmup(out, s, "warm up ", ": more than one acquire in ten created one.");
  else if (s->idle + s->in_use > 4 * ample)
    objpool__line(out, "set max_idle to ", ample,
                  ", warmup and min_idle to no more, or trim: most objects were never in use at once.");
  else if (s->waits)
    objpool__text(out, "keep the size: at most one acquire in ten waited.");
  else if (!s->misses)
    objpool__text(out, "keep the size: every acquire found an idle object.");
  else if (!peak || replaced >= s->misses)
    objpool__text(out, "keep the size.");
  else
    objpool__recommend_warmup(out, s, "keep the size; warm up ", " to avoid the first misses.");
  objpool__text(out, "\n");
}

/* Nothing where nothing was timed. */
static void objpool__report_times(objpool__writer *out, const objpool *pool, objpool_time what, const char *before) {
  objpool_histogram times = objpool_times(pool, what);
  if (!times.count) return;
  objpool__text(out, before);
  objpool__text(out, "half took at most ");
  objpool__fixed(out, (uint64_t)(objpool_quantile(&times, 0.5) / 100), 1);
  objpool__text(out, " us, 99 in 100 at most ");
  objpool__fixed(out, (uint64_t)(objpool_quantile(&times, 0.99) / 100), 1);
  objpool__text(out, " us");
}

/* Of a tracked pool: how long uses took, and who has had an object for longest. */
static void objpool__report_uses(objpool__writer *out, const objpool *pool) {
  objpool__state *state = __atomic_load_n(&pool->state, __ATOMIC_ACQUIRE); /* pairs with objpool__publish */
  objpool_hold hold;
  if (!state || !objpool__check(pool, state, NULL) || !state->as.type.tracked) return;
  objpool__report_times(out, pool, OBJPOOL_TIME_USE, "\n  uses        of those that ended, ");
  if (!objpool__held_longest(state, &hold)) return;
  objpool__text(out, "\n  held        longest for ");
  objpool__fixed(out, hold.held_ns / 100000, 1);
  objpool__text(out, " ms, acquired at ");
  objpool__format_site(out, &hold, OBJPOOL_TEXT);
  objpool__line(out, " by thread ", hold.thread, "");
}

OBJPOOL_API int objpool_report(const objpool *pool, char *buffer, size_t size) {
  objpool__writer out = {buffer, buffer ? size : 0, 0};
  objpool_stats s = objpool_snapshot(pool);
  uint64_t tries = s.acquires + s.create_failures + s.exhausted + s.timeouts;
  objpool__text(&out, "pool ");
  objpool__quote(&out, objpool_name(pool), OBJPOOL_TEXT);
  objpool__line(&out, "\n  objects     ", s.in_use, " in use (peak ");
  objpool__line(&out, "", s.peak_in_use, "), ");
  objpool__line(&out, "", s.idle, " idle (peak ");
  objpool__line(&out, "", s.peak_idle, ")");
  if (s.max_objects) {
    objpool__line(&out, ", cap ", s.max_objects, " (");
    objpool__percent(&out, s.in_use, s.max_objects);
    objpool__text(&out, " used)");
  }
  if (s.max_idle) objpool__line(&out, ", idle cap ", s.max_idle, "");
  objpool__line(&out, "\n  acquires    ", s.acquires, ": hits ");
  objpool__percent(&out, s.hits, s.acquires);
  objpool__text(&out, ", misses ");
  objpool__percent(&out, s.misses, s.acquires);
  objpool__line(&out, "; releases ", s.releases, "");
  objpool__line(&out, "\n  refused     ", s.create_failures + s.exhausted + s.timeouts, " (");
  objpool__percent(&out, s.create_failures + s.exhausted + s.timeouts, tries);
  objpool__line(&out, "): ", s.create_failures, " failed, ");
  objpool__line(&out, "", s.exhausted, " exhausted, ");
  objpool__line(&out, "", s.timeouts, " timed out");
  objpool__line(&out, "\n  waits       ", s.waits, " (");
  objpool__percent(&out, s.waits, s.acquires + s.timeouts);
  objpool__text(&out, " of acquires), average ");
  objpool__fixed(&out, s.waits ? s.wait_ns / s.waits / 100 : 0, 1);
  objpool__line(&out, " us; waiting now ", s.waiting, "");
  objpool__report_times(&out, pool, OBJPOOL_TIME_WAIT, "; of those that ended, ");
  objpool__line(&out, "\n  life        ", s.created, " created, ");
  objpool__line(&out, "", s.destroyed, " destroyed (");
  objpool__line(&out, "", s.overflowed, " over max_idle, ");
  objpool__line(&out, "", s.invalid, " invalid, ");
  objpool__line(&out, "", s.expired, " expired), ");
  objpool__line(&out, "", s.extracted, " extracted");
  objpool__report_times(&out, pool, OBJPOOL_TIME_CREATE, "\n  creates     ");
  objpool__report_uses(&out, pool);
  objpool__line(&out, "\n  caches      ", s.refills, " refills, ");
  objpool__line(&out, "", s.flushes, " flushes, ");
  objpool__line(&out, "", s.revocations, " revocations");
  objpool__line(&out, "\n  memory      ", s.memory_bytes, " bytes held, ");
  objpool__line(&out, "", objpool__slack_of(&s), " of them slack (idle objects ");
  objpool__line(&out, "", s.idle * s.object_size, "; the rest are free cells, heads and caches); objects of ");
  objpool__line(&out, "", s.object_size, " bytes, ");
  objpool__line(&out, "", objpool_bytes_saved(&s), " bytes not allocated anew\n");
  objpool__recommend(&out, &s);
  return objpool__finish(&out);
}

/* ---- room: pressure >>pressure
   The worst of what the machine and this control group report; what cannot be read counts as none. */

static struct {
  objpool_pressure (*read)(void *);
  void *user;
  objpool_pressure known; /* what the files said last, and when; 0: never */
  uint64_t known_ns;
} objpool__pressure_source; /* under the registry's lock */

/* Reads a small file of the system into `text` (always terminated); 0 bytes if it cannot. */
static size_t objpool__read(const char *directory, const char *name, char *text, size_t size) {
  char path[512];
  objpool__writer out = {path, sizeof path, 0};
  text[0] = 0;
  objpool__text(&out, OBJPOOL__PRESSURE_ROOT);
  objpool__text(&out, directory);
  objpool__text(&out, name);
  if (out.length >= sizeof path) return 0;
  path[out.length] = 0;
  return objpool__read_file(path, text, size);
}

/* The share of the last ten seconds in which some, or all, tasks stalled for memory: "some avg10=1.23 avg60=…\nfull avg10=…" */
static objpool_pressure objpool__pressure_of(const char *text) {
  objpool_pressure found = OBJPOOL_PRESSURE_NONE;
  for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    bool full = !strncmp(line, "full avg10=", 11);
    if (!full && strncmp(line, "some avg10=", 11) != 0) continue;
    unsigned percent = 0;
    for (const char *digit = line + 11; *digit >= '0' && *digit <= '9' && percent < 1000; digit++)
      percent = percent * 10 + (unsigned)(*digit - '0');
    if (percent >= 10 && (full || found == OBJPOOL_PRESSURE_NONE))
      found = full ? OBJPOOL_PRESSURE_FULL : OBJPOOL_PRESSURE_SOME;
  }
  return found;
}

static uint64_t objpool__parse(const char *text) {
  uint64_t number = 0;
  if (*text < '0' || *text > '9') return UINT64_MAX; /* "max", or nothing */
  for (; *text >= '0' && *text <= '9'; text++) {
    if (number > UINT64_MAX / 10 - 1) return UINT64_MAX - 1; /* more than any machine has */
    number = number * 10 + (uint64_t)(*text - '0');
  }
  return number;
}

static objpool_pressure objpool__pressure_files(void) {
  char text[1024], group[400];
  objpool_pressure worst = OBJPOOL_PRESSURE_NONE, found;
  if (objpool__read("/proc/pressure/memory", "", text, sizeof text)) worst = objpool__pressure_of(text);
  if (!objpool__read("/proc/self/cgroup", "", text, sizeof text)) return worst;
  const char *line = text;
  while (line && strncmp(line, "0::", 3) != 0) line = strchr(line, '\n'), line = line ? line + 1 : NULL;
  if (!line) return worst;
  objpool__writer out = {group, sizeof group, 0};
  objpool__text(&out, "/sys/fs/cgroup");
  objpool__write(&out, line + 3, strcspn(line + 3, "\n"));
  if (out.length >= sizeof group) return worst;
  group[out.length] = 0;
  if (objpool__read(group, "/memory.pressure", text, sizeof text) && (found = objpool__pressure_of(text)) > worst)
    worst = found;
  if (worst == OBJPOOL_PRESSURE_NONE && objpool__read(group, "/memory.max", text, sizeof text)) {
    uint64_t most = objpool__parse(text);
    if (most != UINT64_MAX && objpool__read(group, "/memory.current", text, sizeof text)) {
      uint64_t current = objpool__parse(text);
      if (current != UINT64_MAX && current >= most - most / 20) worst = OBJPOOL_PRESSURE_SOME;
    }
  }
  return worst;
}

/* The pressure; what the files said counts for `lifetime_ns`, and one thread reads them for all. */
static objpool_pressure objpool__pressure_within(uint64_t lifetime_ns, uint64_t now_ns) {
  objpool__registry_enter();
  objpool_pressure (*source)(void *) = objpool__pressure_source.read;
  void *user = objpool__pressure_source.user;
  objpool_pressure found = objpool__pressure_source.known;
  bool fresh = objpool__pressure_source.known_ns && now_ns - objpool__pressure_source.known_ns < lifetime_ns;
  if (!source && !fresh) objpool__pressure_source.known_ns = now_ns;
  objpool__registry_leave();
  if (source) return source(user);
  if (fresh) return found;
  found = objpool__pressure_files();
  objpool__registry_enter();
  objpool__pressure_source.known = found;
  objpool__registry_leave();
  return found;
}

OBJPOOL_API objpool_pressure objpool_memory_pressure(void) { return objpool__pressure_within(0, objpool__now_ns()); }

OBJPOOL_API void objpool_set_pressure_source(objpool_pressure (*source)(void *), void *user) {
  objpool__registry_enter();
  objpool__pressure_source.read = source;
  objpool__pressure_source.user = user;
  objpool__registry_leave();
}

/* ---- room: maintenance >>maintenance
   A tick is a call: the rule knows no clock, so a frame, a second and a minute all serve.
   Demand of a tick is what was in use, or, if the pool missed since the last one, all that were alive: then nothing was
   idle. Smoothed demand moves an eighth of the way each tick; the peak is the largest of the last 32 ticks; the surge is
   the largest rise between two ticks, fading by an eighth each. Ahead: alive shall be the larger of demand and smoothed
   demand, plus the larger of two surges and an eighth of smoothed demand, at least in use + min_idle, within the limits.
   Back: when more than shrink_threshold of the cells are not in use, idle objects beyond that and beyond the peak go, at
   most a fifth of those alive per tick, out of the emptiest block first, so that whole blocks come free. growth_factor
   sets how coarse that is: 1.0 returns memory soonest. Under memory pressure all but min_idle go, and none is created. */

/* Sets all idle objects aside, to be validated one by one: they are idle still, whatever a resize has left room for, and
   others may take from them meanwhile. */
static void objpool__set_aside(objpool__state *state) {
  objpool__commons *commons = &state->commons;
  size_t count = 0;
  OBJPOOL_ASSERT(OBJPOOL__LOAD(state->fleet.maintaining));
  objpool__hold(state);
  objpool__gather_begin(state);
  void *all = objpool__gather_all(state, &count); /* and what a thread of the parent had set aside */
  OBJPOOL_ASSERT(!commons->aside && !commons->aside_count);
  commons->aside = all;
  objpool__room_add(&state->limits, -(int64_t)count);               /* what popping gave back */
  __atomic_store_n(&commons->aside_count, count, __ATOMIC_SEQ_CST); /* see objpool__uncached_refuses */
  objpool__gather_end(state);
  objpool__unhold(&state->gate);
  objpool__serve(state);        /* as for objpool__gather */
  state->engine->settle(state); /* releases must ask */
}

/* Runs validate over all idle objects, or the next `most` of them, for OBJPOOL_ON_MAINTAIN; returns how many it destroyed. */
static size_t objpool__validate_idle(objpool__state *state, size_t most) {
  size_t destroyed = 0;
  if (most == SIZE_MAX || !OBJPOOL__LOAD(state->commons.aside_count)) /* else it goes on where the last call stopped */
    objpool__set_aside(state);
  for (; most > 0; most--) { /* only one at a time is out of the others' reach */
    objpool__lock(&state->commons.lock);
    void *object = objpool__aside_pop(state);
    objpool__unlock(&state->commons.lock);
    if (!object) break;
    OBJPOOL__SHOW(object, state->as.type.size);
    bool valid = state->as.type.validate(object, state->config.context);
    OBJPOOL__HIDE(object, state->as.type.size);
    bool kept = valid && objpool__put(state, object);
    if (!kept) {
      objpool__take_down(state, object, valid ? OBJPOOL__DESTROYED : OBJPOOL__INVALID);
      destroyed++;
    }
    state->engine->settle(state); /* hooks may have settled it with fewer in its array */
  }
  state->engine->settle(state);
  return destroyed;
}

/* Takes down what is idle in a timed pool and whose time is over; *late: as objpool__expire. */
static size_t objpool__maintain_ages(objpool__state *state, size_t most, size_t *late) {
  size_t least = objpool__min_idle(&state->config);
  uint64_t due_ns = OBJPOOL__LOAD(state->lifetimes.due_ns); /* relaxed, here and below: see >>timing, 3 */
  bool over = due_ns != UINT64_MAX && objpool__pool_now_ns(&state->lifetimes) > due_ns;
  bool spared = OBJPOOL__LOAD(state->lifetimes.late) && objpool__count_idle(state) > least;
  return over || spared ? objpool__expire(state, least, most, late) : 0;
}

/* What maintenance has learned so far; `fresh`: there is no memory to keep it in, and it is as if this was the first time. */
static objpool__demand *objpool__learned(objpool__state *state, objpool__demand *fresh) {
  if (!state->fleet.learned) {
    state->fleet.learned = (objpool__demand *)objpool__keep_less(&state->memory, sizeof *fresh);
    memset(fresh, 0, sizeof *fresh);
  }
  return state->fleet.learned ? state->fleet.learned : fresh;
}

/* Creates at most `most`, or destroys at most `left`. `late`: so many had been idle for too long. */
static size_t objpool__maintain_locked(objpool__state *state, objpool *pool, size_t most, size_t left, size_t late) {
  objpool__demand fresh, *learned = objpool__learned(state, &fresh);
  objpool_stats now = objpool_snapshot(pool);
  uint64_t misses = objpool__sum(state, OBJPOOL__MISSES), overflowed = objpool__sum(state, OBJPOOL__OVERFLOWED);
  size_t least = objpool__min_idle(&state->config);
  double in_use = (double)now.in_use, idle = (double)now.idle, alive = in_use + idle;
  if (!learned->begun) {
    learned->begun = true;
    learned->smoothed = learned->last = in_use;
    learned->misses = misses;
    learned->overflowed = overflowed;
  }
  if (late) { /* all that time no more was needed than is left */
    if (learned->smoothed > in_use) learned->smoothed = in_use;
    learned->surge = 0;
    learned->last = in_use;
    learned->misses = misses;
  }
  double demand = misses > learned->misses ? alive + (double)(overflowed - learned->overflowed) : in_use, peak = 0;
  learned->misses = misses;
  learned->overflowed = overflowed;
  learned->surge *= 7.0 / 8;
  if (demand - learned->last > learned->surge) learned->surge = demand - learned->last;
  learned->last = demand;
  learned->smoothed += (demand - learned->smoothed) / 8;
  if (learned->smoothed < 1.0 / 16 && demand <= 0) learned->smoothed = 0; /* a share of an object is no demand */
  if (learned->surge < 1.0 / 16) learned->surge = 0;
  learned->peaks[learned->tick++ % OBJPOOL__TICKS] = demand;
  for (unsigned i = 0; i < OBJPOOL__TICKS; i++)
    if (learned->peaks[i] > peak) peak = learned->peaks[i];
  if (!state->config.ignore_pressure && objpool__pressure_within(1000000000, now.now_ns) != OBJPOOL_PRESSURE_NONE)
    return now.idle > least ? objpool__trim_as(pool, least, left, OBJPOOL_EVENT_SHRINK) : 0;
  double spare = state->config.idle_timeout_ns ? 0 : learned->smoothed / 8; /* one too many would come and go */
  double ahead = 2 * learned->surge > spare ? 2 * learned->surge : spare;
  double want = (demand > learned->smoothed ? demand : learned->smoothed) + ahead - in_use;
  if (want < (double)least) want = (double)least;
  if (now.max_idle && want > (double)now.max_idle) want = (double)now.max_idle;
  if (now.max_objects && want > (double)now.max_objects - in_use) want = (double)now.max_objects - in_use;
  size_t wanted = want > 0 ? (size_t)want + (want > (double)(size_t)want) : 0;
  if (now.idle < wanted) return objpool__warm(state, wanted, most);
  if (state->config.idle_timeout_ns) return 0;
  double keep = want > peak - in_use ? want : peak - in_use, cells = (double)OBJPOOL__LOAD(state->blocks.cells);
  if (cells - in_use <= state->config.shrink_threshold * cells || idle <= keep) return 0;
  double share = alive / 5;
  if (share < 1) { /* of few objects one goes once the shares of some ticks add up to it */
    learned->owed += share;
    if (learned->owed < 1) return 0;
    share = 1;
  }
  learned->owed = 0;
  if (keep < idle - share) keep = idle - share;
  return objpool__trim_as(pool, keep > (double)(size_t)keep ? (size_t)keep + 1 : (size_t)keep, left,
                          OBJPOOL_EVENT_SHRINK);
}

OBJPOOL_API size_t objpool_maintain_some(objpool *pool, size_t most) {
  objpool__state *state = objpool__state_checked(pool, NULL);
  /* acquire: pairs with the clear below; what the last maintenance learned is seen */
  if (!state || __atomic_test_and_set(&state->fleet.maintaining, __ATOMIC_ACQUIRE)) return 0;
  objpool__attach_if_free(state);
  size_t late = 0, gone = state->as.type.timed ? objpool__maintain_ages(state, most, &late) : 0;
  if (state->as.type.validate && (state->as.type.validate_on & OBJPOOL_ON_MAINTAIN))
    gone += objpool__validate_idle(state, most == SIZE_MAX ? most : most - gone);
  size_t changed = gone + objpool__maintain_locked(state, pool, most, most == SIZE_MAX ? most : most - gone, late);
  __atomic_clear(&state->fleet.maintaining, __ATOMIC_RELEASE);
  return changed;
}

OBJPOOL_API size_t objpool_maintain(objpool *pool) { return objpool_maintain_some(pool, SIZE_MAX); }

/* ---- room: monitor >>monitor
   Looks at the registry now and then, alone or in a thread of its own. */

enum { OBJPOOL__ALERTS = OBJPOOL_ALERT_HELD + 1 };

typedef struct objpool__watched {
  uint64_t serial; /* of the pool: an address may be used again */
  objpool_stats last;
  bool active[OBJPOOL__ALERTS], seen;
} objpool__watched;

typedef struct objpool__monitoring {
  objpool_thresholds limits;
  void (*on_alert)(const objpool_alert *alert, void *user);
  void *user;
  objpool__watched *watched; /* under the registry's lock */
  size_t watched_count, watched_capacity;
  objpool__thread thread;
  objpool__signal stop; /* set when the thread shall end */
  uint64_t interval_ns;
  unsigned forks; /* of the process, when the thread was started: in a child it is not there */
  bool running;   /* written by start and stop, which are one thread's business at a time */
} objpool__monitoring;

OBJPOOL_API bool objpool_monitor_init(objpool_monitor *monitor, const objpool_thresholds *thresholds,
                                      void (*on_alert)(const objpool_alert *alert, void *user), void *user) {
  objpool_thresholds limits;
  memset(&limits, 0, sizeof limits);
  monitor->state = NULL;
  if (thresholds) limits = *thresholds;
  if (!objpool__is_between(&limits.min_hit_rate, 0, 1) || !objpool__is_between(&limits.max_miss_rate, 0, 1) ||
      !objpool__is_between(&limits.max_utilization, 0, 1)) {
    errno = EINVAL;
    return false;
  }
  objpool__monitoring *state = (objpool__monitoring *)calloc(1, sizeof *state);
  if (!state) {
    errno = ENOMEM;
    return false;
  }
  if (limits.min_hit_rate <= 0) limits.min_hit_rate = 0.7;
  if (limits.max_miss_rate <= 0) limits.max_miss_rate = 0.3;
  if (limits.max_utilization <= 0) limits.max_utilization = 0.9;
  if (!limits.max_objects) limits.max_objects = 10000;
  if (!limits.max_memory_bytes) limits.max_memory_bytes = (uint64_t)100 << 20;
  if (!limits.min_samples) limits.min_samples = 100;
  if (!limits.max_wait_ns) limits.max_wait_ns = 1000000000;
  state->limits = limits;
  state->on_alert = on_alert;
  state->user = user;
  monitor->state = state;
  return true;
}

/* longest: of an alert that tells where an object was acquired; else NULL. */
static void objpool__alert_message(objpool_alert *alert, const objpool_hold *longest) {
  static const char *const what[] = {"hit rate",    "miss rate",    "memory",     "objects",
                                     "utilization", "longest wait", "longest use"};
  char whole[sizeof alert->message + 1]; /* one more, to see what a cut cuts */
  objpool__writer out = {whole, sizeof whole, 0};
  bool rate = alert->kind == OBJPOOL_ALERT_HIT_RATE || alert->kind == OBJPOOL_ALERT_MISS_RATE ||
              alert->kind == OBJPOOL_ALERT_UTILIZATION;
  objpool__text(&out, what[alert->kind]);
  objpool__text(&out, " ");
  for (int i = 0; i < 2; i++) {
    double number = i ? alert->threshold : alert->value;
    if (rate)
      objpool__fixed(&out, (uint64_t)(number * 1000 + 0.5), 1), objpool__text(&out, " %");
    else if (alert->kind == OBJPOOL_ALERT_WAIT || alert->kind == OBJPOOL_ALERT_HELD)
      objpool__fixed(&out, (uint64_t)(number / 1e5), 1), objpool__text(&out, " ms");
    else
      objpool__decimal(&out, (uint64_t)number, 1),
          objpool__text(&out, alert->kind == OBJPOOL_ALERT_MEMORY ? " bytes" : "");
    if (!i)
      objpool__text(&out, alert->recovered                        ? ", back within the limit of "
                          : alert->kind == OBJPOOL_ALERT_HIT_RATE ? ", below the limit of "
                                                                  : ", above the limit of ");
  }
  if (longest) { /* before the name, which may be long */
    objpool__text(&out, ", acquired at ");
    objpool__format_site(&out, longest, OBJPOOL_TEXT);
    objpool__line(&out, " by thread ", longest->thread, "");
  }
  objpool__text(&out, ": ");
  objpool__quote(&out, alert->pool_name, OBJPOOL_TEXT);
  size_t end = out.length;
  if (end >= sizeof alert->message) { /* before a character of UTF-8, not within one */
    end = sizeof alert->message - 1;
    while (((unsigned char)whole[end] & 0xc0) == 0x80) end--;
  }
  memcpy(alert->message, whole, end);
  alert->message[end] = '\0';
}

static objpool__watched *objpool__watched_as(objpool__monitoring *monitor, uint64_t serial) {
  for (size_t i = 0; i < monitor->watched_count; i++)
    if (monitor->watched[i].serial == serial) return &monitor->watched[i];
  if (monitor->watched_count == monitor->watched_capacity) {
    size_t room = monitor->watched_capacity ? 2 * monitor->watched_capacity : 16;
    objpool__watched *wider = (objpool__watched *)realloc(monitor->watched, room * sizeof *wider);
    if (!wider) return NULL; /* looked at again in the next poll */
    monitor->watched = wider;
    monitor->watched_capacity = room;
  }
  objpool__watched *added = &monitor->watched[monitor->watched_count++];
  memset(added, 0, sizeof *added);
  added->serial = serial;
  return added;
}

static uint64_t objpool__since(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

static size_t objpool__poll_pool(objpool__monitoring *monitor, objpool__watched *watched, const objpool *pool) {
  const objpool_thresholds *limits = &monitor->limits;
  objpool_stats now = objpool_snapshot(pool);
  if (now.since_ns != watched->last.since_ns) memset(&watched->last, 0, sizeof watched->last); /* was reset since */
  /* hits may fall: an acquire that was just under way then turned out to be a miss */
  uint64_t acquires = objpool__since(now.acquires, watched->last.acquires);
  uint64_t misses = objpool__since(now.misses, watched->last.misses), hits = objpool__since(acquires, misses);
  if (misses > acquires) misses = acquires;
  bool enough = acquires >= limits->min_samples;
  double whole = acquires ? (double)acquires : 1;
  uint64_t waited_ns = objpool__since(now.now_ns, objpool__first_waits_since(&OBJPOOL__LOAD(pool->state)->queue));
  objpool_hold longest;
  memset(&longest, 0, sizeof longest);
  /* a look through the whole pool: only where somebody wants to know */
  bool held = limits->max_held_ns && objpool__held_longest(OBJPOOL__LOAD(pool->state), &longest);
  watched->last = now;
  const struct {
    bool known;
    double value, threshold;
    bool below;
    objpool_severity severity;
  } conditions[OBJPOOL__ALERTS] = {
      {enough, (double)hits / whole, limits->min_hit_rate, true, OBJPOOL_WARNING},
      {enough, (double)misses / whole, limits->max_miss_rate, false, OBJPOOL_WARNING},
      {true, (double)now.memory_bytes, (double)limits->max_memory_bytes, false, OBJPOOL_ERROR},
      {true, (double)(now.in_use + now.idle), (double)limits->max_objects, false, OBJPOOL_WARNING},
      {now.max_objects > 0, now.max_objects ? (double)now.in_use / (double)now.max_objects : 0, limits->max_utilization,
       false, now.in_use >= now.max_objects ? OBJPOOL_CRITICAL : OBJPOOL_ERROR},
      {true, (double)waited_ns, (double)limits->max_wait_ns, false, OBJPOOL_ERROR},
      {limits->max_held_ns > 0, held ? (double)longest.held_ns : 0, (double)limits->max_held_ns, false, OBJPOOL_ERROR}};
  size_t reported = 0;
  for (int kind = 0; kind < OBJPOOL__ALERTS; kind++) {
    if (!conditions[kind].known) continue; /* too few samples tell neither that it began nor that it ended */
    bool holds = conditions[kind].below ? conditions[kind].value < conditions[kind].threshold
                                        : conditions[kind].value > conditions[kind].threshold;
    if (holds == watched->active[kind]) continue;
    watched->active[kind] = holds;
    reported++;
    objpool_alert alert;
    memset(&alert, 0, sizeof alert);
    alert.kind = (objpool_alert_kind)kind;
    alert.severity = holds ? conditions[kind].severity : OBJPOOL_INFO;
    alert.recovered = !holds;
    alert.pool_name = objpool_name(pool);
    alert.value = conditions[kind].value;
    alert.threshold = conditions[kind].threshold;
    alert.time_ns = now.now_ns;
    objpool__alert_message(&alert, kind == OBJPOOL_ALERT_HELD && holds ? &longest : NULL);
    if (monitor->on_alert) monitor->on_alert(&alert, monitor->user);
  }
  return reported;
}

OBJPOOL_API size_t objpool_monitor_poll(objpool_monitor *handle) {
  objpool__monitoring *monitor = handle->state;
  size_t reported = 0, kept = 0;
  if (!monitor) return 0;
  objpool__registry_enter(); /* also keeps two polls of one monitor apart */
  for (size_t i = 0; i < monitor->watched_count; i++) monitor->watched[i].seen = false;
  for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next) {
    objpool__watched *watched = objpool__watched_as(monitor, state->fleet.serial);
    if (!watched) continue;
    watched->seen = true;
    reported += objpool__poll_pool(monitor, watched, state->pool);
  }
  for (size_t i = 0; i < monitor->watched_count; i++) /* pools that are gone: their alerts end silently */
    if (monitor->watched[i].seen) monitor->watched[kept++] = monitor->watched[i];
  monitor->watched_count = kept;
  objpool__registry_leave();
  return reported;
}

/* Maintains every registered pool; its hooks run outside the registry's lock, a visited pool is not destroyed meanwhile. */
static void objpool__maintain_all(void) {
  uint64_t at = 0;
  for (;;) {
    objpool__registry_enter();
    objpool__state *next = NULL;
    for (objpool__state *state = objpool__registry.first; state; state = state->fleet.next)
      if (state->fleet.serial > at && (!next || state->fleet.serial < next->fleet.serial)) next = state;
    if (next) next->fleet.visits++;
    objpool__registry_leave();
    if (!next) return;
    at = next->fleet.serial;
    if (!next->alone) objpool_maintain(next->pool);
    objpool__registry_enter();
    if (next->fleet.visits) next->fleet.visits--; /* 0: this is a child that was forked meanwhile */
    objpool__registry_leave();
  }
}

static void *objpool__monitor_run(void *argument) {
  objpool_monitor *handle = (objpool_monitor *)argument;
  objpool__monitoring *monitor = handle->state;
  while (!objpool__signal_wait(&monitor->stop, objpool__now_ns() + monitor->interval_ns)) {
    objpool_monitor_poll(handle);
    objpool__maintain_all();
  }
  return NULL;
}

static bool objpool__monitor_runs(const objpool__monitoring *monitor) {
  (void)objpool__holds_all(); /* in a fork's child that has not begun yet: it is one more fork away */
  return monitor->running && monitor->forks == objpool__process.forks; /* written in a child of one thread */
}

OBJPOOL_API bool objpool_monitor_start(objpool_monitor *handle, uint64_t interval_ns) {
  objpool__monitoring *monitor = handle->state;
  int error = !monitor || !interval_ns ? EINVAL : objpool__monitor_runs(monitor) ? EBUSY : 0;
  if (!error) {
    monitor->interval_ns = interval_ns > INT64_MAX / 2 ? INT64_MAX / 2 : interval_ns;
    monitor->forks = objpool__process.forks;
    objpool__signal_make(&monitor->stop);
    objpool__registry_enter(); /* the thread polls after this: its alerts find what is written here */
    error = objpool__thread_start(&monitor->thread, objpool__monitor_run, handle);
    monitor->running = !error;
    objpool__registry_leave();
  }
  if (error) errno = error;
  return !error;
}

OBJPOOL_API void objpool_monitor_stop(objpool_monitor *handle) {
  objpool__monitoring *monitor = handle->state;
  if (!monitor || !monitor->running) return;
  if (!objpool__monitor_runs(monitor)) { /* this is a forked child: the thread stayed behind */
    monitor->running = false;
    return;
  }
  objpool__signal_wake(objpool__signal_set(&monitor->stop));
  /* in an alert handler or a visitor, which its thread may wait for: it ends after that, and is joined by a later stop */
  if (objpool__registry_mine() || objpool__thread_is(monitor->thread)) return;
  int before = objpool__cancel_off();
  objpool__thread_join(monitor->thread);
  objpool__cancel_restore(before);
  objpool__signal_unmake(&monitor->stop);
  monitor->running = false;
}

OBJPOOL_API void objpool_monitor_destroy(objpool_monitor *handle) {
  objpool__monitoring *monitor = handle->state;
  if (!monitor) return;
  if (objpool__registry_mine()) {
    objpool__panic_named("objpool_monitor", NULL,
                         "a monitor is destroyed by an alert handler, a visitor, or amid a fork");
    return;
  }
  objpool_monitor_stop(handle);
  free(monitor->watched);
  free(monitor);
  handle->state = NULL;
}

OBJPOOL__C_ENDS
OBJPOOL__OURS_ENDS
#endif /* OBJPOOL_IMPLEMENTATION */

/* HISTORY

   2.0.0  For users: names of the private symbols changed, so all files are compiled anew. A pool without a name is called by
          the name given to OBJPOOL_DEFINE. min_idle defaults to warmup; OBJPOOL_NONE. Prometheus: the histogram
          objpool_wait_seconds in place of two counters, no series for a limit that is none. acquire_for may end with
          ETIMEDOUT between two objects that prove invalid. Waits are counted from their beginning; objpool_waiting. A monitor is not
          destroyed by its alert handlers. Results of init, resize, attach and guard_acquire that are not used are warned
          of. New: objpool_times, objpool_quantile, OBJPOOL_ALERT_WAIT, close, drain, abandon, opt.timed, refresh,
          opt.tracked, objpool_each_held, ignore_pressure, objpool_config_error, OBJPOOL_MS, OBJPOOL_SECONDS, OBJPOOL_TLS_MODEL,
          hooks that throw, pools in C++20 modules. Types of 32 to 1024 bytes with a large alignment take little more than their
          bytes; their blocks are aligned to 512 to 4096.
          A hook of another type is an error in C, too. init on a pool in use panics, as calls on a copied pool do; in C++ a
          pool is not copied, a scoped guard is no plain one but by its address, take or move, and from C++17 on a T
          without T() needs opt.create.
          Mended: forks during first uses, in handlers and hooks; fibers that go on in another thread; sandboxes that
          refuse membarrier late; waiting against trim and maintenance; maintenance against resize; real-time threads that
          wait for others, and those beyond OBJPOOL_MAX_THREADS; allocators that use other pools or refuse what is large;
          maintenance of few objects; growth_factor 1.0; cancellation; two releases of one object at once.
   1.0.0  first release

   LICENCE

   This software is available under two licences: choose whichever you prefer.

   ALTERNATIVE A - MIT License
   Copyright (c) 2026 the objpool authors
   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
   documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
   rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
   permit persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright
   notice and this permission notice shall be included in all copies or substantial portions of the Software.
   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
   COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

   ALTERNATIVE B - Public Domain (www.unlicense.org)
   This is free and unencumbered software released into the public domain. Anyone is free to copy, modify, publish, use,
   compile, sell, or distribute this software, either in source code form or as a compiled binary, for any purpose,
   commercial or non-commercial, and by any means. In jurisdictions that recognize copyright laws, the author or authors
   of this software dedicate any and all copyright interest in the software to the public domain. We make this
   dedication for the benefit of the public at large and to the detriment of our heirs and successors. We intend this
   dedication to be an overt act of relinquishment in perpetuity of all present and future rights to this software under
   copyright law.
   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS BE
   LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */
