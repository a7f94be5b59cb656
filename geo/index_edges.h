/* geo/index_edges.h - what the edges of one narrow or long record say about one point. */
#ifndef GEO_INDEX_EDGES_H
#define GEO_INDEX_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "geo/index.h"
#include "index_form.h"

/* Bit j for the edge from vertex j on: does the leftward ray from the point cross it, and does its
 * line pass through the point? */
static inline void index_narrow_edge(const index_vertex *vertices, unsigned j, int32_t px,
                                     int32_t py, uint32_t *crossed, uint32_t *on_line)
{
    const int32_t ax = vertices[j].x;
    const int32_t ay = vertices[j].y;
    const int32_t bx = vertices[j + 1].x;
    const int32_t by = vertices[j + 1].y;
    /* Fits: see INDEX_NARROW_COORD_MAX. What is no vertex may wrap around. */
    const int32_t cross = (int32_t)((uint32_t)(bx - ax) * (uint32_t)(py - ay) -
                                    (uint32_t)(px - ax) * (uint32_t)(by - ay));
    const uint32_t spans = (ay > py) ^ (by > py);
    const uint32_t is_left = (cross > 0) ^ (by > py);
    *crossed |= (spans & is_left & (cross != 0)) << j;
    *on_line |= (uint32_t)(cross == 0) << j;
}

/* For every edge of a narrow record. Most have three at the most: those are asked in any case, so
 * that no jump must be guessed. What is read beyond the vertices lies in the record, and may be
 * anything. The reference of all vector builds. */
static inline void index_narrow_edges(const index_narrow *record, int32_t px, int32_t py,
                                      uint32_t *crossed, uint32_t *on_line)
{
    const unsigned edge_count = record->vertex_count - 1u;
    const uint32_t edges = (uint32_t)((1ull << edge_count) - 1);
    uint32_t cross_bits = 0;
    uint32_t line_bits = 0;
    for (unsigned j = 0; j < 3; j++) {
        index_narrow_edge(record->vertices, j, px, py, &cross_bits, &line_bits);
    }
    for (unsigned j = 3; j < edge_count; j++) {
        index_narrow_edge(record->vertices, j, px, py, &cross_bits, &line_bits);
    }
    *crossed = cross_bits & edges;
    *on_line = line_bits & edges;
}

/* Is the step from (px, py) to (qx, qy) within the cell surely apart from every edge? Either both
 * its ends lie strictly on one side of the edge's line, or both ends of the edge on one side of the
 * step's. Virtual edges lie beside the cell, and never matter. */
static inline bool index_narrow_is_clear(const index_narrow *record, int32_t px, int32_t py,
                                         int32_t qx, int32_t qy)
{
    bool is_clear = true;
    for (unsigned j = 0; j + 1 < record->vertex_count; j++) {
        const index_vertex a = record->vertices[j];
        const index_vertex b = record->vertices[j + 1];
        const int32_t p = (b.x - a.x) * (py - a.y) - (px - a.x) * (b.y - a.y);
        const int32_t q = (b.x - a.x) * (qy - a.y) - (qx - a.x) * (b.y - a.y);
        const int32_t a_side = (qx - px) * (a.y - py) - (a.x - px) * (qy - py);
        const int32_t b_side = (qx - px) * (b.y - py) - (b.x - px) * (qy - py);
        is_clear &= (p > 0 && q > 0) || (p < 0 && q < 0) || (a_side > 0 && b_side > 0) ||
                    (a_side < 0 && b_side < 0);
    }
    return is_clear;
}

/* The same for the 32-bit form. */
static inline void index_long_edges(const index_narrow *record, int32_t px, int32_t py,
                                    uint32_t *crossed, uint32_t *on_line)
{
    const index_long_vertex *v = index_long_vertices(record);
    uint32_t cross_bits = 0;
    uint32_t line_bits = 0;
    for (unsigned j = 0; j + 1 < record->vertex_count; j++) {
        int64_t left = ((int64_t)v[j + 1].x - v[j].x) * ((int64_t)py - v[j].y);
        int64_t right = ((int64_t)px - v[j].x) * ((int64_t)v[j + 1].y - v[j].y);
        uint32_t b_above = v[j + 1].y > py;
        uint32_t spans = (v[j].y > py) ^ b_above;
        cross_bits |= (spans & ((left > right) ^ b_above) & (left != right)) << j;
        line_bits |= (uint32_t)(left == right) << j;
    }
    *crossed = cross_bits;
    *on_line = line_bits;
}

/* Is the point inside a fence of the record, given its id, its mask, and what its edges say? */
static inline uint32_t index_is_inside(uint32_t id, uint32_t mask, uint32_t crossed,
                                       uint32_t on_edges)
{
    return ((((uint32_t)__builtin_popcount(crossed & mask) ^ id >> 31) & 1) |
            ((on_edges & mask) != 0));
}

#endif
