/* base/limits.h - limits that more than one module must agree on. Each module keeps its own beside
 * its code; the README's table lists them all. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* A device id: 1-64 of [A-Za-z0-9._:-], first a letter or digit. Longer ids are refused. */
#define HR_DEVICE_ID_MAX 64

/* A fence id: [A-Za-z0-9][A-Za-z0-9._-]{0,63}. Longer ids are refused. */
#define HR_FENCE_ID_MAX 64

/* An MQTT user (gateway, reader). Same characters as a fence id. */
#define HR_USER_ID_MAX 64

/* Partitions of the positions topic; P is fixed when the data folder is made. */
#define HR_PARTITIONS_DEFAULT 8
#define HR_PARTITIONS_MAX 64

/* A fix further ahead of a synchronised clock than this is refused into the dead topic. */
#define HR_FUTURE_MAX_MS 60000

#endif
