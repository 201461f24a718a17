#include "replicator/rest/definition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decoder/smt.h"
#include "replicator/conf.h"

static const struct definition_table *const tables[] = {
    &definitions_worker, &definitions_postgres, &definitions_connector, &definitions_events};

static void
every_row_has_its_property(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t]->n; i++) {
            const struct definition *d = &tables[t]->rows[i];
            struct definition_full full = definition_fill(d, 0);

            if (!prop_find(conf_tables, d->row ? d->row : d->name))
                fail_msg("%s", d->name);
            assert_non_null(full.group);
            assert_non_null(d->doc);
            assert_non_null(d->width);
        }
    }
}

static void
what_can_be_run_is_listed_and_nothing_else(void **state)
{
    struct smt_info s;
    const struct plugin *p;
    unsigned kind;
    size_t known = 0, listed = 0;
    char name[200];

    (void)state;
    unsetenv("ENABLE_DEBEZIUM_SCRIPTING");
    assert_null(plugin_find("io.debezium.transforms.Filter", PLUGIN_TRANSFORMATION));
    setenv("ENABLE_DEBEZIUM_SCRIPTING", "true", 1);
    for (size_t i = 0; smt_next(&i, &s);) {
        unsigned types = s.predicate ? PLUGIN_PREDICATE : PLUGIN_TRANSFORMATION;

        for (int side = 0; side <= (s.sides ? 1 : 0); side++) {
            snprintf(name, sizeof(name), "%s%s", s.name, !s.sides ? "" : side ? "$Value" : "$Key");
            if (!plugin_find(name, types))
                fail_msg("%s can be run and is not listed", name);
            known++;
        }
    }
    for (size_t i = 0; (p = plugin_next(&i, &kind)) != NULL;)
        listed += kind == PLUGIN_TRANSFORMATION || kind == PLUGIN_PREDICATE;
    assert_int_equal(listed, known);
}

static void
plugins_are_found_by_class_and_short_name(void **state)
{
    static const struct {
        const char *name;
        bool found;
    } cases[] = {
        {CONNECTOR_CLASS, true},
        {"PostgresConnector", true},
        {"Postgres", true},
        {"postgres", false},
        {"Json", true},
        {"RegexRouter", true},
        {"ReplaceField$Value", false},
        {"org.apache.kafka.connect.transforms.ReplaceField$Value", true},
        {"java.lang.String", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(plugin_find(cases[i].name, ~0U) != NULL, cases[i].found);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_property),
        cmocka_unit_test(what_can_be_run_is_listed_and_nothing_else),
        cmocka_unit_test(plugins_are_found_by_class_and_short_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
