/* api/role.h - what a caller may do; each role may do all that the ones before it may. */
#ifndef API_ROLE_H
#define API_ROLE_H

#include "base/err.h"

typedef enum api_role {
    API_ROLE_NONE, /* anybody, also without an account */
    API_ROLE_VIEWER,
    API_ROLE_EDITOR,
    API_ROLE_OWNER,
} api_role;

/* "viewer", "editor", "owner"; "none" for nobody. */
const char *api_role_text(api_role role);

/* HR_INVALID for anything but the three roles that an account can have. */
HR_MUST_USE hr_err api_role_parse(const char *text, api_role *role);

#endif
