/* geo/crossing.c - the pieces of a segment within an area.
 *
 * Every place where an edge meets the segment becomes a hit: a fraction of the way. Between two
 * neighbouring hits the segment lies wholly inside or outside, which is found by parity: think of
 * the segment moved to its left by next to nothing, and of the line that goes on behind its start;
 * each edge crossed on the way toggles. A vertex on the line then is a vertex right of it, and an
 * edge along the line crosses nothing, but covers the hits between its ends. */
#include "geo/crossing.h"

#include <stdbool.h>
#include <string.h>

#include "wide.h"

#define WORLD_E7 INT64_C(3600000000)
/* Hits are met in the order of edges and wanted in the order of the way. So each pass over the
 * edges collects the next so many; few segments need a second pass. */
#define HITS_PER_PASS 256

typedef struct vec {
    int64_t lon;
    int64_t lat;
} vec;

/* What happens at one fraction of the way, by all edges together. */
typedef struct hit {
    geo_fraction at;
    uint32_t toggles; /* bit c: the parity in copy c of the area changes here */
    int32_t covers;   /* how many more edges run along the segment after this */
} hit;

typedef struct walk {
    const geo_area *area;
    vec from;
    vec along; /* to - from */
    /* Hits up to and including this one are done with; a denominator of 0: none yet. */
    geo_fraction done;
    uint32_t start_toggles; /* parity just before the start, by copies; from the first pass */
    uint32_t hit_count;
    hit hits[HITS_PER_PASS];
} walk;

int geo_fraction_compare(geo_fraction a, geo_fraction b)
{
    geo_wide_unsigned left = (geo_wide_unsigned)a.num * b.den;
    geo_wide_unsigned right = (geo_wide_unsigned)b.num * a.den;
    return (left > right) - (left < right);
}

/* The sign of (a.end - a.start) - (b.end - b.start). */
static int compare_lengths(const geo_piece *a, const geo_piece *b)
{
    geo_wide_unsigned a_num =
        (geo_wide_unsigned)a->end.num * a->start.den - (geo_wide_unsigned)a->start.num * a->end.den;
    geo_wide_unsigned b_num =
        (geo_wide_unsigned)b->end.num * b->start.den - (geo_wide_unsigned)b->start.num * b->end.den;
    geo_wide_unsigned a_den = (geo_wide_unsigned)a->end.den * a->start.den;
    geo_wide_unsigned b_den = (geo_wide_unsigned)b->end.den * b->start.den;
    return geo_wide_compare_products(a_num, b_den, b_num, a_den);
}

static geo_wide cross(vec a, vec b)
{
    return (geo_wide)a.lon * b.lat - (geo_wide)a.lat * b.lon;
}

static int sign(geo_wide value)
{
    return (value > 0) - (value < 0);
}

/* The sign of the cross product where it needs no more than int64: of the area as it lies on the
 * map, longitudes differ by at most 3.6e9 and latitudes by at most 1.8e9. */
static int side_of(vec along, vec point)
{
    int64_t left = along.lon * point.lat;
    int64_t right = along.lat * point.lon;
    return (left > right) - (left < right);
}

/* Make room for a hit at index i, dropping the farthest one if the pass is full. */
static void insert_hit(walk *w, uint32_t i, geo_fraction at)
{
    uint32_t kept = w->hit_count < HITS_PER_PASS ? w->hit_count : HITS_PER_PASS - 1;
    memmove(w->hits + i + 1, w->hits + i, (kept - i) * sizeof(hit));
    w->hits[i] = (hit){.at = at};
    w->hit_count = kept + 1;
}

static void add_hit(walk *w, geo_fraction at, uint32_t toggles, int32_t covers)
{
    if (w->done.den != 0 && geo_fraction_compare(at, w->done) <= 0) {
        return;
    }
    uint32_t low = 0;
    uint32_t high = w->hit_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (geo_fraction_compare(w->hits[middle].at, at) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == HITS_PER_PASS) {
        return;
    }
    if (low == w->hit_count || geo_fraction_compare(w->hits[low].at, at) != 0) {
        insert_hit(w, low, at);
    }
    w->hits[low].toggles ^= toggles;
    w->hits[low].covers += covers;
}

/* A meeting of an edge with the line at num / den; den > 0. */
static void meet_line(walk *w, geo_wide num, geo_wide den, uint32_t toggles)
{
    if (num < 0) {
        w->start_toggles ^= toggles;
    } else if (num <= den) {
        add_hit(w, (geo_fraction){(uint64_t)num, (uint64_t)den}, toggles, 0);
    }
}

