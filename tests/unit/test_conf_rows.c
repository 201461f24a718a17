#include "replicator/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* for (size_t t = 0, i = 0; (row = next_row(&t, &i));) */
static const struct prop *
next_row(size_t *t, size_t *i)
{
    while (conf_tables[*t] && *i == conf_tables[*t]->n) {
        ++*t;
        *i = 0;
    }
    return conf_tables[*t] ? &conf_tables[*t]->rows[(*i)++] : NULL;
}

static struct config *
minimal(void)
{
    static const char text[] =
        "database.hostname=h\ndatabase.user=u\ndatabase.dbname=d\ntopic.prefix=p\n";
    struct err e;
    struct config *c = conf_parse(text, sizeof(text) - 1, "x.properties", &e);

    assert_non_null(c);
    return c;
}

static void
must_be_clean(struct config *c)
{
    const struct prop_issue *is;

    config_validate(c, &is);
    if (is)
        fail_msg("%s", is->text);
}

static void
every_name_stands_once(void **state)
{
    const struct prop *a, *b;

    (void)state;
    for (size_t t = 0, i = 0; (a = next_row(&t, &i));)
        for (size_t u = t, j = i; (b = next_row(&u, &j));)
            if (strcmp(a->name, b->name) == 0)
                fail_msg("%s stands twice", a->name);
}

static void
every_row_says_what_it_is(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        size_t n = row->doc ? strlen(row->doc) : 0;

        if (n < 10 || row->doc[n - 1] != '.' || !row->group || !*row->group)
            fail_msg("%s has no proper documentation or group", row->name);
        if ((row->flags & (PROP_ALIAS | PROP_NOOP | PROP_REFUSED)) && (!row->see || !*row->see))
            fail_msg("%s does not say why or what instead", row->name);
        if ((row->flags & (PROP_NOOP | PROP_REFUSED)) && row->see[strlen(row->see) - 1] == '.')
            fail_msg("the reason of %s ends in a full stop, which the message adds itself",
                     row->name);
        if (row->type == PROP_PASSWORD && !(row->flags & PROP_SECRET))
            fail_msg("%s is a password but no secret", row->name);
        if ((row->flags & PROP_OWN) && strncmp(row->name, "walbridge.", 10) != 0)
            fail_msg("%s is ours and does not begin with walbridge.", row->name);
    }
}

static void
a_row_has_one_state_at_most(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        unsigned s = row->flags & (PROP_ALIAS | PROP_NOOP | PROP_REFUSED | PROP_REQUIRED);

        if (s & (s - 1))
            fail_msg("%s has flags that exclude each other", row->name);
    }
}

static void
prefixes_and_patterns_have_their_form(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        if ((row->flags & PROP_PREFIX) && row->name[strlen(row->name) - 1] != '.')
            fail_msg("prefix %s does not end in a dot", row->name);
        if (!!(row->flags & PROP_PATTERN) != !!strchr(row->name, '<'))
            fail_msg("%s: pattern flag and holes do not go together", row->name);
    }
}

static void
every_old_name_leads_to_a_name_of_today(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const struct prop *now = row->flags & PROP_ALIAS ? prop_find(conf_tables, row->see) : NULL;

        if (!(row->flags & PROP_ALIAS))
            continue;
        if (!now || (now->flags & (PROP_ALIAS | PROP_PREFIX | PROP_PATTERN)))
            fail_msg("%s leads to %s, which is no property of today", row->name, row->see);
    }
}

static void
every_default_is_a_good_value_and_passes_in_silence(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        struct config *c;

        if (!row->def || (row->flags & (PROP_ALIAS | PROP_PREFIX | PROP_PATTERN)))
            continue;
        c = minimal();
        config_set(c, row->name, row->def);
        must_be_clean(c);
        config_free(c);
    }
}

static void
choices_belong_to_enumerations_and_hold_the_default(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        struct config *c = config_new("x", conf_tables);

        if (!(row->flags & PROP_ALIAS) && (row->type == PROP_ENUM) != (row->choices != NULL))
            fail_msg("%s: type and choices do not go together", row->name);
        if (row->type == PROP_ENUM && row->def && config_enum(c, row->name) < 0)
            fail_msg("the default of %s is none of its choices", row->name);
        config_free(c);
    }
}

static void
every_refused_property_is_refused(void **state)
{
    const struct prop *row;

    (void)state;
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const struct prop_issue *is;
        struct config *c;

        if (!(row->flags & PROP_REFUSED) || (row->flags & PROP_PATTERN))
            continue;
        c = minimal();
        config_set(c, row->name, "something");
        if (config_validate(c, &is) || !strstr(is->text, row->see))
            fail_msg("%s is not refused", row->name);
        config_free(c);
    }
}

