/* build_id.c - see build_id.h. The hash is the note that the linker writes (--build-id). */
#include "cli/build_id.h"

#include <link.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define ID_MAX 32

struct id {
    uint8_t bytes[ID_MAX];
    size_t n;
};

static size_t round4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

static void find_note(const uint8_t *p, size_t n, struct id *id)
{
    ElfW(Nhdr) h;
    while (n >= sizeof h) {
        memcpy(&h, p, sizeof h);
        size_t name = round4(h.n_namesz), desc = round4(h.n_descsz);
        if (name > n - sizeof h || desc > n - sizeof h - name) {
            return;
        }
        const uint8_t *text = p + sizeof h;
        if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 && memcmp(text, "GNU", 4) == 0 &&
            h.n_descsz <= ID_MAX) {
            memcpy(id->bytes, text + name, h.n_descsz);
            id->n = h.n_descsz;
            return;
        }
        p += sizeof h + name + desc;
        n -= sizeof h + name + desc;
    }
}

/* The first object is the program itself. */
static int take_program(struct dl_phdr_info *info, size_t size, void *self)
{
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        if (ph->p_type == PT_NOTE) {
            find_note((const uint8_t *)(info->dlpi_addr + ph->p_vaddr), ph->p_memsz, self);
        }
    }
    return 1;
}

const char *build_text(void)
{
    static char text[200];
    if (text[0] != '\0') {
        return text;
    }
    struct id id = {.n = 0};
    (void)dl_iterate_phdr(take_program, &id);
    char hex[2 * ID_MAX + 1] = "unknown";
    for (size_t i = 0; i < id.n; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id.bytes[i]);
    }
    snprintf(text, sizeof text, "%s (" COMPILER ", build %s)", deltaflow_version, hex);
    return text;
}
