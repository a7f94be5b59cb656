/* geo/antimeridian.c - cutting rings at +-180 degrees.
 *
 * A ring is first unrolled, so that its longitudes go on beyond 180. The meridians -180, 180 and
 * 540 cut the plane into two strips, which lie above each other on the map. Within them a ring
 * comes to chains of vertices with both ends on a seam; what a ring has along a seam is dropped.
 * The ends of all chains at one edge of the map, sorted, are joined in pairs: by the even-odd rule
 * the area covers the seam from the first to the second, from the third to the fourth, and so on,
 * whichever rings those belong to. */
#include "geo/antimeridian.h"

#include <stdlib.h>

#include "geo/predicate.h"
#include "ring.h"
#include "unroll.h"

#define SEAM INT64_C(1800000000)
#define TURN GEO_TURN_E7

typedef struct chain {
    uint32_t begin;
    uint32_t end;
    bool used;
} chain;

/* An end of a chain on the seam: 2 * chain for its first vertex, 2 * chain + 1 for its last. */
typedef struct seam_end {
    geo_point at;
    geo_point next; /* the chain's vertex beside it */
    uint32_t id;
} seam_end;

/* Everything that cutting allocates. */
typedef struct cutter {
    const uint32_t *ring_ends;
    uint32_t ring_count;
    geo_unrolled *vertices;
    geo_point *points; /* of the chains */
    uint32_t point_count;
    chain *chains;
    uint32_t chain_count;
    seam_end *ends;
    uint32_t *partners; /* by id of a chain's end */
    /* The rings that come out. */
    geo_point *out;
    uint32_t out_count;
    uint32_t *out_ends;
    uint32_t out_ring_count;
} cutter;

int32_t geo_lon_wrap_e7(int64_t lon_e7)
{
    if (lon_e7 >= -SEAM && lon_e7 <= SEAM) {
        return (int32_t)lon_e7;
    }
    int64_t turned = (lon_e7 + SEAM) % TURN;
    turned = turned <= 0 ? turned + TURN : turned;
    return (int32_t)(turned - SEAM);
}

typedef enum strip {
    BEFORE_SEAM, /* between -180 and 180 */
    BEYOND_SEAM, /* between 180 and 540 */
    ON_SEAM,
} strip;

static strip strip_of(geo_unrolled vertex)
{
    if (vertex.lon_e7 == -SEAM || vertex.lon_e7 == SEAM || vertex.lon_e7 == SEAM + TURN) {
        return ON_SEAM;
    }
    return vertex.lon_e7 < SEAM ? BEFORE_SEAM : BEYOND_SEAM;
}

/* Where a chain is begun or ended, or both: all but what stays within a strip. */
static bool leaves_strip(geo_unrolled a, geo_unrolled b)
{
    return strip_of(a) == ON_SEAM || strip_of(a) != strip_of(b);
}

static geo_point on_map(geo_unrolled vertex, strip in)
{
    return (geo_point){
        .lon_e7 = (int32_t)(vertex.lon_e7 - (in == BEYOND_SEAM ? TURN : 0)),
        .lat_e7 = (int32_t)vertex.lat_e7,
    };
}

/* Where an edge crosses the seam, rounded half away from zero: the same for both directions. */
static geo_point seam_point(geo_unrolled a, geo_unrolled b, strip in)
{
    geo_wide den = b.lon_e7 - a.lon_e7;
    geo_wide num = a.lat_e7 * den + (geo_wide)(b.lat_e7 - a.lat_e7) * (SEAM - a.lon_e7);
    if (den < 0) {
        den = -den;
        num = -num;
    }
    geo_wide rounded = num < 0 ? -((-2 * num + den) / (2 * den)) : (2 * num + den) / (2 * den);
    return on_map((geo_unrolled){SEAM, (int64_t)rounded}, in);
}

static void put_point(cutter *c, geo_point point)
{
    c->points[c->point_count++] = point;
}

static void end_chain(cutter *c, uint32_t begin)
{
    c->chains[c->chain_count++] = (chain){.begin = begin, .end = c->point_count};
}

