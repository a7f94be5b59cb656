/* base/id.c - checks of names. */
#include "base/id.h"

#include "base/hash.h"
#include "base/limits.h"

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_valid(const char *id, size_t size, size_t size_max, bool colon_allowed)
{
    if (size == 0 || size > size_max || !is_alphanumeric(id[0])) {
        return false;
    }
    for (size_t i = 1; i < size; i++) {
        char c = id[i];
        bool is_mark = c == '.' || c == '_' || c == '-' || (c == ':' && colon_allowed);
        if (!is_alphanumeric(c) && !is_mark) {
            return false;
        }
    }
    return true;
}

bool hr_device_id_is_valid(const char *id, size_t size)
{
    return is_valid(id, size, HR_DEVICE_ID_MAX, true);
}

bool hr_fence_id_is_valid(const char *id, size_t size)
{
    return is_valid(id, size, HR_FENCE_ID_MAX, false);
}

bool hr_user_id_is_valid(const char *id, size_t size)
{
    return is_valid(id, size, HR_USER_ID_MAX, false);
}

uint64_t hr_device_key(const char *id, size_t size)
{
    return hr_hash64(id, size);
}
