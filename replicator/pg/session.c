/* What every session is told: settings, names, the user's first statements. */
#include <string.h>

#include "replicator/pg/params.h"

const struct pg_setting pg_settings[] = {
    {"DateStyle", "ISO,MDY", false, NULL},
    {"IntervalStyle", "postgres", false, NULL},
    {"TimeZone", "UTC", false, NULL},
    {"bytea_output", "hex", false, NULL},
    {"extra_float_digits", "3", false, NULL},
    {"xmlbinary", "base64", false, NULL},
    {"lc_monetary", "C", false, NULL},
    {"statement_timeout", "0", false, NULL},
    /* The stream may wait for a chunk, so a chunk must not wait for somebody's ALTER, which may wait for the stream (a commit
     * for its synchronous standby). Nor may its lock stay while a sink that has gone keeps the connector from going on. */
    {"lock_timeout", "0", false, "1s"},
    {"idle_in_transaction_session_timeout", "0", false, "30s"},
    /* A watermark's commit must not wait for a standby, least of all for us, whom synchronous_standby_names = '*' means too:
     * the stream may be waiting for its chunk. */
    {"synchronous_commit", "local", false, NULL},
    /* Rows in the order of the heap, not from where somebody else's scan happens to be. */
    {"synchronize_seqscans", "off", true, NULL},
};
const size_t pg_nsettings = sizeof pg_settings / sizeof pg_settings[0];

static const char *
setting_value(const struct pg_setting *s, enum pg_role role)
{
    return role == PG_CHUNK && s->chunk ? s->chunk : s->value;
}

/* In `options` a blank separates and a backslash escapes both. */
static void
add_option(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s-c %s=", out->n ? " " : "", name);
    for (; *value; value++) {
        if (*value == ' ' || *value == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *value);
    }
}

void
pg_params_options(const struct pg_params *p, enum pg_role role, struct buf *out)
{
    if (p->options)
        buf_str(out, p->options); /* first: what follows wins */
    if (p->search_path)
        add_option(out, "search_path", p->search_path);
    for (size_t i = 0; i < pg_nsettings; i++)
        if (!pg_settings[i].snapshot_only || role == PG_SNAPSHOT)
            add_option(out, pg_settings[i].name, setting_value(&pg_settings[i], role));
}

void
pg_params_set_statements(const struct pg_params *p, enum pg_role role, struct buf *out)
{
    if (p->search_path)
        buf_printf(out, "SET search_path = %s;", p->search_path);
    for (size_t i = 0; i < pg_nsettings; i++) {
        if (pg_settings[i].snapshot_only && role != PG_SNAPSHOT)
            continue;
        buf_printf(out, "SET %s = ", pg_settings[i].name);
        pg_literal(out, setting_value(&pg_settings[i], role));
        buf_putc(out, ';');
    }
}

void
pg_params_application(const struct pg_params *p, enum pg_role role, struct buf *out)
{
    static const char *const roles[] = {
        [PG_GENERAL] = "general",
        [PG_REPLICATION] = "streaming",
        [PG_SNAPSHOT] = "snapshot",
        [PG_CHUNK] = "incremental",
    };

    if (p->application)
        buf_str(out, p->application);
    else if (p->connector)
        buf_printf(out, "walbridge/%.40s (%s)", p->connector, roles[role]);
    else
        BUF_LIT(out, "walbridge");
}

size_t
pg_split_statements(struct arena *a, const char *text, const char ***out)
{
    size_t n = 0, cap = strlen(text) / 2 + 1;
    const char **list = arena_alloc(a, cap * sizeof *list);
    struct buf one;

    buf_init(&one, strlen(text) + 2);
    for (const char *p = text;; p++) {
        if (p[0] == ';' && p[1] == ';') {
            buf_putc(&one, *p++);
        } else if (*p && *p != ';') {
            buf_putc(&one, *p);
        } else {
            const char *s = buf_cstr(&one);

            s += strspn(s, " \t\r\n");
            if (*s)
                list[n++] = arena_strdup(a, s);
            buf_clear(&one);
            if (!*p)
                break;
        }
    }
    buf_free(&one);
    *out = list;
    return n;
}