/* The edge from a to b leaves a's strip: end the chain that a belongs to, begun at `begin`. */
static void leave(cutter *c, geo_unrolled a, geo_unrolled b, uint32_t begin)
{
    strip in = strip_of(a);
    if (in != ON_SEAM) {
        put_point(c, strip_of(b) == ON_SEAM ? on_map(b, in) : seam_point(a, b, in));
        end_chain(c, begin);
    }
}

/* The edge from a to b comes into b's strip: begin a chain. One that goes from one edge of the map
 * to the other is a chain of its own; one along a seam is none. Returns the chain's beginning. */
static uint32_t enter(cutter *c, geo_unrolled a, geo_unrolled b)
{
    uint32_t begin = c->point_count;
    strip in = strip_of(b);
    if (in != ON_SEAM) {
        put_point(c, strip_of(a) == ON_SEAM ? on_map(a, in) : seam_point(a, b, in));
        put_point(c, on_map(b, in));
    } else if (strip_of(a) == ON_SEAM && a.lon_e7 != b.lon_e7) {
        in = a.lon_e7 + b.lon_e7 > TURN ? BEYOND_SEAM : BEFORE_SEAM;
        put_point(c, on_map(a, in));
        put_point(c, on_map(b, in));
        end_chain(c, begin);
    }
    return begin;
}

/* Collect the chains of one ring; a ring that lies within a strip goes straight out. */
static void add_chains(cutter *c, const geo_unrolled *ring, uint32_t count)
{
    uint32_t start = 0;
    while (start < count && !leaves_strip(ring[(start + count - 1) % count], ring[start])) {
        start++;
    }
    if (start == count) {
        for (uint32_t v = 0; v < count; v++) {
            c->out[c->out_count++] = on_map(ring[v], strip_of(ring[0]));
        }
        c->out_ends[c->out_ring_count++] = c->out_count;
        return;
    }
    geo_unrolled last = ring[(start + count - 1) % count];
    geo_unrolled a = ring[start];
    uint32_t begin = enter(c, last, a);
    for (uint32_t v = 1; v < count; v++) {
        geo_unrolled b = ring[(start + v) % count];
        if (leaves_strip(a, b)) {
            leave(c, a, b, begin);
            begin = enter(c, a, b);
        } else {
            put_point(c, on_map(b, strip_of(b)));
        }
        a = b;
    }
    leave(c, last, ring[start], begin);
}

/* From south to north. Of chains that end at one place, that comes first which leaves it farther to
 * the south: else their seams would cross in that place. */
static int compare_ends(const void *a, const void *b)
{
    const seam_end *left = a;
    const seam_end *right = b;
    if (left->at.lon_e7 != right->at.lon_e7) {
        return left->at.lon_e7 < right->at.lon_e7 ? -1 : 1;
    }
    if (left->at.lat_e7 != right->at.lat_e7) {
        return left->at.lat_e7 < right->at.lat_e7 ? -1 : 1;
    }
    int turn = geo_orientation(left->at, left->next, right->next);
    if (turn != 0) {
        return (turn < 0) == (left->at.lon_e7 == SEAM) ? -1 : 1;
    }
    return (left->id > right->id) - (left->id < right->id);
}

/* A chain that only touches the seam is a ring of its own. */
static void pair_ends(cutter *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->chain_count; i++) {
        const geo_point *first = &c->points[c->chains[i].begin];
        const geo_point *last = &c->points[c->chains[i].end - 1];
        if (geo_point_equal(*first, *last)) {
            c->partners[2 * i] = 2 * i + 1;
            c->partners[2 * i + 1] = 2 * i;
            continue;
        }
        c->ends[count++] = (seam_end){first[0], first[1], 2 * i};
        c->ends[count++] = (seam_end){last[0], last[-1], 2 * i + 1};
    }
    qsort(c->ends, count, sizeof *c->ends, compare_ends);
    for (uint32_t i = 0; i < count; i += 2) {
        c->partners[c->ends[i].id] = c->ends[i + 1].id;
        c->partners[c->ends[i + 1].id] = c->ends[i].id;
    }
}

