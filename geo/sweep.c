/* geo/sweep.c - the sweep of Shamos and Hoey, with exact predicates and with touching allowed.
 *
 * A line moves from west to east (over points of one longitude from south to north) and keeps the
 * edges that it meets in order. Two edges can only cross after having become neighbours, so only
 * neighbours are compared, and the first crossing ends the sweep. What the comparison of edges does
 * not see is a ring that crosses at a vertex: so around every place where more than one pass of a
 * ring meets, the passes are looked at in their order by angle. */
#include "sweep.h"

#include <stdlib.h>

#include "geo/point.h"
#include "status.h"

#define NONE GEO_STATUS_NONE
#define PASSES_MAX 64

/* Edge i goes from vertex i to the next one of its ring. */
typedef struct edge {
    geo_unrolled west; /* its first end in the order of the sweep */
    geo_unrolled east;
    uint32_t ring;
    uint32_t before; /* the edge before it in its ring */
    bool inside_north;
} edge;

typedef struct sweep {
    edge *edges;
    uint32_t edge_count;
    uint32_t *order; /* vertices in the order of the sweep */
    geo_status status;
    geo_sweep_ring *rings;
    bool *seen; /* by ring */
    geo_sweep_fault *fault;
} sweep;

/* A pass of a ring through a place: it comes from one point and goes to another. */
typedef struct pass {
    geo_unrolled ends[2];
    uint32_t ring;
} pass;

static int compare_points(geo_unrolled a, geo_unrolled b)
{
    if (a.lon_e7 != b.lon_e7) {
        return a.lon_e7 < b.lon_e7 ? -1 : 1;
    }
    return (a.lat_e7 > b.lat_e7) - (a.lat_e7 < b.lat_e7);
}

static bool same(geo_unrolled a, geo_unrolled b)
{
    return compare_points(a, b) == 0;
}

static int orientation(geo_unrolled a, geo_unrolled b, geo_unrolled point)
{
    geo_wide left = (geo_wide)(b.lon_e7 - a.lon_e7) * (point.lat_e7 - a.lat_e7);
    geo_wide right = (geo_wide)(b.lat_e7 - a.lat_e7) * (point.lon_e7 - a.lon_e7);
    return (left > right) - (left < right);
}

/* Whether a point lies north of an edge (1), south of it (-1), or on it. */
static int side_of(const edge *e, geo_unrolled point)
{
    return orientation(e->west, e->east, point);
}

static geo_err fail(sweep *s, bool overlaps, uint32_t a, uint32_t b, double lon_e7, double lat_e7)
{
    *s->fault = (geo_sweep_fault){
        .overlaps = overlaps,
        .rings = {a < b ? a : b, a < b ? b : a},
        .lon_e7 = lon_e7,
        .lat_e7 = lat_e7,
    };
    return GEO_INVALID;
}

static geo_err fail_at(sweep *s, bool overlaps, uint32_t a, uint32_t b, geo_unrolled at)
{
    return fail(s, overlaps, a, b, (double)at.lon_e7, (double)at.lat_e7);
}

/* Two edges that became neighbours: they may touch, but not cross. Overlaps are found elsewhere. */
static geo_err check_neighbours(sweep *s, uint32_t south, uint32_t north)
{
    if (south == NONE || north == NONE) {
        return GEO_OK;
    }
    const edge *a = &s->edges[south];
    const edge *b = &s->edges[north];
    if (side_of(a, b->west) * side_of(a, b->east) >= 0 ||
        side_of(b, a->west) * side_of(b, a->east) >= 0) {
        return GEO_OK;
    }
    double a_lon = (double)(a->east.lon_e7 - a->west.lon_e7);
    double a_lat = (double)(a->east.lat_e7 - a->west.lat_e7);
    double b_lon = (double)(b->east.lon_e7 - b->west.lon_e7);
    double b_lat = (double)(b->east.lat_e7 - b->west.lat_e7);
    double from_lon = (double)(b->west.lon_e7 - a->west.lon_e7);
    double from_lat = (double)(b->west.lat_e7 - a->west.lat_e7);
    double part = (from_lon * b_lat - from_lat * b_lon) / (a_lon * b_lat - a_lat * b_lon);
    return fail(s, false, a->ring, b->ring, (double)a->west.lon_e7 + a_lon * part,
                (double)a->west.lat_e7 + a_lat * part);
}

static geo_err remove_edge(sweep *s, uint32_t e)
{
    uint32_t south = geo_status_south(&s->status, e);
    uint32_t north = geo_status_north(&s->status, e);
    geo_status_remove(&s->status, e);
    return check_neighbours(s, south, north);
}

