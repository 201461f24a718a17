/* Debezium's offset JSON, and the file store on hostile files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#include "base/buf.h"
#include "base/log.h"
#include "replicator/offset.h"

static const char *
json_of(const struct offset *o)
{
    static char text[4096];
    struct buf b;

    buf_init(&b, sizeof text - 1);
    offset_to_json(o, &b);
    assert_true(buf_ok(&b));
    strcpy(text, buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* ----------------------------------------------------------------------------------------------------------- JSON */

static void
documents_come_out_as_they_went_in(void **state)
{
    static const char *const same[] = {
        "{\"lsn_proc\":850998720,\"messageType\":\"DELETE\",\"lsn_commit\":850998648,\"lsn\":"
        "850998720,\"txId\":3034,"
        "\"ts_usec\":1795248047281286}",
        "{\"lsn_proc\":855436944,\"messageType\":\"INSERT\",\"lsn\":855436944,\"txId\":3042,\"ts_"
        "usec\":1795248051463858}",
        "{\"last_snapshot_record\":true,\"lsn\":4643094824,\"txId\":134989,\"ts_usec\":"
        "1795246241591216,"
        "\"snapshot\":\"INITIAL\",\"snapshot_completed\":true}",
        "{\"lsn_proc\":7,\"lsn_events_processed\":2,\"messageType\":\"UPDATE\",\"lsn\":7,"
        "\"incremental_snapshot_collections\":\"[{\\\"id\\\":"
        "\\\"a\\\"}]\"}",
        /* of Debezium's, with provide.transaction.metadata and xmin.fetch.interval.ms */
        "{\"transaction_id\":\"262027\",\"lsn_proc\":7756571656,\"xmin\":262024,"
        "\"transaction_data_collection_order_public.t\":1,\"messageType\":\"COMMIT\","
        "\"lsn_commit\":7756571656,\"lsn\":7756571656,\"txId\":262027,"
        "\"ts_usec\":1795269309593628}",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct offset o;
        struct err e = {0};

        assert_true(offset_from_json(same[i], strlen(same[i]), &o, &e));
        assert_string_equal(json_of(&o), same[i]);
        offset_free(&o);
    }
}

static void
members_are_read(void **state)
{
    static const char text[] =
        "{\"ts_usec\":5,\"txId\":6,\"lsn\":7,\"lsn_commit\":8,\"lsn_proc\":9,\"messageType\":"
        "\"INSERT\","
        "\"xmin\":3,\"other\":4,\"transaction_id\":\"6\","
        "\"transaction_data_collection_order_s.t\":2,\"transaction_data_collection_order_s.u\":3}";
    struct offset o, copy;

    (void)state;
    assert_true(offset_from_json(text, strlen(text), &o, NULL));
    assert_true(o.has_ts && o.ts_usec == 5 && o.has_txid && o.txid == 6);
    assert_true(o.lsn == 7 && o.lsn_commit == 8 && o.lsn_proc == 9);
    assert_string_equal(o.message_type, "INSERT");
    assert_int_equal(o.xmin, 3);
    assert_string_equal(o.extra, "{\"other\":4}");
    assert_false(o.own);
    offset_copy(&copy, &o);
    offset_free(&o);
    assert_string_equal(copy.transaction_id, "6");
    assert_int_equal(copy.counts->events, 5);
    assert_int_equal(copy.counts->ncollections, 2);
    assert_true(slice_is(copy.counts->collections[1].name, "s.u"));
    assert_int_equal(copy.counts->collections[1].events, 3);
    assert_string_equal(copy.extra, "{\"other\":4}");
    offset_free(&copy);
}

static void
a_boolean_snapshot_of_older_versions_is_understood(void **state)
{
    struct offset o;

    (void)state;
    assert_true(offset_from_json("{\"snapshot\":true,\"lsn\":1}", 25, &o, NULL));
    assert_string_equal(o.snapshot, "INITIAL");
    assert_true(offset_from_json("{\"snapshot\":false,\"lsn\":1}", 26, &o, NULL));
    assert_string_equal(o.snapshot, "");
}

