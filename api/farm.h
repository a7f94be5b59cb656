/* api/farm.h - what the owner says of the farm: its name, and an online map to draw under it. */
#ifndef API_FARM_H
#define API_FARM_H

#include "base/err.h"
#include "base/json.h"
#include "catalog/catalog.h"

#define FARM_NAME_BYTES_MAX 200
#define FARM_URL_BYTES_MAX 500
#define FARM_ATTRIBUTION_BYTES_MAX 300
#define FARM_ORIGIN_BYTES_MAX 280 /* of a host of 253 characters, with scheme and port */

typedef struct farm_facts {
    char name[FARM_NAME_BYTES_MAX + 1];
    char map_url[FARM_URL_BYTES_MAX + 1]; /* "https://host/{z}/{x}/{y}.png"; "": none */
    char map_attribution[FARM_ATTRIBUTION_BYTES_MAX + 1];
} farm_facts;

/* Opaque. Kept in the catalogue, read once. Threads: any. */
typedef struct api_farm api_farm;

/* The catalogue is borrowed and must outlive it. */
HR_MUST_USE hr_err api_farm_open(catalog *catalog, api_farm **out, hr_why *why);
void api_farm_close(api_farm *farm);

void api_farm_get(api_farm *farm, farm_facts *out);

/* Durable when it returns. HR_INVALID: the address is none that tiles can come from. */
HR_MUST_USE hr_err api_farm_put(api_farm *farm, const farm_facts *facts, hr_why *why);

/* Where the online map's tiles come from, as a content security policy names it; "": nowhere.
 * Looks at memory only. */
void api_farm_map_origin(api_farm *farm, char origin[FARM_ORIGIN_BYTES_MAX + 1]);

#endif
