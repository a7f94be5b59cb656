/* geo/antimeridian.c - cutting rings at +-180 degrees.
 *
 * A ring is first unrolled, so that its longitudes go on beyond 180. Each side of the seam then
 * gets the chains of vertices that lie on it, and the ends of all chains on the seam, sorted, are
 * joined in pairs: by the even-odd rule the area covers the seam from the first to the second, from
 * the third to the fourth, and so on, whichever rings those belong to. */
#include "geo/antimeridian.h"

#include <stdlib.h>

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
    int32_t lat_e7;
    uint32_t id;
} seam_end;

/* Everything that cutting allocates. */
typedef struct cutter {
    const uint32_t *ring_ends;
    uint32_t ring_count;
    geo_unrolled *vertices;
    /* The chains of one side. */
    geo_point *points;
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

static bool is_on_side(geo_unrolled vertex, bool beyond)
{
    return (vertex.lon_e7 > SEAM) == beyond;
}

static geo_point on_map(geo_unrolled vertex, bool beyond)
{
    return (geo_point){
        .lon_e7 = (int32_t)(vertex.lon_e7 - (beyond ? TURN : 0)),
        .lat_e7 = (int32_t)vertex.lat_e7,
    };
}

/* Where an edge crosses the seam, rounded half away from zero: the same for both directions. */
static geo_point seam_point(geo_unrolled a, geo_unrolled b, bool beyond)
{
    geo_wide den = b.lon_e7 - a.lon_e7;
    geo_wide num = a.lat_e7 * den + (geo_wide)(b.lat_e7 - a.lat_e7) * (SEAM - a.lon_e7);
    if (den < 0) {
        den = -den;
        num = -num;
    }
    geo_wide rounded = num < 0 ? -((-2 * num + den) / (2 * den)) : (2 * num + den) / (2 * den);
    return (geo_point){
        .lon_e7 = beyond ? -GEO_LON_E7_MAX : GEO_LON_E7_MAX,
        .lat_e7 = (int32_t)rounded,
    };
}

/* Collect the chains of one ring on one side; a ring that lies on it wholly goes straight out. */
static void add_chains(cutter *c, const geo_unrolled *ring, uint32_t count, bool beyond)
{
    uint32_t start = 0;
    while (start < count && (!is_on_side(ring[start], beyond) ||
                             is_on_side(ring[(start + count - 1) % count], beyond))) {
        start++;
    }
    if (start == count) {
        for (uint32_t v = 0; v < count && is_on_side(ring[0], beyond); v++) {
            c->out[c->out_count++] = on_map(ring[v], beyond);
        }
        if (is_on_side(ring[0], beyond)) {
            c->out_ends[c->out_ring_count++] = c->out_count;
        }
        return;
    }
    for (uint32_t v = 0; v < count; v++) {
        geo_unrolled before = ring[(start + v + count - 1) % count];
        geo_unrolled at = ring[(start + v) % count];
        geo_unrolled after = ring[(start + v + 1) % count];
        if (!is_on_side(at, beyond)) {
            continue;
        }
        if (!is_on_side(before, beyond)) {
            c->chains[c->chain_count].begin = c->point_count;
            c->points[c->point_count++] = seam_point(before, at, beyond);
        }
        c->points[c->point_count++] = on_map(at, beyond);
        if (!is_on_side(after, beyond)) {
            c->points[c->point_count++] = seam_point(at, after, beyond);
            c->chains[c->chain_count].end = c->point_count;
            c->chains[c->chain_count++].used = false;
        }
    }
}

static int compare_ends(const void *a, const void *b)
{
    const seam_end *left = a;
    const seam_end *right = b;
    if (left->lat_e7 != right->lat_e7) {
        return left->lat_e7 < right->lat_e7 ? -1 : 1;
    }
    return (left->id > right->id) - (left->id < right->id);
}

static void pair_ends(cutter *c)
{
    uint32_t count = 2 * c->chain_count;
    for (uint32_t i = 0; i < c->chain_count; i++) {
        c->ends[2 * i] = (seam_end){c->points[c->chains[i].begin].lat_e7, 2 * i};
        c->ends[2 * i + 1] = (seam_end){c->points[c->chains[i].end - 1].lat_e7, 2 * i + 1};
    }
    qsort(c->ends, count, sizeof *c->ends, compare_ends);
    for (uint32_t i = 0; i < count; i += 2) {
        c->partners[c->ends[i].id] = c->ends[i + 1].id;
        c->partners[c->ends[i + 1].id] = c->ends[i].id;
    }
}

static bool is_on_seam(geo_point point)
{
    return point.lon_e7 == GEO_LON_E7_MAX || point.lon_e7 == -GEO_LON_E7_MAX;
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
    bool first_on = is_on_seam(ring[0]);
    bool before_on = is_on_seam(ring[count - 1]);
    for (uint32_t v = 0; v < count; v++) {
        bool on = is_on_seam(ring[v]);
        bool after_on = v + 1 < count ? is_on_seam(ring[v + 1]) : first_on;
        if (!(before_on && on && after_on)) {
            c->out[c->out_count++] = ring[v];
        }
        before_on = on;
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

static void cut_side(cutter *c, bool beyond)
{
    c->point_count = 0;
    c->chain_count = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < c->ring_count; r++) {
        add_chains(c, c->vertices + begin, c->ring_ends[r] - begin, beyond);
        begin = c->ring_ends[r];
    }
    pair_ends(c);
    link_chains(c);
}

/* The edges that cross the seam, each of which ends a chain on both sides. */
static uint32_t count_cuts(const cutter *c)
{
    uint32_t cuts = 0;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < c->ring_count; r++) {
        uint32_t end = c->ring_ends[r];
        geo_unrolled before = c->vertices[end - 1];
        for (uint32_t v = begin; v < end; v++) {
            cuts += is_on_side(before, true) != is_on_side(c->vertices[v], true);
            before = c->vertices[v];
        }
        begin = end;
    }
    return cuts;
}

static geo_err cut(cutter *c, geo_area **out)
{
    uint32_t cuts = count_cuts(c);
    size_t room = c->ring_ends[c->ring_count - 1] + 2 * (size_t)cuts;
    c->points = malloc(room * sizeof *c->points);
    c->chains = malloc((cuts / 2 + 1) * sizeof *c->chains);
    c->ends = malloc((cuts + 1) * sizeof *c->ends);
    c->partners = malloc((cuts + 1) * sizeof *c->partners);
    c->out = malloc(room * sizeof *c->out);
    c->out_ends = malloc((c->ring_count + (size_t)cuts) * sizeof *c->out_ends);
    if (c->points == NULL || c->chains == NULL || c->ends == NULL || c->partners == NULL ||
        c->out == NULL || c->out_ends == NULL) {
        return GEO_NO_MEMORY;
    }
    cut_side(c, false);
    cut_side(c, true);
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