static void
null_members_are_absent(void **state)
{
    static const char text[] = "{\"lsn\":null,\"txId\":null,\"messageType\":null}";
    struct offset o;

    (void)state;
    assert_true(offset_from_json(text, strlen(text), &o, NULL));
    assert_string_equal(json_of(&o), "{}");
}

static void
what_is_no_offset_is_an_error(void **state)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "7",
        "{\"lsn\":\"7\"}",
        "{\"lsn\":7.5}",
        "{\"lsn\":99999999999999999999}",
        "{\"lsn\":1,\"lsn\":2}",
        "{\"txId\":-1}",
        "{\"messageType\":5}",
        "{\"messageType\":\"A VERY LONG TYPE\"}",
        "{\"snapshot\":7}",
        "{\"snapshot_completed\":\"true\"}",
        "{\"lsn\":1}x",
        "{\"messageType\":\"A\\u0000B\"}",
        "{\"a\":\"\xff\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct offset o;
        struct err e = {0};

        assert_false(offset_from_json(bad[i], strlen(bad[i]), &o, &e));
        assert_int_equal(e.cls, ERR_FATAL);
        assert_string_equal(e.code, "offset.corrupt");
    }
}

/* ----------------------------------------------------------------------------------------------------------- file */

static const struct prop_table table = {
    (const struct prop[]){
        {.name = "topic.prefix", .type = PROP_STRING, .doc = "x"},
        {.name = "offset.storage.file.filename", .type = PROP_STRING, .doc = "x"},
    },
    2};
static const struct prop_table *const tables[] = {&table, NULL};

struct fixture {
    char folder[64], path[100];
    struct config *config;
    struct offset_store *store;
    struct offset offset;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->folder, "/tmp/wb-offset-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/o", f->folder);
    f->config = config_new("c", tables);
    config_set(f->config, "topic.prefix", "shop");
    config_set(f->config, "offset.storage.file.filename", f->path);
    f->store = offset_file_open(f->config, NULL);
    assert_non_null(f->store);
    f->offset = (struct offset){.lsn = 1,
                                .lsn_proc = 2,
                                .lsn_commit = 3,
                                .has_txid = true,
                                .txid = 4,
                                .has_ts = true,
                                .ts_usec = 5,
                                .message_type = "INSERT",
                                .own = true,
                                .flush_lsn = 0x16B374D848,
                                .pos_commit_lsn = 7,
                                .pos_lsn = 8,
                                .pos_ordinal = 9,
                                .system_id = UINT64_MAX - 1,
                                .timeline = 3,
                                .slot = "s\"1",
                                .database = "d"};
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    char command[200];

    f->store->ops->close(f->store);
    config_free(f->config);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void
write_bytes(const struct fixture *f, const char *p, size_t n)
{
    FILE *out = fopen(f->path, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(p, 1, n, out), n);
    fclose(out);
}

static size_t
read_bytes(const struct fixture *f, char *p, size_t n)
{
    FILE *in = fopen(f->path, "r");
    size_t got;

    assert_non_null(in);
    got = fread(p, 1, n, in);
    fclose(in);
    return got;
}

static void
an_absent_file_is_no_offset(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found = true;

    assert_true(f->store->ops->load(f->store, &o, &found, NULL));
    assert_false(found);
}

