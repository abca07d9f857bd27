/* Two files are compiled with different switches, the second for no threads: they do not link.
 *
 * second: -DOBJPOOL_NO_THREADS
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_NO_THREADS /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
#include "different_switches.h"
