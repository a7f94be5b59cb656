/* geo/index.c - the writer's side of the index: making it and changing it. */
#include "geo/index.h"

#include <stdlib.h>
#include <string.h>

#include "index_build.h"
#include "index_private.h"
#include "index_update.h"

#define SCRATCH_BYTES_KEPT ((size_t)1 << 20)
#define FREE_BYTES_KEPT ((size_t)4 << 20)

void geo_index_limit_memory(geo_index *index, size_t bytes_max)
{
    index->budget.bytes_max = bytes_max != 0 ? bytes_max : SIZE_MAX;
}

geo_err geo_index_new(const geo_index_options *options, geo_index **out)
{
    geo_index *index = calloc(1, sizeof *index);
    if (index == NULL) {
        return GEO_NO_MEMORY;
    }
    geo_index_limit_memory(index, options != NULL ? options->memory_bytes_max : 0);
    index->scratch.budget = &index->budget;
    geo_err err = index_arena_new(&index->budget, &index->arena);
    if (err == GEO_OK) {
        index_maker maker = {index->arena, &index->scratch, &index->unseen.made, &index->retired};
        index_square root = INDEX_ROOT_SQUARE;
        err = index_build_square(&maker, &root, NULL, 0, &index->root);
    }
    if (err == GEO_OK) {
        err = geo_index_publish(index);
    }
    if (err != GEO_OK) {
        geo_index_free(index);
        return err;
    }
    *out = index;
    return GEO_OK;
}

static void fences_free(index_fence **fences, uint32_t room)
{
    for (uint32_t id = 0; id < room; id++) {
        index_fence_free(fences[id]);
    }
    free(fences);
}

void geo_index_free(geo_index *index)
{
    if (index == NULL) {
        return;
    }
    fences_free(index->fences, index->fence_room);
    for (uint32_t slot = 0; slot < GEO_INDEX_VERSIONS_MAX; slot++) {
        if (index->versions[slot].is_used) {
            free(index->versions[slot].garbage.items);
            index_arena_unref(index->versions[slot].arena);
        }
    }
    index_unseen_fini(&index->unseen);
    free(index->retired.items);
    index_scratch_fini(&index->scratch);
    index_arena_unref(index->arena);
    free(index);
}

static geo_err fences_make_room(geo_index *index, uint32_t id)
{
    if (id < index->fence_room) {
        return GEO_OK;
    }
    uint64_t room = (uint64_t)index->fence_room * 3 / 2 + 16;
    room = room <= id ? (uint64_t)id + 1 : room;
    index_fence **fences = realloc(index->fences, room * sizeof(index_fence *));
    if (fences == NULL) {
        return GEO_NO_MEMORY;
    }
    memset(fences + index->fence_room, 0, (room - index->fence_room) * sizeof(index_fence *));
    index->fences = fences;
    index->fence_room = (uint32_t)room;
    return GEO_OK;
}

/* The writer's state lies in another arena now. The old one goes with the last version in it, and
 * what was noted of its blocks with it. */
static void take_state(geo_index *index, index_arena *arena, index_desc root)
{
    index_arena_unref(index->arena);
    index->arena = arena;
    index->root = root;
    index->retired.count = 0;
    index_unseen_forget(&index->unseen);
}

/* A free block serves blocks of its own size only. Where records grow one by one, as those of many
 * fences on one spot do, what is free soon is many times what is in use: then that moves to a new
 * arena. It is copied less often than as many bytes are freed; without memory all stays. */
static void leave_free_blocks(geo_index *index)
{
    index_arena *arena;
    index_desc root;
    if (index->arena->free_bytes < FREE_BYTES_KEPT + index->arena->top_bytes / 2 ||
        index_arena_new(&index->budget, &arena) != GEO_OK) {
        return;
    }
    if (index_copy_all(arena, index->arena->base, index->root, INDEX_ROOT_SHIFT, &root) != GEO_OK) {
        index_arena_unref(arena);
        return;
    }
    take_state(index, arena, root);
}

/* Replace fence `id` (or nothing) by `after` (or nothing). All or nothing: blocks that versions may
 * see are not altered, and on failure the new ones are freed and the old ones are retired no more.
 */
static geo_err change(geo_index *index, uint32_t id, index_fence *after)
{
    index_fence *before = index->fences[id];
    index_piece piece_before;
    index_piece piece_after;
    index_updater updater = {
        .maker = {index->arena, &index->scratch, &index->unseen.made, &index->retired},
        .fences = index->fences,
        .id = id,
        .stamp = &index->stamp,
    };
    const size_t made_count = index->unseen.made.count;
    size_t retired_count = index->retired.count;
    index_square square = INDEX_ROOT_SQUARE;
    index_desc root;
    const uint64_t span =
        index->fence_span + (after != NULL ? after->span : 0) - (before != NULL ? before->span : 0);
    if (after != NULL && span > GEO_INDEX_SPAN_MAX) {
        return GEO_TOO_BIG;
    }
    geo_index_reclaim(index);
    index_unseen_note(&index->unseen, index->arena);
    if (before != NULL) {
        piece_before = index_piece_whole(before, id);
    }
    if (after != NULL) {
        piece_after = index_piece_whole(after, id);
    }
    geo_err err =
        index_update_square(&updater, index->root, &square, before != NULL ? &piece_before : NULL,
                            after != NULL ? &piece_after : NULL, &root);
    index_scratch_shrink(&index->scratch, SCRATCH_BYTES_KEPT);
    if (err != GEO_OK) {
        index_garbage_free_from(&index->unseen.made, made_count, index->arena);
        index->retired.count = retired_count;
        return err;
    }
    index_unseen_free(&index->unseen, &index->retired, retired_count, index->arena);
    index->root = root;
    index->fences[id] = after;
    index->fence_count += (after != NULL) - (before != NULL);
    index->fence_span = span;
    index->fence_bytes += (after != NULL ? after->bytes : 0) - (before != NULL ? before->bytes : 0);
    index_fence_free(before);
    leave_free_blocks(index);
    return GEO_OK;
}

