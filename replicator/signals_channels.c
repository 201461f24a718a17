/* Where signals come from, besides the stream. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "replicator/signals_priv.h"

static const struct {
    const char *name;
    enum channel channel;
} channels[] = {
    {"source", CHANNEL_SOURCE},
    {"kafka", CHANNEL_KAFKA},
    {"file", CHANNEL_FILE},
    /* Debezium's management bean and its in-process channel: what reaches us through the REST interface. */
    {"jmx", CHANNEL_BOX},
    {"in-process", CHANNEL_BOX},
};

static void
enable(struct signals *s, const char *name)
{
    for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); i++)
        if (strcasecmp(name, channels[i].name) == 0) {
            s->channels[channels[i].channel] = true;
            return;
        }
    log_warn("signal channel \"%s\" is unknown; source, kafka, file, jmx and in-process are there",
             name);
}

bool
signals_open_channels(struct signals *s, struct err *e)
{
    const struct config *c = s->parts.inc.config;
    const char *list = config_str(c, "signal.enabled.channels");
    struct buf item;

    buf_init(&item, 1 << 16);
    while (list && config_list_next(&list, &item))
        enable(s, buf_cstr(&item));
    buf_free(&item);
    s->channels[CHANNEL_BOX] = true; /* whoever may use it may stop the connector, too */
    s->look_interval_us = config_int(c, "signal.poll.interval.ms") * 1000;
    if (s->channels[CHANNEL_FILE])
        s->file = signal_file_new(config_str(c, "signal.file"));
    if (s->channels[CHANNEL_KAFKA]) {
        s->kafka = kafka_signals_open(c, e);
        if (!s->kafka)
            return err_wrap(e, "signal channel kafka");
    }
    return true;
}

void
signals_close_channels(struct signals *s)
{
    signal_file_free(s->file);
    kafka_signals_close(s->kafka);
    free(s->owed);
}

bool
signals_take(struct signals *s, struct signal *out)
{
    s->token = 0;
    s->channel = CHANNEL_NOTED;
    if (s->noted_at < s->nnoted) {
        *out = s->noted[s->noted_at++];
        return true;
    }
    s->channel = CHANNEL_BOX;
    if (signal_box_take(s->parts.box, &s->arena, out))
        return true;
    s->channel = CHANNEL_KAFKA;
    if (s->kafka && kafka_signals_take(s->kafka, &s->arena, out, &s->token))
        return true;
    if (!s->file)
        return false;
    s->channel = CHANNEL_FILE;
    if (clock_mono_us() >= s->look_us) {
        signal_file_look(s->file);
        s->look_us = clock_mono_us() + s->look_interval_us;
    }
    return signal_file_take(s->file, &s->arena, out);
}

void
signals_owe(struct signals *s, uint64_t mark)
{
    if (s->channel == CHANNEL_NOTED && mark > s->noted_mark) {
        s->noted_mark = mark;
        s->noted_ticket = led_next(s->parts.inc.ledger);
    }
    if (s->channel != CHANNEL_KAFKA && s->channel != CHANNEL_FILE)
        return;
    s->owed = mem_grow(s->owed, s->nowed + 1, sizeof(*s->owed));
    s->owed[s->nowed++] = (struct signal_owed){s->channel, s->token, mark};
    signals_settle(s);
}

/* In the order in which they came: an offset that is committed stands for all before it. */
void
signals_settle(struct signals *s)
{
    size_t n = 0;

    while (n < s->nowed && s->owed[n].mark <= s->stored_mark) {
        if (s->owed[n].channel == CHANNEL_KAFKA)
            kafka_signals_commit(s->kafka, s->owed[n].token);
        else
            signal_file_done(s->file);
        n++;
    }
    s->nowed -= n;
    if (n > 0)
        memmove(s->owed, s->owed + n, s->nowed * sizeof(*s->owed));
}

/* ------------------------------------------------------------------------------------------------ noted signals */

void
signals_note_only(struct signals *s, signals_note_fn *note, void *arg)
{
    s->note = note;
    s->note_arg = arg;
}

void
signals_give_back(struct signals *s, const struct signal *signal)
{
    struct arena *a = &s->noted_texts;

    s->noted = mem_grow(s->noted, s->nnoted + 1, sizeof(*s->noted));
    s->noted[s->nnoted++] = (struct signal){signal->id ? arena_strdup(a, signal->id) : NULL,
                                            arena_strdup(a, signal->type),
                                            signal->data ? arena_strdup(a, signal->data) : NULL};
}

bool
signals_given_done(const struct signals *s, uint64_t *mark, uint64_t *ticket)
{
    bool at_hand =
        s->channel == CHANNEL_NOTED && (s->step == ORDER_LISTING || s->step == ORDER_BLOCKING);

    *mark = s->noted_mark;
    *ticket = s->noted_ticket;
    return s->noted_at == s->nnoted && !at_hand;
}
