/* geo/nodes.c - snap rounding over a uniform grid. */
#include "nodes.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "geo/predicate.h"
#include "ring.h"

#define CELLS_PER_EDGE 4
#define CELLS_MAX 4000000
#define CELL_SIZE_MIN 64

/* ---- a growing list of points, and one of edges ---- */

/* More room for a list that is full; *out takes the place of items. */
static geo_err grow(void *items, size_t item_bytes, uint32_t *room, void **out)
{
    if (*room >= 2 * GEO_NODES_EDGES_MAX) {
        return GEO_TOO_BIG;
    }
    const uint32_t wanted = *room * 2 + 1024;
    void *grown = realloc(items, wanted * item_bytes);
    if (grown == NULL) {
        return GEO_NO_MEMORY;
    }
    *room = wanted;
    *out = grown;
    return GEO_OK;
}

typedef struct points {
    geo_point *items;
    uint32_t count;
    uint32_t room;
} points;

static geo_err points_add(points *list, geo_point point)
{
    if (list->count == list->room) {
        void *grown;
        geo_err err = grow(list->items, sizeof *list->items, &list->room, &grown);
        if (err != GEO_OK) {
            return err;
        }
        list->items = grown;
    }
    list->items[list->count++] = point;
    return GEO_OK;
}

typedef struct edges {
    geo_node_edge *items;
    uint32_t count;
    uint32_t room;
} edges;

static geo_err edges_add(edges *list, geo_node_edge edge)
{
    if (list->count == list->room) {
        void *grown;
        geo_err err = grow(list->items, sizeof *list->items, &list->room, &grown);
        if (err != GEO_OK) {
            return err;
        }
        list->items = grown;
    }
    list->items[list->count++] = edge;
    return GEO_OK;
}

/* ---- the grid ---- */

/* What lies in cell c are the items starts[c] .. starts[c + 1]. */
typedef struct grid {
    geo_point origin;
    int64_t size;
    uint32_t columns;
    uint32_t rows;
    uint32_t *starts;
    uint32_t *items;
} grid;

static geo_err grid_init(grid *g, const geo_node_edge *list, uint32_t count)
{
    geo_box box = {list[0].west, list[0].east};
    for (uint32_t i = 0; i < count; i++) {
        int32_t south = geo_min32(list[i].west.lat_e7, list[i].east.lat_e7);
        int32_t north = geo_max32(list[i].west.lat_e7, list[i].east.lat_e7);
        box.min.lon_e7 = geo_min32(box.min.lon_e7, list[i].west.lon_e7);
        box.max.lon_e7 = geo_max32(box.max.lon_e7, list[i].east.lon_e7);
        box.min.lat_e7 = i == 0 ? south : geo_min32(box.min.lat_e7, south);
        box.max.lat_e7 = i == 0 ? north : geo_max32(box.max.lat_e7, north);
    }
    double width = (double)box.max.lon_e7 - box.min.lon_e7 + 1;
    double height = (double)box.max.lat_e7 - box.min.lat_e7 + 1;
    double cells = fmin((double)count * CELLS_PER_EDGE, CELLS_MAX / 4.0);
    double longer = fmax(width, height);
    g->size = (int64_t)fmax(fmax(sqrt(width * height / cells), longer / cells), CELL_SIZE_MIN);
    g->origin = box.min;
    g->columns = (uint32_t)((int64_t)width / g->size) + 1;
    g->rows = (uint32_t)((int64_t)height / g->size) + 1;
    g->items = NULL;
    g->starts = calloc((size_t)g->columns * g->rows + 1, sizeof *g->starts);
    return g->starts != NULL ? GEO_OK : GEO_NO_MEMORY;
}

static void grid_fini(grid *g)
{
    free(g->starts);
    free(g->items);
}

static uint32_t clamp_cell(int64_t offset, int64_t size, uint32_t count)
{
    if (offset < 0) {
        return 0;
    }
    int64_t cell = offset / size;
    return cell < count ? (uint32_t)cell : count - 1;
}

