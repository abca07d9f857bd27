/* Two files are compiled with different switches, the second for lines of another size: they do not link.
 *
 * second: -DOBJPOOL_CACHE_LINE=64
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_CACHE_LINE /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
#include "different_switches.h"
