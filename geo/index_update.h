/* geo/index_update.h - one fence changes: new blocks for the squares it touches, the rest shared.
 */
#ifndef GEO_INDEX_UPDATE_H
#define GEO_INDEX_UPDATE_H

#include <stdint.h>

#include "geo/err.h"
#include "index_clip.h"
#include "index_fence.h"
#include "index_maker.h"

/* What the index knows besides its blocks. Pieces of other fences are cut anew from their rings
 * where a square has to be built again. */
typedef struct index_updater {
    index_maker maker;
    index_fence *const *fences; /* by id */
    uint32_t id;                /* of the fence that changes */
    uint64_t *stamp;            /* the last one used */
} index_updater;

/* The square without what it held of fence `id` and with `after`: before and after say what the
 * fence was and will be to this square, NULL for nothing; edge_count 0 means that it covers it. */
GEO_MUST_USE geo_err index_update_square(index_updater *updater, index_desc desc,
                                         const index_square *square, const index_piece *before,
                                         const index_piece *after, index_desc *out);

/* All different ids in a square and below, ascending, apart from updater->id; in scratch. */
GEO_MUST_USE geo_err index_collect_ids(index_updater *updater, index_desc desc, unsigned shift,
                                       uint32_t **ids, uint32_t *count);

#endif
