/* The list of tables, the check with its log lines, and the settings worked out of a configuration. */
#include "replicator/conf.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/num.h"
#include "decoder/smt.h"
#include "replicator/conf_rows.h"
#include "sinks/sink.h"

/* What source.version says, by walbridge.compat's choices. */
static const char *const compat_versions[] = {
    [COMPAT_3_6] = "3.6.1.Final", [COMPAT_1_2] = "1.2.5.Final"};

const struct prop_table *const conf_tables[] = {
    &debezium_common_table, &debezium_postgres_table, &debezium_connector_table,
    &debezium_events_table, &walbridge_prop_table,    &kafka_prop_table,
    &bigquery_prop_table,   &debezium_old_table,      NULL,
};

/* The converter options of one side, which count only beside a converter's name: a Connect worker hands them to nobody
 * else. */
static const struct {
    const char *converter, *schemas, *replace_null, *decimal;
} sides[] = {
    {"key.converter", "key.converter.schemas.enable", "key.converter.replace.null.with.default",
     "key.converter.decimal.format"},
    {"value.converter", "value.converter.schemas.enable",
     "value.converter.replace.null.with.default", "value.converter.decimal.format"},
    {"header.converter", "header.converter.schemas.enable",
     "header.converter.replace.null.with.default", "header.converter.decimal.format"},
};
enum { SIDE_KEY, SIDE_VALUE, SIDE_HEADER };

bool
conf_converter(const char *class_name, enum converter *out)
{
    static const struct {
        const char *name;
        enum converter converter;
    } known[] = {
        {"org.apache.kafka.connect.json.JsonConverter", CONVERTER_JSON},
        {"org.apache.kafka.connect.storage.StringConverter", CONVERTER_STRING},
        {"org.apache.kafka.connect.converters.ByteArrayConverter", CONVERTER_BYTES},
        {"org.apache.kafka.connect.storage.SimpleHeaderConverter", CONVERTER_SIMPLE},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(class_name, known[i].name) == 0 ||
            strcmp(class_name, strrchr(known[i].name, '.') + 1) == 0) {
            *out = known[i].converter;
            return true;
        }
    return false;
}

static void
warn_lone_option(const struct config *c, const char *converter, const char *option)
{
    if (config_given(c, option) && !config_given(c, converter))
        log_warn(
            "property \"%s\" has no effect without \"%s\", as in Kafka Connect: add "
            "%s=org.apache.kafka.connect.json.JsonConverter",
            option, converter, converter);
}

static void
log_smt_issue(void *arg, bool is_error, const char *property, const char *text)
{
    (void)arg, (void)property;
    log_at(is_error ? LOG_ERROR : LOG_WARN, "%s", text);
}

static bool
has_old_name(const struct config *c)
{
    const char *key, *value;

    for (size_t i = 0; config_next(c, &i, &key, &value);) {
        const struct prop *row = config_prop(c, key);

        if (row && (row->flags & PROP_ALIAS))
            return true;
    }
    return false;
}

bool
conf_check(struct config *c, struct err *e)
{
    bool old = has_old_name(c), ok;
    const struct prop_issue *is;
    unsigned errors = 0;

    config_validate(c, &is);
    for (; is; is = is->next) {
        log_at(is->is_error ? LOG_ERROR : LOG_WARN, "%s", is->text);
        errors += is->is_error;
    }
    errors += smt_check(c, log_smt_issue, NULL);
    ok = errors == 0;
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        warn_lone_option(c, sides[i].converter, sides[i].schemas);
        warn_lone_option(c, sides[i].converter, sides[i].replace_null);
        warn_lone_option(c, sides[i].converter, sides[i].decimal);
    }
    if (old && ok)
        log_info("old property names count; the records are those of Debezium %s",
                 compat_versions[config_enum(c, "walbridge.compat")]);
    if (ok)
        return true;
    return err_set(e, ERR_CONFIG, "config.invalid",
                   "the configuration of connector \"%s\" has %u error%s", config_name(c), errors,
                   errors == 1 ? "" : "s");
}

/* ------------------------------------------------------------------------------------------------------- settings */

static unsigned
skipped_operations(const struct config *c)
{
    static const struct {
        const char *letter;
        unsigned op;
    } ops[] = {{"c", OPS_CREATE}, {"u", OPS_UPDATE}, {"d", OPS_DELETE}, {"t", OPS_TRUNCATE}};
    const char *list = config_str(c, "skipped.operations");
    unsigned skipped = 0;
    struct buf item;

    buf_init(&item, strlen(list) + 1);
    while (config_list_next(&list, &item))
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
            if (strcasecmp(buf_cstr(&item), ops[i].letter) == 0)
                skipped |= ops[i].op;
    buf_free(&item);
    return skipped;
}