geo_err geo_index_put(geo_index *index, uint32_t id, const geo_area *area)
{
    if (id > GEO_INDEX_ID_MAX) {
        return GEO_RANGE;
    }
    index_fence *fence;
    geo_err err = fences_make_room(index, id);
    if (err == GEO_OK) {
        err = index_fence_new(area, &fence);
    }
    if (err != GEO_OK) {
        return err;
    }
    err = change(index, id, fence);
    if (err != GEO_OK) {
        index_fence_free(fence);
    }
    return err;
}

geo_err geo_index_remove(geo_index *index, uint32_t id)
{
    if (id >= index->fence_room || index->fences[id] == NULL) {
        return GEO_NOT_FOUND;
    }
    return change(index, id, NULL);
}

/* A table of the areas as fences, by id. */
static geo_err make_fences(const geo_area *const *areas, const uint32_t *ids, size_t count,
                           index_fence ***out, uint32_t *out_room, size_t *out_bytes,
                           uint64_t *out_span)
{
    uint32_t room = 16;
    for (size_t i = 0; i < count; i++) {
        if (ids[i] > GEO_INDEX_ID_MAX) {
            return GEO_RANGE;
        }
        room = ids[i] >= room ? ids[i] + 1 : room;
    }
    index_fence **fences = calloc(room, sizeof(index_fence *));
    if (fences == NULL) {
        return GEO_NO_MEMORY;
    }
    *out_bytes = 0;
    *out_span = 0;
    for (size_t i = 0; i < count; i++) {
        geo_err err =
            fences[ids[i]] != NULL ? GEO_EXISTS : index_fence_new(areas[i], &fences[ids[i]]);
        if (err == GEO_OK) {
            *out_bytes += fences[ids[i]]->bytes;
            *out_span += fences[ids[i]]->span;
            err = *out_span > GEO_INDEX_SPAN_MAX ? GEO_TOO_BIG : GEO_OK;
        }
        if (err != GEO_OK) {
            fences_free(fences, room);
            return err;
        }
    }
    *out = fences;
    *out_room = room;
    return GEO_OK;
}

/* The root of an index of these fences only. */
static geo_err build_root(index_maker *maker, index_fence *const *fences, uint32_t room,
                          size_t count, index_desc *out)
{
    index_square root = INDEX_ROOT_SQUARE;
    index_piece *pieces = index_scratch_get(maker->scratch, count, sizeof *pieces);
    if (pieces == NULL) {
        return GEO_NO_MEMORY;
    }
    uint32_t n = 0;
    for (uint32_t id = 0; id < room; id++) {
        if (fences[id] != NULL) {
            pieces[n++] = index_piece_whole(fences[id], id);
        }
    }
    return index_build_square(maker, &root, pieces, n, out);
}

geo_err geo_index_build(geo_index *index, const geo_area *const *areas, const uint32_t *ids,
                        size_t count)
{
    index_fence **fences = NULL;
    uint32_t room = 0;
    size_t bytes = 0;
    uint64_t span = 0;
    geo_err err = make_fences(areas, ids, count, &fences, &room, &bytes, &span);
    if (err != GEO_OK) {
        return err;
    }
    index_arena *arena = NULL;
    index_desc root;
    geo_index_reclaim(index);
    err = index_arena_new(&index->budget, &arena);
    if (err == GEO_OK) {
        index_maker maker = {arena, &index->scratch, NULL, NULL};
        err = build_root(&maker, fences, room, count, &root);
    }
    index_scratch_back(&index->scratch, (index_scratch_mark){0});
    /* No build follows soon, and changes need much less. */
    index_scratch_shrink(&index->scratch, 0);
    if (err != GEO_OK) {
        index_arena_unref(arena);
        fences_free(fences, room);
        return err;
    }
    take_state(index, arena, root);
    fences_free(index->fences, index->fence_room);
    index->fences = fences;
    index->fence_room = room;
    index->fence_count = (uint32_t)count;
    index->fence_bytes = bytes;
    index->fence_span = span;
    return GEO_OK;
}

size_t geo_index_memory_bytes(const geo_index *index)
{
    return sizeof *index + index_versions_bytes(index) + index->fence_bytes +
           index->fence_room * sizeof *index->fences + index_scratch_bytes(&index->scratch) +
           index_unseen_bytes(&index->unseen) + index->retired.room * sizeof(index_garbage_item);
}

uint32_t geo_index_fence_count(const geo_index *index)
{
    return index->fence_count;
}
