/* name: jemalloc
 * package: libjemalloc-dev
 * link: -ljemalloc */
#include <jemalloc/jemalloc.h>
#define contender_trim(from) ((void)(from), mallctl("arena.4096.purge", NULL, NULL, NULL, 0)) /* 4096: every arena */
#include "malloc.h"
