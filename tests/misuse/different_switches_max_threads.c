/* Two files are compiled with different switches, the second for another number of threads: they do not link.
 *
 * second: -DOBJPOOL_MAX_THREADS=7
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_MAX_THREADS /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
#include "different_switches.h"
