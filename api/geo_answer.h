/* api/geo_answer.h - answers for errors of geo/ and the catalogue, and what their routes share. */
#ifndef API_GEO_ANSWER_H
#define API_GEO_ANSWER_H

#include "catalog/text.h"
#include "context.h"
#include "engine/live.h"
#include "geo/area.h"
#include "geo/err.h"
#include "request.h"

/* As api_answer_failure: bad shapes 400, taken ids 409, another revision 412. */
void api_answer_geo_failure(api_answer *answer, geo_err err, const char *what, const geo_why *why);

/* False: the part is not there; the answer is 503. */
bool api_has_catalog(const api_context *context, api_answer *answer);
bool api_has_engine(const api_context *context, api_answer *answer);

/* Answer with a text of the catalogue, which is freed; the ETag is its revision, if it has one. Or,
 * where asking the catalogue gave an err, as api_answer_geo_failure(). */
void api_answer_catalog(api_answer *answer, int status, geo_err err, const char *what,
                        catalog_text *text, const geo_why *why);

/* The revision that If-Match or If-None-Match demand: CATALOG_ANY without them, CATALOG_SOME for
 * `If-Match: *`, CATALOG_NONE for `If-None-Match: *`. False: not a tag of ours; the answer is 412.
 */
bool api_expected_revision(const api_request *request, uint64_t *expected, api_answer *answer);

/* The area of a request's body: a GeoJSON geometry or Feature. NULL: the answer says why. Freed
 * with geo_area_free. */
geo_area *api_body_area(const api_request *request, api_answer *answer);

/* "as_of": the next offset of each partition. */
void api_as_of_write(hr_json *json, const engine_answer *found);

#endif
