/* gateway/source_text.h - what a stream of lines says; one for each stream, since it remembers. */
#ifndef GATEWAY_SOURCE_TEXT_H
#define GATEWAY_SOURCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/source_private.h"

/* Threads: the source's own. */
typedef struct source_text source_text;

/* is_live: a receiver speaks, rather than a file; its dates are mended (wire/nmea.h). NULL when
 * memory is short. */
source_text *source_text_new(source *s, bool is_live);
void source_text_free(source_text *t);

/* Some bytes of the stream, cut anywhere. */
void source_text_take(source_text *t, const char *bytes, size_t size);

/* The stream is at its end: what there is of a line is one. */
void source_text_end_line(source_text *t);

#endif
