#include "decoder/pgoutput.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/wire.h"

enum { TIME_US = 1795256445 };

struct fixture {
    struct pgo *pgo;
    struct buf b;
    struct pgo_msg m;
};

static int
setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));

    f->pgo = pgo_new();
    buf_init(&f->b, 1 << 22);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    pgo_free(f->pgo);
    buf_free(&f->b);
    free(f);
    return 0;
}

static void
decodes(struct fixture *f)
{
    struct err e = {0};

    if (!pgo_decode(f->pgo, buf_view(&f->b), &f->m, &e))
        fail_msg("%s: %s", e.code, e.msg);
}

static void
refused(struct fixture *f, const char *code)
{
    struct err e = {0};

    assert_false(pgo_decode(f->pgo, buf_view(&f->b), &f->m, &e));
    assert_string_equal(e.code, code);
    assert_int_equal(e.cls, ERR_DATA);
}

static void
is_text(const struct value *v, const char *text)
{
    assert_int_equal(v->kind, VALUE_TEXT);
    assert_int_equal(v->n, strlen(text));
    assert_memory_equal(v->p, text, v->n);
}

/* ------------------------------------------------------------------------------------------------ each kind */

static void
begin_carries_position_time_and_xid(void **state)
{
    struct fixture *f = *state;

    wire_begin(&f->b, UINT64_C(0x100000042), TIME_US, 4000000000u);
    decodes(f);
    assert_int_equal(f->m.type, PGO_BEGIN);
    assert_true(f->m.u.begin.final_lsn == UINT64_C(0x100000042));
    assert_true(f->m.u.begin.commit_us == TIME_US);
    assert_true(f->m.u.begin.xid == 4000000000u);
}

static void
commit_carries_both_positions(void **state)
{
    struct fixture *f = *state;

    wire_commit(&f->b, 100, 148, TIME_US);
    decodes(f);
    assert_int_equal(f->m.type, PGO_COMMIT);
    assert_int_equal(f->m.u.commit.commit_lsn, 100);
    assert_int_equal(f->m.u.commit.end_lsn, 148);
    assert_true(f->m.u.commit.commit_us == TIME_US);
}

static void
commit_with_a_flag_is_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned flag = 1; flag < 256; flag++) {
        wire_commit(&f->b, 100, 148, TIME_US);
        f->b.p[1] = (char)flag;
        refused(f, "pgoutput.flags");
    }
}

static void
a_commit_time_beyond_64_bits_is_refused(void **state)
{
    static const int64_t times[] = {INT64_MAX, INT64_MAX - CLOCK_PG_EPOCH_US + 1};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        uint64_t wire = __builtin_bswap64((uint64_t)times[i]);

        wire_begin(&f->b, 100, TIME_US, 1);
        memcpy(f->b.p + 9, &wire, sizeof(wire));
        refused(f, "pgoutput.time");
        wire_commit(&f->b, 100, 148, TIME_US);
        memcpy(f->b.p + 18, &wire, sizeof(wire));
        refused(f, "pgoutput.time");
    }
    wire_begin(&f->b, 100, INT64_MAX, 1);
    decodes(f);
    assert_true(f->m.u.begin.commit_us == INT64_MAX);
}

static void
origin_carries_name_and_position(void **state)
{
    struct fixture *f = *state;

    wire_origin(&f->b, 77, "pg_16384");
    decodes(f);
    assert_int_equal(f->m.type, PGO_ORIGIN);
    assert_int_equal(f->m.u.origin.lsn, 77);
    assert_true(slice_is(f->m.u.origin.name, "pg_16384"));
}

static void
type_without_schema_is_of_the_catalog(void **state)
{
    struct fixture *f = *state;

    wire_type(&f->b, 16400, "public", "mood");
    decodes(f);
    assert_int_equal(f->m.u.type_.oid, 16400);
    assert_true(slice_is(f->m.u.type_.schema, "public"));
    assert_true(slice_is(f->m.u.type_.name, "mood"));
    wire_type(&f->b, 16401, "", "odd");
    decodes(f);
    assert_true(slice_is(f->m.u.type_.schema, "pg_catalog"));
}

static const struct wire_column columns[] = {
    {"id", 23, -1, 1},
    {"price", 1700, 524294, 0},
    {"note \xc3\xa4", 25, -1, 0},
};