/* The cells of a row that an edge comes near to, with a unit to spare around it. */
static void cells_of_row(const grid *g, const geo_node_edge *e, uint32_t row, uint32_t *first,
                         uint32_t *last)
{
    double west = e->west.lon_e7;
    double east = e->east.lon_e7;
    double rise = (double)e->east.lat_e7 - e->west.lat_e7;
    double bottom = (double)g->origin.lat_e7 + (double)row * (double)g->size - 2;
    double top = bottom + (double)g->size + 4;
    if (rise != 0) {
        double slope = (east - west) / rise;
        double at_bottom = west + (bottom - e->west.lat_e7) * slope;
        double at_top = west + (top - e->west.lat_e7) * slope;
        west = fmax(west, fmin(at_bottom, at_top));
        east = fmin(east, fmax(at_bottom, at_top));
    }
    *first = clamp_cell((int64_t)floor(west) - 2 - g->origin.lon_e7, g->size, g->columns);
    *last = clamp_cell((int64_t)ceil(east) + 2 - g->origin.lon_e7, g->size, g->columns);
}

static uint32_t row_of(const grid *g, int64_t lat_e7)
{
    return clamp_cell(lat_e7 - g->origin.lat_e7, g->size, g->rows);
}

static uint32_t first_row(const grid *g, const geo_node_edge *e)
{
    return row_of(g, (int64_t)geo_min32(e->west.lat_e7, e->east.lat_e7) - 2);
}

static uint32_t last_row(const grid *g, const geo_node_edge *e)
{
    return row_of(g, (int64_t)geo_max32(e->west.lat_e7, e->east.lat_e7) + 2);
}

/* Make room for what was counted in starts[cell + 1], and let starts[cell] be where to fill in. */
static geo_err grid_open(grid *g)
{
    size_t cells = (size_t)g->columns * g->rows;
    uint64_t sum = 0;
    for (size_t c = 0; c <= cells; c++) {
        sum += g->starts[c];
        if (sum > 16u * GEO_NODES_EDGES_MAX) {
            return GEO_TOO_BIG;
        }
        g->starts[c] = (uint32_t)sum;
    }
    g->items = malloc((sum > 0 ? sum : 1) * sizeof *g->items);
    return g->items != NULL ? GEO_OK : GEO_NO_MEMORY;
}

/* After filling in, each start has moved to its end: move them back. */
static void grid_close(grid *g)
{
    size_t cells = (size_t)g->columns * g->rows;
    for (size_t c = cells; c > 0; c--) {
        g->starts[c] = g->starts[c - 1];
    }
    g->starts[0] = 0;
}

static geo_err grid_add_edges(grid *g, const geo_node_edge *list, uint32_t count)
{
    for (int filling = 0; filling < 2; filling++) {
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t row = first_row(g, &list[i]); row <= last_row(g, &list[i]); row++) {
                uint32_t first;
                uint32_t last;
                cells_of_row(g, &list[i], row, &first, &last);
                for (uint32_t column = first; column <= last; column++) {
                    size_t cell = (size_t)row * g->columns + column;
                    if (filling) {
                        g->items[g->starts[cell]++] = i;
                    } else {
                        g->starts[cell + 1]++;
                    }
                }
            }
        }
        if (!filling) {
            geo_err err = grid_open(g);
            if (err != GEO_OK) {
                return err;
            }
        }
    }
    grid_close(g);
    return GEO_OK;
}

static geo_err grid_add_points(grid *g, const points *list)
{
    for (int filling = 0; filling < 2; filling++) {
        for (uint32_t i = 0; i < list->count; i++) {
            uint32_t row = row_of(g, list->items[i].lat_e7);
            int64_t east = (int64_t)list->items[i].lon_e7 - g->origin.lon_e7;
            size_t cell = (size_t)row * g->columns + clamp_cell(east, g->size, g->columns);
            if (filling) {
                g->items[g->starts[cell]++] = i;
            } else {
                g->starts[cell + 1]++;
            }
        }
        if (!filling) {
            geo_err err = grid_open(g);
            if (err != GEO_OK) {
                return err;
            }
        }
    }
    grid_close(g);
    return GEO_OK;
}

/* ---- hot points ---- */

static geo_wide floor_divide(geo_wide num, geo_wide den)
{
    return num / den - (num % den < 0);
}

/* Where two edges cross, rounded to the lattice; halves go up, as the squares are open there. */
static geo_point crossing_of(const geo_node_edge *e, const geo_node_edge *f)
{
    geo_wide ex = (int64_t)e->east.lon_e7 - e->west.lon_e7;
    geo_wide ey = (int64_t)e->east.lat_e7 - e->west.lat_e7;
    geo_wide fx = (int64_t)f->east.lon_e7 - f->west.lon_e7;
    geo_wide fy = (int64_t)f->east.lat_e7 - f->west.lat_e7;
    geo_wide ax = (int64_t)f->west.lon_e7 - e->west.lon_e7;
    geo_wide ay = (int64_t)f->west.lat_e7 - e->west.lat_e7;
    geo_wide den = ex * fy - ey * fx;
    geo_wide num = ax * fy - ay * fx;
    if (den < 0) {
        den = -den;
        num = -num;
    }
    return (geo_point){
        .lon_e7 = (int32_t)(e->west.lon_e7 + floor_divide(2 * ex * num + den, 2 * den)),
        .lat_e7 = (int32_t)(e->west.lat_e7 + floor_divide(2 * ey * num + den, 2 * den)),
    };
}

