/* geo/index_isa.h - which build of the block query this process uses. */
#ifndef GEO_INDEX_ISA_H
#define GEO_INDEX_ISA_H

#include "index_private.h"

index_block_query *index_isa_block_query(void);
index_block_clear *index_isa_block_clear(void);

#endif
