/* Two files are compiled with different switches, the second for no release checks: they do not link.
 *
 * second: -DOBJPOOL_UNCHECKED
 * link: rejects undefined (reference|symbol)
 */
#if defined SECOND && defined WITHOUT_MISTAKE
#undef OBJPOOL_UNCHECKED /* MISTAKE: to have said so in one file only */
#endif
#ifndef SECOND
#define OBJPOOL_IMPLEMENTATION
#endif
#include "different_switches.h"