/* The longer axis of the segment, where a point of the line tells its fraction. */
static void fraction_of(const walk *w, vec on_line, int64_t *num, int64_t *den)
{
    int64_t lon_size = w->along.lon < 0 ? -w->along.lon : w->along.lon;
    int64_t lat_size = w->along.lat < 0 ? -w->along.lat : w->along.lat;
    bool by_lon = lon_size >= lat_size;
    int64_t way = by_lon ? w->along.lon : w->along.lat;
    int64_t part = by_lon ? on_line.lon : on_line.lat;
    *num = way < 0 ? -part : part;
    *den = way < 0 ? -way : way;
}

/* An edge along the line covers the part of the segment between its ends. */
static void cover_line(walk *w, vec a, vec b)
{
    int64_t first;
    int64_t second;
    int64_t den;
    fraction_of(w, a, &first, &den);
    fraction_of(w, b, &second, &den);
    int64_t start = first < second ? first : second;
    int64_t end = first < second ? second : first;
    if (end < 0 || start > den) {
        return;
    }
    start = start < 0 ? 0 : start;
    end = end > den ? den : end;
    add_hit(w, (geo_fraction){(uint64_t)start, (uint64_t)den}, 0, 1);
    add_hit(w, (geo_fraction){(uint64_t)end, (uint64_t)den}, 0, -1);
}

/* An edge from a to b (relative to the start of the segment), which lie on the given sides. */
static void meet_edge(walk *w, vec a, int a_side, vec b, int b_side, uint32_t copy_bit)
{
    if (a_side == 0 && b_side == 0) {
        cover_line(w, a, b);
    } else if (a_side == 0 || b_side == 0) {
        int64_t num;
        int64_t den;
        fraction_of(w, a_side == 0 ? a : b, &num, &den);
        meet_line(w, num, den, a_side > 0 || b_side > 0 ? copy_bit : 0);
    } else if (a_side != b_side) {
        vec edge = {b.lon - a.lon, b.lat - a.lat};
        geo_wide num = cross(a, edge);
        geo_wide den = cross(w->along, edge);
        meet_line(w, den < 0 ? -num : num, den < 0 ? -den : den, copy_bit);
    }
}

/* All edges of one copy of the area, moved by whole turns of the world. */
static void meet_copy(walk *w, int64_t shift, uint32_t copy_bit)
{
    const geo_area *area = w->area;
    uint32_t begin = 0;
    for (uint32_t r = 0; r < area->ring_count; r++) {
        uint32_t end = area->ring_ends[r];
        vec a = {0, 0};
        int a_side = 0;
        for (uint32_t v = begin; v <= end; v++) {
            geo_point vertex = area->vertices[v == begin ? end - 1 : v - 1];
            vec b = {vertex.lon_e7 + shift - w->from.lon, vertex.lat_e7 - w->from.lat};
            int b_side = shift == 0 ? side_of(w->along, b) : sign(cross(w->along, b));
            if (v > begin && (a_side != b_side || b_side == 0)) {
                meet_edge(w, a, a_side, b, b_side, copy_bit);
            }
            a = b;
            a_side = b_side;
        }
        begin = end;
    }
}

static bool copy_may_meet(const walk *w, int64_t shift)
{
    geo_box box = w->area->box;
    int64_t to_lon = w->from.lon + w->along.lon;
    int64_t to_lat = w->from.lat + w->along.lat;
    int64_t west = box.min.lon_e7 + shift;
    int64_t east = box.max.lon_e7 + shift;
    return !(w->from.lon < west && to_lon < west) && !(w->from.lon > east && to_lon > east) &&
           !(w->from.lat < box.min.lat_e7 && to_lat < box.min.lat_e7) &&
           !(w->from.lat > box.max.lat_e7 && to_lat > box.max.lat_e7);
}

/* Collect the hits after w->done. */
static void pass(walk *w)
{
    w->hit_count = 0;
    for (uint32_t copy = 0; copy < 3; copy++) {
        int64_t shift = ((int64_t)copy - 1) * WORLD_E7;
        if (copy_may_meet(w, shift)) {
            meet_copy(w, shift, 1u << copy);
        }
    }
}

static void add_piece(geo_pieces *pieces, geo_fraction start, geo_fraction end)
{
    geo_piece piece = {start, end};
    if (pieces->count == 0) {
        pieces->first = piece;
        pieces->longest = piece;
    } else if (compare_lengths(&piece, &pieces->longest) > 0) {
        pieces->longest = piece;
    }
    pieces->last = piece;
    pieces->count++;
}

static vec short_way(geo_point from, geo_point to)
{
    vec along = {(int64_t)to.lon_e7 - from.lon_e7, (int64_t)to.lat_e7 - from.lat_e7};
    if (along.lon > WORLD_E7 / 2) {
        along.lon -= WORLD_E7;
    } else if (along.lon < -WORLD_E7 / 2) {
        along.lon += WORLD_E7;
    }
    return along;
}

