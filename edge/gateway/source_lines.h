/* gateway/source_lines.h - how fast a serial port may be. */
#ifndef GATEWAY_SOURCE_LINES_H
#define GATEWAY_SOURCE_LINES_H

#include <stdbool.h>

#define SOURCE_SPEEDS "4800, 9600, 19200, 38400, 57600, 115200 and 230400"

/* Is the text one of these? */
bool source_lines_has_speed(const char *text);

#endif