static bool boxes_meet(const geo_node_edge *e, const geo_node_edge *f)
{
    return e->west.lon_e7 <= f->east.lon_e7 && f->west.lon_e7 <= e->east.lon_e7 &&
           geo_min32(e->west.lat_e7, e->east.lat_e7) <= geo_max32(f->west.lat_e7, f->east.lat_e7) &&
           geo_min32(f->west.lat_e7, f->east.lat_e7) <= geo_max32(e->west.lat_e7, e->east.lat_e7);
}

static geo_err add_crossings(const grid *g, const geo_node_edge *list, points *hot)
{
    size_t cells = (size_t)g->columns * g->rows;
    uint64_t pairs = 0;
    for (size_t c = 0; c < cells; c++) {
        uint64_t in_cell = g->starts[c + 1] - g->starts[c];
        pairs += in_cell * in_cell / 2;
    }
    if (pairs > GEO_NODES_PAIRS_MAX) {
        return GEO_TOO_BIG;
    }
    for (size_t c = 0; c < cells; c++) {
        for (uint32_t i = g->starts[c]; i < g->starts[c + 1]; i++) {
            const geo_node_edge *e = &list[g->items[i]];
            for (uint32_t j = g->starts[c]; j < i; j++) {
                const geo_node_edge *f = &list[g->items[j]];
                if (!boxes_meet(e, f) ||
                    geo_segments_meet(e->west, e->east, f->west, f->east) != GEO_CROSS) {
                    continue;
                }
                geo_err err = points_add(hot, crossing_of(e, f));
                if (err != GEO_OK) {
                    return err;
                }
            }
        }
    }
    return GEO_OK;
}

