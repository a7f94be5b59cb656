/* api/device_text.h - a device's latest fix as everyone outside sees it. */
#ifndef API_DEVICE_TEXT_H
#define API_DEVICE_TEXT_H

#include "base/json.h"
#include "engine/live.h"

/* Write the members of an object that is open: device, lon, lat, time and what the fix says. */
void api_device_write(hr_json *json, const engine_device *device);

#endif
