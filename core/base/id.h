/* base/id.h - which names devices, fences and users may have, and what becomes of them. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when the text keeps the rules of limits.h. Nothing else may become part of an MQTT topic. */
bool hr_device_id_is_valid(const char *id, size_t size);
bool hr_fence_id_is_valid(const char *id, size_t size);
bool hr_user_id_is_valid(const char *id, size_t size);

/* A device's key, by which records and state know it. */
uint64_t hr_device_key(const char *id, size_t size);

static inline uint32_t hr_device_partition(uint64_t key, uint32_t partition_count)
{
    return (uint32_t)(key % partition_count);
}

#endif
