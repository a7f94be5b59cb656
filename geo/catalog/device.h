/* catalog/device.h - which devices there are: keys and ids as the log has heard of them, and what
 * people have said about them. */
#ifndef CATALOG_DEVICE_H
#define CATALOG_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "catalog/fence.h"

#define CATALOG_DEVICE_ID_MAX 64

/* A name record of the log. */
typedef struct catalog_name {
    uint64_t key;
    const char *id;
    int64_t seen_ms;
} catalog_name;

/* Keep names, all or none; those that are known already cost little, and a device that was removed
 * is back. Durable when it returns: then the log may drop its records. Waits for an open change.
 * Not a change of the rules. GEO_EXISTS: a key or an id is known in another pair.
 * GEO_INVALID: not a device id. */
GEO_MUST_USE geo_err catalog_names_put(catalog *store, const catalog_name *names, size_t count,
                                       geo_why *why);

/* All names, in the order of their keys, also of removed devices. id is borrowed for the call. */
typedef void (*catalog_name_visit)(void *context, uint64_t key, const char *id);
GEO_MUST_USE geo_err catalog_names_load(catalog *store, catalog_name_visit visit, void *context,
                                        geo_why *why);

/* One device: {"id","name","groups","stale_after_s","first_seen","revision","updated",
 * "updated_by"}; stale_after_s is null when it follows the settings. out->revision for the ETag.
 * GEO_NOT_FOUND. */
GEO_MUST_USE geo_err catalog_device_get(catalog *store, const char *id, catalog_text *out,
                                        geo_why *why);

/* Devices in the order of their ids: {"devices":[..],"next":id|null}. */
GEO_MUST_USE geo_err catalog_device_list(catalog *store, const catalog_page *page,
                                         catalog_text *out, geo_why *why);

/* All groups that a fence or a device is in: {"groups":[{"name","fences","devices"}]}. */
GEO_MUST_USE geo_err catalog_groups(catalog *store, catalog_text *out, geo_why *why);

#endif