static bool is_along_seam(geo_point a, geo_point b)
{
    return a.lon_e7 == b.lon_e7 && (a.lon_e7 == SEAM || a.lon_e7 == -SEAM);
}

/* Keep the ring that was put out since begin, unless it is too small for the lattice. Vertices amid
 * a run along the seam are left out: they may lead to and fro. */
static void end_ring(cutter *c, uint32_t begin)
{
    geo_point *ring = c->out + begin;
    uint32_t count = c->out_count - begin;
    c->out_count = begin;
    if (count == 0) {
        return;
    }
    geo_point first = ring[0];
    geo_point before = ring[count - 1];
    for (uint32_t v = 0; v < count; v++) {
        geo_point at = ring[v];
        geo_point after = v + 1 < count ? ring[v + 1] : first;
        if (!is_along_seam(before, at) || !is_along_seam(at, after)) {
            c->out[c->out_count++] = at;
        }
        before = at;
    }
    if (geo_ring_has_three(ring, c->out_count - begin)) {
        c->out_ends[c->out_ring_count++] = c->out_count;
    } else {
        c->out_count = begin;
    }
}

static void put_chain(cutter *c, const chain *from, bool forward)
{
    uint32_t count = from->end - from->begin;
    for (uint32_t v = 0; v < count; v++) {
        c->out[c->out_count++] = c->points[forward ? from->begin + v : from->end - 1 - v];
    }
}

/* Follow chains and seams until the ring is closed. */
static void link_chains(cutter *c)
{
    for (uint32_t i = 0; i < c->chain_count; i++) {
        uint32_t begin = c->out_count;
        for (uint32_t id = 2 * i; !c->chains[id / 2].used; id = c->partners[id ^ 1]) {
            c->chains[id / 2].used = true;
            put_chain(c, &c->chains[id / 2], id % 2 == 0);
        }
        end_ring(c, begin);
    }
}

/* The edges that leave a strip, each of which makes at most two ends of chains. */
static uint32_t count_cuts(const cutter *c)
{
    uint32_t cuts = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < c->ring_count; r++) {
        uint32_t end = c->ring_ends[r];
        geo_unrolled before = c->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            cuts += leaves_strip(before, c->vertices[v]);
            before = c->vertices[v];
        }
        begin = end;
    }
    return cuts;
}

static geo_err cut(cutter *c, geo_area **out)
{
    size_t cuts = count_cuts(c);
    size_t room = c->ring_ends[c->ring_count - 1] + 2 * cuts;
    c->points = malloc(room * sizeof *c->points);
    c->chains = malloc((cuts + 1) * sizeof *c->chains);
    c->ends = malloc((2 * cuts + 1) * sizeof *c->ends);
    c->partners = malloc((2 * cuts + 1) * sizeof *c->partners);
    c->out = malloc(room * sizeof *c->out);
    c->out_ends = malloc((c->ring_count + cuts) * sizeof *c->out_ends);
    if (c->points == NULL || c->chains == NULL || c->ends == NULL || c->partners == NULL ||
        c->out == NULL || c->out_ends == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t begin = 0;
    for (uint32_t r = 0; r < c->ring_count; r++) {
        add_chains(c, c->vertices + begin, c->ring_ends[r] - begin);
        begin = c->ring_ends[r];
    }
    pair_ends(c);
    link_chains(c);
    return geo_area_new(c->out, c->out_ends, c->out_ring_count, out);
}

geo_err geo_area_new_cut(const geo_point *vertices, const uint32_t *ring_ends, uint32_t ring_count,
                         geo_why *why, geo_area **out)
{
    cutter c = {.ring_ends = ring_ends, .ring_count = ring_count};
    geo_err err = geo_unroll_new(vertices, ring_ends, ring_count, why, &c.vertices);
    if (err == GEO_OK) {
        err = cut(&c, out);
        if (err != GEO_OK) {
            geo_why_set(why, err, "%s", geo_err_text(err));
        }
    }
    free(c.out_ends);
    free(c.out);
    free(c.partners);
    free(c.ends);
    free(c.chains);
    free(c.points);
    free(c.vertices);
    return err;
}
