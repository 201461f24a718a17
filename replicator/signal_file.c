#include "replicator/signal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum { FILE_MAX = 16 << 20 };

struct signal_file {
    char *path;
    struct buf text; /* read and not yet emptied out of the file */
    size_t at;       /* lines before it were taken */
    unsigned open;   /* taken, not yet done */
    bool grew;       /* at the last look: its last line may not be whole yet */
    bool complained;
};

struct signal_file *
signal_file_new(const char *path)
{
    struct signal_file *f = mem_alloc(sizeof(*f));

    f->path = mem_strdup(path);
    buf_init(&f->text, FILE_MAX);
    return f;
}

void
signal_file_free(struct signal_file *f)
{
    if (!f)
        return;
    free(f->path);
    buf_free(&f->text);
    free(f);
}

static void
complain(struct signal_file *f, const char *what)
{
    if (!f->complained)
        log_warn("signal.file \"%s\": %s: %s", f->path, what, strerror(errno));
    f->complained = true;
}

void
signal_file_look(struct signal_file *f)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t n = 1;
    size_t before = f->text.n;

    f->grew = false;
    if (fd < 0) {
        if (errno != ENOENT)
            complain(f, "cannot be read");
        return;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size < f->text.n) {
        /* Somebody else emptied it. */
        if (f->at == f->text.n) {
            buf_clear(&f->text);
            f->at = 0;
        }
        close(fd);
        return;
    }
    while (n > 0 && (size_t)st.st_size > f->text.n && buf_ok(&f->text)) {
        char part[4096];

        n = pread(fd, part, sizeof(part), (off_t)f->text.n);
        if (n > 0)
            buf_add(&f->text, part, (size_t)n);
    }
    if (n < 0)
        complain(f, "cannot be read");
    f->grew = f->text.n > before;
    if (!buf_ok(&f->text)) {
        log_warn("signal.file \"%s\" is larger than %d bytes and is emptied", f->path, FILE_MAX);
        buf_clear(&f->text);
        f->at = 0;
        if (truncate(f->path, 0) != 0)
            complain(f, "cannot be emptied");
    }
    close(fd);
}

static void
empty_out(struct signal_file *f)
{
    struct stat st;

    if (f->open || f->at < f->text.n || f->text.n == 0)
        return;
    /* More has come: that is read first. */
    if (stat(f->path, &st) != 0 || (size_t)st.st_size != f->text.n)
        return;
    if (truncate(f->path, 0) != 0) {
        complain(f, "cannot be emptied, its signals come again at the next start");
        return;
    }
    buf_clear(&f->text);
    f->at = 0;
}

bool
signal_file_take(struct signal_file *f, struct arena *a, struct signal *out)
{
    while (f->at < f->text.n) {
        const char *line = f->text.p + f->at;
        const char *end = memchr(line, '\n', f->text.n - f->at);
        size_t n = end ? (size_t)(end - line) : f->text.n - f->at;
        struct err e = {0};

        if (!end && f->grew)
            return false;
        f->at += n + (end != NULL);
        if (strspn(line, " \t\r") >= n)
            continue;
        if (signal_read(line, n, a, out, &e)) {
            f->open++;
            return true;
        }
        err_wrap(&e, "signal.file \"%s\": a line is left out", f->path);
        log_err(LOG_WARN, &e, "signal");
    }
    empty_out(f);
    return false;
}

void
signal_file_done(struct signal_file *f)
{
    f->open--;
    empty_out(f);
}
