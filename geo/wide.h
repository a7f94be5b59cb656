/* geo/wide.h - exact comparison of products that do not fit 128 bits; private to geo/. */
#ifndef GEO_WIDE_H
#define GEO_WIDE_H

#include <stdint.h>

__extension__ typedef unsigned __int128 geo_wide_unsigned;

typedef struct geo_wide_product {
    geo_wide_unsigned high;
    geo_wide_unsigned low;
} geo_wide_product;

static inline geo_wide_product geo_wide_multiply(geo_wide_unsigned a, geo_wide_unsigned b)
{
    geo_wide_unsigned a0 = (uint64_t)a;
    geo_wide_unsigned a1 = a >> 64;
    geo_wide_unsigned b0 = (uint64_t)b;
    geo_wide_unsigned b1 = b >> 64;
    geo_wide_unsigned bottom = a0 * b0;
    /* Neither sum can overflow: (2^64 - 1)^2 + 2 * (2^64 - 1) = 2^128 - 1. */
    geo_wide_unsigned cross = a1 * b0 + (bottom >> 64);
    geo_wide_unsigned middle = a0 * b1 + (uint64_t)cross;
    return (geo_wide_product){
        .high = a1 * b1 + (cross >> 64) + (middle >> 64),
        .low = (middle << 64) | (uint64_t)bottom,
    };
}

/* The sign of a * b - c * d, from all 256 bits of both products. */
static inline int geo_wide_compare_products(geo_wide_unsigned a, geo_wide_unsigned b,
                                            geo_wide_unsigned c, geo_wide_unsigned d)
{
    geo_wide_product left = geo_wide_multiply(a, b);
    geo_wide_product right = geo_wide_multiply(c, d);
    if (left.high != right.high) {
        return left.high < right.high ? -1 : 1;
    }
    return (left.low > right.low) - (left.low < right.low);
}

#endif