static void
relation_carries_its_columns(void **state)
{
    struct fixture *f = *state;
    const struct pgo_relation *r = &f->m.u.relation;

    wire_relation(&f->b, 16385, "public", "item", 'd', 3, columns);
    decodes(f);
    assert_int_equal(f->m.type, PGO_RELATION);
    assert_int_equal(r->oid, 16385);
    assert_true(slice_is(r->schema, "public"));
    assert_true(slice_is(r->table, "item"));
    assert_int_equal(r->identity, 'd');
    assert_int_equal(r->ncols, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(slice_is(r->cols[i].name, columns[i].name));
        assert_int_equal(r->cols[i].type, columns[i].type);
        assert_int_equal(r->cols[i].typmod, columns[i].typmod);
        assert_int_equal(r->cols[i].identity, columns[i].flags);
    }
}

static void
relation_without_columns_or_schema_is_one(void **state)
{
    struct fixture *f = *state;

    wire_relation(&f->b, 1, "", "t", 'f', 0, NULL);
    decodes(f);
    assert_true(slice_is(f->m.u.relation.schema, "pg_catalog"));
    assert_int_equal(f->m.u.relation.ncols, 0);
}

static void
replica_identity_is_one_of_four(void **state)
{
    struct fixture *f = *state;

    for (unsigned c = 0; c < 256; c++) {
        wire_relation(&f->b, 1, "s", "t", (char)c, 1, columns);
        if (c && strchr("dnfi", (int)c)) {
            decodes(f);
            assert_int_equal(f->m.u.relation.identity, c);
        } else {
            refused(f, "pgoutput.identity");
        }
    }
}

static void
insert_has_a_new_row_alone(void **state)
{
    struct fixture *f = *state;
    const char *row[] = {"1", NULL, "", WIRE_UNCHANGED};
    const struct pgo_row *r = &f->m.u.row;

    wire_row(&f->b, 'I', 5, 0, 4, NULL, row);
    decodes(f);
    assert_int_equal(f->m.type, PGO_INSERT);
    assert_int_equal(r->oid, 5);
    assert_int_equal(r->old_kind, 0);
    assert_int_equal(r->old_row.n, 0);
    assert_int_equal(r->new_row.n, 4);
    is_text(&r->new_row.v[0], "1");
    assert_int_equal(r->new_row.v[1].kind, VALUE_NULL);
    is_text(&r->new_row.v[2], "");
    assert_int_equal(r->new_row.v[3].kind, VALUE_UNCHANGED);
}

static void
update_has_an_old_row_of_either_kind_or_none(void **state)
{
    struct fixture *f = *state;
    const char *old_row[] = {"1", NULL}, *new_row[] = {"2", "x"};
    const struct pgo_row *r = &f->m.u.row;

    for (const char *kind = "KO"; *kind; kind++) {
        wire_row(&f->b, 'U', 5, *kind, 2, old_row, new_row);
        decodes(f);
        assert_int_equal(r->old_kind, *kind);
        is_text(&r->old_row.v[0], "1");
        is_text(&r->new_row.v[0], "2");
        is_text(&r->new_row.v[1], "x");
    }
    wire_row(&f->b, 'U', 5, 0, 2, NULL, new_row);
    decodes(f);
    assert_int_equal(r->old_kind, 0);
    assert_int_equal(r->old_row.n, 0);
    assert_int_equal(r->new_row.n, 2);
}

static void
delete_has_an_old_row_alone(void **state)
{
    struct fixture *f = *state;
    const char *row[] = {"1", NULL};

    for (const char *kind = "KO"; *kind; kind++) {
        wire_row(&f->b, 'D', 5, *kind, 2, row, NULL);
        decodes(f);
        assert_int_equal(f->m.type, PGO_DELETE);
        assert_int_equal(f->m.u.row.old_kind, *kind);
        assert_int_equal(f->m.u.row.old_row.n, 2);
        assert_int_equal(f->m.u.row.new_row.n, 0);
    }
}

