#include "replicator/metrics_labels.h"

#include <string.h>

#include "base/mem.h"
#include "base/prop.h"

enum { LABELS_MAX = 64 << 10 };

void
metrics_write_label(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') {
            BUF_LIT(out, "\\n");
            continue;
        }
        if (*value == '"' || *value == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *value);
    }
    buf_putc(out, '"');
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
put_name(struct buf *out, struct slice tag)
{
    static const char *const ours[] = {"context", "plugin", "name", "connector", "state"};
    bool taken = is_digit(tag.p[0]);

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        taken |= strlen(ours[i]) == tag.n && memcmp(ours[i], tag.p, tag.n) == 0;
    /* Prometheus keeps names with two underscores before them for itself. */
    if (tag.n > 1 && tag.p[0] == '_' && tag.p[1] == '_')
        taken = true;
    if (taken)
        BUF_LIT(out, "tag_");
    for (size_t i = 0; i < tag.n; i++) {
        char c = tag.p[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';

        buf_putc(out, fits ? c : '_');
    }
}

/* Is there one of this name already? Names stand behind the beginning or a comma that is not inside a value. */
static bool
has_label(const char *labels, const char *name)
{
    bool in_value = false;
    size_t n = strlen(name);

    for (const char *p = labels; *p; p++) {
        if (!in_value && (p == labels || p[-1] == ',') && strncmp(p, name, n) == 0 && p[n] == '=')
            return true;
        if (in_value && *p == '\\')
            p++;
        else if (*p == '"')
            in_value = !in_value;
    }
    return false;
}

bool
metrics_labels(struct buf *out, const char *tags, struct err *e)
{
    struct buf pair, name;
    bool ok = true;

    buf_init(&pair, LABELS_MAX);
    buf_init(&name, LABELS_MAX);
    while (ok && config_list_next(&tags, &pair)) {
        const char *text = buf_cstr(&pair), *eq = strchr(text, '='), *end = eq;

        while (eq && end > text && is_blank(end[-1]))
            end--;
        if (!eq || end == text) {
            ok = err_set(e, ERR_CONFIG, "config.value",
                         "\"%.100s\" is no name=value, as in team=data,stage=live", text);
            break;
        }
        buf_clear(&name);
        put_name(&name, (struct slice){text, (size_t)(end - text)});
        while (is_blank(*++eq))
            ;
        if (out->n && has_label(buf_cstr(out), buf_cstr(&name)))
            continue;
        if (out->n)
            buf_putc(out, ',');
        metrics_write_label(out, buf_cstr(&name), eq);
    }
    buf_free(&pair);
    buf_free(&name);
    return ok;
}
