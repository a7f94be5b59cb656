/* api/cli_qr.h - a QR code in the terminal. */
#ifndef API_CLI_QR_H
#define API_CLI_QR_H

#include <stdio.h>

#include "base/err.h"

/* Two modules in a character, black on white whatever the terminal's colours are.
 * HR_TOO_BIG: more text than a code holds. */
HR_MUST_USE hr_err cli_qr_print(FILE *to, const char *text);

#endif
