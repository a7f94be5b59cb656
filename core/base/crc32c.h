/* base/crc32c.h - the Castagnoli CRC, in hardware where the machine has it, equal everywhere. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of size bytes that follow bytes whose CRC is crc (0 for none before). */
uint32_t hr_crc32c(uint32_t crc, const void *bytes, size_t size);

/* The same by table, for machines without the instruction and as the tests' reference. */
uint32_t hr_crc32c_portable(uint32_t crc, const void *bytes, size_t size);

#endif
