/* engine/show.c - notes of what queries shall see, and showing it. */
#include "show.h"

#include <stdlib.h>

#include "partition.h"

#define CAPACITY_MIN 512
/* What one long wait has needed is not kept for ever. */
#define CAPACITY_KEPT 4096

engine_note *engine_note_add(engine_notes *notes)
{
    if (notes->count == notes->capacity) {
        uint32_t capacity = notes->capacity > 0 ? notes->capacity * 2 : CAPACITY_MIN;
        engine_note *list = realloc(notes->list, capacity * sizeof *list);
        if (list == NULL) {
            return NULL;
        }
        notes->list = list;
        notes->capacity = capacity;
    }
    return &notes->list[notes->count++];
}

void engine_notes_fini(engine_notes *notes)
{
    free(notes->list);
    *notes = (engine_notes){.count = 0};
}

bool engine_partition_is_shown(const engine_partition *partition)
{
    return partition->shown == atomic_load_explicit(&partition->offset, memory_order_relaxed);
}

hr_err engine_partition_show_locked(engine_partition *partition)
{
    engine_notes *notes = &partition->notes;
    hr_err err = HR_OK;
    for (uint32_t i = 0; err == HR_OK && i < notes->count; i++) {
        const engine_note *note = &notes->list[i];
        err = engine_devices_show_change(&partition->devices, note->device,
                                         note->has_fix ? &note->fix : NULL, note->append_ms,
                                         note->is_inside_changed, &partition->moved);
    }
    notes->count = 0;
    if (notes->capacity > CAPACITY_KEPT) {
        engine_notes_fini(notes);
    }
    partition->shown = atomic_load_explicit(&partition->offset, memory_order_relaxed);
    return err;
}

bool engine_partition_lock_to_show(engine_partition *partition)
{
    if (pthread_rwlock_trywrlock(&partition->lock) == 0) {
        return true;
    }
    if (partition->notes.count < ENGINE_NOTES_MAX) {
        return false;
    }
    pthread_rwlock_wrlock(&partition->lock);
    return true;
}

hr_err engine_partition_show(engine_partition *partition)
{
    if (engine_partition_is_shown(partition) || !engine_partition_lock_to_show(partition)) {
        return HR_OK;
    }
    hr_err err = engine_partition_show_locked(partition);
    pthread_rwlock_unlock(&partition->lock);
    return err;
}
