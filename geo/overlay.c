/* geo/overlay.c - what lies on either side of each edge, and rings from the edges where it differs.
 */
#include "overlay.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "geo/predicate.h"
#include "ring.h"
#include "status.h"

#define NONE GEO_STATUS_NONE
/* Rings that fit a box of so many units are what rounding left over. */
#define RING_UNITS_MIN 4
/* Edges are not made longer than this. Beyond 180 degrees they would mean the other way round; half
 * of it, because the ring's first and last edge may each be made longer before they become one. */
#define STRAIGHT_E7_MAX 900000000

/* What a place is covered by. */
typedef struct cover {
    int32_t turns;
    bool in_area;
} cover;

/* A side of the outline: what is kept lies at its left. */
typedef struct side {
    geo_point from;
    geo_point to;
    bool used;
} side;

typedef struct overlay {
    const geo_node_edge *edges; /* sorted by their western ends */
    uint32_t count;
    cover *north; /* by edge: what lies on its north side */
    geo_status status;
    geo_overlay_keep keep;
    side *sides;
    uint32_t side_count;
    /* A place is the first of the sides that begin there. */
    uint32_t *path; /* the places on the way */
    uint32_t *met;  /* by place: where on the path it stands, or NONE */
} overlay;

void geo_rings_fini(geo_rings *rings)
{
    free(rings->vertices);
    free(rings->ends);
}

static bool is_kept(const overlay *o, cover c)
{
    switch (o->keep) {
    case GEO_KEEP_TUBES_OUTSIDE_AREA:
        return c.turns > 0 && !c.in_area;
    case GEO_KEEP_TUBES_INSIDE_AREA:
        return c.turns > 0 && c.in_area;
    case GEO_KEEP_TUBES:
        break;
    }
    return c.turns > 0;
}

/* ---- the sweep: edges meet at their ends only, so their order needs no checking ---- */

static void insert(overlay *o, uint32_t e)
{
    const geo_node_edge *added = &o->edges[e];
    uint32_t parent = NONE;
    int north = 0;
    for (uint32_t at = o->status.root; at != NONE; at = o->status.nodes[at].child[north]) {
        const geo_node_edge *other = &o->edges[at];
        int turn = geo_orientation(other->west, other->east, added->west);
        if (turn == 0) {
            turn = geo_orientation(other->west, other->east, added->east);
        }
        parent = at;
        north = turn > 0;
    }
    geo_status_insert(&o->status, e, parent, north);
}

static cover south_of(const overlay *o, uint32_t e)
{
    uint32_t south = geo_status_south(&o->status, e);
    return south != NONE ? o->north[south] : (cover){0, false};
}

/* Tell what lies north of the edges first .. end, which all begin at one place: from the lowest up.
 */
static void note_covers(overlay *o, uint32_t first, uint32_t end)
{
    uint32_t lowest = first;
    for (uint32_t south = first; south != NONE && south >= first && south < end;
         south = geo_status_south(&o->status, south)) {
        lowest = south;
    }
    for (uint32_t e = lowest; e != NONE && e >= first && e < end;
         e = geo_status_north(&o->status, e)) {
        cover south = south_of(o, e);
        cover north = {
            .turns = south.turns + o->edges[e].turns,
            .in_area = south.in_area != (o->edges[e].toggles % 2 != 0),
        };
        o->north[e] = north;
        if (is_kept(o, south) != is_kept(o, north)) {
            bool eastward = is_kept(o, north);
            o->sides[o->side_count++] = (side){
                .from = eastward ? o->edges[e].west : o->edges[e].east,
                .to = eastward ? o->edges[e].east : o->edges[e].west,
            };
        }
    }
}

typedef struct ending {
    geo_point east;
    uint32_t edge;
} ending;

static int compare_endings(const void *a, const void *b)
{
    const ending *left = a;
    const ending *right = b;
    int order = geo_point_order(&left->east, &right->east);
    return order != 0 ? order : (left->edge > right->edge) - (left->edge < right->edge);
}

static geo_err find_sides(overlay *o)
{
    ending *endings = malloc(o->count * sizeof *endings);
    if (endings == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t e = 0; e < o->count; e++) {
        endings[e] = (ending){o->edges[e].east, e};
    }
    qsort(endings, o->count, sizeof *endings, compare_endings);
    uint32_t ended = 0;
    for (uint32_t first = 0; first < o->count;) {
        geo_point place = o->edges[first].west;
        while (geo_point_order(&endings[ended].east, &place) <= 0) {
            geo_status_remove(&o->status, endings[ended++].edge);
        }
        uint32_t end = first;
        while (end < o->count && geo_point_equal(o->edges[end].west, place)) {
            insert(o, end++);
        }
        note_covers(o, first, end);
        first = end;
    }
    free(endings);
    return GEO_OK;
}

/* ---- rings ---- */

static int compare_sides(const void *left, const void *right)
{
    const side *a = left;
    const side *b = right;
    int order = geo_point_order(&a->from, &b->from);
    return order != 0 ? order : geo_point_order(&a->to, &b->to);
}

