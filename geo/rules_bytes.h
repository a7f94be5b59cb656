/* geo/rules_bytes.h - a version of the rules as little-endian bytes, the same for the same. */
#ifndef GEO_RULES_BYTES_H
#define GEO_RULES_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "geo/err.h"
#include "geo/rules.h"

#define GEO_RULES_BYTES_FORMAT 1

/* Fences in the order of their ids, each with its slot; devices in the order of their keys. The
 * caller frees *bytes with free(). */
GEO_MUST_USE geo_err geo_rules_to_bytes(const geo_rules *rules, uint8_t **bytes, size_t *size);

/* The version that the bytes say; the caller owns one reference.
 * GEO_SYNTAX: not such bytes, cut short, or of a newer format. */
GEO_MUST_USE geo_err geo_rules_from_bytes(const uint8_t *bytes, size_t size, const geo_rules **out);

#endif