static void make_unique(points *list)
{
    uint32_t kept = 0;
    qsort(list->items, list->count, sizeof *list->items, geo_point_order);
    for (uint32_t i = 0; i < list->count; i++) {
        if (kept == 0 || !geo_point_equal(list->items[kept - 1], list->items[i])) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static geo_err find_hot_points(const geo_node_edge *list, uint32_t count, points *hot)
{
    grid g;
    geo_err err = grid_init(&g, list, count);
    for (uint32_t i = 0; i < count && err == GEO_OK; i++) {
        err = points_add(hot, list[i].west);
        if (err == GEO_OK) {
            err = points_add(hot, list[i].east);
        }
    }
    if (err == GEO_OK) {
        err = grid_add_edges(&g, list, count);
    }
    if (err == GEO_OK) {
        err = add_crossings(&g, list, hot);
    }
    if (err == GEO_OK) {
        make_unique(hot);
    }
    grid_fini(&g);
    return err;
}

/* ---- snapping ---- */

/* Whether an edge passes through the unit square around a point, which is closed in the west and in
 * the south and open in the east and in the north. In doubled coordinates around the point the
 * corners are (+-1, +-1), so the four distances from the line differ by the edge's own extent. */
static bool passes(const geo_node_edge *e, geo_point hot)
{
    int64_t ax = 2 * ((int64_t)e->west.lon_e7 - hot.lon_e7);
    int64_t ay = 2 * ((int64_t)e->west.lat_e7 - hot.lat_e7);
    int64_t bx = 2 * ((int64_t)e->east.lon_e7 - hot.lon_e7);
    int64_t by = 2 * ((int64_t)e->east.lat_e7 - hot.lat_e7);
    if (ax > 0 || bx < 0 || (ay > 0 && by > 0) || (ay < 0 && by < 0)) {
        return false;
    }
    geo_wide dx = bx - ax;
    geo_wide dy = by - ay;
    geo_wide center = dy * ax - dx * ay;
    geo_wide extent = dx + (dy < 0 ? -dy : dy);
    return (center < 0 ? -center : center) < extent || center == dx - dy;
}

typedef struct snapper {
    grid g; /* of the hot points */
    const points *hot;
    points on_edge;
    edges out;
    uint64_t pairs;
} snapper;

static int64_t progress(geo_point point, bool north)
{
    return (int64_t)point.lon_e7 + (north ? point.lat_e7 : -(int64_t)point.lat_e7);
}

static int compare_northward(const void *a, const void *b)
{
    int64_t left = progress(*(const geo_point *)a, true);
    int64_t right = progress(*(const geo_point *)b, true);
    return (left > right) - (left < right);
}

static int compare_southward(const void *a, const void *b)
{
    int64_t left = progress(*(const geo_point *)a, false);
    int64_t right = progress(*(const geo_point *)b, false);
    return (left > right) - (left < right);
}

static geo_err find_on_edge(snapper *s, const geo_node_edge *e)
{
    s->on_edge.count = 0;
    for (uint32_t row = first_row(&s->g, e); row <= last_row(&s->g, e); row++) {
        uint32_t first;
        uint32_t last;
        cells_of_row(&s->g, e, row, &first, &last);
        size_t cell = (size_t)row * s->g.columns + first;
        s->pairs += s->g.starts[cell + last - first + 1] - s->g.starts[cell];
        if (s->pairs > GEO_NODES_PAIRS_MAX) {
            return GEO_TOO_BIG;
        }
        for (uint32_t i = s->g.starts[cell]; i < s->g.starts[cell + last - first + 1]; i++) {
            geo_point hot = s->hot->items[s->g.items[i]];
            if (passes(e, hot)) {
                geo_err err = points_add(&s->on_edge, hot);
                if (err != GEO_OK) {
                    return err;
                }
            }
        }
    }
    return GEO_OK;
}

static geo_err snap_edge(snapper *s, const geo_node_edge *e)
{
    geo_err err = find_on_edge(s, e);
    if (err != GEO_OK) {
        return err;
    }
    /* An edge is monotone on both axes, so the squares it passes follow each other on both. */
    bool north = e->east.lat_e7 >= e->west.lat_e7;
    qsort(s->on_edge.items, s->on_edge.count, sizeof(geo_point),
          north ? compare_northward : compare_southward);
    for (uint32_t i = 1; i < s->on_edge.count && err == GEO_OK; i++) {
        geo_node_edge piece = *e;
        piece.west = s->on_edge.items[i - 1];
        piece.east = s->on_edge.items[i];
        if (piece.west.lon_e7 == piece.east.lon_e7 && !north) {
            /* An edge to the south-east has become one to the south, which is written northward. */
            piece.west = s->on_edge.items[i];
            piece.east = s->on_edge.items[i - 1];
            piece.turns = -e->turns;
        }
        err = edges_add(&s->out, piece);
    }
    return err;
}

static int compare_edges(const void *left, const void *right)
{
    const geo_node_edge *a = left;
    const geo_node_edge *b = right;
    int order = geo_point_order(&a->west, &b->west);
    return order != 0 ? order : geo_point_order(&a->east, &b->east);
}

static void merge_equal(edges *list)
{
    uint32_t kept = 0;
    qsort(list->items, list->count, sizeof *list->items, compare_edges);
    for (uint32_t i = 0; i < list->count;) {
        geo_node_edge sum = list->items[i++];
        while (i < list->count && compare_edges(&sum, &list->items[i]) == 0) {
            sum.turns += list->items[i].turns;
            sum.toggles += list->items[i++].toggles;
        }
        if (sum.turns != 0 || sum.toggles % 2 != 0) {
            list->items[kept++] = sum;
        }
    }
    list->count = kept;
}

geo_err geo_nodes(const geo_node_edge *list, uint32_t count, geo_node_edge **out,
                  uint32_t *out_count)
{
    points hot = {NULL, 0, 0};
    snapper s = {.hot = &hot};
    if (count == 0 || count > GEO_NODES_EDGES_MAX) {
        return count == 0 ? GEO_INVALID : GEO_TOO_BIG;
    }
    geo_err err = find_hot_points(list, count, &hot);
    if (err == GEO_OK) {
        err = grid_init(&s.g, list, count);
    }
    if (err == GEO_OK) {
        err = grid_add_points(&s.g, &hot);
    }
    for (uint32_t i = 0; i < count && err == GEO_OK; i++) {
        err = snap_edge(&s, &list[i]);
    }
    grid_fini(&s.g);
    free(hot.items);
    free(s.on_edge.items);
    if (err != GEO_OK) {
        free(s.out.items);
        return err;
    }
    merge_equal(&s.out);
    *out = s.out.items;
    *out_count = s.out.count;
    return GEO_OK;
}
