/* name: fast_pool_allocator
 * package: libboost-dev
 * Boost's allocator for containers: one pool per size behind one mutex. */
#include <boost/pool/pool_alloc.hpp>
#define CONTENDER_SHARED 1
#define CONTENDER_KEEPS 0
#define CONTENDER_CAPPED 0

typedef boost::fast_pool_allocator<object> contender;

static contender *contender_open(size_t, size_t, size_t) { return new contender; }
static inline object *take(contender *) { return contender::allocate(); }
static inline void give(contender *, object *given) { contender::deallocate(given); }
