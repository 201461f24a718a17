#include "replicator/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "replicator/conf.h"

struct supervisor {
    int fd;
};

struct job {
    struct supervisor *supervisor;
    char *name;
    job_changed changed;
    void *arg;
    struct connector_options options, next; /* of the thread; of the next one */
    bool has_next;
    struct connector *connector; /* NULL: none */
    pthread_t thread;
    bool has_thread;
    atomic_bool ended; /* by the thread: ok and thread_error are set */
    bool ok;
    struct err thread_error, e;
    enum job_state state;
    enum job_why wish;
    bool restart;
};

/* ------------------------------------------------------------------------------------------------------ actions */

static bool job_start(struct job *j);
static bool job_pause(struct job *j);
static bool job_resume(struct job *j);
static bool job_stop(struct job *j);
static bool job_reap(struct job *j);
static bool job_forget(struct job *j);

/* Every change of state, and what is done for it. A pair that is not here changes nothing. An action that fails leads to
 * FAILED. */
static const struct {
    enum job_state from;
    enum job_why why;
    enum job_state to;
    bool (*action)(struct job *j);
} job_table[] = {
    {JOB_OFF, JOB_WANT_RUN, JOB_RUNNING, job_start},
    {JOB_OFF, JOB_WANT_PAUSE, JOB_PAUSED, job_start},
    {JOB_RUNNING, JOB_WANT_PAUSE, JOB_PAUSED, job_pause},
    {JOB_RUNNING, JOB_WANT_STOP, JOB_STOPPING, job_stop},
    {JOB_RUNNING, JOB_RESTART, JOB_STOPPING, job_stop},
    {JOB_RUNNING, JOB_ENDED, JOB_DONE, job_reap},
    {JOB_RUNNING, JOB_BROKE, JOB_FAILED, job_reap},
    {JOB_PAUSED, JOB_WANT_RUN, JOB_RUNNING, job_resume},
    {JOB_PAUSED, JOB_WANT_STOP, JOB_STOPPING, job_stop},
    {JOB_PAUSED, JOB_RESTART, JOB_STOPPING, job_stop},
    {JOB_PAUSED, JOB_ENDED, JOB_DONE, job_reap},
    {JOB_PAUSED, JOB_BROKE, JOB_FAILED, job_reap},
    {JOB_STOPPING, JOB_ENDED, JOB_OFF, job_reap},
    {JOB_STOPPING, JOB_BROKE, JOB_OFF, job_reap},
    {JOB_FAILED, JOB_WANT_STOP, JOB_OFF, job_forget},
    {JOB_FAILED, JOB_RESTART, JOB_OFF, job_forget},
    {JOB_DONE, JOB_WANT_STOP, JOB_OFF, job_forget},
    {JOB_DONE, JOB_RESTART, JOB_OFF, job_forget},
};
enum { JOB_ROWS = sizeof(job_table) / sizeof(*job_table) };

static size_t
job_row(enum job_state from, enum job_why why)
{
    size_t i = 0;

    while (i < JOB_ROWS && (job_table[i].from != from || job_table[i].why != why))
        i++;
    return i;
}

bool
job_next(enum job_state from, enum job_why why, enum job_state *to)
{
    size_t i = job_row(from, why);

    if (i == JOB_ROWS)
        return false;
    *to = job_table[i].to;
    return true;
}

