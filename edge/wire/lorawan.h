/* wire/lorawan.h - positions out of LoRaWAN uplinks: ChirpStack v4 and The Things Stack v3. */
#ifndef WIRE_LORAWAN_H
#define WIRE_LORAWAN_H

#include <stddef.h>

#include "base/err.h"
#include "wire/fix_json.h"

/* Where their MQTT servers publish uplinks. */
#define LORAWAN_CHIRPSTACK_FILTER "application/+/device/+/event/up"
#define LORAWAN_TTS_FILTER "v3/+/devices/+/up"

/* Read an uplink whose payload the network server has decoded. The device is the devEui
 * (ChirpStack) or the device id (The Things Stack). The place is the first object of the decoded
 * payload that has a latitude and a longitude, by their usual names; "accuracy" (m) and "battery"
 * (percent) beside it are taken too. The time is the payload's, else when it was received.
 * HR_UNSUPPORTED: an uplink without a place. HR_INVALID: not an uplink of either kind. */
HR_MUST_USE hr_err lorawan_read(const void *bytes, size_t size, wire_fix *fix, hr_why *why);

#endif
