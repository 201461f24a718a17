/*
 * The offset in a file of its own:
 *
 *   {"version":1,"connector":NAME,"server":PREFIX,
 *    "system_identifier":"…","timeline":N,"slot":"…","database":"…",
 *    "flush_lsn":"0/0","position":{"commit_lsn":"0/0","lsn":"0/0","ordinal":N},
 *    "offset":{Debezium's JSON},
 *    "snapshot":{how far an unfinished snapshot is, see progress.h; before the first whole one there is no offset}}
 *
 * and which tables need no snapshot any more in another one beside it, <that file>.tables, as it is long and seldom changes
 * (known.h).
 *
 * Written beside, synced, renamed over the old one, and the folder synced: after a crash there is the old or the new
 * document, whole. What cannot be read is never written over: it may be all that is known of where the stream stood.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "replicator/offset.h"

enum {
    FILE_VERSION = 1,
    FILE_MAX_BYTES =
        4
        << 20, /* an offset is a few hundred bytes; what of a snapshot of many tables is done, some hundred KB */
};

struct offset_file {
    struct offset_store base;
    char *path, *dir, *tables;
    char *connector, *server;
    bool readable; /* what lies there was read, or there is nothing */
    /* What lies there, for the half that is not written anew: */
    struct offset last;
    bool has_last;
};

/* -------------------------------------------------------------------------------------------------------- reading */

static bool
corrupt(const struct offset_file *f, struct err *e, const char *why)
{
    return err_set(e, ERR_FATAL, "offset.corrupt",
                   "offset file \"%s\": %s; it is left as it is: mend it, or move it away to start "
                   "without an offset",
                   f->path, why);
}

static void
set_beside(struct offset_file *f, enum offset_beside what, char *text)
{
    free(f->base.beside[what]);
    f->base.beside[what] = text;
}

static bool
get_text(const json_t *doc, const char *name, char *dst, size_t n)
{
    const char *text = json_string_value(json_object_get(doc, name));

    if (!text || strlen(text) >= n)
        return false;
    memcpy(dst, text, strlen(text) + 1);
    return true;
}

static bool
get_lsn(const json_t *doc, const char *name, uint64_t *out)
{
    const char *text = json_string_value(json_object_get(doc, name));

    return text && num_parse_lsn(slice_of(text), out);
}

