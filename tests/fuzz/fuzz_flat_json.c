/* tests/fuzz/fuzz_flat_json.c - what the scanner takes, cJSON takes too and understands the same.
 */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/flat_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static flat_json flat;
    cJSON *ours = flat_json_parse(&flat, data, size);
    if (ours == NULL) {
        return 0;
    }
    char *text = calloc(1, size + 8);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    cJSON *theirs = cJSON_ParseWithLength(text, size);
    if (theirs == NULL) {
        abort();
    }
    const cJSON *other = theirs->child;
    for (const cJSON *item = ours->child; item != NULL; item = item->next, other = other->next) {
        if (other == NULL || strcmp(item->string, other->string) != 0 ||
            (item->type & 0xff) != (other->type & 0xff) ||
            (cJSON_IsNumber(item) && memcmp(&item->valuedouble, &other->valuedouble, 8) != 0) ||
            (cJSON_IsString(item) && strcmp(item->valuestring, other->valuestring) != 0)) {
            abort();
        }
    }
    if (other != NULL) {
        abort();
    }
    cJSON_Delete(theirs);
    free(text);
    return 0;
}
