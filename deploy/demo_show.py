#!/usr/bin/env python3
"""For deploy/demo.sh: makes the BigQuery dataset, shows Kafka records (offset, key, value by tabs, from kcat) or a table's rows."""
import json
import sys
import urllib.error
import urllib.request


def dataset(base, project, name):
    body = json.dumps({"datasetReference": {"projectId": project, "datasetId": name}}).encode()
    url = f"{base.rstrip('/')}/bigquery/v2/projects/{project}/datasets"
    try:
        urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=10).close()
    except urllib.error.HTTPError as e:
        if e.code != 409:  # it is there
            raise


def brief(row):
    return "–" if row is None else "  ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in row.items())


def records():
    names = {"r": "read", "c": "insert", "u": "update", "d": "delete"}
    for line in sys.stdin:
        offset, key, value = line.rstrip("\n").split("\t", 2)
        if value == "NULL":
            print(f"{offset:>3}  tombstone")
            continue
        p = json.loads(value)
        p = p.get("payload", p)
        print(f"{offset:>3}  {names.get(p['op'], p['op']):6}  lsn {p['source']['lsn']}  snapshot {p['source']['snapshot']}")
        for side in ("before", "after"):
            if p[side] is not None:
                print(f"       {side:6}  {brief(p[side])}")


def table_list(base, project, dataset, table):
    """Columns and rows as any BigQuery tells them (tabledata.list)."""
    path = f"{base}/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}"
    fields = [f["name"] for f in get(path)["schema"]["fields"]]
    try:
        return fields, [[c["v"] for c in row["f"]] for row in get(f"{path}/data?maxResults=1000").get("rows", [])]
    except urllib.error.HTTPError:  # our stand-in only takes rows; it shows them elsewhere
        with urllib.request.urlopen(f"{base}/__rows?table={dataset}.{table}", timeout=10) as r:
            return fields, [[json.loads(line).get(f) for f in fields] for line in r]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as r:
        return json.load(r)


def rows(base, project, dataset, table):
    try:
        fields, found = table_list(base.rstrip("/"), project, dataset, table)
    except urllib.error.HTTPError as e:
        if e.code == 404:  # not made yet
            return
        raise
    found = [["NULL" if v is None else str(v).strip() for v in row] for row in found]
    cells = [fields] + found
    widths = [max(len(row[i]) for row in cells) for i in range(len(fields))]
    for row in cells:
        print("  ".join(v.ljust(w) for v, w in zip(row, widths)).rstrip())


if __name__ == "__main__":
    {"dataset": dataset, "records": records, "rows": rows}[sys.argv[1]](*sys.argv[2:])
