/* stream/clusters.c - centres that move to the mean of their points, step by step. */
#include "stream/clusters.h"

#include <math.h>
#include <stdlib.h>

#include "stream/bytes.h"

/* A centre that holds less than this part of an even share has died. */
#define DEAD_SHARE 1e-3

void stream_clusters_init(stream_clusters *clusters, uint32_t size, uint64_t seed)
{
    *clusters = (stream_clusters){.size = size, .random = {.state = seed}};
}

static double squared(const stream_cluster *centre, double x, double y)
{
    double dx = centre->x - x;
    double dy = centre->y - y;
    return dx * dx + dy * dy;
}

static uint32_t nearest(const stream_clusters *clusters, double x, double y, double *distance)
{
    uint32_t best = 0;
    *distance = INFINITY;
    for (uint32_t i = 0; i < clusters->used; i++) {
        double away = squared(&clusters->centres[i], x, y);
        if (away < *distance) {
            *distance = away;
            best = i;
        }
    }
    return best;
}

static double weight_of(const stream_cluster *centre)
{
    return centre->weight + centre->step_weight;
}

/* What two centres hold together, at their common mean. */
static void join(stream_cluster *into, const stream_cluster *from)
{
    double total = weight_of(into) + weight_of(from);
    double part = total > 0 ? weight_of(from) / total : 0.5;
    into->x += (from->x - into->x) * part;
    into->y += (from->y - into->y) * part;
    into->weight += from->weight;
    into->step_x += from->step_x;
    into->step_y += from->step_y;
    into->step_weight += from->step_weight;
}

/* Put the two nearest centres together; returns their distance and the place that is free now. */
static double join_nearest(stream_cluster *centres, uint32_t count, uint32_t *freed)
{
    double best = INFINITY;
    uint32_t a = 0;
    uint32_t b = 1;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = i + 1; j < count; j++) {
            double away = squared(&centres[i], centres[j].x, centres[j].y);
            if (away < best) {
                best = away;
                a = i;
                b = j;
            }
        }
    }
    join(&centres[a], &centres[b]);
    *freed = b;
    return best;
}

static double closest_pair(const stream_clusters *clusters)
{
    double best = INFINITY;
    for (uint32_t i = 0; i < clusters->used; i++) {
        for (uint32_t j = i + 1; j < clusters->used; j++) {
            double away =
                squared(&clusters->centres[i], clusters->centres[j].x, clusters->centres[j].y);
            best = away < best ? away : best;
        }
    }
    return best;
}

void stream_clusters_add(stream_clusters *clusters, double x, double y)
{
    double distance;
    stream_cluster point = {.x = x, .y = y, .step_x = x, .step_y = y, .step_weight = 1};
    uint32_t at = nearest(clusters, x, y, &distance);
    if (clusters->used < clusters->size && distance > 0) {
        clusters->centres[clusters->used++] = point;
        return;
    }
    /* A point farther from every centre than two of them are from each other is a centre of its
     * own: so no herd is missed because another one came first. */
    if (clusters->used > 1 && distance > closest_pair(clusters)) {
        join_nearest(clusters->centres, clusters->used, &at);
        clusters->centres[at] = point;
        return;
    }
    clusters->centres[at].step_x += x;
    clusters->centres[at].step_y += y;
    clusters->centres[at].step_weight += 1;
}

/* A dead centre takes half of the heaviest one, a little to its side. */
static void revive_dead(stream_clusters *clusters)
{
    double total = 0;
    uint32_t heaviest = 0;
    uint32_t lightest = 0;
    for (uint32_t i = 0; i < clusters->used; i++) {
        total += clusters->centres[i].weight;
        if (clusters->centres[i].weight > clusters->centres[heaviest].weight) {
            heaviest = i;
        }
        if (clusters->centres[i].weight < clusters->centres[lightest].weight) {
            lightest = i;
        }
    }
    stream_cluster *from = &clusters->centres[heaviest];
    stream_cluster *to = &clusters->centres[lightest];
    if (clusters->used < 2 || to->weight > DEAD_SHARE * total / clusters->used) {
        return;
    }
    double angle = hr_random_unit(&clusters->random) * 2 * M_PI;
    double step = 1e-6 * (1 + fabs(from->x) + fabs(from->y));
    from->weight /= 2;
    *to = *from;
    to->x += step * cos(angle);
    to->y += step * sin(angle);
}

