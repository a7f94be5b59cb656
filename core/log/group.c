/* core/log/group.c - consumer groups: names, and how far each has come. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

static journal_group *find(journal *j, const char *name)
{
    for (uint32_t i = 0; i < j->group_count; i++) {
        if (strcmp(j->groups[i].name, name) == 0) {
            return &j->groups[i];
        }
    }
    return NULL;
}

journal_group *journal_group_make(journal *j, const char *name, uint32_t partitions, hr_err *err)
{
    journal_group *group = find(j, name);
    size_t size = strlen(name);
    if (group != NULL) {
        return group;
    }
    if (j->group_count == LOG_GROUPS_MAX || size > JOURNAL_NAME_MAX) {
        *err = HR_TOO_BIG;
        return NULL;
    }
    int64_t *offsets = malloc((partitions + 1) * sizeof *offsets);
    if (offsets == NULL) {
        *err = HR_NO_MEMORY;
        return NULL;
    }
    for (uint32_t i = 0; i < partitions; i++) {
        offsets[i] = -1;
    }
    group = &j->groups[j->group_count++];
    *group = (journal_group){.offsets = offsets};
    memcpy(group->name, name, size + 1);
    return group;
}

void journal_forget_groups(journal *j)
{
    for (uint32_t i = 0; i < j->group_count; i++) {
        free(j->groups[i].offsets);
    }
    j->group_count = 0;
}

hr_err journal_group_commit(log_store *log, const char *group, uint8_t topic, uint16_t partition,
                            int64_t offset)
{
    journal *j = journal_of(log);
    uint32_t flat = layout_flat(&j->layout, topic, partition);
    hr_err err = HR_OK;
    bool is_first = false;
    if (j->options.read_only) {
        return HR_DENIED;
    }
    pthread_mutex_lock(&j->lock);
    journal_group *g = journal_group_make(j, group, j->layout.total, &err);
    if (g != NULL) {
        /* One that says the same again and again is no reason to write. */
        bool is_news = g->offsets[flat] != offset && !j->are_groups_unsaved;
        is_first = g->offsets[flat] < 0;
        g->offsets[flat] = offset;
        if (is_news) {
            j->are_groups_unsaved = true;
            if (j->is_committer_asleep) {
                pthread_cond_signal(&j->work);
            }
        }
    }
    pthread_mutex_unlock(&j->lock);
    if (err != HR_OK || !is_first) {
        return err;
    }
    /* A crash may take back how far a group has come, but never that there is one: it would begin
     * anew at the end, and what it had not seen yet would be passed over. */
    err = journal_save_side(j);
    if (err != HR_OK) {
        pthread_mutex_lock(&j->lock);
        g->offsets[flat] = -1; /* so that saying it again is the first time */
        pthread_mutex_unlock(&j->lock);
    }
    return err;
}

int64_t journal_group_offset(log_store *log, const char *group, uint8_t topic, uint16_t partition)
{
    journal *j = journal_of(log);
    uint32_t flat = layout_flat(&j->layout, topic, partition);
    pthread_mutex_lock(&j->lock);
    const journal_group *g = find(j, group);
    int64_t offset = g != NULL ? g->offsets[flat] : -1;
    pthread_mutex_unlock(&j->lock);
    return offset;
}

void journal_group_each(log_store *log, log_group_visitor *visit, void *context)
{
    journal *j = journal_of(log);
    /* One at a time, so that no lock is held while the visitor runs. Groups are never removed. */
    for (uint32_t i = 0;; i++) {
        char name[JOURNAL_NAME_MAX + 1];
        int64_t offsets[LOG_PARTITIONS_MAX];
        pthread_mutex_lock(&j->lock);
        bool is_there = i < j->group_count;
        if (is_there) {
            memcpy(name, j->groups[i].name, sizeof name);
            memcpy(offsets, j->groups[i].offsets, j->layout.total * sizeof offsets[0]);
        }
        pthread_mutex_unlock(&j->lock);
        if (!is_there) {
            return;
        }
        for (uint32_t p = 0; p < j->layout.total; p++) {
            uint8_t topic = 0;
            uint16_t partition = 0;
            layout_name(&j->layout, p, &topic, &partition);
            if (offsets[p] >= 0) {
                visit(name, topic, partition, offsets[p], context);
            }
        }
    }
}
