/* name: boost::object_pool
 * package: libboost-dev
 * For one thread. It keeps its free list in order, so a free walks the list: give costs time in proportion to what is idle. */
#include <boost/pool/object_pool.hpp>
#define CONTENDER_SHARED 0
#define CONTENDER_KEEPS 0
#define CONTENDER_CAPPED 0

typedef boost::object_pool<object> contender;

static contender *contender_open(size_t, size_t, size_t) { return new contender; }
static inline object *take(contender *from) { return from->malloc(); }
static inline void give(contender *from, object *given) { from->free(given); }