static bool
get_number(const json_t *doc, const char *name, uint64_t max, uint64_t *out)
{
    const json_t *v = json_object_get(doc, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

/* What walbridge adds; a file without flush_lsn was made by hand from a bare Debezium offset. */
static bool
read_own(const struct offset_file *f, const json_t *doc, struct offset *o, struct err *e)
{
    const json_t *position = json_object_get(doc, "position");
    const char *system = json_string_value(json_object_get(doc, "system_identifier"));
    uint64_t timeline;

    if (!json_object_get(doc, "flush_lsn"))
        return true;
    o->own = true;
    if (!get_lsn(doc, "flush_lsn", &o->flush_lsn))
        return corrupt(f, e, "\"flush_lsn\" is no LSN");
    if (!get_lsn(position, "commit_lsn", &o->pos_commit_lsn) ||
        !get_lsn(position, "lsn", &o->pos_lsn) ||
        !get_number(position, "ordinal", INT64_MAX, &o->pos_ordinal) ||
        !get_lsn(position, "commit_end", &o->commit_end))
        return corrupt(f, e, "\"position\" is not complete");
    if (!system || !num_parse_u64(slice_of(system), &o->system_id))
        return corrupt(f, e, "\"system_identifier\" is no number");
    if (!get_number(doc, "timeline", UINT32_MAX, &timeline))
        return corrupt(f, e, "\"timeline\" is no number");
    o->timeline = (uint32_t)timeline;
    if (!get_text(doc, "slot", o->slot, sizeof o->slot) ||
        !get_text(doc, "database", o->database, sizeof o->database))
        return corrupt(f, e, "\"slot\" or \"database\" is missing");
    return true;
}

static bool
belongs(const struct offset_file *f, const json_t *doc, const char *member, const char *ours,
        struct err *e)
{
    const char *theirs = json_string_value(json_object_get(doc, member));

    if (!theirs)
        return corrupt(f, e,
                       strcmp(member, "server") == 0 ? "\"server\" is missing"
                                                     : "\"connector\" is missing");
    if (strcmp(theirs, ours) != 0)
        return err_set(e, ERR_CONFIG, "offset.other",
                       "offset file \"%s\" belongs to %s \"%.100s\", not to \"%.100s\"; set "
                       "offset.storage.file.filename",
                       f->path, member, theirs, ours);
    return true;
}

static bool
read_document(struct offset_file *f, const json_t *doc, struct offset *o, bool *found,
              struct err *e)
{
    const json_t *version = json_object_get(doc, "version");
    json_t *inner = json_object_get(doc, "offset"), *progress = json_object_get(doc, "snapshot");
    char *text;
    bool ok;

    *found = inner != NULL;
    if (!json_is_object(doc) || !json_is_integer(version))
        return corrupt(f, e, "it is no offset file of walbridge");
    if (json_integer_value(version) != FILE_VERSION)
        return err_set(e, ERR_FATAL, "offset.version",
                       "offset file \"%s\" has version %" PRId64
                       ", this walbridge knows %d; run the newer one",
                       f->path, (int64_t)json_integer_value(version), FILE_VERSION);
    if (!belongs(f, doc, "connector", f->connector, e) || !belongs(f, doc, "server", f->server, e))
        return false;
    if (progress && !(f->base.beside[OFFSET_PROGRESS] = json_dumps(progress, JSON_COMPACT)))
        return corrupt(f, e, "\"snapshot\" cannot be read");
    if (!inner && progress)
        return true;
    if (!json_is_object(inner))
        return corrupt(f, e, "\"offset\" is missing");
    text = json_dumps(inner, JSON_COMPACT);
    if (!text)
        return corrupt(f, e, "\"offset\" cannot be read");
    ok = offset_from_json(text, strlen(text), o, e) || err_wrap(e, "offset file \"%s\"", f->path);
    free(text);
    if (ok && !read_own(f, doc, o, e)) {
        offset_free(o);
        ok = false;
    }
    return ok;
}

/* A whole file. *found false: there is none. */
static bool
read_file(const struct offset_file *f, const char *path, struct buf *out, bool *found,
          struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    *found = false;
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return err_set(e, ERR_CONFIG, "offset.read", "cannot open offset file \"%s\": %s", path,
                       strerror(errno));
    *found = true;
    while (n > 0) {
        char *room = buf_room(out, 4096);

        if (!room) {
            close(fd);
            return corrupt(f, e, "it is larger than 4 MiB");
        }
        n = read(fd, room, 4096);
        if (n > 0)
            buf_took(out, (size_t)n);
    }
    if (n < 0)
        err_set(e, ERR_RETRY, "offset.read", "cannot read offset file \"%s\": %s", path,
                strerror(errno));
    close(fd);
    return n == 0;
}

static void
remember(struct offset_file *f, const struct offset *o)
{
    offset_free(&f->last);
    f->last = (struct offset){0};
    f->has_last = o != NULL;
    if (o)
        offset_copy(&f->last, o);
}

/* What cannot be read there is as good as nothing: it is made anew. */
static bool
load_tables(struct offset_file *f, struct err *e)
{
    struct buf text;
    bool found, ok;

    buf_init(&text, FILE_MAX_BYTES + 4096);
    ok = read_file(f, f->tables, &text, &found, e);
    if (ok && found)
        set_beside(f, OFFSET_TABLES, mem_strdup(buf_cstr(&text)));
    buf_free(&text);
    return ok;
}

static bool
file_load(struct offset_store *base, struct offset *out, bool *found, struct err *e)
{
    struct offset_file *f = (struct offset_file *)base;
    json_error_t why;
    struct buf text;
    json_t *doc;
    bool ok;

    *out = (struct offset){0};
    *found = false;
    for (int i = 0; i < OFFSET_BESIDES; i++)
        set_beside(f, (enum offset_beside)i, NULL);
    buf_init(&text, FILE_MAX_BYTES + 4096);
    ok = load_tables(f, e) && read_file(f, f->path, &text, found, e);
    if (ok && *found) {
        doc =
            json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
        ok = doc ? read_document(f, doc, out, found, e) : corrupt(f, e, why.text);
        json_decref(doc);
    }
    buf_free(&text);
    f->readable = ok;
    *found = *found && ok;
    if (ok)
        remember(f, *found ? out : NULL);
    return ok;
}

/* -------------------------------------------------------------------------------------------------------- writing */

static void
add_lsn(struct buf *b, const char *name, uint64_t lsn)
{
    char text[NUM_LSN_TEXT];

    buf_printf(b, "\"%s\":\"%s\"", name, num_lsn_text(text, lsn));
}

static void
write_document(const struct offset_file *f, const struct offset *o, const char *progress,
               struct buf *b)
{
    buf_printf(b, "{\"version\":%d,\"connector\":", FILE_VERSION);
    json_cstr(b, f->connector);
    BUF_LIT(b, ",\"server\":");
    json_cstr(b, f->server);
    if (o && o->own) {
        buf_printf(b, ",\"system_identifier\":\"%" PRIu64 "\",\"timeline\":%" PRIu32 ",\"slot\":",
                   o->system_id, o->timeline);
        json_cstr(b, o->slot);
        BUF_LIT(b, ",\"database\":");
        json_cstr(b, o->database);
        buf_putc(b, ',');
        add_lsn(b, "flush_lsn", o->flush_lsn);
        BUF_LIT(b, ",\"position\":{");
        add_lsn(b, "commit_lsn", o->pos_commit_lsn);
        buf_putc(b, ',');
        add_lsn(b, "lsn", o->pos_lsn);
        buf_printf(b, ",\"ordinal\":%" PRIu64 ",", o->pos_ordinal);
        add_lsn(b, "commit_end", o->commit_end);
        buf_putc(b, '}');
    }
    if (o) {
        BUF_LIT(b, ",\"offset\":");
        offset_to_json(o, b);
    }
    if (progress) {
        BUF_LIT(b, ",\"snapshot\":");
        buf_str(b, progress);
    }
    BUF_LIT(b, "}\n");
}

static bool
cannot(const struct offset_file *f, const char *what, struct err *e)
{
    int error = errno;
    enum err_class cls = error == EACCES || error == EROFS || error == ENOENT || error == EPERM
                             ? ERR_CONFIG
                             : ERR_RETRY;

    return err_set(e, cls, "offset.write", "cannot %s offset file \"%s\": %s", what, f->path,
                   strerror(error));
}

static bool
write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t took = write(fd, p, n);

        if (took < 0 && errno == EINTR)
            continue;
        if (took < 0)
            return false;
        p += took;
        n -= (size_t)took;
    }
    return true;
}

