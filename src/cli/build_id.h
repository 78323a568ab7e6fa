/* build_id.h - which program this is: version, compiler, and the linker's hash of what it made. */
#ifndef CLI_BUILD_ID_H
#define CLI_BUILD_ID_H

/* "0.1.0 (gcc 12.2.0, build 0123...)": equal texts, equal programs. From any thread once the first
 * call has returned. */
const char *build_text(void);

#endif