geo_pieces geo_segment_pieces(const geo_area *area, geo_point from, geo_point to)
{
    geo_pieces pieces = {0};
    geo_fraction start = {0, 1};
    walk w; /* without its hits, which are written before they are read */
    w.area = area;
    w.from = (vec){from.lon_e7, from.lat_e7};
    w.along = short_way(from, to);
    w.done = (geo_fraction){0, 0};
    w.start_toggles = 0;
    if (w.along.lon == 0 && w.along.lat == 0) {
        if (geo_area_contains(area, from)) {
            add_piece(&pieces, start, (geo_fraction){1, 1});
        }
        return pieces;
    }
    pass(&w);
    uint32_t parity = w.start_toggles;
    int32_t covers = 0;
    bool open = parity != 0;
    while (w.hit_count > 0) {
        for (uint32_t i = 0; i < w.hit_count; i++) {
            const hit *at = &w.hits[i];
            start = open ? start : at->at;
            parity ^= at->toggles;
            covers += at->covers;
            open = parity != 0 || covers > 0;
            if (!open) {
                add_piece(&pieces, start, at->at);
            }
        }
        bool more = w.hit_count == HITS_PER_PASS;
        w.done = w.hits[w.hit_count - 1].at;
        w.hit_count = 0;
        if (more) {
            pass(&w);
        }
    }
    if (open) {
        add_piece(&pieces, start, (geo_fraction){1, 1});
    }
    return pieces;
}

/* base + delta * at = whole + rest / den, with 0 <= rest < den. */
typedef struct mixed {
    geo_wide whole;
    uint64_t rest;
    uint64_t den;
} mixed;

static mixed part_of(int64_t base, geo_wide delta, geo_fraction at)
{
    geo_wide num = delta * at.num;
    geo_wide den = at.den;
    geo_wide floor = num / den - (num % den < 0);
    return (mixed){base + floor, (uint64_t)(num - floor * den), at.den};
}

static int64_t round_half_away(mixed value)
{
    geo_wide_unsigned twice = (geo_wide_unsigned)value.rest * 2;
    bool up = value.whole >= 0 ? twice >= value.den : twice > value.den;
    return (int64_t)(value.whole + up);
}

/* Half of the sum of two values, rounded half away from zero. Of the sum of the two rests only its
 * whole part counts: 0, 1, or for negative values also whether anything is above it. */
static int64_t round_middle(mixed a, mixed b)
{
    geo_wide whole = a.whole + b.whole;
    int compared =
        geo_fraction_compare((geo_fraction){a.rest, a.den}, (geo_fraction){b.den - b.rest, b.den});
    if (whole >= 0) {
        return (int64_t)((whole + (compared >= 0) + 1) / 2);
    }
    bool none = a.rest == 0 && b.rest == 0;
    geo_wide up = none ? 0 : compared <= 0 ? 1 : 2;
    return (int64_t)((whole + up - 1) / 2);
}

/* Move a longitude by whole turns until it lies within +-180; it must be done before rounding. */
static mixed wrap_lon(mixed lon)
{
    if (lon.whole > GEO_LON_E7_MAX || (lon.whole == GEO_LON_E7_MAX && lon.rest > 0)) {
        lon.whole -= WORLD_E7;
    } else if (lon.whole < -GEO_LON_E7_MAX) {
        lon.whole += WORLD_E7;
    }
    return lon;
}

geo_point geo_segment_place(geo_point from, geo_point to, geo_fraction at)
{
    vec along = short_way(from, to);
    return (geo_point){
        .lon_e7 = (int32_t)round_half_away(wrap_lon(part_of(from.lon_e7, along.lon, at))),
        .lat_e7 = (int32_t)round_half_away(part_of(from.lat_e7, along.lat, at)),
    };
}

geo_point geo_segment_middle(geo_point from, geo_point to, const geo_piece *piece)
{
    vec along = short_way(from, to);
    mixed start_lon = part_of(from.lon_e7, along.lon, piece->start);
    mixed end_lon = part_of(from.lon_e7, along.lon, piece->end);
    int64_t lon = round_middle(start_lon, end_lon);
    if (lon > GEO_LON_E7_MAX || lon < -GEO_LON_E7_MAX) {
        /* Rounded again as what it is within +-180, because "away from zero" has changed sides. */
        int64_t turn = lon > 0 ? -WORLD_E7 : WORLD_E7;
        start_lon.whole += turn;
        end_lon.whole += turn;
        lon = round_middle(start_lon, end_lon);
    }
    return (geo_point){
        .lon_e7 = (int32_t)lon,
        .lat_e7 = (int32_t)round_middle(part_of(from.lat_e7, along.lat, piece->start),
                                        part_of(from.lat_e7, along.lat, piece->end)),
    };
}

int64_t geo_segment_time_ms(int64_t from_ms, int64_t to_ms, geo_fraction at)
{
    return round_half_away(part_of(from_ms, (geo_wide)to_ms - from_ms, at));
}
