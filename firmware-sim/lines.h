/* lines.h - a fix as the line that a program or a GPS receiver beside a field gateway says. */
#ifndef SIM_LINES_H
#define SIM_LINES_H

#include "base/buf.h"
#include "base/fix.h"

/* Append {"device":"cow-17","time":1795161600000,...} and a line feed. */
void sim_line_json(hr_buf *out, const char *device, const hr_fix *fix);

/* Append the sentences GST and RMC, from which hedgerow-edge reads back the same fix; NMEA knows
 * neither devices nor batteries. */
void sim_line_nmea(hr_buf *out, const hr_fix *fix);

#endif
