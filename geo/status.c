/* geo/status.c - a treap: a search tree by order, a heap by pseudo-random priority. */
#include "status.h"

#include <stdlib.h>

#define NONE GEO_STATUS_NONE

geo_err geo_status_init(geo_status *status, uint32_t edge_count)
{
    geo_status_node *nodes = malloc((edge_count > 0 ? edge_count : 1) * sizeof *nodes);
    if (nodes == NULL) {
        return GEO_NO_MEMORY;
    }
    *status = (geo_status){nodes, NONE};
    return GEO_OK;
}

void geo_status_fini(geo_status *status)
{
    free(status->nodes);
}

/* A mixed edge number: the same at every run, and without order for any shape a person draws. */
static uint32_t priority(uint32_t edge)
{
    uint32_t mixed = (edge + 1) * 0x9E3779B1u;
    mixed = (mixed ^ (mixed >> 15)) * 0x85EBCA77u;
    return mixed ^ (mixed >> 13);
}

/* Put another edge, or none, where an edge hangs below its parent. */
static void replace_below_parent(geo_status *status, uint32_t edge, uint32_t other)
{
    uint32_t parent = status->nodes[edge].parent;
    if (parent == NONE) {
        status->root = other;
    } else {
        status->nodes[parent].child[status->nodes[parent].child[1] == edge] = other;
    }
    if (other != NONE) {
        status->nodes[other].parent = parent;
    }
}

/* Turn an edge and its parent, so that the edge comes to lie above. */
static void rotate_up(geo_status *status, uint32_t edge)
{
    geo_status_node *nodes = status->nodes;
    uint32_t parent = nodes[edge].parent;
    int side = nodes[parent].child[1] == edge;
    uint32_t inner = nodes[edge].child[!side];
    replace_below_parent(status, parent, edge);
    nodes[parent].child[side] = inner;
    if (inner != NONE) {
        nodes[inner].parent = parent;
    }
    nodes[edge].child[!side] = parent;
    nodes[parent].parent = edge;
}

void geo_status_insert(geo_status *status, uint32_t edge, uint32_t parent, int side)
{
    geo_status_node *nodes = status->nodes;
    nodes[edge] = (geo_status_node){parent, {NONE, NONE}, {NONE, NONE}};
    if (parent == NONE) {
        status->root = edge;
        return;
    }
    uint32_t beyond = nodes[parent].beside[side];
    nodes[parent].child[side] = edge;
    nodes[parent].beside[side] = edge;
    nodes[edge].beside[!side] = parent;
    nodes[edge].beside[side] = beyond;
    if (beyond != NONE) {
        nodes[beyond].beside[!side] = edge;
    }
    while (nodes[edge].parent != NONE && priority(nodes[edge].parent) < priority(edge)) {
        rotate_up(status, edge);
    }
}

void geo_status_remove(geo_status *status, uint32_t edge)
{
    geo_status_node *nodes = status->nodes;
    while (nodes[edge].child[0] != NONE && nodes[edge].child[1] != NONE) {
        uint32_t south = nodes[edge].child[0];
        uint32_t north = nodes[edge].child[1];
        rotate_up(status, priority(south) > priority(north) ? south : north);
    }
    uint32_t only = nodes[edge].child[nodes[edge].child[0] == NONE];
    replace_below_parent(status, edge, only);
    for (int side = 0; side < 2; side++) {
        uint32_t beside = nodes[edge].beside[side];
        if (beside != NONE) {
            nodes[beside].beside[!side] = nodes[edge].beside[!side];
        }
    }
}
