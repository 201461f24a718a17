/* Time zones: offsets as java.time gives them, and files that are none. */
#include "decoder/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Fifty years and more behind the file's last change, its rules count. */
static void
offsets_are_those_of_the_time_of_day(void **state)
{
    static const struct {
        const char *zone;
        int64_t local;
        int32_t offset;
    } cases[] = {
        {"+02:00", 0, 7200},
        {"-05:30:15", 0, -19815},
        {"UTC", 1600000000, 0},
        {"Europe/Berlin", 1577880000, 3600},               /* 2020-01-01 12:00 */
        {"Europe/Berlin", 1593604800, 7200},               /* 2020-07-01 12:00 */
        {"Europe/Berlin", 1585447199, 3600},               /* 2020-03-29 01:59:59 */
        {"Europe/Berlin", 1585449000, 3600},               /* 02:30, which is not there */
        {"Europe/Berlin", 1585450800, 7200},               /* 03:00 */
        {"Europe/Berlin", 1603593000, 7200},               /* 2020-10-25 02:30, the first */
        {"Europe/Berlin", 1603594800, 3600},               /* 03:00 */
        {"Europe/Berlin", INT64_C(3171960000), 7200},      /* 2070-07-08 12:00 */
        {"America/New_York", INT64_C(2540246400), -14400}, /* 2050-07-01 */
        {"Australia/Sydney", INT64_C(2524608000), 39600},  /* 2050-01-01 */
        {"Australia/Sydney", INT64_C(2540246400), 36000},
        {"Asia/Kolkata", INT64_C(2540246400), 19800},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct zone *z = zone_load(cases[i].zone, NULL);

        assert_non_null(z);
        if (zone_offset_local(z, cases[i].local) != cases[i].offset)
            fail_msg("%s at %lld: %d", cases[i].zone, (long long)cases[i].local,
                     zone_offset_local(z, cases[i].local));
        zone_free(z);
    }
}

static void
an_instant_has_the_offset_of_its_moment(void **state)
{
    struct zone *z = zone_load("Europe/Berlin", NULL);

    (void)state;
    assert_non_null(z);
    assert_int_equal(zone_offset_at(z, 1585443599), 3600);
    assert_int_equal(zone_offset_at(z, 1585443600), 7200);
    assert_int_equal(zone_offset_at(z, 1603587599), 7200);
    assert_int_equal(zone_offset_at(z, 1603587600), 3600);
    zone_free(z);
}

static void
what_is_no_zone_is_refused(void **state)
{
    static const char *const names[] = {
        "Nowhere/Here", "../../etc/passwd", "/etc/passwd", "", "+2:00", "+02", "+02:00x", "Europe"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct err e = {0};

        if (zone_load(names[i], &e))
            fail_msg("%s is a zone", names[i]);
        assert_int_equal(e.cls, ERR_CONFIG);
    }
}

/* Every length of a file that breaks off is refused, or is a whole zone without its rules. */
static void
a_truncated_file_is_never_read_past_its_end(void **state)
{
    char folder[] = "/tmp/zoneXXXXXX", path[64], file[8192];
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
    size_t n;

    (void)state;
    assert_non_null(f);
    n = fread(file, 1, sizeof(file), f);
    fclose(f);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/z", folder);
    setenv("TZDIR", folder, 1);
    for (size_t i = 0; i < n; i++) {
        struct zone *z;

        f = fopen(path, "we");
        assert_int_equal(fwrite(file, 1, i, f), i);
        fclose(f);
        z = zone_load("z", NULL);
        if (z && i + 40 < n)
            fail_msg("%zu bytes are a zone", i);
        zone_free(z);
    }
    unsetenv("TZDIR");
    unlink(path);
    rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_time_of_day),
        cmocka_unit_test(an_instant_has_the_offset_of_its_moment),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(a_truncated_file_is_never_read_past_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