/* "column.mask.with.(d+).chars" stands in Debezium's list for our "column.mask.with.<n>.chars". */
static const struct prop *
row_of_recorded(const char *name)
{
    char same[160] = "";
    const struct prop *row;

    if (!strchr(name, '('))
        return prop_find(conf_tables, name);
    for (size_t t = 0, i = 0; (row = next_row(&t, &i));) {
        const char *p = row->name, *q = name;

        if (!(row->flags & PROP_PATTERN))
            continue;
        while (*p && *q) {
            if (*p == '<' && *q == '(') {
                p = strchr(p, '>');
                q = strchr(q, ')');
            } else if (*p != *q) {
                break;
            }
            p++;
            q++;
        }
        if (!*p && !*q)
            return row;
    }
    snprintf(same, sizeof(same), "no pattern for %s", name);
    fail_msg("%s", same);
    return NULL;
}

static bool
same_type(const struct prop *row, const char *recorded)
{
    static const char *const names[] = {
        [PROP_STRING] = "STRING", [PROP_PASSWORD] = "PASSWORD", [PROP_BOOL] = "BOOLEAN",
        [PROP_INT] = "INT",       [PROP_LONG] = "LONG",         [PROP_ENUM] = "STRING",
        [PROP_LIST] = "LIST",     [PROP_CLASS] = "CLASS",       [PROP_DOUBLE] = "DOUBLE",
    };

    /* Debezium calls the value of column.truncate.to.<n>.chars a number, but reads a list of expressions. */
    return strcmp(names[row->type], recorded) == 0 || (row->flags & PROP_PATTERN);
}

static void
check_recorded(char *line)
{
    static const char *const importances[] = {"LOW", "MEDIUM", "HIGH"};
    char *field[6], *rest = line;
    const struct prop *row;

    for (size_t i = 0; i < 6; i++)
        field[i] = strsep(&rest, "\t\n");
    row = row_of_recorded(field[0]);
    if (!row || (row->flags & PROP_PREFIX))
        fail_msg("%s has no row", field[0]);
    if (!same_type(row, field[1]))
        fail_msg("%s has another type than %s", field[0], field[1]);
    /* The plug-in that is always there is ours. */
    if (strcmp(field[0], "plugin.name") != 0 && strcasecmp(row->def ? row->def : "", field[2]) != 0)
        fail_msg("%s: default %s, recorded %s", field[0], row->def ? row->def : "", field[2]);
    if (strcmp(importances[row->importance], field[3]) != 0)
        fail_msg("%s is of importance %s", field[0], field[3]);
    if (strcmp(row->group, field[4]) != 0)
        fail_msg("%s is of group %s", field[0], field[4]);
    if (row->display && strcmp(row->display, field[5]) != 0)
        fail_msg("%s is displayed as %s", field[0], field[5]);
}

/* tests/golden/validate-names.txt: name, type, default, importance, group, display name of each property in the answer of
 * a real worker, tabs between. */
static void
every_property_that_debezium_names_has_a_row_with_its_facts(void **state)
{
    FILE *f = fopen("tests/golden/validate-names.txt", "re");
    char line[1024];
    unsigned n = 0;

    (void)state;
    assert_non_null(f);
    for (; fgets(line, sizeof(line), f); n++)
        check_recorded(line);
    fclose(f);
    assert_int_equal(n, 150);
}

static void
what_can_fail_inside_a_record_is_never_ignored(void **state)
{
    static const char *const must_be_refused[] = {
        "converters",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(must_be_refused) / sizeof(must_be_refused[0]); i++) {
        const struct prop *row = prop_find(conf_tables, must_be_refused[i]);

        if (!row || !(row->flags & PROP_REFUSED))
            fail_msg("%s would be ignored", must_be_refused[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_stands_once),
        cmocka_unit_test(every_row_says_what_it_is),
        cmocka_unit_test(a_row_has_one_state_at_most),
        cmocka_unit_test(prefixes_and_patterns_have_their_form),
        cmocka_unit_test(every_old_name_leads_to_a_name_of_today),
        cmocka_unit_test(every_default_is_a_good_value_and_passes_in_silence),
        cmocka_unit_test(choices_belong_to_enumerations_and_hold_the_default),
        cmocka_unit_test(every_refused_property_is_refused),
        cmocka_unit_test(every_property_that_debezium_names_has_a_row_with_its_facts),
        cmocka_unit_test(what_can_fail_inside_a_record_is_never_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
