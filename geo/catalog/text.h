/* catalog/text.h - JSON text as the catalogue hands it out. */
#ifndef CATALOG_TEXT_H
#define CATALOG_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The text ends with a zero byte that size does not count. The caller frees it with
 * catalog_text_fini(). Functions that fail leave it untouched. */
typedef struct catalog_text {
    char *data;
    size_t size;
    uint64_t revision; /* of the one thing that the text shows, for an ETag; else 0 */
} catalog_text;

void catalog_text_fini(catalog_text *text);

#endif
