// PostgreSQL's own headers, in the order that they need and with C linkage. Every binding includes this file first
// and no other PostgreSQL header that stands here; whatever only one façade needs, that façade includes itself.
#pragma once

extern "C" {
#include <postgres.h>

#include <fmgr.h>
#include <miscadmin.h>
#include <utils/builtins.h>
#include <utils/elog.h>
#include <utils/memutils.h>
#include <utils/timestamp.h>
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif
}

// libintl's macros (and PostgreSQL's ports of stdio) rename what C++ headers declare.
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
#undef snprintf
#undef sprintf
#undef vsnprintf
#undef vsprintf
#undef fprintf
#undef vfprintf
#undef printf
#undef vprintf
#undef strerror
#undef strerror_r