static geo_err insert_edge(sweep *s, uint32_t e)
{
    const edge *added = &s->edges[e];
    uint32_t parent = NONE;
    int side = 0;
    for (uint32_t at = s->status.root; at != NONE; at = s->status.nodes[at].child[side]) {
        int north = side_of(&s->edges[at], added->west);
        if (north == 0) {
            north = side_of(&s->edges[at], added->east);
        }
        if (north == 0) {
            return fail_at(s, true, s->edges[at].ring, added->ring, added->west);
        }
        parent = at;
        side = north > 0;
    }
    geo_status_insert(&s->status, e, parent, side);
    geo_err err = check_neighbours(s, geo_status_south(&s->status, e), e);
    return err != GEO_OK ? err : check_neighbours(s, e, geo_status_north(&s->status, e));
}

/* The edge that runs through a place where it has no end, or NONE. There is at most one, because
 * two would cross or overlap. */
static uint32_t edge_through(const sweep *s, geo_unrolled place)
{
    uint32_t at = s->status.root;
    while (at != NONE) {
        int north = side_of(&s->edges[at], place);
        if (north == 0) {
            return at;
        }
        at = s->status.nodes[at].child[north > 0];
    }
    return NONE;
}

/* ---- places where several passes meet ---- */

/* One of the two ways out of the place, by angle. */
typedef struct way {
    int64_t lon;
    int64_t lat;
    uint32_t pass;
} way;

static int compare_ways(const void *left, const void *right)
{
    const way *a = left;
    const way *b = right;
    bool a_south = a->lat < 0 || (a->lat == 0 && a->lon < 0);
    bool b_south = b->lat < 0 || (b->lat == 0 && b->lon < 0);
    if (a_south != b_south) {
        return a_south ? 1 : -1;
    }
    geo_wide turn = (geo_wide)a->lon * b->lat - (geo_wide)a->lat * b->lon;
    return (turn < 0) - (turn > 0);
}

/* Passes do not cross when, read around the place, they close like brackets. */
static geo_err check_ways(sweep *s, const pass *passes, way *ways, uint32_t *stack,
                          uint32_t pass_count, geo_unrolled place)
{
    for (uint32_t i = 0; i < 2 * pass_count; i++) {
        geo_unrolled to = passes[i / 2].ends[i % 2];
        ways[i] = (way){to.lon_e7 - place.lon_e7, to.lat_e7 - place.lat_e7, i / 2};
    }
    qsort(ways, 2 * (size_t)pass_count, sizeof *ways, compare_ways);
    uint32_t depth = 0;
    for (uint32_t i = 0; i < 2 * pass_count; i++) {
        uint32_t ring = passes[ways[i].pass].ring;
        if (i > 0 && compare_ways(&ways[i - 1], &ways[i]) == 0) {
            return fail_at(s, true, passes[ways[i - 1].pass].ring, ring, place);
        }
        if (depth > 0 && stack[depth - 1] == ways[i].pass) {
            depth--;
        } else {
            stack[depth++] = ways[i].pass;
        }
    }
    if (depth > 0) {
        uint32_t other = passes[stack[depth - 1]].ring;
        return fail_at(s, false, passes[stack[0]].ring, other, place);
    }
    return GEO_OK;
}

static pass pass_of(const sweep *s, uint32_t vertex, geo_unrolled place)
{
    const edge *out = &s->edges[vertex];
    const edge *in = &s->edges[out->before];
    return (pass){
        .ends = {same(in->west, place) ? in->east : in->west,
                 same(out->west, place) ? out->east : out->west},
        .ring = out->ring,
    };
}

static geo_err check_passes(sweep *s, const uint32_t *vertices, uint32_t count, geo_unrolled place)
{
    uint32_t through = edge_through(s, place);
    uint32_t pass_count = count + (through != NONE);
    if (pass_count < 2) {
        return GEO_OK;
    }
    pass few_passes[PASSES_MAX];
    way few_ways[2 * PASSES_MAX];
    uint32_t few_open[2 * PASSES_MAX];
    pass *passes = few_passes;
    way *ways = few_ways;
    uint32_t *open = few_open;
    void *many = NULL;
    if (pass_count > PASSES_MAX) {
        many = malloc(pass_count * (sizeof(pass) + 2 * sizeof(way) + 2 * sizeof(uint32_t)));
        if (many == NULL) {
            return GEO_NO_MEMORY;
        }
        passes = many;
        ways = (way *)(passes + pass_count);
        open = (uint32_t *)(ways + 2 * (size_t)pass_count);
    }
    for (uint32_t i = 0; i < count; i++) {
        passes[i] = pass_of(s, vertices[i], place);
    }
    if (through != NONE) {
        const edge *e = &s->edges[through];
        passes[count] = (pass){{e->west, e->east}, e->ring};
    }
    geo_err err = check_ways(s, passes, ways, open, pass_count, place);
    free(many);
    return err;
}

/* ---- nesting ---- */

/* The first edge of a ring that the sweep meets tells what lies around the ring. */
static void note_ring(sweep *s, uint32_t ring, uint32_t south)
{
    geo_sweep_ring *noted = &s->rings[ring];
    *noted = (geo_sweep_ring){false, GEO_SWEEP_NO_RING};
    s->seen[ring] = true;
    if (south == NONE) {
        return;
    }
    const edge *below = &s->edges[south];
    const geo_sweep_ring *beside = &s->rings[below->ring];
    noted->is_hole = below->inside_north;
    bool within_beside = below->inside_north != beside->is_hole;
    noted->container = within_beside ? below->ring : beside->container;
}

