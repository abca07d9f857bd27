/* name: boost::pool
 * package: libboost-dev
 * For one thread; the user locks. */
#include <boost/pool/pool.hpp>
#define CONTENDER_SHARED 0
#define CONTENDER_KEEPS 0
#define CONTENDER_CAPPED 0

typedef boost::pool<> contender;

static contender *contender_open(size_t, size_t, size_t) { return new contender(sizeof(object)); }
static inline object *take(contender *from) { return static_cast<object *>(from->malloc()); }
static inline void give(contender *from, object *given) { from->free(given); }
#define contender_trim(from) ((from)->release_memory())
