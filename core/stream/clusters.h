/* stream/clusters.h - streaming k-means in the plane: where herds are, and how large.
 *
 * Points gather in a step; stream_clusters_step() ends it: centres go to the mean of their points
 * and of what they were, and then all that they hold fades. A centre that has faded to
 * nothing is put beside the heaviest one, which it then shares. Memory: k (at most 16) centres of
 * 48 bytes. Error: a local optimum, as of every k-means; its test shows it within a tenth of the
 * best on separated herds. A merge puts the nearest centres of both sides together until k are
 * left. */
#ifndef STREAM_CLUSTERS_H
#define STREAM_CLUSTERS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"

#define STREAM_CLUSTERS_MAX 16

typedef struct stream_cluster {
    double x;
    double y;
    double weight; /* of the steps before, faded */
    double step_x; /* sums of this step */
    double step_y;
    double step_weight;
} stream_cluster;

typedef struct stream_clusters {
    uint32_t size; /* k */
    uint32_t used;
    hr_random random;
    stream_cluster centres[STREAM_CLUSTERS_MAX];
} stream_clusters;

/* size is 1..STREAM_CLUSTERS_MAX. */
void stream_clusters_init(stream_clusters *clusters, uint32_t size, uint64_t seed);

/* x and y are finite and of like scale. */
void stream_clusters_add(stream_clusters *clusters, double x, double y);
/* keep, 0..1: what is left of the weights for the next steps. */
void stream_clusters_step(stream_clusters *clusters, double keep);
/* Points since the last step. */
double stream_clusters_gathered(const stream_clusters *clusters);

/* The centres as they would be if the step ended now, heaviest first. Returns how many. */
uint32_t stream_clusters_list(const stream_clusters *clusters,
                              stream_cluster list[STREAM_CLUSTERS_MAX]);
/* HR_INVALID: of another size. Both sides' steps end. */
HR_MUST_USE hr_err stream_clusters_merge(stream_clusters *into, const stream_clusters *from);

void stream_clusters_write(const stream_clusters *clusters, hr_buf *out);
/* Into an initialised one of the same size. HR_CORRUPT: not such bytes. */
HR_MUST_USE hr_err stream_clusters_read(stream_clusters *clusters, hr_cursor *in);

#endif