static uint32_t first_side_from(const overlay *o, geo_point from)
{
    uint32_t low = 0;
    uint32_t high = o->side_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (geo_point_order(&o->sides[middle].from, &from) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Which of two ways out of a place comes first when one turns to the right from the way back. */
static bool comes_first(geo_point back, geo_point place, geo_point a, geo_point b)
{
    bool a_late = geo_orientation(place, back, a) > 0;
    bool b_late = geo_orientation(place, back, b) > 0;
    if (a_late != b_late) {
        return b_late;
    }
    return geo_orientation(place, a, b) < 0;
}

/* The side that goes on where one ends: what is kept lies between the two. */
static uint32_t next_side(const overlay *o, const side *at)
{
    uint32_t best = first_side_from(o, at->to);
    for (uint32_t i = best + 1; i < o->side_count && geo_point_equal(o->sides[i].from, at->to);
         i++) {
        if (comes_first(at->from, at->to, o->sides[i].to, o->sides[best].to)) {
            best = i;
        }
    }
    return best;
}

static bool is_too_small(const geo_point *ring, uint32_t count)
{
    for (uint32_t v = 1; v < count; v++) {
        if (labs((long)ring[v].lon_e7 - ring[0].lon_e7) >= RING_UNITS_MIN ||
            labs((long)ring[v].lat_e7 - ring[0].lat_e7) >= RING_UNITS_MIN) {
            return false;
        }
    }
    return true;
}

/* Leave out vertices on a straight way. Sides never lead straight back. */
static uint32_t straighten(geo_point *ring, uint32_t count)
{
    geo_point first = ring[0];
    geo_point before = ring[count - 1];
    uint32_t kept = 0;
    for (uint32_t v = 0; v < count; v++) {
        geo_point at = ring[v];
        geo_point after = v + 1 < count ? ring[v + 1] : first;
        if (geo_orientation(before, at, after) != 0 ||
            llabs((int64_t)after.lon_e7 - before.lon_e7) > STRAIGHT_E7_MAX) {
            ring[kept++] = at;
            before = at;
        }
    }
    return kept;
}

/* Put out the way from a place on the path to its end, which leads back there, as a ring. */
static void end_ring(overlay *o, uint32_t begin, uint32_t end, geo_rings *rings)
{
    uint32_t first = rings->count > 0 ? rings->ends[rings->count - 1] : 0;
    geo_point *ring = rings->vertices + first;
    for (uint32_t i = begin; i < end; i++) {
        ring[i - begin] = o->sides[o->path[i]].from;
        o->met[o->path[i]] = NONE;
    }
    if (!is_too_small(ring, end - begin)) {
        rings->ends[rings->count++] = first + straighten(ring, end - begin);
    }
}

/* A way that comes to one place again is parted there: rings touch each other, but not themselves,
 * which not everyone takes for valid. */
static void link_sides(overlay *o, geo_rings *rings)
{
    for (uint32_t i = 0; i < o->side_count; i++) {
        o->met[i] = NONE;
    }
    for (uint32_t i = 0; i < o->side_count; i++) {
        uint32_t length = 0;
        uint32_t s = i;
        while (!o->sides[s].used) {
            uint32_t place = first_side_from(o, o->sides[s].from);
            o->met[place] = length;
            o->path[length++] = place;
            o->sides[s].used = true;
            s = next_side(o, &o->sides[s]);
            uint32_t next = first_side_from(o, o->sides[s].from);
            if (o->met[next] != NONE) {
                uint32_t begin = o->met[next];
                end_ring(o, begin, length, rings);
                length = begin;
            }
        }
        assert(length == 0);
    }
}

geo_err geo_overlay(const geo_node_edge *edges, uint32_t count, geo_overlay_keep keep,
                    geo_rings *out)
{
    geo_node_edge *noded = NULL;
    overlay o = {.keep = keep};
    geo_err err = geo_nodes(edges, count, &noded, &o.count);
    if (err != GEO_OK) {
        return err;
    }
    geo_rings rings = {NULL, NULL, 0};
    size_t room = o.count > 0 ? o.count : 1;
    o.edges = noded;
    o.north = malloc(room * sizeof *o.north);
    o.sides = malloc(room * sizeof *o.sides);
    rings.vertices = malloc(room * sizeof *rings.vertices);
    rings.ends = malloc(room * sizeof *rings.ends);
    o.path = malloc(room * sizeof *o.path);
    o.met = malloc(room * sizeof *o.met);
    err = geo_status_init(&o.status, o.count);
    if (err == GEO_OK && o.north != NULL && o.sides != NULL && rings.vertices != NULL &&
        rings.ends != NULL && o.path != NULL && o.met != NULL) {
        err = find_sides(&o);
    } else {
        err = GEO_NO_MEMORY;
    }
    if (err == GEO_OK) {
        qsort(o.sides, o.side_count, sizeof *o.sides, compare_sides);
        link_sides(&o, &rings);
        *out = rings;
    } else {
        geo_rings_fini(&rings);
    }
    geo_status_fini(&o.status);
    free(o.met);
    free(o.path);
    free(o.sides);
    free(o.north);
    free(noded);
    return err;
}
