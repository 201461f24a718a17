/*
 * The file of signal.file: a signal as JSON on each line. Lines are emptied out of it once all that were read are done
 * with, so a program that is killed before reads them again.
 */
#ifndef REPLICATOR_SIGNAL_FILE_H
#define REPLICATOR_SIGNAL_FILE_H

#include "base/arena.h"
#include "replicator/signal.h"

struct signal_file;

struct signal_file *signal_file_new(const char *path);
void signal_file_free(struct signal_file *f);
/* Looks whether the file has news. */
void signal_file_look(struct signal_file *f);
/* The next line, in `a`; false: none. A line that is no signal is logged and left out. */
bool signal_file_take(struct signal_file *f, struct arena *a, struct signal *out);
/* One that was taken is done with. */
void signal_file_done(struct signal_file *f);

#endif
