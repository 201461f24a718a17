/* Recordings: written and read back, damaged in every way, and one of a real server decoded to the bytes it always had. */
#include "replicator/recording.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/cli/cli.h"
#include "replicator/conf.h"
#include "tests/unit/wire.h"

#define GOLDEN "tests/golden/recording/orders"

/* A file name that no file has. */
static char *
fresh(void)
{
    char name[] = "/tmp/test_recording_XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    close(fd);
    unlink(name);
    return mem_strdup(name);
}

static void
read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "r");
    char *room;

    if (!file)
        fail_msg("no file %s", path);
    while ((room = buf_room(out, 65536)) != NULL) {
        size_t n = fread(room, 1, 65536, file);

        buf_took(out, n);
        if (n == 0)
            break;
    }
    fclose(file);
}

static void
write_file(const char *path, const char *p, size_t n)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(p, 1, n, file), n);
    fclose(file);
}

/* ------------------------------------------------------------------------------------------------ written and read */

static struct config *
orders(void)
{
    static const char text[] =
        "name=orders\ndatabase.hostname=h\ndatabase.user=u\ndatabase.password=se1cret\n"
        "database.dbname=d\ndatabase.sslpassword=se2cret\ndatabase.options=se3cret\ntopic.prefix="
        "p\n"
        "table.include.list=public.a\\\\,b\nunheard.of=se4cret\n"
        "producer.override.sasl.jaas.config=se5cret\n";
    struct err e = {0};
    struct config *c = conf_parse(text, sizeof(text) - 1, "x.properties", &e);
    const struct prop_issue *issues;

    if (!c)
        fail_msg("%s", e.msg);
    config_validate(c, &issues);
    return c;
}

static const struct wire_column columns[] = {{"id", 23, -1, 1}, {"m", 16500, -1, 0}};

static void
write_one(const char *path)
{
    const char *const labels[] = {"sad", "ok"};
    const struct pgtype mood = {16500, "public", "moods", 'd', 0, 16499, 4, NULL, 0};
    const struct pgtype base = {16499, "public", "mood", 'e', 0, 0, -1, labels, 2};
    const struct column_facts cols[] = {{SLICE_INIT("id"), true, false, {NULL, 0}},
                                        {SLICE_INIT("m"), false, true, SLICE_INIT("''")}};
    const struct slice key[] = {SLICE_INIT("id")};
    const struct relation_facts facts = {true, 2, cols, 1, key};
    struct config *config = orders();
    struct types *types = types_new();
    struct pgo *pgo = pgo_new();
    struct recording *r;
    struct pgo_msg m;
    struct err e = {0};
    struct buf b;

    buf_init(&b, 65536);
    types_add(types, &mood);
    types_add(types, &base);
    r = recording_create(
        path, &(struct recording_info){.config = config, .run_id = "run", .server_version = 150004},
        &e);
    if (!r)
        fail_msg("%s", e.msg);
    assert_true(recording_add_frame(r, 0x1000, 123456789, SLICE_LIT("any bytes\0at all"), &e));
    assert_true(recording_add_keepalive(r, 0x2000, &e));
    wire_relation(&b, 77, "public", "t", 'd', 2, columns);
    assert_true(pgo_decode(pgo, buf_view(&b), &m, &e));
    assert_true(recording_add_relation(r, &m.u.relation, &facts, types, &e));
    assert_true(recording_add_frame(r, 0, 5, buf_view(&b), &e));
    assert_true(recording_add_frame(r, UINT64_MAX, INT64_MIN, (struct slice){"", 0}, &e));
    assert_true(recording_finish(r, &e));
    recording_close(r);
    buf_free(&b);
    pgo_free(pgo);
    types_free(types);
    config_free(config);
}

static void
facts_come_back(struct recording *r, const struct recording_entry *frame)
{
    struct facts_source source = recording_facts(r);
    const struct relation_facts *facts = NULL;
    struct types *types = types_new();
    struct pgo *pgo = pgo_new();
    struct pgo_msg m;
    struct err e = {0};

    assert_true(pgo_decode(pgo, frame->data, &m, &e));
    assert_true(source.ask(source.arg, &m.u.relation, &e));
    assert_int_equal(source.poll(source.arg, types, &facts, &e), FACTS_READY);
    assert_true(facts->found);
    assert_int_equal(facts->ncols, 2);
    assert_true(slice_is(facts->cols[0].name, "id"));
    assert_true(facts->cols[0].not_null && !facts->cols[0].generated &&
                !facts->cols[0].default_expr.p);
    assert_true(!facts->cols[1].not_null && facts->cols[1].generated);
    assert_true(slice_is(facts->cols[1].default_expr, "''"));
    assert_int_equal(facts->nkey, 1);
    assert_true(slice_is(facts->key[0], "id"));
    assert_string_equal(types_get(types, 16500)->name, "moods");
    assert_int_equal(types_get(types, 16500)->base, 16499);
    assert_int_equal(types_get(types, 16500)->base_typmod, 4);
    assert_int_equal(types_get(types, 16499)->kind, 'e');
    assert_int_equal(types_get(types, 16499)->nlabels, 2);
    assert_string_equal(types_get(types, 16499)->labels[1], "ok");
    /* Answered once: the next relation has facts of its own. */
    assert_false(source.ask(source.arg, &m.u.relation, &e));
    assert_string_equal(e.code, "recording.corrupt");
    types_free(types);
    pgo_free(pgo);
}