static void
rows_of_the_wrong_kind_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *row[] = {"1"};

    wire_row(&f->b, 'I', 5, 'O', 1, row, NULL);
    refused(f, "pgoutput.tuple");
    wire_row(&f->b, 'I', 5, 'O', 1, row, row);
    refused(f, "pgoutput.tuple");
    wire_row(&f->b, 'D', 5, 0, 1, NULL, row);
    refused(f, "pgoutput.tuple");
    wire_row(&f->b, 'D', 5, 'K', 1, row, row);
    refused(f, "pgoutput.length");
    wire_row(&f->b, 'U', 5, 'O', 1, row, NULL);
    refused(f, "pgoutput.length");
    wire_row(&f->b, 'U', 5, 'X', 1, row, row);
    refused(f, "pgoutput.tuple");
}

static void
values_of_unknown_kind_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *row[] = {"1"};

    wire_row(&f->b, 'I', 5, 0, 1, NULL, row);
    for (unsigned c = 0; c < 256; c++) {
        f->b.p[8] = (char)c;
        if (c == 't')
            decodes(f);
        else
            refused(f, c == 'n' || c == 'u' ? "pgoutput.length" : "pgoutput.value");
    }
}

static void
more_columns_than_a_tuple_can_have_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *row[PGO_COLUMNS_MAX + 1] = {NULL};
    struct wire_column *cols = mem_array(PGO_COLUMNS_MAX + 1, sizeof(*cols));

    for (unsigned i = 0; i <= PGO_COLUMNS_MAX; i++)
        cols[i] = (struct wire_column){"c", 23, -1, 0};
    wire_row(&f->b, 'I', 5, 0, PGO_COLUMNS_MAX, NULL, row);
    decodes(f);
    assert_int_equal(f->m.u.row.new_row.n, PGO_COLUMNS_MAX);
    wire_row(&f->b, 'I', 5, 0, PGO_COLUMNS_MAX + 1, NULL, row);
    refused(f, "pgoutput.columns");
    wire_relation(&f->b, 5, "s", "t", 'd', PGO_COLUMNS_MAX, cols);
    decodes(f);
    wire_relation(&f->b, 5, "s", "t", 'd', PGO_COLUMNS_MAX + 1, cols);
    refused(f, "pgoutput.columns");
    free(cols);
}

static void
truncate_carries_options_and_relations(void **state)
{
    struct fixture *f = *state;
    uint32_t oids[5000];

    for (uint32_t i = 0; i < 5000; i++)
        oids[i] = i * 3;
    wire_truncate(&f->b, 3, 5000, oids);
    decodes(f);
    assert_int_equal(f->m.type, PGO_TRUNCATE);
    assert_int_equal(f->m.u.truncate.options, 3);
    assert_int_equal(f->m.u.truncate.n, 5000);
    assert_memory_equal(f->m.u.truncate.oids, oids, sizeof(oids));
    wire_truncate(&f->b, 0, 0, NULL);
    decodes(f);
    assert_int_equal(f->m.u.truncate.n, 0);
}

static void
truncate_that_claims_more_than_it_has_is_refused(void **state)
{
    struct fixture *f = *state;
    uint32_t oids[] = {1, 2};
    static const uint32_t claims[] = {0, 1, 3, 0x40000000, 0x40000002, UINT32_MAX};

    for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
        uint32_t n = __builtin_bswap32(claims[i]);

        wire_truncate(&f->b, 0, 2, oids);
        memcpy(f->b.p + 1, &n, sizeof(n));
        refused(f, "pgoutput.length");
    }
}

static void
logical_message_is_in_a_transaction_or_not(void **state)
{
    struct fixture *f = *state;

    for (uint8_t flags = 0; flags < 2; flags++) {
        wire_message(&f->b, flags, 99, "audit", "some bytes");
        decodes(f);
        assert_int_equal(f->m.type, PGO_MESSAGE);
        assert_int_equal(f->m.u.message.transactional, flags);
        assert_int_equal(f->m.u.message.lsn, 99);
        assert_true(slice_is(f->m.u.message.prefix, "audit"));
        assert_true(slice_is(f->m.u.message.content, "some bytes"));
    }
    wire_message(&f->b, 2, 99, "audit", "x");
    refused(f, "pgoutput.flags");
}

static void
unknown_kinds_are_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned c = 0; c < 256; c++) {
        if (c && strchr("BCORYIUDTM", (int)c))
            continue;
        buf_clear(&f->b);
        wire_u8(&f->b, (uint8_t)c);
        refused(f, "pgoutput.type");
    }
    buf_clear(&f->b);
    refused(f, "pgoutput.length");
}

/* ------------------------------------------------------------------------------------------------ every length */

