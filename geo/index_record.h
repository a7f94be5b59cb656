/* geo/index_record.h - from pieces of fences to the records of one square. */
#ifndef GEO_INDEX_RECORD_H
#define GEO_INDEX_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "geo/err.h"
#include "index_clip.h"
#include "index_form.h"
#include "index_maker.h"

/* What a square holds: fences with edges there, and fences that cover it; both ascending by id. */
typedef struct index_content {
    const index_piece *pieces;
    uint32_t piece_count;
    const uint32_t *covers;
    uint32_t cover_count;
} index_content;

/* A narrow or long record in the making. Past the limits it only goes on counting. */
typedef struct index_draft {
    uint32_t vertex_count; /* all that the content needs */
    uint32_t entry_count;
    uint32_t cover_count;
    uint32_t virtual_mask;
    bool fits;
    bool is_long; /* some coordinate needs the 32-bit form */
    int32_t x[INDEX_NARROW_VERTICES_MAX];
    int32_t y[INDEX_NARROW_VERTICES_MAX];
    uint32_t entries[INDEX_NARROW_VERTICES_MAX]; /* with the base in the top bit */
    uint32_t masks[INDEX_NARROW_VERTICES_MAX];
    uint32_t covers[INDEX_NARROW_IDS_MAX];
} index_draft;

void index_draft_begin(index_draft *draft);

/* Entries are added ascending by id. The piece has edges, and they are listed. */
void index_draft_add_piece(index_draft *draft, const index_piece *piece,
                           const index_square *square);
void index_draft_add_entry(index_draft *draft, index_desc desc, const index_narrow *record,
                           uint32_t entry);
void index_draft_add_cover(index_draft *draft, uint32_t id);

/* The record, list or id of a draft that fits. */
GEO_MUST_USE geo_err index_draft_make(index_maker *maker, const index_draft *draft,
                                      index_desc *out);

/* Fences that cover a square: nothing, an id, or a list. */
GEO_MUST_USE geo_err index_list_make(index_maker *maker, const uint32_t *ids, uint32_t count,
                                     index_desc *out);

GEO_MUST_USE geo_err index_wide_make(index_maker *maker, const index_content *content,
                                     const index_square *square, index_desc *out);

/* How many fences an ID or list descriptor names. */
uint32_t index_list_count(const uint8_t *base, index_desc desc);

/* The ids of an ID or list descriptor, the latter with their top bit set; *single is room for the
 * one of an ID. */
const uint32_t *index_list_ids(const uint8_t *base, index_desc desc, uint32_t *single,
                               uint32_t *count);

#endif