static void
what_was_written_comes_back(void **state)
{
    char *path = fresh();
    struct recording_entry entry;
    struct recording *r;
    struct err e = {0};

    (void)state;
    write_one(path);
    r = recording_open(path, &e);
    if (!r)
        fail_msg("%s", e.msg);
    assert_string_equal(recording_run_id(r), "run");
    assert_int_equal(recording_next(r, &entry, &e), RECORDING_FRAME);
    assert_int_equal(entry.lsn, 0x1000);
    assert_int_equal(entry.now_ns, 123456789);
    assert_int_equal(entry.data.n, 16);
    assert_memory_equal(entry.data.p, "any bytes\0at all", 16);
    assert_int_equal(recording_next(r, &entry, &e), RECORDING_KEEPALIVE);
    assert_int_equal(entry.lsn, 0x2000);
    assert_int_equal(recording_next(r, &entry, &e), RECORDING_FRAME);
    facts_come_back(r, &entry);
    assert_int_equal(recording_next(r, &entry, &e), RECORDING_FRAME);
    assert_true(entry.lsn == UINT64_MAX && entry.now_ns == INT64_MIN);
    assert_int_equal(entry.data.n, 0);
    assert_int_equal(recording_next(r, &entry, &e), RECORDING_END);
    recording_close(r);
    unlink(path);
    free(path);
}

static void
the_configuration_comes_back_without_secrets(void **state)
{
    char *path = fresh();
    struct recording *r;
    struct config *c;
    struct err e = {0};
    struct buf b;

    (void)state;
    write_one(path);
    r = recording_open(path, &e);
    assert_non_null(r);
    c = recording_config(r);
    assert_string_equal(config_name(c), "orders");
    assert_string_equal(config_str(c, "table.include.list"), "public.a\\,b");
    assert_string_equal(config_str(c, "topic.prefix"), "p");
    assert_true(conf_check(c, &e));
    assert_false(config_given(c, "database.password"));
    config_free(c);
    recording_close(r);
    buf_init(&b, 1 << 20);
    read_file(path, &b);
    for (const char *p = b.p; p < b.p + b.n - 7; p++)
        assert_false(p[0] == 's' && p[1] == 'e' && memcmp(p + 3, "cret", 4) == 0);
    buf_free(&b);
    unlink(path);
    free(path);
}

static void
a_file_that_exists_is_not_written_over(void **state)
{
    char *path = fresh();
    struct config *config = orders();
    struct err e = {0};
    struct buf b;

    (void)state;
    write_file(path, "mine", 4);
    assert_null(
        recording_create(path, &(struct recording_info){.config = config, .run_id = "run"}, &e));
    assert_string_equal(e.code, "recording.file");
    buf_init(&b, 1 << 20);
    read_file(path, &b);
    assert_string_equal(buf_cstr(&b), "mine");
    buf_free(&b);
    config_free(config);
    unlink(path);
    free(path);
}

static void
facts_belong_to_their_relation(void **state)
{
    char *path = fresh();
    struct recording_entry entry;
    const struct pgo_relation other = {.oid = 78};
    struct recording *r;
    struct facts_source source;
    const struct relation_facts *facts;
    struct err e = {0};

    (void)state;
    write_one(path);
    r = recording_open(path, &e);
    assert_non_null(r);
    source = recording_facts(r);
    assert_int_equal(source.poll(source.arg, NULL, &facts, &e), FACTS_IDLE);
    assert_false(source.ask(source.arg, &other, &e));
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(recording_next(r, &entry, &e), RECORDING_BAD);
    assert_false(source.ask(source.arg, &other, &e));
    assert_string_equal(e.code, "recording.corrupt");
    recording_close(r);
    unlink(path);
    free(path);
}

/* ------------------------------------------------------------------------------------------------ damaged */

/* Reads it to its end or its error; how many frames there were, and the error's code. */
static unsigned
read_through(const char *path, char code[40])
{
    struct recording_entry entry;
    struct err e = {0};
    struct recording *r = recording_open(path, &e);
    unsigned frames = 0;
    enum recording_kind kind;

    strcpy(code, "");
    if (!r) {
        assert_true(e.msg[0] != '\0');
        strcpy(code, e.code);
        return 0;
    }
    while ((kind = recording_next(r, &entry, &e)) != RECORDING_END && kind != RECORDING_BAD)
        frames += kind == RECORDING_FRAME;
    if (kind == RECORDING_BAD)
        strcpy(code, e.code);
    recording_close(r);
    return frames;
}

