/* api/cli_qr.c - draws what libqrencode makes with half blocks. */
#include "cli_qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>

#define MARGIN 2 /* modules of white around the code; cameras want some */
#define BLACK_ON_WHITE "\033[30;107m"
#define USUAL_COLOURS "\033[0m"

static bool is_dark(const QRcode *code, int row, int column)
{
    bool is_within = row >= 0 && row < code->width && column >= 0 && column < code->width;
    return is_within && (code->data[row * code->width + column] & 1) != 0;
}

hr_err cli_qr_print(FILE *to, const char *text)
{
    /* By upper and lower module. */
    static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (code == NULL) {
        return errno == ENOMEM ? HR_NO_MEMORY : HR_TOO_BIG;
    }
    for (int row = -MARGIN; row < code->width + MARGIN; row += 2) {
        fputs(BLACK_ON_WHITE, to);
        for (int column = -MARGIN; column < code->width + MARGIN; column++) {
            fputs(blocks[is_dark(code, row, column)][is_dark(code, row + 1, column)], to);
        }
        fputs(USUAL_COLOURS "\n", to);
    }
    QRcode_free(code);
    return HR_OK;
}
