/* geo/index_form.h - the forms of what a square holds: lists, narrow and wide records. */
#ifndef GEO_INDEX_FORM_H
#define GEO_INDEX_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "index_layout.h"

/* Vertices are kept relative to the cell's centre. Within +-23170 every product of two differences,
 * and the difference of two such products, fits in 31 bits. */
#define INDEX_NARROW_COORD_MAX 23170
#define INDEX_LONG_COORD_MAX ((1 << 30) - 1) /* of the 32-bit form: differences fit, too */
#define INDEX_NARROW_VERTICES_MAX 32
#define INDEX_NARROW_IDS_MAX 255

/* Fences that cover a square, ascending; at least two. The top bit of the ids is set, as it is in
 * records: whatever the point, it lies within. */
#define INDEX_BASE_BIT (1u << 31)

typedef struct index_list {
    uint32_t count;
    uint32_t ids[];
} index_list;

/* A vertex relative to its cell's centre, in one word, so that one load brings both coordinates. */
typedef struct index_vertex {
    int16_t x, y;
} index_vertex;

/* The same in the 32-bit form. */
typedef struct index_long_vertex {
    int32_t x, y;
} index_long_vertex;

/* The edges of all fences in a cell as one run of vertices: edge j joins vertex j and j + 1. Then,
 * for each fence, its id with its parity base in the top bit, and the mask of its edges. Entries
 * with edges come first, then those without (base 1: they cover the cell), each ascending by id. */
typedef struct index_narrow {
    uint8_t entry_count; /* fences with edges here */
    uint8_t cover_count; /* fences without */
    uint8_t vertex_count;
    uint8_t zero;
    uint32_t virtual_mask;   /* edges that are no boundary, only close a chain on the left */
    index_vertex vertices[]; /* or index_long_vertex[]; then uint32_t ids[], masks[] */
} index_narrow;

/* What does not fit above: long edges, crowds. Followed by cover_count ids, then by entry_count
 * times an index_wide_entry with its edges and its chain ends. */
typedef struct index_wide {
    uint32_t entry_count;
    uint32_t cover_count;
    uint32_t bytes;
    uint32_t zero;
} index_wide;

typedef struct index_wide_edge {
    int32_t ax, ay, bx, by;
} index_wide_edge;

typedef struct index_wide_entry {
    uint32_t id_and_base;
    uint32_t edge_count;
    uint32_t end_count; /* latitudes of chain ends left of the cell, int32_t after the edges */
    uint32_t zero;
} index_wide_entry;

/* With its edges and ends. */
static inline uint64_t index_wide_entry_bytes(const index_wide_entry *entry)
{
    return sizeof *entry + entry->edge_count * sizeof(index_wide_edge) +
           entry->end_count * sizeof(int32_t);
}

static inline const uint32_t *index_narrow_ids(const index_narrow *record)
{
    return (const uint32_t *)(record->vertices + record->vertex_count);
}

static inline const index_long_vertex *index_long_vertices(const index_narrow *record)
{
    return (const index_long_vertex *)record->vertices;
}

/* What a descriptor of the two record kinds stands for. */
static inline bool index_is_long(index_desc desc)
{
    return index_kind(desc) == INDEX_KIND_WIDE && (desc & INDEX_FLAG);
}

static inline bool index_is_short(index_desc desc)
{
    return index_kind(desc) == INDEX_KIND_NARROW && !(desc & INDEX_FLAG);
}

/* Or may it have any: a node has, somewhere. */
static inline bool index_has_edges(index_desc desc)
{
    return index_is_short(desc) || index_kind(desc) >= INDEX_KIND_WIDE;
}

static inline const uint32_t *index_long_ids(const index_narrow *record)
{
    return (const uint32_t *)(index_long_vertices(record) + record->vertex_count);
}

/* The ids of a record of either width. */
static inline const uint32_t *index_record_ids(index_desc desc, const index_narrow *record)
{
    return index_is_long(desc) ? index_long_ids(record) : index_narrow_ids(record);
}

#endif