static void
a_recording_cut_off_anywhere_is_read_up_to_there(void **state)
{
    char *path = fresh(), code[40];
    unsigned frames = 0;
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    write_one(path);
    read_file(path, &b);
    assert_int_equal(read_through(path, code), 3);
    assert_string_equal(code, "");
    for (size_t n = 0; n < b.n; n++) {
        unsigned now;

        write_file(path, b.p, n);
        now = read_through(path, code);
        assert_true(now >= frames);
        frames = now;
        assert_string_equal(code, n < 8 ? "recording.magic" : "recording.corrupt");
    }
    assert_int_equal(frames, 3);
    buf_free(&b);
    unlink(path);
    free(path);
}

static void
a_byte_changed_anywhere_is_seen(void **state)
{
    char *path = fresh(), code[40];
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    write_one(path);
    read_file(path, &b);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 0x20;
        write_file(path, b.p, b.n);
        read_through(path, code);
        if (code[0] == '\0')
            fail_msg("byte %zu of %zu changed, and nothing was said", i, b.n);
        b.p[i] ^= 0x20;
    }
    buf_free(&b);
    unlink(path);
    free(path);
}

static void
other_files_are_refused(void **state)
{
    char *path = fresh(), code[40];

    (void)state;
    assert_int_equal(read_through(path, code), 0);
    assert_string_equal(code, "recording.file");
    write_file(path, "{\"name\":\"orders\"}", 17);
    read_through(path, code);
    assert_string_equal(code, "recording.magic");
    write_file(path, "WALBREC\002", 8);
    read_through(path, code);
    assert_string_equal(code, "recording.version");
    unlink(path);
    free(path);
}

/* ------------------------------------------------------------------------------------------------ decoded */

/* option: "--name" or "--name=value", or NULL. */
static int
decode(const char *recording, const char *output, const char *option)
{
    const char *const words[] = {"walbridge", "--log-level", "error", "decode", "--output",
                                 output,      recording,     option,  NULL};
    char *argv[sizeof(words) / sizeof(*words)] = {NULL};
    int argc = 0, code;

    for (; words[argc]; argc++)
        argv[argc] = mem_strdup(words[argc]);
    code = cli_main(argc, argv);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}

static void
a_recording_of_a_real_server_decodes_to_the_same_bytes(void **state)
{
    char *path = fresh();
    struct buf want, got;

    (void)state;
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    assert_int_equal(decode(GOLDEN ".rec", path, NULL), EXIT_OK);
    read_file(GOLDEN ".jsonl", &want);
    read_file(path, &got);
    assert_string_equal(buf_cstr(&got), buf_cstr(&want));
    buf_free(&want);
    buf_free(&got);
    unlink(path);
    free(path);
}

static void
settings_on_the_command_line_count(void **state)
{
    static const struct {
        const char *option, *there, *gone;
    } cases[] = {
        {"--schemas", "{\"schema\":{\"type\":\"struct\"", NULL},
        {"--set=topic.prefix=other", "\"topic\":\"other.public.item\"",
         "\"topic\":\"shop.public.item\""},
        {"--set=tombstones.on.delete=false", "\"op\":\"d\"", "\"value\":null,"},
        {"--set=table.include.list=public.line", "public.line", "public.item"},
        {"--set=decimal.handling.mode=string", "\"price\":\"1.50\"", "AJY="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *path = fresh();
        struct buf got;

        buf_init(&got, 1 << 24);
        assert_int_equal(decode(GOLDEN ".rec", path, cases[i].option), EXIT_OK);
        read_file(path, &got);
        if (!strstr(buf_cstr(&got), cases[i].there))
            fail_msg("%s: %s is not there", cases[i].option, cases[i].there);
        if (cases[i].gone && strstr(buf_cstr(&got), cases[i].gone))
            fail_msg("%s: %s is there", cases[i].option, cases[i].gone);
        buf_free(&got);
        unlink(path);
        free(path);
    }
}

/* Whatever was before the damage comes out. */
static void
a_damaged_recording_decodes_up_to_the_damage(void **state)
{
    char *path = fresh(), *output = fresh();
    struct buf whole, want, got;

    (void)state;
    buf_init(&whole, 1 << 24);
    buf_init(&want, 1 << 24);
    buf_init(&got, 1 << 24);
    read_file(GOLDEN ".rec", &whole);
    read_file(GOLDEN ".jsonl", &want);
    write_file(path, whole.p, whole.n / 2);
    assert_int_equal(decode(path, output, NULL), EXIT_FAILED);
    read_file(output, &got);
    assert_true(got.n > 1000 && got.n < want.n);
    assert_int_equal(got.p[got.n - 1], '\n');
    assert_memory_equal(got.p, want.p, got.n);
    buf_free(&whole);
    buf_free(&want);
    buf_free(&got);
    unlink(path);
    unlink(output);
    free(path);
    free(output);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(the_configuration_comes_back_without_secrets),
        cmocka_unit_test(a_file_that_exists_is_not_written_over),
        cmocka_unit_test(facts_belong_to_their_relation),
        cmocka_unit_test(a_recording_cut_off_anywhere_is_read_up_to_there),
        cmocka_unit_test(a_byte_changed_anywhere_is_seen),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_recording_of_a_real_server_decodes_to_the_same_bytes),
        cmocka_unit_test(settings_on_the_command_line_count),
        cmocka_unit_test(a_damaged_recording_decodes_up_to_the_damage),
    };

    log_init(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