double stream_clusters_gathered(const stream_clusters *clusters)
{
    double gathered = 0;
    for (uint32_t i = 0; i < clusters->used; i++) {
        gathered += clusters->centres[i].step_weight;
    }
    return gathered;
}

void stream_clusters_step(stream_clusters *clusters, double keep)
{
    for (uint32_t i = 0; i < clusters->used; i++) {
        stream_cluster *centre = &clusters->centres[i];
        double total = weight_of(centre);
        if (centre->step_weight > 0) {
            /* Differences, so that the centre does not lose digits to its own size. */
            double count = centre->step_weight;
            centre->x += (centre->step_x / count - centre->x) * count / total;
            centre->y += (centre->step_y / count - centre->y) * count / total;
        }
        *centre = (stream_cluster){.x = centre->x, .y = centre->y, .weight = total * keep};
    }
    revive_dead(clusters);
}

static int compare_weights(const void *left, const void *right)
{
    const stream_cluster *a = left;
    const stream_cluster *b = right;
    return (a->weight < b->weight) - (a->weight > b->weight);
}

uint32_t stream_clusters_list(const stream_clusters *clusters,
                              stream_cluster list[STREAM_CLUSTERS_MAX])
{
    stream_clusters ended = *clusters;
    stream_clusters_step(&ended, 1);
    for (uint32_t i = 0; i < ended.used; i++) {
        list[i] = ended.centres[i];
    }
    qsort(list, ended.used, sizeof *list, compare_weights);
    return ended.used;
}

hr_err stream_clusters_merge(stream_clusters *into, const stream_clusters *from)
{
    if (into->size != from->size) {
        return HR_INVALID;
    }
    stream_cluster all[2 * STREAM_CLUSTERS_MAX];
    uint32_t count = stream_clusters_list(into, all);
    count += stream_clusters_list(from, all + count);
    while (count > into->size) {
        uint32_t freed;
        join_nearest(all, count, &freed);
        all[freed] = all[--count];
    }
    into->used = count;
    for (uint32_t i = 0; i < count; i++) {
        into->centres[i] = all[i];
    }
    return HR_OK;
}

void stream_clusters_write(const stream_clusters *clusters, hr_buf *out)
{
    hr_buf_put_u8(out, (uint8_t)clusters->used);
    hr_buf_put_u64(out, clusters->random.state);
    for (uint32_t i = 0; i < clusters->used; i++) {
        const stream_cluster *centre = &clusters->centres[i];
        stream_put_double(out, centre->x);
        stream_put_double(out, centre->y);
        stream_put_double(out, centre->weight);
        stream_put_double(out, centre->step_x);
        stream_put_double(out, centre->step_y);
        stream_put_double(out, centre->step_weight);
    }
}

hr_err stream_clusters_read(stream_clusters *clusters, hr_cursor *in)
{
    uint8_t used = hr_cursor_u8(in);
    if (used > clusters->size) {
        return HR_CORRUPT;
    }
    clusters->random.state = hr_cursor_u64(in);
    for (uint32_t i = 0; i < used; i++) {
        stream_cluster *centre = &clusters->centres[i];
        double *const values[] = {&centre->x,      &centre->y,      &centre->weight,
                                  &centre->step_x, &centre->step_y, &centre->step_weight};
        /* Sums of large enough numbers are not finite, and are kept as they are. */
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            *values[v] = stream_get_double(in);
        }
    }
    clusters->used = used;
    return in->short_read ? HR_CORRUPT : HR_OK;
}