enum { SAMPLES = 12 };

static void
sample(struct buf *b, unsigned i)
{
    const char *old_row[] = {"1", NULL, "ab", WIRE_UNCHANGED}, *new_row[] = {"22", "c", NULL, "d"};
    static const uint32_t oids[] = {7, 8, 9};

    switch (i) {
    case 0:
        wire_begin(b, 1, TIME_US, 3);
        break;
    case 1:
        wire_commit(b, 1, 2, TIME_US);
        break;
    case 2:
        wire_origin(b, 1, "origin");
        break;
    case 3:
        wire_type(b, 1, "public", "mood");
        break;
    case 4:
        wire_relation(b, 1, "public", "item", 'd', 3, columns);
        break;
    case 5:
        wire_row(b, 'I', 1, 0, 4, NULL, new_row);
        break;
    case 6:
        wire_row(b, 'U', 1, 0, 4, NULL, new_row);
        break;
    case 7:
        wire_row(b, 'U', 1, 'O', 4, old_row, new_row);
        break;
    case 8:
        wire_row(b, 'U', 1, 'K', 4, old_row, new_row);
        break;
    case 9:
        wire_row(b, 'D', 1, 'O', 4, old_row, NULL);
        break;
    case 10:
        wire_truncate(b, 1, 3, oids);
        break;
    default:
        wire_message(b, 1, 1, "audit", "content");
        break;
    }
}

/* In a block of exactly its size: the address sanitizer sees a read past the end. */
static bool
decode_exactly(struct fixture *f, size_t n, struct err *e)
{
    char *copy = malloc(n ? n : 1);
    bool ok;

    if (n)
        memcpy(copy, f->b.p, n);
    ok = pgo_decode(f->pgo, (struct slice){copy + (n ? 0 : 1), n}, &f->m, e);
    free(copy);
    return ok;
}

static void
a_message_cut_off_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < SAMPLES; i++) {
        sample(&f->b, i);
        assert_true(decode_exactly(f, f->b.n, NULL));
        for (size_t n = 0; n < f->b.n; n++) {
            struct err e = {0};

            if (decode_exactly(f, n, &e))
                fail_msg("sample %u is taken at %zu of %zu bytes", i, n, f->b.n);
            assert_int_equal(e.cls, ERR_DATA);
        }
    }
}

static void
a_message_with_more_behind_it_is_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < SAMPLES; i++) {
        sample(&f->b, i);
        buf_putc(&f->b, '\0');
        refused(f, "pgoutput.length");
    }
}

static void
any_bytes_are_a_message_or_an_error(void **state)
{
    struct fixture *f = *state;
    uint32_t seed = 12345;

    for (unsigned round = 0; round < 20000; round++) {
        struct err e = {0};

        sample(&f->b, round % SAMPLES);
        for (unsigned k = 0; k < 1 + round % 3; k++) {
            seed = seed * 1664525 + 1013904223;
            f->b.p[1 + (seed >> 8) % (f->b.n - 1)] = (char)(seed >> 24);
        }
        if (!decode_exactly(f, f->b.n, &e)) {
            assert_int_equal(e.cls, ERR_DATA);
            assert_non_null(strstr(e.code, "pgoutput."));
        }
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(begin_carries_position_time_and_xid),
        T(commit_carries_both_positions),
        T(commit_with_a_flag_is_refused),
        T(a_commit_time_beyond_64_bits_is_refused),
        T(origin_carries_name_and_position),
        T(type_without_schema_is_of_the_catalog),
        T(relation_carries_its_columns),
        T(relation_without_columns_or_schema_is_one),
        T(replica_identity_is_one_of_four),
        T(insert_has_a_new_row_alone),
        T(update_has_an_old_row_of_either_kind_or_none),
        T(delete_has_an_old_row_alone),
        T(rows_of_the_wrong_kind_are_refused),
        T(values_of_unknown_kind_are_refused),
        T(more_columns_than_a_tuple_can_have_are_refused),
        T(truncate_carries_options_and_relations),
        T(truncate_that_claims_more_than_it_has_is_refused),
        T(logical_message_is_in_a_transaction_or_not),
        T(unknown_kinds_are_refused),
        T(a_message_cut_off_anywhere_is_refused),
        T(a_message_with_more_behind_it_is_refused),
        T(any_bytes_are_a_message_or_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
