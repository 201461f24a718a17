#include "replicator/kafka/group.h"

#include <stdio.h>
#include <string.h>

#include "sinks/kafka/client.h"

enum { GROUP_WAIT_MS = 5000 };

bool
group_members(rd_kafka_t *rk, const char *group, unsigned *n, char *who, size_t nwho, struct err *e)
{
    const struct rd_kafka_group_list *list = NULL;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, group, &list, GROUP_WAIT_MS);

    *n = 0;
    who[0] = '\0';
    for (int i = 0; list && i < list->group_cnt; i++) {
        const struct rd_kafka_group_info *g = &list->groups[i];

        if (g->err && !code)
            code = g->err;
        if (strcmp(g->group, group) != 0 || !g->protocol_type ||
            strcmp(g->protocol_type, "connect") != 0)
            continue;
        *n += (unsigned)g->member_cnt;
        if (g->member_cnt > 0)
            snprintf(who, nwho, "%s on %s", g->members[0].member_id,
                     g->members[0].client_host[0] == '/' ? g->members[0].client_host + 1
                                                         : g->members[0].client_host);
    }
    if (list)
        rd_kafka_group_list_destroy(list);
    /* Who was found is there, even if some broker did not answer. */
    return *n > 0 || !code || kafka_err(e, code, "looking for members of group \"%s\"", group);
}