/* A name is only durable when its folder is. */
static bool
sync_folder(const struct offset_file *f, struct err *e)
{
    int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        cannot(f, "sync the folder of", e);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
write_temp(const struct offset_file *f, const char *temp, const struct buf *b, struct err *e)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return cannot(f, "create the successor of", e);
    ok = write_all(fd, b->p, b->n) && !fault_hit("offset.file.write") && fdatasync(fd) == 0;
    if (!ok)
        cannot(f, "write", e);
    close(fd);
    return ok;
}

static bool
write_file(const struct offset_file *f, const char *path, const struct buf *b, struct err *e)
{
    char *temp = mem_printf("%s.new", path);
    bool ok = write_temp(f, temp, b, e) && (rename(temp, path) == 0 || cannot(f, "replace", e)) &&
              sync_folder(f, e);

    free(temp);
    return ok;
}

/* Both halves as they are to be. */
static bool
write_both(struct offset_file *f, const struct offset *o, const char *progress, struct err *e)
{
    struct buf b;
    bool ok;

    buf_init(&b, FILE_MAX_BYTES);
    write_document(f, o, progress, &b);
    ok = buf_ok(&b) ? write_file(f, f->path, &b, e)
                    : err_set(e, ERR_FATAL, "offset.too_large", "the offset is larger than 4 MiB");
    buf_free(&b);
    return ok;
}

/* Nobody has looked yet at what is there? */
static bool
know_file(struct offset_file *f, struct err *e)
{
    struct offset old;
    bool found;

    if (f->readable)
        return true;
    if (!file_load(&f->base, &old, &found, e))
        return err_wrap(e, "not overwriting");
    offset_free(&old);
    return true;
}