static void
what_was_saved_is_loaded(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    struct stat st;
    bool found;

    for (int i = 0; i < 3; i++) {
        f->offset.lsn++;
        assert_true(f->store->ops->save(f->store, &f->offset, NULL));
        assert_true(f->store->ops->load(f->store, &o, &found, NULL));
        assert_true(found);
        assert_true(o.own && o.flush_lsn == f->offset.flush_lsn &&
                    o.system_id == f->offset.system_id);
        assert_true(o.pos_commit_lsn == 7 && o.pos_lsn == 8 && o.pos_ordinal == 9 &&
                    o.timeline == 3);
        assert_string_equal(o.slot, "s\"1");
        assert_string_equal(o.database, "d");
        assert_int_equal(o.lsn, f->offset.lsn);
        offset_free(&o);
    }
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void
erase_leaves_no_offset(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    bool found;

    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    assert_true(f->store->ops->erase(f->store, NULL));
    assert_true(f->store->ops->load(f->store, &o, &found, NULL));
    assert_false(found);
    assert_true(f->store->ops->erase(f->store, NULL));
}

/* Loads with a store that has seen nothing; the progress it finds, or NULL. */
static char *
progress_anew(const struct fixture *f, bool *found)
{
    struct offset_store *s = offset_file_open(f->config, NULL);
    struct offset o;
    char *text;

    assert_true(s->ops->load(s, &o, found, NULL));
    offset_free(&o);
    text = s->beside[OFFSET_PROGRESS] ? strdup(s->beside[OFFSET_PROGRESS]) : NULL;
    s->ops->close(s);
    return text;
}

static void
progress_lives_beside_the_offset(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char *text;
    bool found;

    /* Before the first offset: */
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{\"a\":1}", NULL));
    text = progress_anew(f, &found);
    assert_false(found);
    assert_string_equal(text, "{\"a\":1}");
    free(text);
    /* One does not write over the other. */
    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    text = progress_anew(f, &found);
    assert_true(found);
    assert_string_equal(text, "{\"a\":1}");
    free(text);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{\"a\":2}", NULL));
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, NULL, NULL));
    assert_null(progress_anew(f, &found));
    assert_true(found);
    /* Without both there is no file. */
    assert_true(f->store->ops->erase(f->store, NULL));
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, "{}", NULL));
    assert_true(f->store->ops->save_beside(f->store, OFFSET_PROGRESS, NULL, NULL));
    assert_int_equal(stat(f->path, &st), -1);
}

/* As progress_anew. */
static char *
tables_anew(const struct fixture *f, bool *found)
{
    struct offset_store *s = offset_file_open(f->config, NULL);
    struct offset o;
    char *text;

    assert_true(s->ops->load(s, &o, found, NULL));
    offset_free(&o);
    text = s->beside[OFFSET_TABLES] ? strdup(s->beside[OFFSET_TABLES]) : NULL;
    s->ops->close(s);
    return text;
}

static void
the_list_of_tables_has_a_file_of_its_own(void **state)
{
    struct fixture *f = *state;
    char *text, *path = mem_printf("%s.tables", f->path);
    struct stat st;
    bool found;

    assert_true(f->store->ops->save_beside(f->store, OFFSET_TABLES, "{\"a\":1}", NULL));
    text = tables_anew(f, &found);
    assert_false(found);
    assert_string_equal(text, "{\"a\":1}");
    free(text);
    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    assert_true(f->store->ops->save_beside(f->store, OFFSET_TABLES, "{\"a\":2}", NULL));
    text = tables_anew(f, &found);
    assert_true(found);
    assert_string_equal(text, "{\"a\":2}");
    free(text);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_TABLES, NULL, NULL));
    assert_null(tables_anew(f, &found));
    assert_true(found);
    assert_true(f->store->ops->save_beside(f->store, OFFSET_TABLES, "{}", NULL));
    assert_true(f->store->ops->erase(f->store, NULL));
    assert_int_equal(stat(path, &st), -1);
    free(path);
}

static void
a_file_cut_at_any_byte_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    char whole[4096], now[4096];
    size_t n;

    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    n = read_bytes(f, whole, sizeof whole);
    assert_memory_equal(whole + n - 2, "}\n", 2);
    for (size_t cut = 0; cut < n - 1; cut++) {
        struct offset_store *s = offset_file_open(f->config, NULL);
        struct offset o;
        struct err e = {0};
        bool found = true;

        write_bytes(f, whole, cut);
        assert_false(s->ops->load(s, &o, &found, &e));
        assert_false(found);
        assert_int_equal(e.cls, ERR_FATAL);
        assert_string_equal(e.code, "offset.corrupt");
        assert_false(s->ops->save(s, &f->offset, &e));
        assert_int_equal(read_bytes(f, now, sizeof now), cut);
        s->ops->close(s);
    }
}

