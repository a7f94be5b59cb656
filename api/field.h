/* api/field.h - which member of a request a complaint is about. */
#ifndef API_FIELD_H
#define API_FIELD_H

#include <stdbool.h>

#define API_FIELD_SIZE 80 /* with its terminator; longer names are cut */

/* The member that the text names first. geo/ and the accounts tell a person's words only, so they
 * are what there is to go by; the tests hold the two together. False: it names none. */
bool api_field_of(const char *text, char field[API_FIELD_SIZE]);

#endif
