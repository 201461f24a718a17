/* The list of transforms and predicates. */
#include <string.h>

#include "decoder/smt_priv.h"

const struct smt_type *const smt_types[] = {
    &smt_type_extract_state,
    &smt_type_extract_changed,
    &smt_type_event_router,
    &smt_type_decode_message,
    &smt_type_partition_routing,
    &smt_type_by_logical_table,
    &smt_type_header_to_value,
    &smt_type_regex_router,
    &smt_type_replace_field,
    &smt_type_insert_field,
    &smt_type_insert_header,
    &smt_type_drop_headers,
    &smt_type_header_from,
    &smt_type_mask_field,
    &smt_type_cast,
    &smt_type_flatten,
    &smt_type_hoist_field,
    &smt_type_extract_field,
    &smt_type_value_to_key,
    &smt_type_timestamp_converter,
    &smt_type_timestamp_router,
    &smt_type_set_schema_metadata,
    &smt_type_filter,
    &smt_type_timezone_converter,
    &smt_type_script_filter,
    &smt_type_content_router,
    &smt_type_topic_name_matches,
    &smt_type_has_header_key,
    &smt_type_is_tombstone,
    NULL,
};

bool
smt_next(size_t *i, struct smt_info *info)
{
    const struct smt_type *t = smt_types[*i];

    if (!t)
        return false;
    *info = (struct smt_info){t->name, t->predicate, t->side == SMT_SIDES, t->props, t->doc};
    ++*i;
    return true;
}

bool
smt_named(const char *class_name, struct smt_info *info)
{
    size_t n = strcspn(class_name, "$");

    for (size_t i = 0; smt_next(&i, info);) {
        const char *tail = strrchr(info->name, '.') + 1;

        if ((strlen(info->name) == n && memcmp(info->name, class_name, n) == 0) ||
            (strlen(tail) == n && memcmp(tail, class_name, n) == 0))
            return true;
    }
    return false;
}
