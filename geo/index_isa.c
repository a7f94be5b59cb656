/* geo/index_isa.c - chooses the block query at run time. */
#include "index_isa.h"

#include <stdatomic.h>

typedef struct isa_entry {
    const char *name;
    index_block_query *query; /* NULL: not in this program */
    index_block_clear *clear;
} isa_entry;

static const isa_entry isa_table[] = {
    [GEO_INDEX_SCALAR] = {"scalar", index_query_block_scalar, index_clear_block_scalar},
#ifdef GEO_INDEX_HAS_NEON
    [GEO_INDEX_NEON] = {"neon", index_query_block_neon, index_clear_block_neon},
#else
    [GEO_INDEX_NEON] = {"neon", NULL, NULL},
#endif
#ifdef GEO_INDEX_HAS_X86
    [GEO_INDEX_AVX2] = {"avx2", index_query_block_avx2, index_clear_block_avx2},
    [GEO_INDEX_AVX512] = {"avx512", index_query_block_avx512, index_clear_block_avx512},
#else
    [GEO_INDEX_AVX2] = {"avx2", NULL, NULL},
    [GEO_INDEX_AVX512] = {"avx512", NULL, NULL},
#endif
};

static bool isa_is_available(geo_index_isa isa)
{
    if (isa_table[isa].query == NULL) {
        return false;
    }
#ifdef GEO_INDEX_HAS_X86
    if (isa == GEO_INDEX_AVX2) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    }
    if (isa == GEO_INDEX_AVX512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2") &&
               __builtin_cpu_supports("avx512vpopcntdq");
    }
#endif
    return true;
}

#define ISA_UNKNOWN UINT32_MAX

/* Set once, by whoever asks first; all of them find the same answer. */
static _Atomic uint32_t isa_in_use = ISA_UNKNOWN;

geo_index_isa geo_index_isa_in_use(void)
{
    uint32_t isa = atomic_load_explicit(&isa_in_use, memory_order_relaxed);
    if (isa == ISA_UNKNOWN) {
        isa = GEO_INDEX_AVX512;
        while (!isa_is_available((geo_index_isa)isa)) {
            isa--;
        }
        atomic_store_explicit(&isa_in_use, isa, memory_order_relaxed);
    }
    return (geo_index_isa)isa;
}

bool geo_index_force_isa(geo_index_isa isa)
{
    if (!isa_is_available(isa)) {
        return false;
    }
    atomic_store_explicit(&isa_in_use, (uint32_t)isa, memory_order_relaxed);
    return true;
}

const char *geo_index_isa_name(geo_index_isa isa)
{
    return isa_table[isa].name;
}

index_block_query *index_isa_block_query(void)
{
    return isa_table[geo_index_isa_in_use()].query;
}

index_block_clear *index_isa_block_clear(void)
{
    return isa_table[geo_index_isa_in_use()].clear;
}