/* "hex:…" are the bytes themselves; anything else is text. */
static struct slice
placeholder(const struct config *c)
{
    const char *text = config_str(c, "unavailable.value.placeholder");
    const char *hex = text + 4;
    struct slice out = slice_of(text);
    struct buf bytes;

    if (strncmp(text, "hex:", 4) != 0)
        return out;
    buf_init(&bytes, strlen(hex) + 1);
    for (; hex[0] && hex[1]; hex += 2)
        buf_putc(&bytes, (char)(num_hex_digit(hex[0]) << 4 | num_hex_digit(hex[1])));
    out = (struct slice){config_keep(c, buf_cstr(&bytes), bytes.n), bytes.n};
    buf_free(&bytes);
    return out;
}

static struct json_format
json_format(const struct config *c, size_t side)
{
    if (!config_given(c, sides[side].converter))
        return (struct json_format){.schemas = true, .replace_null = true};
    return (struct json_format){
        .schemas = config_bool(c, sides[side].schemas),
        .replace_null = config_bool(c, sides[side].replace_null),
        .decimal_numeric = config_enum(c, sides[side].decimal) == 1,
    };
}

static enum converter
converter(const struct config *c, size_t side)
{
    enum converter found = CONVERTER_JSON;

    conf_converter(config_str(c, sides[side].converter), &found);
    return found;
}

static bool
is_one_of(const struct config *c, const char *name, const char *a, const char *b)
{
    const char *value = config_str(c, name);

    return strcasecmp(value, a) == 0 || strcasecmp(value, b) == 0;
}

/* What 1.2 had no property for, and did in its own way. */
static void
settings_as_1_2(struct settings *s)
{
    s->schema_adjust = ADJUST_AVRO_1_2;
    s->context_headers = false;
    s->skipped_ops |= OPS_TRUNCATE | OPS_MESSAGE;
}

void
conf_settings(const struct config *c, struct settings *out)
{
    *out = (struct settings){
        .prefix = config_str(c, "topic.prefix"),
        .database = config_str(c, "database.dbname"),
        .delimiter = config_str(c, "topic.delimiter"),
        .compat = (enum compat)config_enum(c, "walbridge.compat"),
        .version = compat_versions[config_enum(c, "walbridge.compat")],
        .decimal = (enum decimal_mode)config_enum(c, "decimal.handling.mode"),
        .time = (enum time_mode)config_enum(c, "time.precision.mode"),
        .binary = (enum binary_mode)config_enum(c, "binary.handling.mode"),
        .interval = (enum interval_mode)config_enum(c, "interval.handling.mode"),
        .hstore = (enum hstore_mode)config_enum(c, "hstore.handling.mode"),
        .schema_adjust = (enum adjust_mode)config_enum(c, "schema.name.adjustment.mode"),
        .field_adjust = (enum adjust_mode)config_enum(c, "field.name.adjustment.mode"),
        .money_scale = (int)config_int(c, "money.fraction.digits"),
        .unknown_types = config_bool(c, "include.unknown.datatypes"),
        .unavailable = placeholder(c),
        .tombstones = config_bool(c, "tombstones.on.delete"),
        .context_headers = config_bool(c, "extended.headers.enabled"),
        .transactions = config_bool(c, "provide.transaction.metadata"),
        .transaction_topic = config_str(c, "topic.transaction"),
        .heartbeat_prefix = config_str(c, "topic.heartbeat.prefix"),
        .heartbeat_topic = config_str(c, "topic.heartbeat.name"),
        .notification_topic = config_str(c, "notification.sink.topic.name"),
        .skipped_ops = skipped_operations(c),
        .fail_on_unconvertible =
            is_one_of(c, "event.converting.failure.handling.mode", "fail", "fail"),
        .silent_unconvertible =
            is_one_of(c, "event.converting.failure.handling.mode", "skip", "skip"),
        .skip_failed = !is_one_of(c, "event.processing.failure.handling.mode", "fail", "fail"),
        .silent_failed = is_one_of(c, "event.processing.failure.handling.mode", "skip", "ignore"),
        .skip_unchanged = config_bool(c, "skip.messages.without.change"),
        .key_json = json_format(c, SIDE_KEY),
        .value_json = json_format(c, SIDE_VALUE),
        .header_json = json_format(c, SIDE_HEADER),
        .key_converter = converter(c, SIDE_KEY),
        .value_converter = converter(c, SIDE_VALUE),
        .header_converter = converter(c, SIDE_HEADER),
    };
    if (out->compat == COMPAT_1_2)
        settings_as_1_2(out);
}
