/* Two files are compiled with different switches, the second for no statistics: they do not link.
 *
 * second: -DOBJPOOL_NO_STATS
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_NO_STATS /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
#include "different_switches.h"
