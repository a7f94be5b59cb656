/* catalog/change.h - a change in two phases: prepared and looked at, then committed or abandoned.
 *
 *     catalog_change_begin()            waits for the change before
 *     catalog_change_put() ...          as many edits as one change needs
 *     catalog_change_rules()            the next version, to build an index from
 *     catalog_change_commit()           durable when it returns; or catalog_change_abandon()
 *
 * Nothing of it is visible to others before the commit. An edit that fails (bad input, a revision
 * that does not match) leaves the change as it was before the edit, and it may go on; after
 * GEO_NO_MEMORY, GEO_IO, GEO_NO_SPACE or GEO_CORRUPT it can only be abandoned. */
#ifndef CATALOG_CHANGE_H
#define CATALOG_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"

/* Opaque; one at a time in a catalogue. Belongs to the thread that began it. */
typedef struct catalog_change catalog_change;

/* What is expected of the fence that an edit touches. Otherwise: exactly that revision. */
#define CATALOG_ANY UINT64_MAX        /* whatever is there, or nothing */
#define CATALOG_NONE UINT64_C(0)      /* nothing: create */
#define CATALOG_SOME (UINT64_MAX - 1) /* whatever is there, but something */

#define CATALOG_JSON_BYTES_MAX (50u * 1024 * 1024)
#define CATALOG_IMPORT_FEATURES_MAX 1000000
#define CATALOG_WHO_MAX 128

typedef enum catalog_edit_kind {
    CATALOG_CREATED,
    CATALOG_REPLACED,
    CATALOG_PATCHED,
    CATALOG_REMOVED,
    CATALOG_RESTORED,
} catalog_edit_kind;

/* "created" and so on; static. */
const char *catalog_edit_text(catalog_edit_kind kind);

/* What became of one fence. */
typedef struct catalog_edit {
    char id[GEO_FENCE_ID_MAX + 1];
    catalog_edit_kind kind;
    uint64_t revision;
} catalog_edit;

/* Wait until no other change is open, and begin. who is at most CATALOG_WHO_MAX bytes of UTF-8,
 * now_ms what the version and its fences will say about when. */
GEO_MUST_USE geo_err catalog_change_begin(catalog *store, const char *who, int64_t now_ms,
                                          catalog_change **out, geo_why *why);

/* Create or replace one fence from a GeoJSON Feature. id is that of the URL, or NULL: the Feature's
 * own, or else one made from its name. *edit (may be NULL) says what was done.
 * GEO_SYNTAX, GEO_INVALID, GEO_RANGE, GEO_POLE, GEO_TOO_BIG: why names the place.
 * GEO_EXISTS: expected CATALOG_NONE, but the id is taken. GEO_CONFLICT: another revision.
 * GEO_NOT_FOUND: a revision was expected, but there is no such fence. */
GEO_MUST_USE geo_err catalog_change_put(catalog_change *change, const char *id, const char *feature,
                                        size_t size, uint64_t expected, catalog_edit *edit,
                                        geo_why *why);

/* Change members of the Feature by an RFC 7396 merge patch: {"properties":{"name":"x"}}. Errors as
 * of put. */
GEO_MUST_USE geo_err catalog_change_patch(catalog_change *change, const char *id, const char *patch,
                                          size_t size, uint64_t expected, catalog_edit *edit,
                                          geo_why *why);

GEO_MUST_USE geo_err catalog_change_remove(catalog_change *change, const char *id,
                                           uint64_t expected, catalog_edit *edit, geo_why *why);

/* Make an older revision the newest: undo, also of a removal. The shape is the stored one, to the
 * bit. GEO_NOT_FOUND: not kept. GEO_INVALID: that revision is a removal. */
GEO_MUST_USE geo_err catalog_change_restore(catalog_change *change, const char *id,
                                            uint64_t revision, uint64_t expected,
                                            catalog_edit *edit, geo_why *why);

typedef struct catalog_import_options {
    bool close_rings;      /* close rings that are open, instead of refusing them */
    bool replace_existing; /* fences whose ids exist become new revisions, instead of GEO_EXISTS */
} catalog_import_options;

/* A FeatureCollection, a Feature or a bare geometry: all of it or nothing. why names the feature
 * and the place in it. *count gets the number of fences. */
GEO_MUST_USE geo_err catalog_change_import(catalog_change *change, const char *text, size_t size,
                                           const catalog_import_options *options, uint32_t *count,
                                           geo_why *why);

/* Merge {"name","groups","stale_after_s"} into a device's entry; null removes a member. The device
 * must have a name record (catalog/device.h). */
GEO_MUST_USE geo_err catalog_change_device(catalog_change *change, const char *id,
                                           const char *patch, size_t size, uint64_t expected,
                                           geo_why *why);

/* Forget a device's entry and leave it out of lists until it is heard of again. */
GEO_MUST_USE geo_err catalog_change_device_remove(catalog_change *change, const char *id,
                                                  uint64_t expected, geo_why *why);

/* Merge some settings (catalog_settings_get). */
GEO_MUST_USE geo_err catalog_change_settings(catalog_change *change, const char *patch, size_t size,
                                             uint64_t expected, geo_why *why);

/* Resolve all schedules anew as of now_ms. *count: how many fences have one. */
GEO_MUST_USE geo_err catalog_change_renew(catalog_change *change, uint32_t *count, geo_why *why);

/* The edits of fences so far, in order; borrowed until the next edit. */
const catalog_edit *catalog_change_edits(const catalog_change *change, size_t *count);

/* The version that a commit would make; the caller owns one reference. */
GEO_MUST_USE geo_err catalog_change_rules(catalog_change *change, const geo_rules **out,
                                          geo_why *why);

/* Commit, synced to the disk; *version (may be NULL) gets the version made, which is the current
 * one when there was nothing to change. Frees the change, also on failure; then it is as if it had
 * never begun. */
GEO_MUST_USE geo_err catalog_change_commit(catalog_change *change, uint64_t *version, geo_why *why);

/* As if it had never begun. Frees the change; NULL is fine. */
void catalog_change_abandon(catalog_change *change);

#endif
