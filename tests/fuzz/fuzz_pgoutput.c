/*
 * Any bytes are a message of pgoutput or an error with a code; what a message points to lies inside of it; the same bytes
 * give the same answer twice, whatever came between.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/pgoutput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void
check_inside(struct slice frame, struct slice s)
{
    if (s.n == 0 || slice_is(s, "pg_catalog"))
        return;
    must(s.p >= frame.p && s.n <= (size_t)(frame.p + frame.n - s.p),
         "a view lies inside the frame");
}

static void
check_tuple(struct slice frame, struct tuple t)
{
    must(t.n <= PGO_COLUMNS_MAX, "a tuple has no more columns than PostgreSQL has");
    for (uint16_t i = 0; i < t.n; i++) {
        must(t.v[i].kind == VALUE_TEXT || t.v[i].kind == VALUE_NULL ||
                 t.v[i].kind == VALUE_UNCHANGED,
             "a value has a kind");
        if (t.v[i].kind == VALUE_TEXT)
            check_inside(frame, (struct slice){t.v[i].p, t.v[i].n});
    }
}

static void
check_row(struct slice frame, const struct pgo_msg *m)
{
    const struct pgo_row *row = &m->u.row;

    must(row->old_kind == 0 || row->old_kind == 'K' || row->old_kind == 'O',
         "an old row is of a known kind");
    must(m->type != PGO_INSERT || row->old_kind == 0, "an insert has no old row");
    must(m->type != PGO_DELETE || (row->old_kind && row->new_row.n == 0),
         "a delete has an old row alone");
    check_tuple(frame, row->old_row);
    check_tuple(frame, row->new_row);
}

static void
check_message(struct slice frame, const struct pgo_msg *m)
{
    uint64_t sum = 0;

    switch (m->type) {
    case PGO_BEGIN:
    case PGO_COMMIT:
        break;
    case PGO_ORIGIN:
        check_inside(frame, m->u.origin.name);
        break;
    case PGO_TYPE:
        check_inside(frame, m->u.type_.schema);
        check_inside(frame, m->u.type_.name);
        break;
    case PGO_RELATION:
        check_inside(frame, m->u.relation.schema);
        check_inside(frame, m->u.relation.table);
        must(strchr("dnfi", m->u.relation.identity) != NULL, "a replica identity is known");
        for (uint16_t i = 0; i < m->u.relation.ncols; i++)
            check_inside(frame, m->u.relation.cols[i].name);
        break;
    case PGO_INSERT:
    case PGO_UPDATE:
    case PGO_DELETE:
        check_row(frame, m);
        break;
    case PGO_TRUNCATE:
        for (uint32_t i = 0; i < m->u.truncate.n; i++)
            sum += m->u.truncate.oids[i];
        must(sum <= (uint64_t)m->u.truncate.n * UINT32_MAX, "every oid can be read");
        break;
    case PGO_MESSAGE:
        check_inside(frame, m->u.message.prefix);
        check_inside(frame, m->u.message.content);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct pgo *pgo;
    struct slice frame = {(const char *)data, n};
    struct pgo_msg m;
    struct err e = {0}, again = {0};
    bool ok;

    if (!pgo)
        pgo = pgo_new();
    ok = pgo_decode(pgo, frame, &m, &e);
    if (ok)
        check_message(frame, &m);
    else
        must(e.cls == ERR_DATA && strncmp(e.code, "pgoutput.", 9) == 0 && e.msg[0],
             "a refusal says why");
    (void)pgo_decode(pgo, (struct slice){frame.p, n / 2}, &m, NULL);
    must(pgo_decode(pgo, frame, &m, &again) == ok && strcmp(e.code, again.code) == 0,
         "the same bytes, the same answer");
    return 0;
}