static bool
file_save(struct offset_store *base, const struct offset *o, struct err *e)
{
    struct offset_file *f = (struct offset_file *)base;

    if (!know_file(f, e) || !write_both(f, o, base->beside[OFFSET_PROGRESS], e))
        return false;
    remember(f, o);
    return true;
}

static bool
erase_file(struct offset_file *f, const char *path, struct err *e)
{
    return (unlink(path) == 0 || errno == ENOENT || cannot(f, "remove", e)) && sync_folder(f, e);
}

/* Nothing is left in it. */
static bool
erase_offset(struct offset_file *f, struct err *e)
{
    if (!erase_file(f, f->path, e))
        return false;
    f->readable = true;
    remember(f, NULL);
    set_beside(f, OFFSET_PROGRESS, NULL);
    return true;
}

static bool
save_progress(struct offset_file *f, const char *json, struct err *e)
{
    if (!know_file(f, e))
        return false;
    return !json && !f->has_last ? erase_offset(f, e)
                                 : write_both(f, f->has_last ? &f->last : NULL, json, e);
}

static bool
save_tables(struct offset_file *f, const char *json, struct err *e)
{
    struct buf b;
    bool ok;

    if (!json)
        return erase_file(f, f->tables, e);
    buf_init(&b, FILE_MAX_BYTES);
    buf_str(&b, json);
    ok = write_file(f, f->tables, &b, e);
    buf_free(&b);
    return ok;
}

static bool
file_save_beside(struct offset_store *base, enum offset_beside what, const char *json,
                 struct err *e)
{
    struct offset_file *f = (struct offset_file *)base;

    if (!(what == OFFSET_PROGRESS ? save_progress(f, json, e) : save_tables(f, json, e)))
        return false;
    set_beside(f, what, json ? mem_strdup(json) : NULL);
    return true;
}

static bool
file_erase(struct offset_store *base, struct err *e)
{
    struct offset_file *f = (struct offset_file *)base;

    return erase_offset(f, e) && file_save_beside(base, OFFSET_TABLES, NULL, e);
}

static void
file_close(struct offset_store *base)
{
    struct offset_file *f = (struct offset_file *)base;

    remember(f, NULL);
    for (int i = 0; i < OFFSET_BESIDES; i++)
        set_beside(f, (enum offset_beside)i, NULL);
    free(f->path);
    free(f->tables);
    free(f->dir);
    free(f->connector);
    free(f->server);
    free(f);
}

static const struct offset_store_ops file_ops = {.name = "file",
                                                 .load = file_load,
                                                 .save = file_save,
                                                 .save_beside = file_save_beside,
                                                 .erase = file_erase,
                                                 .close = file_close};

/* "<connector>.offset" in the current folder; what is no plain character of a file name becomes %XX. */
static char *
default_path(const char *connector)
{
    struct buf b;
    char *path;

    buf_init(&b, 4096);
    for (const char *p = connector; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("._-", *p) != NULL;

        if (plain)
            buf_putc(&b, *p);
        else
            buf_printf(&b, "%%%02X", (unsigned char)*p);
    }
    buf_str(&b, ".offset");
    path = mem_strdup(buf_cstr(&b));
    buf_free(&b);
    return path;
}

struct offset_store *
offset_file_open(const struct config *c, struct err *e)
{
    const char *given = config_str(c, "offset.storage.file.filename"),
               *server = config_str(c, "topic.prefix");
    struct offset_file *f = mem_alloc(sizeof *f);
    struct stat st;
    char *copy;

    f->base.ops = &file_ops;
    f->connector = mem_strdup(config_name(c));
    f->server = mem_strdup(server ? server : "");
    f->path = given && *given ? mem_strdup(given) : default_path(f->connector);
    f->tables = mem_printf("%s.tables", f->path);
    copy = mem_strdup(f->path);
    f->dir = mem_strdup(dirname(copy));
    free(copy);
    /* Found out now, not after the first minutes of streaming. */
    if (stat(f->dir, &st) != 0 || !S_ISDIR(st.st_mode) || access(f->dir, W_OK | X_OK) != 0) {
        err_set(e, ERR_CONFIG, "offset.folder",
                "cannot write to \"%s\", the folder of the offset file; set "
                "offset.storage.file.filename",
                f->dir);
        file_close(&f->base);
        return NULL;
    }
    return &f->base;
}