static void *
job_thread(void *arg)
{
    struct job *j = arg;
    uint64_t one = 1;

    j->ok = connector_run(j->connector, &j->thread_error);
    if (!j->ok)
        log_err(LOG_ERROR, &j->thread_error, "connector failed");
    atomic_store(&j->ended, true);
    if (write(j->supervisor->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("eventfd: write failed");
    return NULL;
}

static bool
job_start(struct job *j)
{
    if (j->has_next) {
        config_free(j->options.config);
        j->options = j->next;
        j->next = (struct connector_options){0};
        j->has_next = false;
    }
    err_clear(&j->e);
    err_clear(&j->thread_error);
    j->connector = connector_new(&j->options, &j->e);
    if (!j->connector) {
        log_err(LOG_ERROR, &j->e, "connector failed");
        return false;
    }
    if (j->wish == JOB_WANT_PAUSE)
        connector_pause(j->connector, true);
    atomic_store(&j->ended, false);
    if (pthread_create(&j->thread, NULL, job_thread, j) != 0) {
        connector_free(j->connector);
        j->connector = NULL;
        return err_set(&j->e, ERR_FATAL, "supervisor.thread", "cannot start a thread: %s",
                       strerror(errno));
    }
    j->has_thread = true;
    return true;
}

static bool
job_pause(struct job *j)
{
    connector_pause(j->connector, true);
    return true;
}

static bool
job_resume(struct job *j)
{
    connector_pause(j->connector, false);
    return true;
}

static bool
job_stop(struct job *j)
{
    connector_stop(j->connector);
    return true;
}

static bool
job_reap(struct job *j)
{
    pthread_join(j->thread, NULL);
    j->has_thread = false;
    connector_free(j->connector);
    j->connector = NULL;
    j->e = j->thread_error;
    return true;
}

static bool
job_forget(struct job *j)
{
    err_clear(&j->e);
    return true;
}

/* --------------------------------------------------------------------------------------------------------- steps */

static bool
job_is(struct job *j, enum job_why why)
{
    size_t i = job_row(j->state, why);
    enum job_state from = j->state;

    if (i == JOB_ROWS)
        return false;
    j->state = job_table[i].action(j) ? job_table[i].to : JOB_FAILED;
    if (j->changed)
        j->changed(j->arg, j, from, j->state, j->state == JOB_FAILED ? &j->e : NULL);
    return true;
}

/* A restart is over when nothing of the old life is left: what has not begun cannot be restarted. */
static bool
job_step_restart(struct job *j)
{
    if (!j->restart)
        return false;
    if (j->state == JOB_OFF || j->state == JOB_STOPPING) {
        j->restart = false;
        return false;
    }
    return job_is(j, JOB_RESTART);
}

void
job_step(struct job *j)
{
    bool more = true;

    while (more) {
        if (j->has_thread && atomic_load(&j->ended))
            more = job_is(j, j->ok ? JOB_ENDED : JOB_BROKE);
        else
            more = job_step_restart(j) || job_is(j, j->wish);
    }
}

/* ---------------------------------------------------------------------------------------------------------- life */

struct supervisor *
supervisor_new(void)
{
    struct supervisor *s = mem_alloc(sizeof(*s));

    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) {
        log_error("cannot make an eventfd: %s", strerror(errno));
        abort();
    }
    return s;
}

int
supervisor_fd(const struct supervisor *s)
{
    return s->fd;
}

void
supervisor_took(struct supervisor *s)
{
    uint64_t count;

    if (read(s->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("eventfd: read failed");
}

void
supervisor_free(struct supervisor *s)
{
    if (!s)
        return;
    close(s->fd);
    free(s);
}

struct job *
job_new(struct supervisor *s, const char *name, job_changed changed, void *arg)
{
    struct job *j = mem_alloc(sizeof(*j));

    j->supervisor = s;
    j->name = mem_strdup(name);
    j->changed = changed;
    j->arg = arg;
    j->wish = JOB_WANT_STOP;
    return j;
}

void
job_configure(struct job *j, const struct connector_options *o)
{
    if (j->has_next)
        config_free(j->next.config);
    j->next = *o;
    j->has_next = true;
}

void
job_want(struct job *j, enum job_why wish)
{
    j->wish = wish;
}

void
job_restart(struct job *j)
{
    j->restart = true;
}

bool
job_signal(struct job *j, const struct signal *s, struct err *e)
{
    if (j->state != JOB_RUNNING)
        return err_set(e, ERR_CONFIG, "signal.not_running",
                       "connector \"%s\" is %s: only one that runs takes signals", j->name,
                       job_state_name(j->state));
    return connector_signal(j->connector, s, e);
}

enum job_state
job_state(const struct job *j)
{
    return j->state;
}

const char *
job_name(const struct job *j)
{
    return j->name;
}

const struct err *
job_error(const struct job *j)
{
    return &j->e;
}

bool
job_is_over(const struct job *j)
{
    return !j->has_thread;
}

bool
job_may_abandon(const struct job *j)
{
    return !j->has_thread || connector_is_starting(j->connector);
}

void
job_free(struct job *j)
{
    if (!j)
        return;
    if (j->has_thread) {
        connector_stop(j->connector);
        (void)job_reap(j);
    }
    config_free(j->options.config);
    if (j->has_next)
        config_free(j->next.config);
    free(j->name);
    free(j);
}

const char *
job_state_name(enum job_state s)
{
    static const char *const names[] = {
        [JOB_OFF] = "off",           [JOB_RUNNING] = "running", [JOB_PAUSED] = "paused",
        [JOB_STOPPING] = "stopping", [JOB_FAILED] = "failed",   [JOB_DONE] = "done",
    };

    return names[s];
}
