/* name: mimalloc
 * package: libmimalloc-dev
 * link: -lmimalloc */
#include <mimalloc.h>
#define contender_trim(from) ((void)(from), mi_collect(true))
#include "malloc.h"
