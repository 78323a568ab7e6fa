/* journal_file.c - the journal's file on the real disk. */
#include "orders/journal.h"

enum status journal_file_open(const char *path, struct file_io *ret_io, struct err *err)
{
    enum status st = file_system_real.open(file_system_real.self, path, FILE_CREATE,
                                           "the order journal", ret_io, err);
    if (st == ST_NOT_FOUND) { /* its folder is missing */
        err->st = ST_IO;
        st = ST_IO;
    }
    return st;
}