/* Edges that begin at a place lie together, perhaps with the one edge through it among them. */
static void note_inside(sweep *s, uint32_t any, geo_unrolled place)
{
    uint32_t lowest = any;
    for (uint32_t at = any; at != NONE && side_of(&s->edges[at], place) == 0;
         at = geo_status_south(&s->status, at)) {
        lowest = at;
    }
    for (uint32_t at = lowest; at != NONE && side_of(&s->edges[at], place) == 0;
         at = geo_status_north(&s->status, at)) {
        edge *e = &s->edges[at];
        uint32_t south = geo_status_south(&s->status, at);
        if (!s->seen[e->ring]) {
            note_ring(s, e->ring, south);
        }
        e->inside_north = south == NONE || !s->edges[south].inside_north;
    }
}

/* ---- the sweep ---- */

/* All vertices at one place: edges end, then edges begin. */
static geo_err visit_place(sweep *s, const uint32_t *vertices, uint32_t count, geo_unrolled place)
{
    geo_err err = GEO_OK;
    for (uint32_t i = 0; i < 2 * count && err == GEO_OK; i++) {
        uint32_t e = i % 2 == 0 ? vertices[i / 2] : s->edges[vertices[i / 2]].before;
        if (same(s->edges[e].east, place)) {
            err = remove_edge(s, e);
        }
    }
    if (err == GEO_OK) {
        err = check_passes(s, vertices, count, place);
    }
    uint32_t begun = NONE;
    for (uint32_t i = 0; i < 2 * count && err == GEO_OK; i++) {
        uint32_t e = i % 2 == 0 ? vertices[i / 2] : s->edges[vertices[i / 2]].before;
        if (same(s->edges[e].west, place)) {
            err = insert_edge(s, e);
            begun = e;
        }
    }
    if (err == GEO_OK && begun != NONE) {
        note_inside(s, begun, place);
    }
    return err;
}

static void make_edges(sweep *s, const geo_unrolled *vertices, const uint32_t *ring_ends,
                       uint32_t ring_count)
{
    uint32_t begin = 0;
    for (uint32_t r = 0; r < ring_count; r++) {
        for (uint32_t v = begin; v < ring_ends[r]; v++) {
            geo_unrolled a = vertices[v];
            geo_unrolled b = vertices[v + 1 < ring_ends[r] ? v + 1 : begin];
            bool eastward = compare_points(a, b) < 0;
            s->edges[v] = (edge){
                .west = eastward ? a : b,
                .east = eastward ? b : a,
                .ring = r,
                .before = v > begin ? v - 1 : ring_ends[r] - 1,
            };
        }
        begin = ring_ends[r];
    }
}

typedef struct event {
    geo_unrolled place;
    uint32_t vertex;
} event;

static int compare_events(const void *a, const void *b)
{
    const event *left = a;
    const event *right = b;
    int order = compare_points(left->place, right->place);
    return order != 0 ? order : (left->vertex > right->vertex) - (left->vertex < right->vertex);
}

static geo_err run(sweep *s, const geo_unrolled *vertices)
{
    event *events = malloc(s->edge_count * sizeof *events);
    if (events == NULL) {
        return GEO_NO_MEMORY;
    }
    for (uint32_t v = 0; v < s->edge_count; v++) {
        events[v] = (event){vertices[v], v};
    }
    qsort(events, s->edge_count, sizeof *events, compare_events);
    for (uint32_t v = 0; v < s->edge_count; v++) {
        s->order[v] = events[v].vertex;
    }
    free(events);
    geo_err err = GEO_OK;
    for (uint32_t first = 0; first < s->edge_count && err == GEO_OK;) {
        geo_unrolled place = vertices[s->order[first]];
        uint32_t count = 1;
        while (first + count < s->edge_count && same(vertices[s->order[first + count]], place)) {
            count++;
        }
        err = visit_place(s, s->order + first, count, place);
        first += count;
    }
    return err;
}

geo_err geo_sweep(const geo_unrolled *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                  geo_sweep_ring *rings, geo_sweep_fault *fault)
{
    uint32_t count = ring_ends[ring_count - 1];
    sweep s = {.edge_count = count, .rings = rings, .fault = fault};
    s.edges = malloc(count * sizeof *s.edges);
    s.order = malloc(count * sizeof *s.order);
    s.seen = calloc(ring_count, sizeof *s.seen);
    geo_err err = geo_status_init(&s.status, count);
    if (err == GEO_OK && s.edges != NULL && s.order != NULL && s.seen != NULL) {
        make_edges(&s, vertices, ring_ends, ring_count);
        err = run(&s, vertices);
    } else {
        err = GEO_NO_MEMORY;
    }
    geo_status_fini(&s.status);
    free(s.seen);
    free(s.order);
    free(s.edges);
    return err;
}
