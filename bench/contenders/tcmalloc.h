/* name: tcmalloc_minimal
 * package: libgoogle-perftools-dev
 * link: -ltcmalloc_minimal */
#include <gperftools/malloc_extension_c.h>
#define contender_trim(from) ((void)(from), MallocExtension_ReleaseFreeMemory())
#include "malloc.h"
