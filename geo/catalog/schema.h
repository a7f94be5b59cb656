/* schema.h - the tables of the catalogue, and which file is one; private to the catalogue. */
#ifndef CATALOG_SCHEMA_H
#define CATALOG_SCHEMA_H

#include <stdint.h>

#include "db.h"

/* Raised with every change of the tables; a program refuses a file with a higher one. */
#define SCHEMA_VERSION 1

/* until_version of what is still in force. Kept as a literal in the SQL of the indexes too. */
#define VERSION_OPEN INT64_MAX

/* Make the tables in an empty file, all or none of them, or check that the file is a catalogue that
 * this program understands. Sets the connection to WAL and FULL. */
GEO_MUST_USE geo_err schema_open(catalog_db *db, geo_why *why);

#endif