static void
a_file_with_any_byte_changed_never_crashes(void **state)
{
    struct fixture *f = *state;
    char whole[4096];
    size_t n;

    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    n = read_bytes(f, whole, sizeof whole);
    for (size_t i = 0; i < n; i++) {
        static const char bytes[] = {'\0', '"', '}', '9', '\xff'};

        for (size_t k = 0; k < sizeof bytes; k++) {
            char was = whole[i];
            struct offset o;
            bool found;

            whole[i] = bytes[k];
            write_bytes(f, whole, n);
            if (f->store->ops->load(f->store, &o, &found, NULL))
                offset_free(&o);
            whole[i] = was;
        }
    }
}

static void
a_newer_version_is_refused_and_left_alone(void **state)
{
    static const char text[] =
        "{\"version\":2,\"connector\":\"c\",\"server\":\"shop\",\"offset\":{}}";
    struct fixture *f = *state;
    struct offset o;
    struct err e = {0};
    char now[200];
    bool found;

    write_bytes(f, text, strlen(text));
    assert_false(f->store->ops->load(f->store, &o, &found, &e));
    assert_string_equal(e.code, "offset.version");
    assert_int_equal(e.cls, ERR_FATAL);
    assert_false(f->store->ops->save(f->store, &f->offset, &e));
    assert_string_equal(e.code, "offset.version");
    assert_int_equal(read_bytes(f, now, sizeof now), strlen(text));
}

static void
another_connectors_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct config *other = config_new("d", tables);
    struct offset_store *s;
    struct offset o;
    struct err e = {0};
    bool found;

    assert_true(f->store->ops->save(f->store, &f->offset, NULL));
    config_set(other, "topic.prefix", "shop");
    config_set(other, "offset.storage.file.filename", f->path);
    s = offset_file_open(other, NULL);
    assert_false(s->ops->load(s, &o, &found, &e));
    assert_string_equal(e.code, "offset.other");
    assert_false(s->ops->save(s, &f->offset, &e));
    s->ops->close(s);
    config_free(other);
}

static void
a_bare_offset_of_debezium_can_be_put_there_by_hand(void **state)
{
    static const char text[] =
        "{\"version\":1,\"connector\":\"c\",\"server\":\"shop\",\n \"offset\":{\"lsn\":24023128}}";
    struct fixture *f = *state;
    struct offset o;
    bool found;

    write_bytes(f, text, strlen(text));
    assert_true(f->store->ops->load(f->store, &o, &found, NULL));
    assert_true(found && !o.own && o.lsn == 24023128);
    offset_free(&o);
}

static void
a_huge_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct offset o;
    struct err e = {0};
    bool found;
    size_t n = 3 << 20;
    char *spaces = malloc(n);

    memset(spaces, ' ', n);
    write_bytes(f, spaces, n);
    free(spaces);
    assert_false(f->store->ops->load(f->store, &o, &found, &e));
    assert_string_equal(e.code, "offset.corrupt");
}

static void
a_folder_that_is_not_there_is_an_error_at_open(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};

    strcat(f->path, "/in/no/folder");
    config_set(f->config, "offset.storage.file.filename", f->path);
    assert_null(offset_file_open(f->config, &e));
    assert_int_equal(e.cls, ERR_CONFIG);
    assert_string_equal(e.code, "offset.folder");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_out_as_they_went_in),
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(a_boolean_snapshot_of_older_versions_is_understood),
        cmocka_unit_test(null_members_are_absent),
        cmocka_unit_test(what_is_no_offset_is_an_error),
        T(an_absent_file_is_no_offset),
        T(what_was_saved_is_loaded),
        T(erase_leaves_no_offset),
        T(progress_lives_beside_the_offset),
        T(the_list_of_tables_has_a_file_of_its_own),
        T(a_file_cut_at_any_byte_is_refused_and_left_alone),
        T(a_file_with_any_byte_changed_never_crashes),
        T(a_newer_version_is_refused_and_left_alone),
        T(another_connectors_file_is_refused),
        T(a_bare_offset_of_debezium_can_be_put_there_by_hand),
        T(a_huge_file_is_refused),
        T(a_folder_that_is_not_there_is_an_error_at_open),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
