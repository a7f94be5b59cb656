/* geo/index_touch.c - exact predicates on segments, in 128 bits. */
#include "index_touch.h"

#include "geo/point.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greatest(int64_t a, int64_t b)
{
    return a < b ? b : a;
}

/* On which side of the line through p lies the point: 1, 0 or -1. */
static int side_of(const index_line *p, int64_t x, int64_t y)
{
    geo_wide cross =
        (geo_wide)(p->bx - p->ax) * (y - p->ay) - (geo_wide)(x - p->ax) * (p->by - p->ay);
    return cross > 0 ? 1 : -(cross < 0);
}

static bool boxes_touch(const index_line *p, int64_t x_min, int64_t y_min, int64_t x_max,
                        int64_t y_max)
{
    return greatest(p->ax, p->bx) >= x_min && least(p->ax, p->bx) <= x_max &&
           greatest(p->ay, p->by) >= y_min && least(p->ay, p->by) <= y_max;
}

/* With touching boxes, segments touch when neither lies strictly on one side of the other's line:
 * this holds for collinear ones and for single points, too. */
bool index_lines_touch(const index_line *p, const index_line *q)
{
    if (!boxes_touch(p, least(q->ax, q->bx), least(q->ay, q->by), greatest(q->ax, q->bx),
                     greatest(q->ay, q->by))) {
        return false;
    }
    return side_of(p, q->ax, q->ay) * side_of(p, q->bx, q->by) <= 0 &&
           side_of(q, p->ax, p->ay) * side_of(q, p->bx, p->by) <= 0;
}

bool index_line_touches_square(const index_line *p, int64_t x, int64_t y, int64_t side)
{
    if (!boxes_touch(p, x, y, x + side, y + side)) {
        return false;
    }
    int sum = side_of(p, x, y) + side_of(p, x + side, y) + side_of(p, x, y + side) +
              side_of(p, x + side, y + side);
    return sum != 4 && sum != -4;
}
